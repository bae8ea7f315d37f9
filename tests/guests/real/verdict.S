/* SPDX-License-Identifier: MIT */
/* Included by the 16-bit programs: `check` compares AX with a number and says so by `say`, which prints the byte in AL. */
    .macro check expected, text
    push %bx
    mov $\expected, %bx
    call verdict
    .asciz "\text"
    .endm

/* The text lies behind the call; BX is on the stack under the address of it. All registers are as before. */
verdict:
    push %bp
    mov %sp, %bp
    pusha
    mov 2(%bp), %si
    mov %ax, %cx
    mov $good, %di
    cmp %bx, %ax
    je 1f
    incw failures
    mov $bad, %di
1:  xchg %si, %di
    call put_text
    mov %di, %si
    call put_text
    mov %si, 2(%bp)
    cmp %bx, %cx
    je 2f
    mov $got, %si
    call put_text
    mov %cx, %ax
    call put_hex
2:  mov $10, %al
    call say
    popa
    pop %bp
    pop %bx                               /* the address behind the text */
    push %bp
    mov %sp, %bp
    xchg %bx, 2(%bp)                      /* for BX as it was */
    pop %bp
    ret

/* CS:SI, behind its zero afterwards. */
put_text:
    mov %cs:(%si), %al
    inc %si
    test %al, %al
    jz 1f
    call say
    jmp put_text
1:  ret

put_hex:
    mov $4, %dl
1:  rol $4, %ax
    push %ax
    and $15, %al
    cmp $10, %al
    sbb $0x69, %al
    das
    call say
    pop %ax
    dec %dl
    jnz 1b
    ret

good: .asciz "ok "
bad: .asciz "FAILED "
got: .asciz ": got "
