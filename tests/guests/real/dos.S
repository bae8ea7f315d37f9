/* SPDX-License-Identifier: MIT */
/* A disk to boot from: a boot sector, a small system with the INT 21h of DOS, and a program for it that tests 16-bit code, the BIOS's
   services and interrupts in real mode. Sector 0, sectors 1 to 4, sectors 5 to 16; what the program writes is sector 20. */
#include "boot.S"

/* ---- The system: 0800:0000. Takes INT 20h and INT 21h, makes a program segment at 2000h, runs the program in it. */
    .section .system, "ax"
system:
    mov %cs, %ax
    mov %ax, %ds
    mov %dl, boot_drive
    xor %ax, %ax
    mov %ax, %es
    movw $terminate, %es:0x20*4
    mov %cs, %es:0x20*4+2
    movw $functions, %es:0x21*4
    mov %cs, %es:0x21*4+2
    mov $0x00e3, %ax                      /* COM1: 9600 8N1 by the BIOS */
    xor %dx, %dx
    int $0x14
    mov $0x2000, %ax
    mov %ax, %es
    movw $0x20cd, %es:0
    mov $(tail - system), %si
    mov $0x80, %di
    mov $tail_size, %cx
    cld
    rep movsb
    mov $0x880, %ax                       /* the program lies 2 KiB behind us */
    mov %ax, %ds
    xor %si, %si
    mov $0x100, %di
    mov $(12 * 256), %cx
    rep movsw
    mov %es, %ax
    cli
    mov %ax, %ss
    xor %sp, %sp
    sti
    mov %ax, %ds
    pushw $0                              /* a near return finds INT 20h */
    push %ax
    pushw $0x100
    mov %cs:boot_drive - system, %dl
    lret

functions:
    sti
    push %bp
    push %bx
    cmp $9, %ah
    je text
    cmp $2, %ah
    je character
    cmp $0x25, %ah
    je set_vector
    cmp $0x35, %ah
    je get_vector
    cmp $0x48, %ah
    je allocate
    cmp $0x4c, %ah
    je leave
    pop %bx
    push %bp
    mov %sp, %bp
    orw $1, 8(%bp)                        /* carry: no such function */
    pop %bp
    pop %bp
    mov $1, %ax
    iret
text:
    push %si
    push %ax
    mov %dx, %si
1:  lodsb
    cmp $'$', %al
    je 2f
    call serial
    jmp 1b
2:  pop %ax
    pop %si
    jmp done
character:
    mov %dl, %al
    call serial
    jmp done
set_vector:
    push %es
    xor %bx, %bx
    mov %bx, %es
    mov %al, %bl
    shl $2, %bx
    mov %dx, %es:(%bx)
    mov %ds, %es:2(%bx)
    pop %es
    jmp done
get_vector:
    add $2, %sp
    xor %bx, %bx
    mov %bx, %es
    mov %al, %bl
    shl $2, %bx
    les %es:(%bx), %bx
    pop %bp
    iret
allocate:
    mov %bx, %ax
    xchg %cs:free - system, %ax
    add %ax, %cs:free - system
done:
    pop %bx
    pop %bp
    iret
terminate:
    xor %al, %al
leave:
    mov $0xf4, %dx
    out %al, %dx
1:  hlt
    jmp 1b
serial:
    push %ax
    push %dx
    mov $1, %ah
    xor %dx, %dx
    int $0x14
    pop %dx
    pop %ax
    ret

boot_drive: .byte 0
free: .word 0x4000
tail: .byte tail_size - 3
    .ascii " seven\r"
    .set tail_size, . - tail + 1
    .byte 0

/* ---- The program: 2000:0100. */
    .section .program, "ax"
program:
    jmp main

say:
    push %ax
    push %dx
    mov %al, %dl
    mov $2, %ah
    int $0x21
    pop %dx
    pop %ax
    ret

#include "verdict.S"

