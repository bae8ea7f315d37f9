/* SPDX-License-Identifier: MIT */
/* Guest: the state in which multiboot 2 enters a kernel (multiboot 2 specification 2.0, 3.3 and 3.6). */
    .section .head, "a"
    .balign 8
header:
    .long 0xe85250d6, 0, header_end - header, -(0xe85250d6 + header_end - header)
    .word 0, 0
    .long 8
header_end:
#include "boot_text.S"
    .text
    .globl start
start:
    mov %eax, %ebp
    mov %ebx, %edi
    cmp $0x36d76289, %ebp
    verdict "EAX is the boot loader's magic"
    test $7, %edi
    verdict "the information is 8-byte aligned"
    mov %cr0, %eax
    and $0x80000001, %eax
    cmp $1, %eax
    verdict "protected mode without paging"
    mov $stack_top, %esp
    pushf
    pop %eax
    test $0x20200, %eax
    verdict "IF and VM are clear"
    lea 8(%edi), %ebx                     /* tags seen: bits of ebp */
    xor %ebp, %ebp
1:  mov (%ebx), %ecx
    cmp $31, %ecx
    ja 2f
    bts %ecx, %ebp
2:  test %ecx, %ecx
    jz 3f
    mov 4(%ebx), %eax
    add $7, %eax
    and $-8, %eax
    add %eax, %ebx
    jmp 1b
3:  lea 8(%ebx), %eax
    sub %edi, %eax
    cmp (%edi), %eax
    verdict "the end tag is at the end of the total size"
    mov %ebp, %eax
    and $0x52, %eax
    cmp $0x52, %eax
    verdict "tags: command line, basic memory, memory map"
    test $0xc000, %ebp
    setz %al
    cmp $0, %al
    verdict "a tag with a copy of the RSDP"
    say "end\n"
    end 0
    .bss
    .skip 1024
stack_top:
    .section .note.GNU-stack, "", @progbits
