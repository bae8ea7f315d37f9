/* SPDX-License-Identifier: MIT */
/* Guest: the state in which PVH enters a kernel (Xen's docs/misc/pvh.pandoc). The ELF entry point is another. */
    .section .note.pvh, "a", @note
    .long 4, 4, 18
    .asciz "Xen"
    .long pvh_start, 0
#include "boot_text.S"
    .text
    .globl start
start:
    say "FAILED entered at the ELF entry point\n"
    end 1
pvh_start:
    mov %ebx, %edi
    cmpl $0x336ec578, (%edi)
    verdict "EBX points to the start information"
    mov %cr0, %eax
    and $0x80000001, %eax
    cmp $1, %eax
    verdict "protected mode without paging"
    mov %cr4, %eax
    test %eax, %eax
    verdict "CR4 is 0"
    mov $stack_top, %esp
    pushf
    pop %eax
    test $0x20300, %eax
    verdict "IF, TF and VM are clear"
    mov 24(%edi), %esi
1:  lodsb
    test %al, %al
    jnz 1b
    cmpl $0x6f6c6c65, -5(%esi)            /* "ello" */
    verdict "the command line ends as given"
    mov 32(%edi), %esi
    cmpl $0x20445352, (%esi)              /* "RSD " */
    verdict "the RSDP is where it says"
    cmpl $0, 12(%edi)
    je 4f
    mov 16(%edi), %ebp
    mov (%ebp), %eax
    cmpl $0x55444f4d, (%eax)              /* "MODU" */
    verdict "a module is where the list says"
    cmpl $8, 8(%ebp)
    verdict "and as long"
    mov 16(%ebp), %eax
    cmpw $0x6968, (%eax)                  /* "hi" */
    verdict "with its string"
4:  say "end\n"
    end 0
    .bss
    .skip 1024
stack_top:
    .section .note.GNU-stack, "", @progbits
