/* SPDX-License-Identifier: MIT */
/* Guest: the state in which a plain ELF64 file is entered. */
#include "boot_text.S"
    .text
    .globl start
start:
    cmp %rbx, %rdi
    verdict "RBX and RDI are one"
    cmpl $0x336ec578, (%rdi)
    verdict "they point to PVH's start information"
    cmpq $0, (%rsp)
    verdict "the return address is 0"
    lea 8(%rsp), %rax
    test $15, %al
    verdict "the stack is aligned as after a call"
    mov $0xc0000080, %ecx
    rdmsr
    and $0x500, %eax
    cmp $0x500, %eax
    verdict "EFER.LME and LMA"
    mov %cr0, %rax
    mov $0x80000001, %ecx
    and %rcx, %rax
    cmp %rcx, %rax
    verdict "protected mode with paging"
    mov $stack_top - 8, %eax
    movl $0x12345678, (%rax)
    cmpl $0x12345678, (%rax)
    verdict "memory below 4 GiB is writable"
    mov %cs, %eax
    lar %eax, %eax
    and $0x200000, %eax
    cmp $0x200000, %eax
    verdict "CS.L is set"
    say "end\n"
    end 0
    .bss
    .skip 1024
stack_top:
    .section .note.GNU-stack, "", @progbits
