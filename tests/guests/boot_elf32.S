/* SPDX-License-Identifier: MIT */
/* Guest: the state in which a plain ELF32 file is entered. */
#include "boot_text.S"
    .text
    .globl start
start:
    mov %ebx, %edi
    mov 4(%esp), %ebp
    mov (%esp), %eax
    test %eax, %eax
    verdict "the return address is 0"
    cmp %ebp, %edi
    verdict "EBX and the argument are one"
    cmpl $0x336ec578, (%edi)
    verdict "they point to PVH's start information"
    lea 4(%esp), %eax
    test $15, %eax
    verdict "the stack is aligned as after a call"
    mov %cr0, %eax
    and $0x80000001, %eax
    cmp $1, %eax
    verdict "protected mode without paging"
    pushf
    pop %eax
    test $0x20200, %eax
    verdict "IF and VM are clear"
    say "end\n"
    end 0
    .section .note.GNU-stack, "", @progbits
