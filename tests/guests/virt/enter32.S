/* SPDX-License-Identifier: MIT */
/* Entering a guest of SVM from a 32-bit hypervisor and coming back: registers saved and restored around VMRUN. */

    .macro load_all_but_edi from
    mov 8(\from), %ecx
    mov 16(\from), %edx
    mov 24(\from), %ebx
    mov 40(\from), %ebp
    mov 48(\from), %esi
    .endm
    .macro store_all_but_edi to
    mov %ecx, 8(\to)
    mov %edx, 16(\to)
    mov %ebx, 24(\to)
    mov %ebp, 40(\to)
    mov %esi, 48(\to)
    .endm

    .text
/* void svm_enter(u64* registers, u64 vmcb, u64 host_vmcb): as in enter.S */
    .globl svm_enter
svm_enter:
    push %ebx
    push %ebp
    push %esi
    push %edi
    mov 20(%esp), %edi                    /* registers */
    clgi
    mov 32(%esp), %eax                    /* host_vmcb */
    vmsave %eax
    mov 24(%esp), %eax                    /* vmcb */
    load_all_but_edi %edi
    mov 56(%edi), %edi
    vmload %eax
    sti
    vmrun %eax
    cli
    vmsave %eax
    push %edi
    mov 24(%esp), %edi
    store_all_but_edi %edi
    pop %eax
    mov %eax, 56(%edi)
    mov 32(%esp), %eax
    vmload %eax
    stgi
    pop %edi
    pop %esi
    pop %ebp
    pop %ebx
    ret
    .section .note.GNU-stack, "", @progbits