main:
    mov %dl, disk
    mov $hello, %dx
    mov $9, %ah
    int $0x21
    movzbw 0x80, %ax
    check 6, "the command tail's length"
    mov 0x82, %ax
    check 0x6573, "and its text"
    call arithmetic
    call decimal
    call strings
    call far_code
    call interrupts
    call steps
    call screen
    call keyboard
    call disks
    call clock
    call sieve
    mov $0x77, %ah
    int $0x21
    sbb %ax, %ax
    check 0xffff, "carry from an unknown function"
    mov failures, %al
    mov $0x4c, %ah
    int $0x21

arithmetic:
    mov $0xbeef, %ax
    mov $0x1234, %bx
    mul %bx
    check 0x968c, "MUL, low word"
    mov %dx, %ax
    check 0x0d93, "high word"
    mov $0xd934, %ax
    mov $-300, %bx
    imul %bx
    check 0x7710, "IMUL, low word"
    mov %dx, %ax
    check 0x002d, "high word"
    mov $0x0012, %dx
    mov $0x3456, %ax
    mov $1000, %bx
    div %bx
    check 0x04a9, "DIV"
    mov %dx, %ax
    check 0x002e, "its remainder"
    mov $-7, %ax
    mov $2, %bl
    idiv %bl
    check 0xfffd, "IDIV of bytes, towards zero"
    mov $numbers, %si                     /* a sum of four doublewords by ADC */
    xor %ax, %ax
    xor %dx, %dx
    mov $4, %cx
1:  add (%si), %ax
    adc 2(%si), %dx
    lea 4(%si), %si
    loop 1b
    check 0x5bb1, "a sum by ADC, low word"
    mov %dx, %ax
    check 0xcba9, "high word"
    mov $0x8421, %ax
    stc
    rcl $3, %ax
    check 0x210e, "RCL by 3"
    mov $0x8421, %ax
    mov $5, %cl
    sar %cl, %ax
    check 0xfc21, "SAR by CL"
    mov $0xffff, %ax                      /* CRC-16 (CCITT) of nine digits, 29B1h as published */
    mov $digits, %si
    mov $9, %cx
2:  xor (%si), %ah
    inc %si
    mov $8, %bl
3:  shl $1, %ax
    jnc 4f
    xor $0x1021, %ax
4:  dec %bl
    jnz 3b
    loop 2b
    check 0x29b1, "a CRC of 123456789"
    ret

decimal:
    mov $0x79, %al
    add $0x35, %al
    daa
    mov $0, %ah
    adc %ah, %ah
    check 0x0114, "DAA: 79 + 35"
    mov $0x42, %al
    sub $0x57, %al
    das
    mov $0, %ah
    adc %ah, %ah
    check 0x0185, "DAS: 42 - 57"
    mov $0x0008, %ax
    add $7, %al
    aaa
    check 0x0105, "AAA: 8 + 7"
    mov $0x0203, %ax
    sub $9, %al
    aas
    check 0x0104, "AAS: 23 - 9"
    mov $63, %ax
    aam
    check 0x0603, "AAM of 63"
    aad
    check 63, "AAD back"
    ret

strings:
    mov $0x48, %ah
    mov $0x100, %bx
    int $0x21
    check 0x4000, "the first memory given"
    mov %ax, %es
    mov $digits, %si
    xor %di, %di
    mov $10, %cx
    cld
    rep movsb
    mov %es:8, %ax
    check 0x0039, "REP MOVSB to another segment"
    push %ds
    push %es
    pop %ds
    mov $8, %si                           /* one further, from behind */
    mov $9, %di
    mov $9, %cx
    std
    rep movsb
    cld
    pop %ds
    mov %es:0, %ax
    check 0x3131, "REP MOVSB backwards over itself"
    mov $'7', %al
    xor %di, %di
    mov $20, %cx
    repne scasb
    mov %cx, %ax
    check 12, "REPNE SCASB"
    mov $digits, %si
    xor %di, %di
    mov $9, %cx
    repe cmpsb
    mov %cx, %ax
    check 7, "REPE CMPSB"
    mov $table, %bx
    mov $3, %al
    xlatb
    mov $0, %ah
    check 0x99, "XLAT"
    movb $0x5a, %es:0xffff                /* the segment's last byte */
    mov $0xfffe, %bx
    mov %es:1(%bx), %al
    mov $0, %ah
    check 0x5a, "a segment's last byte"
    ret

