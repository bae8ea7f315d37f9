/* SPDX-License-Identifier: MIT */
/* The guest's entry points and the ways into its kernel and out again; entered in 64-bit mode with RDI the vCPU's number. */
    .section .head, "ax"
    .globl _start
_start:                                   /* the first vCPU: no stack yet worth the name */
    lea kernel_stacks + 0x4000(%rip), %rsp
    call kernel_main
1:  hlt
    jmp 1b
    .globl another_start
another_start:                            /* the others, with a stack of their own */
    call another_main
1:  hlt
    jmp 1b

    .text
    .macro entry name, vector, has_code
    .globl \name
\name:
    .if !\has_code
    push $0
    .endif
    push $\vector
    jmp common
    .endm
    entry on_general_protection, 13, 1
    entry on_page_fault, 14, 1
    entry on_tick, 0x20, 0
    entry on_shootdown, 0x21, 0
    entry on_call, 0x80, 0
common:
    push %rax
    push %rcx
    push %rdx
    push %rbx
    push %rbp
    push %rsi
    push %rdi
    push %r8
    push %r9
    push %r10
    push %r11
    push %r12
    push %r13
    push %r14
    push %r15
    mov %rsp, %rdi
    cld
    mov %rsp, %rbp
    and $-16, %rsp
    call trapped
    mov %rbp, %rsp
    pop %r15
    pop %r14
    pop %r13
    pop %r12
    pop %r11
    pop %r10
    pop %r9
    pop %r8
    pop %rdi
    pop %rsi
    pop %rbp
    pop %rbx
    pop %rdx
    pop %rcx
    pop %rax
    add $16, %rsp
    iretq
    .globl idle
idle:                                     /* where a vCPU is when no process is ready */
    sti
    hlt
    jmp idle

    .bss
    .balign 4096
    .globl kernel_stacks
kernel_stacks:
    .skip 0x4000 * 8
    .section .note.GNU-stack, "", @progbits
