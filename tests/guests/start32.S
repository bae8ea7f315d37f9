/* SPDX-License-Identifier: MIT */
/* Entry of 32-bit guests by the PVH protocol (protected mode, paging off), and their trap stubs. */
    .section .note.pvh, "a", @note
    .long 4, 8, 18                        /* Xen's PHYS32_ENTRY */
    .asciz "Xen"
    .long start, 0

    .text
    .globl start
start:
    cli
    mov $stack_top, %esp
    mov %ebx, start_info
    lgdt first_gdt_pointer
    ljmp $8, $1f
1:  mov $0x10, %eax
    mov %eax, %ds
    mov %eax, %es
    mov %eax, %ss
    xor %eax, %eax
    mov %eax, %fs
    mov %eax, %gs
    mov %cr0, %eax
    or $0x32, %eax                        /* NE, ET, MP */
    mov %eax, %cr0
    mov %cr4, %eax
    or $0x600, %eax                       /* OSFXSR, OSXMMEXCPT */
    mov %eax, %cr4
    call start_guest

    .balign 16
    .globl stubs
stubs:
    .set vector, 0
    .rept 256
    .balign 16
    .if !(vector == 8 || (vector >= 10 && vector <= 14) || vector == 17 || vector == 21)
    push $0
    .endif
    pushl $vector
    jmp common
    .set vector, vector + 1
    .endr
    .balign 16
common:
    pusha
    push %ds
    push %es
    push %fs
    push %gs
    mov $0x10, %eax
    mov %eax, %ds
    mov %eax, %es
    mov %esp, %eax
    mov %esp, %ebp
    and $-16, %esp
    sub $12, %esp
    push %eax
    cld
    call trapped
    mov %ebp, %esp
    pop %gs
    pop %fs
    pop %es
    pop %ds
    popa
    add $8, %esp
    iret

/* void run_caught(body, user stack or 0): returns when body does, or by recover(). */
    .globl run_caught, recover, returned_from_user
run_caught:
    mov 4(%esp), %eax
    mov 8(%esp), %ecx
    push %ebx
    push %ebp
    push %esi
    push %edi
    pushf
    mov %esp, recovery
    test %ecx, %ecx
    jz 1f
    lea -1024(%esp), %edx
    mov %edx, tss + 4
    movl $0x10, tss + 8
    movl $leave_user, (%ecx)
    push $0x23
    push %ecx
    push user_flags
    push $0x1b
    push %eax
    mov $0x23, %eax
    mov %eax, %ds
    mov %eax, %es
    iret
1:  call *%eax
recover:
    mov $0x10, %eax
    mov %eax, %ds
    mov %eax, %es
    mov %eax, %ss
    mov recovery, %esp
    popf
    pop %edi
    pop %esi
    pop %ebp
    pop %ebx
    ret
leave_user:
    int $0x80
returned_from_user:
    ud2

    .data
    .balign 8
first_gdt: .quad 0, 0x00cf9b000000ffff, 0x00cf93000000ffff
first_gdt_pointer: .word 23
    .long first_gdt
    .globl start_info, tss
    .balign 8
start_info: .long 0
    .balign 16
tss:
    .fill 25, 4, 0
    .word 0, 136
    .fill 32, 1, 0
    .fill 128, 1, 0xff
    .byte 0xff
    .section .bss
    .balign 16
    .skip 0x4000
    .globl stack_top
stack_top:
    .section .note.GNU-stack, "", @progbits
