/* SPDX-License-Identifier: MIT */
/* Guest: the state in which multiboot 1 enters a kernel (multiboot specification 0.6.96, 3.2 and 3.3). */
    .section .head, "a"
    .balign 4
    .long 0x1badb002, 3, -(0x1badb002 + 3)
#include "boot_text.S"
    .text
    .globl start
start:
    mov %eax, %ebp
    mov %ebx, %edi
    cmp $0x2badb002, %ebp
    verdict "EAX is the boot loader's magic"
    mov %cr0, %eax
    and $0x80000001, %eax
    cmp $1, %eax
    verdict "protected mode without paging"
    mov $stack_top, %esp
    pushf
    pop %eax
    test $0x20200, %eax
    verdict "IF and VM are clear"
    mov (%edi), %eax
    and $0x41, %eax
    cmp $0x41, %eax
    verdict "memory sizes and the memory map are there"
    cmpl $639, 4(%edi)
    verdict "639 KiB below 1 MiB"
    mov 48(%edi), %ebx
    mov 44(%edi), %ecx
    add %ebx, %ecx
    xor %ebp, %ebp
1:  cmp %ecx, %ebx
    jae 2f
    cmpl $1, 20(%ebx)
    jne 3f
    cmpl $0x100000, 4(%ebx)
    jne 3f
    inc %ebp
3:  mov (%ebx), %eax
    lea 4(%ebx, %eax), %ebx
    jmp 1b
2:  cmp $1, %ebp
    verdict "one range of RAM starts at 1 MiB"
    testl $4, (%edi)
    setz %al
    cmp $0, %al
    verdict "a command line is there"
    mov 16(%edi), %esi
1:  lodsb
    test %al, %al
    jnz 1b
    cmpl $0x6f6c6c65, -5(%esi)            /* "ello" */
    verdict "it ends as given"
    cmpl $0, 20(%edi)
    je 4f
    mov 24(%edi), %ebp
    mov (%ebp), %eax
    cmpl $0x55444f4d, (%eax)              /* "MODU" */
    verdict "a module is where the list says"
    mov 4(%ebp), %eax
    sub (%ebp), %eax
    cmp $8, %eax
    verdict "and as long"
    mov 8(%ebp), %esi
1:  lodsb
    test %al, %al
    jnz 1b
    cmpl $0x00696820, -4(%esi)            /* "FILE hi" */
    verdict "with its string"
4:  say "end\n"
    end 0
    .bss
    .skip 1024
stack_top:
    .section .note.GNU-stack, "", @progbits
