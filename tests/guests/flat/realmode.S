/* SPDX-License-Identifier: MIT */
/* Guest: a multiboot 1 kernel linked at 8000h, where real-mode code can run: it goes back to real mode, and says so on COM1. */
    .section .head, "a"
    .balign 4
    .long 0x1badb002, 0, -0x1badb002
    .text
    .globl start
    .code32
start:
    mov $stack_top, %esp
    lgdt gdt_pointer
    ljmp $8, $1f
    .code16
1:  mov $0x10, %ax
    mov %ax, %ds
    mov %ax, %es
    mov %ax, %ss
    mov %cr0, %eax
    and $0xfffffffe, %eax
    mov %eax, %cr0
    ljmp $0, $2f
2:  xor %ax, %ax
    mov %ax, %ds
    mov %ax, %es
    mov %ax, %ss
    mov $text, %si
3:  lodsb
    test %al, %al
    jz 5f
    mov %al, %bl
    mov $0x3fd, %dx
4:  inb %dx, %al
    test $0x20, %al
    jz 4b
    mov %bl, %al
    mov $0x3f8, %dx
    outb %al, %dx
    jmp 3b
5:  mov $7, %ax                           /* a few of real mode's ways: 7 times 6 by additions, a far call, a segment's base */
    mov $0x100, %bx
    mov %bx, %ds
    mov %ax, 0x10
    xor %bx, %bx
    mov %bx, %ds
    mov 0x1010, %cx
    lcall $0, $six_times
    sub $42, %ax
    movzx %ax, %eax
    mov $0xf4, %dx
    outl %eax, %dx
6:  hlt
    jmp 6b
six_times:
    mov %cx, %ax
    mov $5, %dx
7:  add %cx, %ax
    dec %dx
    jnz 7b
    lret
    .data
text: .asciz "ok real mode\n"
    .balign 8
gdt: .quad 0, 0x00009b000000ffff, 0x000093000000ffff
gdt_pointer: .word 23
    .long gdt
    .bss
    .skip 4096
stack_top:
    .section .note.GNU-stack, "", @progbits
