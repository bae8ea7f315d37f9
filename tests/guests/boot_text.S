/* SPDX-License-Identifier: MIT */
/* Shared by the guests of the boot protocols, in 32 and in 64-bit code: verdicts without a stack. */
    .macro say text                       /* changes eax, ecx, edx, esi */
    .section .data
9:  .asciz "\text"
    .text
    mov $9b, %esi
8:  movb (%esi), %al
    test %al, %al
    jz 7f
    mov $0xe9, %dx
    outb %al, %dx
    inc %esi
    jmp 8b
7:
    .endm
    .macro end status
    mov $\status, %eax
    mov $0xf4, %dx
    outl %eax, %dx
    hlt
    .endm
    .macro verdict text                   /* of the flags: equal is good */
    jne 6f
    say "ok \text\n"
    jmp 5f
6:  say "FAILED \text\n"
    end 1
5:
    .endm