far_code:
    mov %cs, %ax
    add $0x10, %ax                        /* the same code by another segment */
    mov %ax, far_pointer + 2
    movw $(far_routine - 0x100), far_pointer
    mov $5, %ax
    push %ax
    push %ax
    lcall *far_pointer
    check 0x2010, "a far call by a pointer: its CS"
    mov %dx, %ax
    check 25, "its arguments"
    mov %sp, %ax
    check 0xfffc, "RETF took them off"
    lds far_pointer, %si
    mov %ds, %ax
    push %cs
    pop %ds
    check 0x2010, "LDS"
    ret
far_routine:
    push %bp
    mov %sp, %bp
    mov 6(%bp), %ax
    mulw 8(%bp)
    mov %ax, %dx
    mov %cs, %ax
    pop %bp
    lret $4

interrupts:
    mov $0x3521, %ax
    int $0x21
    mov %es, %ax
    check 0x0800, "the segment of INT 21h"
    mov $0x2561, %ax
    mov $doubled, %dx
    int $0x21
    mov $0x2500, %ax
    mov $divided, %dx
    int $0x21
    mov $0x2504, %ax
    mov $overflowed, %dx
    int $0x21
    mov $333, %ax
    stc
    int $0x61
    check 666, "INT 61h of our own"
    sti
    pushf
    pop %ax
    and $0x200, %ax
    check 0x200, "IRET sets IF again"
    mov $500, %ax
    mov $1, %bl
    div %bl                               /* two bytes */
    check 0xd1d1, "the vector of DIV, at the instruction"
    mov $0x7fff, %ax
    inc %ax
    into
    check 0x0f0f, "INTO"
    ret
doubled:
    add %ax, %ax
    iret
divided:
    push %bp
    mov %sp, %bp
    addw $2, 2(%bp)
    pop %bp
    mov $0xd1d1, %ax
    iret
overflowed:
    mov $0x0f0f, %ax
    iret

steps:
    mov $0x2501, %ax
    mov $stepped, %dx
    int $0x21
    movw $0, count
    pushf
    pop %ax
    or $0x100, %ax
    push %ax
    popf                                  /* traps begin behind the next one */
    nop
    nop
    mov %ss, %bx
    mov %bx, %ss                          /* none here: behind the next one */
    nop
    pushf                                 /* TF is seen, and cleared */
    pop %ax
    and $0xfeff, %ax
    push %ax
    popf
    mov count, %ax
    check 9, "single steps"
    ret
stepped:
    incw %cs:count
    iret

screen:
    mov $0x0003, %ax
    int $0x10
    mov $0x0f, %ah
    int $0x10
    check 0x5003, "80 columns, mode 3"
    mov $0x0200, %ax
    mov $0x0514, %dx
    mov $0, %bh
    int $0x10
    mov $0x0e57, %ax
    int $0x10
    mov $0x03, %ah
    int $0x10
    mov %dx, %ax
    check 0x0515, "the cursor behind a letter"
    mov $0xb800, %ax
    mov %ax, %es
    mov %es:(5 * 80 + 20) * 2, %al
    mov $0, %ah
    check 0x57, "the letter in the screen's memory"
    movw $0x1e58, %es:(5 * 80 + 21) * 2
    mov $0x08, %ah
    int $0x10
    check 0x1e58, "and one from there by the BIOS"
    ret

