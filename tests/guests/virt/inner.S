/* SPDX-License-Identifier: MIT */
/* Pieces of code for a guest of a guest, one instruction each, ended by a CPUID that exits; RDI and RSI are operands. */
    .macro piece name, code:vararg
    .globl inner_\name
inner_\name:
    \code
    cpuid
    .endm
    .text
    piece read, mov (%rdi), %rax
    piece write, mov %rsi, (%rdi)
    piece invlpg, invlpg (%rdi)
    piece cr3, mov %rdi, %cr3
    piece cr4, mov %rdi, %cr4
    piece invpcid, invpcid (%rsi), %rdi
    piece nothing, nop
/* RCX pages from RDI on, one word of each; then the exit, and again. The loop lies in one page. */
    .balign 64
    .globl inner_pages
inner_pages:
    mov %rdi, %rdx
    mov %rcx, %rsi
1:  mov (%rdx), %rax
    add $0x1000, %rdx
    dec %rsi
    jnz 1b
    cpuid
    .section .note.GNU-stack, "", @progbits
