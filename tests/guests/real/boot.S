/* SPDX-License-Identifier: MIT */
/* Included first: the boot sector, at 0000:7C00. It loads 16 sectors to 0800:0000, by the BIOS's geometry, one at a time, and goes there
   with the drive in DL. */
    .code16
    .section .boot, "ax"
    .globl boot
boot:
    ljmp $0, $1f
1:  cli
    xor %ax, %ax
    mov %ax, %ds
    mov %ax, %ss
    mov $0x7c00, %sp
    sti
    mov %dl, drive
    mov $8, %ah
    int $0x13
    jc failed
    and $0x3f, %cx
    mov %cx, per_track
    movb %dh, last_head
    mov $0x800, %ax
    mov %ax, %es
    mov $1, %si                           /* the sector */
2:  mov %si, %ax
    xor %dx, %dx
    divw per_track
    inc %dx
    mov %dl, %cl                          /* its number in the track, from 1 */
    xor %dx, %dx
    movzbw last_head, %bx
    inc %bx
    div %bx
    mov %al, %ch
    mov %dl, %dh
    mov drive, %dl
    xor %bx, %bx
    mov $0x0201, %ax
    int $0x13
    jc failed
    mov %es, %ax
    add $0x20, %ax
    mov %ax, %es
    inc %si
    cmp $17, %si
    jb 2b
    mov drive, %dl
    ljmp $0x800, $system
failed:
    mov $0xf4, %dx
    mov $0x7f, %al
    out %al, %dx
    hlt
drive: .byte 0
last_head: .byte 0
per_track: .word 0
    .org 510
    .word 0xaa55