keyboard:
    mov $0x05, %ah
    mov $0x1e61, %cx
    int $0x16
    mov $0x01, %ah
    int $0x16
    jnz 1f
    xor %ax, %ax
1:  check 0x1e61, "a key that waits"
    mov $0, %ah
    int $0x16
    check 0x1e61, "the key"
    mov $0x01, %ah
    int $0x16
    mov $0, %ax
    jz 2f
    inc %ax
2:  check 0, "and no other"
    ret

disks:
    mov $0x08, %ah
    mov disk, %dl
    int $0x13
    and $0x3f, %cl
    mov %cl, track
    push %cs
    pop %es
    mov $buffer, %di
    mov $0x1357, %ax
    mov $256, %cx
    cld
1:  stosw
    rol $1, %ax
    add $3, %ax
    loop 1b
    mov $0x03, %ah
    call transfer
    sbb %ax, %ax
    check 0, "a sector written"
    mov $buffer, %di
    xor %ax, %ax
    mov $256, %cx
    rep stosw
    mov $0x02, %ah
    call transfer
    sbb %ax, %ax
    check 0, "and read"
    mov buffer + 2, %ax
    check 0x26b1, "its second word"
    mov $buffer, %si
    mov $0x1357, %ax
    mov $256, %cx
2:  cmp (%si), %ax
    jne 3f
    add $2, %si
    rol $1, %ax
    add $3, %ax
    loop 2b
3:  mov %cx, %ax
    check 0, "all of its words"
    mov $0x02ff, %ax                      /* far too many, far behind the end */
    mov $0xffff, %cx
    mov $0xff, %dh
    mov disk, %dl
    mov $buffer, %bx
    int $0x13
    sbb %ax, %ax
    check 0xffff, "an error for what is not there"
    ret
transfer:                                 /* sector 20, whatever the geometry: on the first head or, of 18 a track, on the second */
    mov $20, %al
    mov $0, %dh
1:  cmp track, %al
    jb 2f
    sub track, %al
    inc %dh
    jmp 1b
2:  inc %al
    mov %al, %cl
    mov $0, %ch
    mov disk, %dl
    mov $buffer, %bx
    mov $1, %al
    int $0x13
    ret

clock:
    movw $0, count
    mov $0x251c, %ax
    mov $tick, %dx
    int $0x21
    sti
1:  hlt                                   /* three, then two */
    cmpw $3, count
    jb 1b
    mov $0, %ah
    int $0x1a
    push %dx
2:  hlt
    cmpw $5, count
    jb 2b
    mov $0, %ah
    int $0x1a
    pop %ax
    sub %dx, %ax
    neg %ax
    check 2, "two of its ticks by the BIOS's clock"
    int $0x12
    cmp $600, %ax
    sbb %ax, %ax
    check 0, "most of 640 KiB"
    ret
tick:
    incw %cs:count
    iret

sieve:                                    /* primes below 4096: 564 */
    push %cs
    pop %es
    mov $marks, %di
    mov $4096, %cx
    mov $1, %al
    cld
    rep stosb
    mov $2, %bx
    xor %dx, %dx
1:  cmpb $0, marks(%bx)
    je 3f
    inc %dx
    mov %bx, %si
2:  add %bx, %si
    cmp $4096, %si
    jae 3f
    movb $0, marks(%si)
    jmp 2b
3:  inc %bx
    cmp $4096, %bx
    jb 1b
    mov %dx, %ax
    check 564, "primes below 4096"
    ret

hello: .ascii "a program for DOS\r\n$"
numbers: .long 0x12345678, 0x9abcdef0, 0x0fedcba9, 0x0eca5aa0
digits: .asciz "123456789"
table: .byte 0x66, 0x77, 0x88, 0x99
far_pointer: .word 0, 0
failures: .word 0
count: .word 0
disk: .byte 0
track: .byte 0
    .set buffer, 0x8000
    .set marks, 0xa000
    .section .note.GNU-stack, "", @progbits
