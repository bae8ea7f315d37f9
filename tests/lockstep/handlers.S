/* SPDX-License-Identifier: MIT */
/* The handlers that generated streams run with, for 64-bit, 32-bit and real mode; copied to AT_HANDLERS.
 * Each skips the instruction that faulted by a table of lengths (one that is not in it: the stream begins anew), gives some
 * registers new pointers, and halts after too many exceptions. */
#include "tests/lockstep/layout.h"

    .macro stubs push, common
    vector = 0
    .rept 32
    .balign 16
    .if !(vector == 8 || (vector >= 10 && vector <= 14) || vector == 17)
    \push $0
    .endif
    \push $vector
    jmp \common
    vector = vector + 1
    .endr
    .balign 16
    .endm

    .section .rodata
    .globl handlers64, handlers64_end, handlers32, handlers32_end, handlers16, handlers16_end

    .code64
    .balign 16
handlers64:
    stubs push, common64
    incl AT_EVENTS
    iretq
common64:
    push %rax
    push %rbx
    push %rcx
    incl AT_COUNT
    cmpl $EXCEPTION_LIMIT, AT_COUNT
    ja 9f
    mov 24(%rsp), %rax
    cmp $1, %eax
    je 5f
    cmp $3, %eax
    je 6f
    cmp $4, %eax
    je 6f
    mov 40(%rsp), %rbx
    sub AT_BASE, %rbx
    cmp $CODE_SIZE, %rbx
    jae 3f
    movzbl AT_LENGTHS(%rbx), %eax
    test %eax, %eax
    jz 3f
    add %rax, 40(%rsp)
    jmp 4f
3:  mov AT_START, %rax
    mov %rax, 40(%rsp)
4:  mov AT_INDEX, %ecx
    inc %ecx
    and $(SEEDS - 1), %ecx
    mov %ecx, AT_INDEX
    mov AT_SEEDS(,%rcx,8), %rsi
    mov AT_SEEDS + 8(,%rcx,8), %rdi
    mov %rsi, 8(%rsp)
    xor %rcx, %rcx
    testl $3, AT_COUNT
    jnz 6f
    mov AT_STACK, %rax
    mov %rax, 64(%rsp)
    jmp 6f
5:  orl $0x10000, 56(%rsp)
6:  pop %rcx
    pop %rbx
    pop %rax
    add $16, %rsp
    iretq
9:  cli
    hlt
    jmp 9b
handlers64_end:

    .code32
    .balign 16
handlers32:
    stubs pushl, common32
    push %ds
    pushl $0x10
    pop %ds
    incl AT_EVENTS
    pop %ds
    iretl
common32:
    push %eax
    push %ebx
    push %ecx
    push %ds
    pushl $0x10
    pop %ds
    incl AT_COUNT
    cmpl $EXCEPTION_LIMIT, AT_COUNT
    ja 9f
    mov 16(%esp), %eax
    cmp $1, %eax
    je 5f
    cmp $3, %eax
    je 6f
    cmp $4, %eax
    je 6f
    mov 24(%esp), %ebx
    sub AT_BASE, %ebx
    cmp $CODE_SIZE, %ebx
    jae 3f
    movzbl AT_LENGTHS(%ebx), %eax
    test %eax, %eax
    jz 3f
    add %eax, 24(%esp)
    jmp 4f
3:  mov AT_START, %eax
    mov %eax, 24(%esp)
4:  mov AT_INDEX, %ecx
    inc %ecx
    and $(SEEDS - 1), %ecx
    mov %ecx, AT_INDEX
    mov AT_SEEDS(,%ecx,8), %esi
    mov AT_SEEDS + 8(,%ecx,8), %edi
    mov %esi, 8(%esp)
    testb $3, 28(%esp)
    jz 6f
    mov AT_STACK, %eax
    mov %eax, 36(%esp)
    jmp 6f
5:  orl $0x10000, 32(%esp)
6:  pop %ds
    pop %ecx
    pop %ebx
    pop %eax
    add $8, %esp
    iretl
9:  cli
    hlt
    jmp 9b
handlers32_end:

    .code16
    .balign 16
handlers16:
    vector = 0
    .rept 32
    .balign 16
    pushw $vector
    jmp common16
    vector = vector + 1
    .endr
    .balign 16
    incw %cs:AT_EVENTS
    iretw
common16:
    push %ax
    push %bx
    push %cx
    push %bp
    mov %sp, %bp
    incw %cs:AT_COUNT
    cmpw $EXCEPTION_LIMIT, %cs:AT_COUNT
    ja 9f
    mov 8(%bp), %ax
    cmp $1, %ax
    je 6f
    cmp $3, %ax
    je 6f
    cmp $4, %ax
    je 6f
    mov 10(%bp), %bx
    sub %cs:AT_BASE, %bx
    cmp $CODE_SIZE, %bx
    jae 3f
    mov %cs:AT_LENGTHS(%bx), %al
    xor %ah, %ah
    test %ax, %ax
    jz 3f
    add %ax, 10(%bp)
    jmp 4f
3:  mov %cs:AT_START, %ax
    mov %ax, 10(%bp)
4:  mov %cs:AT_INDEX, %bx
    inc %bx
    and $(SEEDS - 1), %bx
    mov %bx, %cs:AT_INDEX
    shl $3, %bx
    mov %cs:AT_SEEDS(%bx), %si
    mov %cs:AT_SEEDS + 8(%bx), %di
    mov %si, 4(%bp)
6:  pop %bp
    pop %cx
    pop %bx
    pop %ax
    add $2, %sp
    iretw
9:  cli
    hlt
    jmp 9b
handlers16_end:

    .section .note.GNU-stack, "", @progbits
