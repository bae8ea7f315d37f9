/* SPDX-License-Identifier: MIT */
/* A disk to boot from: a program for the 80286's protected mode. Ring 0 is a small system with 286 descriptors, an LDT, call, interrupt,
   trap and task gates and two 286 task state segments; ring 3 tests it, and prints by a call gate (SDM vol. 3, ch. 6 to 8 and 22). */
#include "boot.S"

    .set linear, 0x8000                   /* where .system lies */
    .macro descriptor low, limit, rights, high=0
    .word \limit, \low
    .byte \high, \rights
    .word 0
    .endm
    .macro gate offset, selector, rights, words=0
    .word \offset, \selector
    .byte \words, \rights
    .word 0
    .endm

    .section .system, "ax"
system:
    cli
    mov %cs, %ax
    mov %ax, %ds
    mov $0x11, %al                        /* the 8259s at 28h and 70h; the timer alone */
    out %al, $0x20
    out %al, $0xa0
    mov $0x28, %al
    out %al, $0x21
    mov $0x70, %al
    out %al, $0xa1
    mov $4, %al
    out %al, $0x21
    mov $2, %al
    out %al, $0xa1
    mov $1, %al
    out %al, $0x21
    out %al, $0xa1
    mov $0xfe, %al
    out %al, $0x21
    mov $0xff, %al
    out %al, $0xa1
    mov $0x34, %al                        /* 291 ticks a second */
    out %al, $0x43
    mov $0, %al
    out %al, $0x40
    mov $0x10, %al
    out %al, $0x40
    lgdt gdt_pointer
    lidt idt_pointer
    smsw %ax
    or $1, %ax
    lmsw %ax
    ljmp $0x08, $protected
protected:
    mov $0x10, %ax
    mov %ax, %ds
    mov %ax, %es
    mov $0x18, %ax
    mov %ax, %ss
    mov $0x1000, %sp
    mov $0x28, %ax
    lldt %ax
    mov $0x30, %ax
    ltr %ax
    pushw $0x17
    pushw $0
    pushw $0x0202
    pushw $0x07
    pushw $user
    iret

/* ---- Ring 0 */
put_character:                            /* by a call gate with one word */
    push %bp
    mov %sp, %bp
    push %ax
    push %dx
    mov $0x3fd, %dx
1:  in %dx, %al
    test $0x20, %al
    jz 1b
    mov 6(%bp), %al
    mov $0x3f8, %dx
    out %al, %dx
    pop %dx
    pop %ax
    pop %bp
    lret $2
leave_all:                                /* the same: how many failures */
    mov %sp, %bp
    mov 4(%bp), %ax
    mov $0xf4, %dx
    out %al, %dx
1:  hlt
    jmp 1b
three_words:                              /* by a call gate with three */
    push %bp
    mov %sp, %bp
    mov 6(%bp), %ax
    sub 8(%bp), %ax
    mulw 10(%bp)
    mov 12(%bp), %dx                      /* the caller's SP behind them */
    mov 14(%bp), %bx                      /* and SS */
    mov %cs, %cx
    pop %bp
    lret $6
service:
    push %ds
    push %bx
    mov $0x10, %bx
    mov %bx, %ds
    mov %cs, service_cs
    mov %ss, service_ss
    mov %sp, service_sp
    pushf
    popw service_flags
    add %ax, %ax
    pop %bx
    pop %ds
    iret
tick:
    push %ds
    push %ax
    mov $0x10, %ax
    mov %ax, %ds
    incw ticks
    mov $0x20, %al
    out %al, $0x20
    pop %ax
    pop %ds
    iret
stack_fault:                              /* the stack grows by 1 KiB, and the instruction is tried again */
    push %ds
    push %ax
    mov $0x10, %ax
    mov %ax, %ds
    subw $0x400, ldt + 2 * 8
    incw grown
    pop %ax
    pop %ds
    add $2, %sp
    iret
not_present:                              /* the segment comes in */
    push %bp
    mov %sp, %bp
    push %ds
    push %ax
    mov $0x10, %ax
    mov %ax, %ds
    mov 2(%bp), %ax
    mov %ax, fault_code
    orb $0x80, ldt + 4 * 8 + 5
    pop %ax
    pop %ds
    pop %bp
    add $2, %sp
    iret
protection:                               /* told, and gone on behind it */
    push %bp
    mov %sp, %bp
    push %ds
    push %ax
    mov $0x10, %ax
    mov %ax, %ds
    mov 2(%bp), %ax
    mov %ax, fault_code
    mov resume, %ax
    mov %ax, 4(%bp)
    pop %ax
    pop %ds
    pop %bp
    add $2, %sp
    iret
