/* SPDX-License-Identifier: MIT */
/* The guest kernel's image, as the hypervisor carries it. */
    .data
    .balign 4096
    .globl kernel_image, kernel_image_end
kernel_image:
    .incbin "hypervisor-kernel.bin"
kernel_image_end:
    .section .note.GNU-stack, "", @progbits
