/* SPDX-License-Identifier: MIT */
/* The code at physical page 0 in which the other CPUs start, and their way to C; for guests of either width. */
    .section .text.others, "ax"
    .code16
    .globl page_zero_begin, page_zero_end
    .balign 16
page_zero_begin:                          /* CS and IP are 0 */
    mov %cr0, %eax
    or $1, %eax
    mov %eax, %cr0
    lgdtl (others_gdt_pointer - page_zero_begin)
    ljmpl $0x38, $others_32
others_gdt_pointer:
    .word 63
    .long others_gdt
page_zero_end:
    .globl woken_begin, woken_end
woken_begin:
    mov $0xf4, %dx
    mov %cs:0x100, %eax                   /* CS is 100h: ACPI 5.2.10 */
    out %eax, %dx
1:  hlt
    jmp 1b
woken_end:
    .code32
others_32:
    mov $0x10, %eax
    mov %eax, %ds
    mov %eax, %es
    mov %eax, %ss
    mov $4096, %esp
    lock xadd %esp, others_stack
#ifdef __x86_64__
    mov $0xc0000101, %ecx                 /* the GS base, from 32-bit mode */
    lea -4096(%esp), %eax
    xor %edx, %edx
    wrmsr
    mov $0x620, %eax
    mov %eax, %cr4
    mov $tables, %eax
    mov %eax, %cr3
    mov $0xc0000080, %ecx
    rdmsr
    or $0x901, %eax
    wrmsr
    mov $0x80010033, %eax
    mov %eax, %cr0
    ljmpl $8, $others_64
    .code64
others_64:
    mov %esp, %esp
#endif
    cld
    call other_cpu
1:  hlt
    jmp 1b
    .balign 8
others_gdt:                               /* selectors as in the guests' own: code, data; 32-bit code at 38h */
#ifdef __x86_64__
    .quad 0, 0x00af9b000000ffff
#else
    .quad 0, 0x00cf9b000000ffff
#endif
    .quad 0x00cf93000000ffff, 0, 0, 0, 0, 0x00cf9b000000ffff
    .data
others_stack:
    .long others_stacks + 4096
    .bss
    .balign 4096
others_stacks:
    .skip 64 * 4096
    .section .note.GNU-stack, "", @progbits