bound:
    push %bp
    mov %sp, %bp
    push %ds
    push %ax
    mov $0x10, %ax
    mov %ax, %ds
    incw bounds
    mov resume, %ax
    mov %ax, 2(%bp)
    pop %ax
    pop %ds
    pop %bp
    iret
task:                                     /* the other task: AX is its own */
    inc %ax
    mov %ax, task_count
    pushf
    popw task_flags
    iret
    jmp task
conforming:                               /* at its caller's level */
    mov %cs, %ax
    lret

/* ---- Ring 3 */
say:
    push %ax
    lcall $0x43, $0
    ret

#include "verdict.S"

    .macro refused code, text, instruction:vararg
    movw $0xffff, fault_code
    movw $9f, resume
    \instruction
9:  mov fault_code, %ax
    check \code, "\text"
    .endm

user:
    mov $0x0f, %ax
    mov %ax, %ds
    mov %cs, %ax
    check 0x07, "CS in ring 3"
    smsw %ax
    and $1, %ax
    check 1, "SMSW shows PE"
    pushw $7
    pushw $100
    pushw $142
    lcall $0x63, $0x9999                  /* the offset is the gate's */
    check 294, "a call gate copies three words"
    mov %cx, %ax
    check 0x08, "into ring 0"
    mov %dx, %ax
    check 0xfffa, "with the caller's SP behind them"
    mov %bx, %ax
    check 0x17, "and its SS"
    mov %sp, %ax
    check 0, "and the return takes them off both stacks"
    mov $77, %ax
    int $0x21
    check 154, "INT 21h by an interrupt gate"
    mov service_cs, %ax
    check 0x08, "in ring 0"
    mov service_ss, %ax
    check 0x18, "on its stack"
    mov service_sp, %ax
    check 0x0ff2, "of which it took seven words"
    mov service_flags, %ax
    and $0x200, %ax
    check 0, "with IF clear"
    pushf
    pop %ax
    and $0x3200, %ax
    check 0x200, "IF and IOPL back in ring 3"
1:  cmpw $3, ticks
    jb 1b
    mov $0, %ax
    check 0, "three ticks, each a way to ring 0"

    mov $1500, %ax                        /* 9000 bytes: five times what the fault handler adds */
    call sum_to
    check 0x2d76, "a sum by recursion, on a stack that grows downwards"
    mov grown, %ax
    check 5, "by so many faults"
    mov $0x17, %bx
    lsl %bx, %ax
    check 0xdbff, "LSL of it now"
    mov %bx, %es
    movw $0xffff, fault_code
    mov %es:0xdc00, %ax
    mov fault_code, %ax
    check 0xffff, "its lowest word can be read"
    refused 0, "but not one lower", mov %es:0xdbff, %ax
    mov %es:0xfffe, %ax
    movw $0xffff, fault_code
    mov fault_code, %ax
    check 0xffff, "nor is its end short of 64 KiB"
    refused 0, "a word across the end of 64 KiB", mov %es:0xffff, %ax

    mov $0x27, %ax
    mov %ax, %es
    mov fault_code, %ax
    check 0x24, "a segment that is not present: its selector"
    mov %es:0, %ax
    check 0x4321, "and its content, once it is"
    refused 0, "behind its limit", mov %es:0xf, %ax
    refused 0, "writing what is for reading", movw $1, %es:2

    mov $0x08, %ax
    refused 0x08, "ring 0's code called directly", lcall $0x08, $put_character
    mov $0x10, %bx
    refused 0x10, "ring 0's data", mov %bx, %es
    mov $0x13, %bx
    refused 0x10, "by an RPL of 3", mov %bx, %es
    mov $0x1f, %bx
    refused 0x1c, "an empty descriptor", mov %bx, %es
    mov $0x47, %bx
    refused 0x44, "one behind the LDT's limit", mov %bx, %es
    refused 0x68, "a gate for ring 0 alone", lcall $0x6b, $0
    refused 0, "CLI with IOPL 0", cli
    refused 0, "IN with IOPL 0", in $0x40, %al
    refused 0, "LMSW in ring 3", lmsw %ax
    refused 0x102, "INT by a gate for ring 0", int $0x20

    mov $0x17, %bx
    lar %bx, %ax
    check 0xf700, "LAR of the stack"
    mov $0x43, %bx
    lar %bx, %ax
    check 0xe400, "LAR of a call gate"
    mov $0x1111, %ax
    lsl %bx, %ax
    mov $0, %bx
    jnz 2f
    inc %bx
2:  mov %bx, %ax
    check 0, "LSL of one is none"
    mov $0x0b, %bx
    mov $0, %ax
    verr %bx
    jnz 3f
    inc %ax
3:  check 0, "VERR of ring 0's code"
    mov $0x0f, %bx
    mov $0, %ax
    verw %bx
    jnz 4f
    inc %ax
