/* SPDX-License-Identifier: MIT */
/* What makes a guest of PVH's a multiboot 1 kernel: the header; both protocols enter alike, with the information in EBX. */
    .section .head, "a"
    .balign 4
    .long 0x1badb002, 0, -0x1badb002
    .section .note.GNU-stack, "", @progbits
