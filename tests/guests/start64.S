/* SPDX-License-Identifier: MIT */
/* Entry of 64-bit guests by the PVH protocol, and their trap stubs. */
    .section .note.pvh, "a", @note
    .long 4, 8, 18                        /* Xen's PHYS32_ENTRY */
    .asciz "Xen"
    .quad start

    .text
    .code32
    .globl start
start:
    cli
    mov $stack_top, %esp
    mov %ebx, start_info
    mov $tables + 0x1000 + 7, %eax
    mov %eax, tables
    mov $4, %ecx                          /* PDPT: four directories */
    mov $tables + 0x2000 + 7, %eax
    mov $tables + 0x1000, %edi
1:  mov %eax, (%edi)
    add $0x1000, %eax
    add $8, %edi
    loop 1b
    mov $2048, %ecx                       /* 4 GiB by 2-MiB pages, user, writable */
    mov $0x87, %eax
    mov $tables + 0x2000, %edi
2:  mov %eax, (%edi)
    add $0x200000, %eax
    add $8, %edi
    loop 2b
    mov %cr4, %eax
    or $0x620, %eax                       /* PAE, OSFXSR, OSXMMEXCPT */
    mov %eax, %cr4
    mov $tables, %eax
    mov %eax, %cr3
    mov $0xc0000080, %ecx
    rdmsr
    or $0x901, %eax                       /* SCE, LME, NXE */
    wrmsr
    mov $0x80010033, %eax                 /* PG, WP, NE, ET, MP, PE */
    mov %eax, %cr0
    lgdt first_gdt_pointer
    ljmp $8, $start64
    .code64
start64:
    mov $0x10, %eax
    mov %eax, %ds
    mov %eax, %es
    mov %eax, %ss
    xor %eax, %eax
    mov %eax, %fs
    mov %eax, %gs
    call start_guest

/* 256 stubs of 16 bytes; where the CPU pushes no error code, they push 0. */
    .balign 16
    .globl stubs
stubs:
    .set vector, 0
    .rept 256
    .balign 16
    .if !(vector == 8 || (vector >= 10 && vector <= 14) || vector == 17 || vector == 21)
    push $0
    .endif
    pushq $vector
    jmp common
    .set vector, vector + 1
    .endr
    .balign 16
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
    mov %rsp, %rbp
    and $-16, %rsp
    cld
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

/* void run_caught(body, user stack or 0): returns when body does, or by recover(). */
    .globl run_caught, recover, returned_from_user
run_caught:
    push %rbx
    push %rbp
    push %r12
    push %r13
    push %r14
    push %r15
    pushf
    mov %rsp, recovery
    test %rsi, %rsi
    jz 1f
    lea -1024(%rsp), %rax                 /* ring 0's stack: below this frame */
    and $-16, %rax
    mov %rax, tss + 4
    movq $leave_user, (%rsi)
    push $0x23
    push %rsi
    push user_flags
    push $0x2b
    push %rdi
    iretq
1:  sub $8, %rsp
    call *%rdi
recover:
    mov recovery, %rsp
    popf
    mov $0x10, %eax
    mov %eax, %ds
    mov %eax, %es
    mov %eax, %ss
    pop %r15
    pop %r14
    pop %r13
    pop %r12
    pop %rbp
    pop %rbx
    ret
leave_user:
    int $0x80
returned_from_user:
    ud2

    .data
    .balign 8
first_gdt: .quad 0, 0x00af9b000000ffff, 0x00cf93000000ffff
first_gdt_pointer: .word 23
    .long first_gdt
    .globl start_info, tss
    .balign 8
start_info: .quad 0
    .balign 16
tss:
    .long 0
    .quad 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0
    .word 0, 0, 0, 0, 0, 104
    .fill 128, 1, 0xff
    .byte 0xff
    .balign 8
    .section .bss
    .balign 4096
    .globl tables
tables: .skip 0x6000
    .skip 0x4000
    .globl stack_top
stack_top:
    .section .note.GNU-stack, "", @progbits