4:  check 1, "VERW of our data"
    mov $0x10, %ax
    mov $0x07, %bx
    arpl %bx, %ax
    check 0x13, "ARPL"
    lcall $0x58, $conforming
    check 0x5b, "conforming code runs in ring 3"
    refused 0x28, "an LDT called", lcall $0x2b, $0

    mov $0x1234, %ax
    mov $0x5678, %bx
    lcall $0x53, $0                       /* by a task gate */
    check 0x1234, "another task, and back: AX"
    mov task_count, %ax
    check 0x0101, "its own"
    mov task_flags, %ax
    and $0x4000, %ax
    check 0x4000, "it is nested"
    mov other_tss, %ax
    check 0x30, "its link"
    lcall $0x3b, $0                       /* by its state segment */
    mov task_count, %ax
    check 0x0102, "again, where it had ended"
    smsw %ax
    and $8, %ax
    check 8, "TS is set"
    mov $0x33, %bx
    lar %bx, %ax
    check 0xe300, "our own state segment is busy"
    mov $0x3b, %bx
    lar %bx, %ax
    check 0xe100, "the other is not"

    mov $12, %ax
    movw $5f, resume
    bound %ax, limits
5:  mov $11, %ax
    bound %ax, limits
    mov bounds, %ax
    check 1, "BOUND"
    enter $6, $2
    mov %bp, %ax
    sub %sp, %ax
    leave
    check 10, "ENTER with a level"
    imul $-3, limits + 2, %ax
    check 0xffdf, "IMUL by a constant"

    pushw failures
    lcall $0x4b, $0

sum_to:                                   /* AX + ... + 1, 6 bytes of stack a level */
    push %bp
    push %ax
    dec %ax
    jz 1f
    call sum_to
    pop %bp
    add %bp, %ax
    pop %bp
    ret
1:  mov $1, %ax
    pop %bp
    pop %bp
    ret

/* ---- Tables */
    .balign 8
gdt:
    descriptor 0, 0, 0
    descriptor linear, 0xffff, 0x9a              /* 08: ring 0's code */
    descriptor linear, 0xffff, 0x92              /* 10: and data */
    descriptor 0, 0x0fff, 0x92, 2                /* 18: and stack */
    descriptor 0, 0, 0
    descriptor linear+ldt, 39, 0x82     /* 28 */
    descriptor linear+main_tss, 43, 0xe1       /* 30: DPL 3, for LAR alone */
    descriptor linear+other_tss, 43, 0xe1      /* 38 */
    gate put_character, 0x08, 0xe4, 1            /* 40 */
    gate leave_all, 0x08, 0xe4, 1                /* 48 */
    gate 0, 0x38, 0xe5                           /* 50: a task gate */
    descriptor linear, 0xffff, 0x9e              /* 58: conforming */
    gate three_words, 0x08, 0xe4, 3              /* 60 */
    gate put_character, 0x08, 0x84, 1            /* 68: for ring 0 */
gdt_end:
ldt:
    descriptor linear, 0xffff, 0xfa              /* 07: ring 3's code */
    descriptor linear, 0xffff, 0xf2              /* 0F: and data */
    descriptor 0, 0xefff, 0xf6, 3                /* 17: and stack: from F000h to FFFFh of 30000h */
    descriptor 0, 0, 0
    descriptor linear+content, 15, 0x70        /* 27: for reading, not present */
idt:
    .rept 5
    gate 0, 0, 0
    .endr
    gate bound, 0x08, 0x87
    .rept 5
    gate 0, 0, 0
    .endr
    gate not_present, 0x08, 0x87
    gate stack_fault, 0x08, 0x87
    gate protection, 0x08, 0x87
    .rept 18
    gate 0, 0, 0
    .endr
    gate service, 0x08, 0x86                     /* 20: for ring 0 */
    gate service, 0x08, 0xe6                     /* 21 */
    .rept 6
    gate 0, 0, 0
    .endr
    gate tick, 0x08, 0x86
idt_end:
gdt_pointer: .word gdt_end - gdt - 1, linear+gdt, 0
idt_pointer: .word idt_end - idt - 1, linear+idt, 0
main_tss: .word 0, 0x1000, 0x18
    .skip 36
    .word 0x28
other_tss: .word 0, 0, 0, 0, 0, 0, 0, task, 2, 0x100, 0, 0, 0, 0x800, 0, 0, 0, 0, 0x08, 0x18, 0x10, 0x28
content: .word 0x4321, 0, 0, 0, 0, 0, 0, 0
limits: .word 3, 11
failures: .word 0
resume: .word 0
fault_code: .word 0
grown: .word 0
bounds: .word 0
ticks: .word 0
task_count: .word 0
task_flags: .word 0
service_cs: .word 0
service_ss: .word 0
service_sp: .word 0
service_flags: .word 0
    .section .note.GNU-stack, "", @progbits
