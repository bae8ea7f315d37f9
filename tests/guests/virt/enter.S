/* SPDX-License-Identifier: MIT */
/* Entering a guest of VMX or SVM and coming back: registers saved and restored around VMLAUNCH, VMRESUME and VMRUN. */

    .macro load_all_but_rdi from
    mov 8(\from), %rcx
    mov 16(\from), %rdx
    mov 24(\from), %rbx
    mov 40(\from), %rbp
    mov 48(\from), %rsi
    mov 64(\from), %r8
    mov 72(\from), %r9
    mov 80(\from), %r10
    mov 88(\from), %r11
    mov 96(\from), %r12
    mov 104(\from), %r13
    mov 112(\from), %r14
    mov 120(\from), %r15
    .endm
    .macro store_all_but_rdi to
    mov %rcx, 8(\to)
    mov %rdx, 16(\to)
    mov %rbx, 24(\to)
    mov %rbp, 40(\to)
    mov %rsi, 48(\to)
    mov %r8, 64(\to)
    mov %r9, 72(\to)
    mov %r10, 80(\to)
    mov %r11, 88(\to)
    mov %r12, 96(\to)
    mov %r13, 104(\to)
    mov %r14, 112(\to)
    mov %r15, 120(\to)
    .endm
    .macro push_host
    push %rbx
    push %rbp
    push %r12
    push %r13
    push %r14
    push %r15
    .endm
    .macro pop_host
    pop %r15
    pop %r14
    pop %r13
    pop %r12
    pop %rbp
    pop %rbx
    .endm

    .text
/* u32 vmx_enter(u64* registers, bool resume): 0 after an exit, 1 after VMfailInvalid, 2 after VMfailValid */
    .globl vmx_enter
vmx_enter:
    push_host
    push %rdi
    mov $0x6c14, %eax                     /* host RSP */
    vmwrite %rsp, %rax
    lea vmx_exit(%rip), %rcx
    mov $0x6c16, %eax                     /* host RIP */
    vmwrite %rcx, %rax
    test %esi, %esi
    mov (%rdi), %rax
    load_all_but_rdi %rdi
    mov 56(%rdi), %rdi
    jnz 1f
    vmlaunch
    jmp 2f
1:  vmresume
2:  mov $1, %eax
    jc 3f
    mov $2, %eax
3:  pop %rdi
    pop_host
    ret
vmx_exit:
    push %rdi
    mov 8(%rsp), %rdi
    mov %rax, (%rdi)
    store_all_but_rdi %rdi
    pop %rax
    mov %rax, 56(%rdi)
    xor %eax, %eax
    jmp 3b

/* void svm_enter(u64* registers, u64 vmcb, u64 host_vmcb): with the global interrupt flag clear around VMRUN. While the guest
   runs, the host's RFLAGS.IF is set: with V_INTR_MASKING, physical interrupts are then seen (APM vol. 2, 15.21.1). */
    .globl svm_enter
svm_enter:
    push_host
    push %rdx
    push %rdi
    clgi
    mov %rdx, %rax
    vmsave %rax
    mov %rsi, %rax
    load_all_but_rdi %rdi
    mov 56(%rdi), %rdi
    vmload %rax
    sti
    vmrun %rax
    cli
    vmsave %rax
    push %rdi
    mov 8(%rsp), %rdi
    store_all_but_rdi %rdi
    pop %rax
    mov %rax, 56(%rdi)
    mov 8(%rsp), %rax
    vmload %rax
    stgi
    pop %rdi
    pop %rdx
    pop_host
    ret
    .section .note.GNU-stack, "", @progbits
