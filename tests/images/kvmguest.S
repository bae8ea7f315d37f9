// SPDX-License-Identifier: MIT
// The guests of kvmtest: each lies between guest_NAME and guest_NAME_end and is copied to guest memory.
// Most end with HLT; what they found goes to RBX.  Addresses are those of the layout in kvmguest.h.
#include "kvmguest.h"

.macro guest name, bits
    .balign 16
    .globl guest_\name
    guest_\name:
    .code\bits
.endm
.macro end name
    .globl guest_\name\()_end
    guest_\name\()_end:
.endm

.section .rodata

// 256 entries of 16 bytes that push what the CPU doesn't, then one handler.  It appends a record to the list at RECORDS,
// and goes on at R15 where that is not zero.
guest stubs, 64
    .set vector, 0
    .rept 256
        .balign 16
        .if vector != 8 && (vector < 10 || vector > 14) && vector != 17
            push $0
        .endif
        pushq $vector
        jmp 1f
        .set vector, vector + 1
    .endr
1:  push %rax
    push %rcx
    push %rdx
    mov $RECORDS, %ecx
    mov (%rcx), %rdx
    incq (%rcx)
    and $63, %edx
    shl $5, %edx
    lea 32(%rcx, %rdx), %rcx
    mov 24(%rsp), %rax                  // vector
    mov %rax, (%rcx)
    mov 32(%rsp), %rax                  // error code
    mov %rax, 8(%rcx)
    mov 40(%rsp), %rax                  // RIP
    mov %rax, 16(%rcx)
    mov %cr2, %rax
    mov %rax, 24(%rcx)
    test %r15, %r15
    jz 2f
    mov %r15, 40(%rsp)
2:  pop %rdx
    pop %rcx
    pop %rax
    add $16, %rsp
    iretq
end stubs

// Real mode: CX rounds of OUT and IN; BX is the sum of what was read.
guest real, 16
    xor %bx, %bx
    mov $0x3f8, %dx
1:  mov $0x41, %al
    out %al, %dx
    in %dx, %al
    xor %ah, %ah
    add %ax, %bx
    loop 1b
    hlt
end real

// 32-bit code, with whatever paging: ESI pages from EDI, EDX passes of counting in each page; EBX wrong values.
guest touch32, 32
    xor %ebx, %ebx
    xor %ebp, %ebp
1:  mov %edi, %eax
    mov %esi, %ecx
2:  cmp %ebp, (%eax)
    je 3f
    inc %ebx
3:  incl (%eax)
    add $4096, %eax
    dec %ecx
    jnz 2b
    inc %ebp
    dec %edx
    jnz 1b
    hlt
end touch32

// RSI pages from RDI that must be zero take their address; RDX passes then count up from it.  OUT after each pass.
guest touch, 64
    xor %ebx, %ebx
    xor %ebp, %ebp
    mov %rdi, %rax
    mov %rsi, %rcx
1:  cmpq $0, (%rax)
    je 2f
    inc %rbx
2:  mov %rax, (%rax)
    add $4096, %rax
    dec %rcx
    jnz 1b
    out %al, $PORT_MARK
3:  mov %rdi, %rax
    mov %rsi, %rcx
4:  mov (%rax), %r8
    sub %rax, %r8
    cmp %rbp, %r8
    je 5f
    inc %rbx
5:  incq (%rax)
    add $4096, %rax
    dec %rcx
    jnz 4b
    out %al, $PORT_MARK
    inc %rbp
    cmp %rdx, %rbp
    jne 3b
    hlt
end touch

// RDX passes of counting in each of RSI pages from RDI, by one access each; OUT after each pass.
guest passes, 64
1:  mov %rdi, %rax
    mov %rsi, %rcx
2:  incq (%rax)
    add $4096, %rax
    dec %rcx
    jnz 2b
    out %al, $PORT_MARK
    dec %rdx
    jnz 1b
    hlt
end passes

// From real mode to protected, to 64-bit mode and back, SI times; counts in [RECORDS].  At REAL_CODE, GDT of the layout.
#define HERE(label) (label - guest_switches + REAL_CODE)
guest switches, 16
    cli
1:  lgdtl %cs:HERE(8f)
    mov %cr0, %eax
    or $1, %al
    mov %eax, %cr0
    ljmpl $SEGMENT_CODE32, $HERE(2f)
.code32
2:  mov $SEGMENT_DATA, %eax
    mov %eax, %ds
    mov %eax, %es
    mov %eax, %ss
    mov %cr4, %eax
    or $0x20, %eax                      // PAE
    mov %eax, %cr4
    mov $PML4, %eax
    mov %eax, %cr3
    mov $0xc0000080, %ecx               // EFER
    rdmsr
    or $0x100, %eax                     // LME
    wrmsr
    mov %cr0, %eax
    or $0x80000000, %eax
    mov %eax, %cr0
    ljmpl $SEGMENT_CODE64, $HERE(3f)
.code64
3:  incq RECORDS
    mov $0x1122334455667788, %rbx
    out %al, $PORT_MARK
    ljmpl *HERE(9f)
.code32
4:  mov %cr0, %eax
    and $0x7fffffff, %eax
    mov %eax, %cr0
    mov $0xc0000080, %ecx
    rdmsr
    and $~0x100, %eax
    wrmsr
    ljmpl $SEGMENT_CODE16, $HERE(5f)
.code16
5:  mov $SEGMENT_DATA16, %ax
    mov %ax, %ds
    mov %ax, %es
    mov %ax, %ss
    mov %cr0, %eax
    and $~1, %al
    mov %eax, %cr0
    ljmpl $0, $HERE(6f)
6:  xor %ax, %ax
    mov %ax, %ds
    mov %ax, %es
    mov %ax, %ss
    dec %si
    jnz 1b
    hlt
    .balign 4
8:  .word 63
    .long GDT
    .balign 4
9:  .long HERE(4b)
    .word SEGMENT_CODE32
end switches

// Every width, direction and form of port access; what was read goes to RESULTS.
guest ports, 64
    mov $RESULTS, %edi
    mov $0x1234, %edx
    mov $0xd4e5f607, %eax
    out %al, %dx
    out %ax, %dx
    out %eax, %dx
    out %al, $0x42
    in %dx, %al
    stos %al, (%rdi)
    in %dx, %ax
    stos %ax, (%rdi)
    in %dx, %eax
    stos %eax, (%rdi)
    in $0x43, %al
    stos %al, (%rdi)
    lea 1f(%rip), %rsi
    mov $5, %ecx
    rep outsb
    mov $3, %ecx
    rep insw
    hlt
1:  .ascii "ports"
end ports

// RSI times OUT.
guest out, 64
1:  out %al, $PORT_MARK
    dec %rsi
    jnz 1b
    hlt
end out

// RSI times CPUID of leaf CPUID_LEAF; RBX wrong answers.
guest cpuid, 64
    xor %r8d, %r8d
1:  mov $CPUID_LEAF, %eax
    xor %ecx, %ecx
    cpuid
    cmp $CPUID_EAX, %eax
    jne 2f
    cmp $CPUID_EBX, %ebx
    jne 2f
    cmp $CPUID_ECX, %ecx
    jne 2f
    cmp $CPUID_EDX, %edx
    je 3f
2:  inc %r8
3:  dec %rsi
    jnz 1b
    mov %r8, %rbx
    hlt
end cpuid

// Loads, stores, read-modify-write and string moves on memory that isn't there (RDI); what was read goes to RESULTS.
guest mmio, 64
    mov $RESULTS, %ebx
    mov (%rdi), %al
    mov %al, (%rbx)
    mov 0x12(%rdi), %ax
    mov %ax, 2(%rbx)
    mov 0x24(%rdi), %eax
    mov %eax, 4(%rbx)
    mov 0x48(%rdi), %rax
    mov %rax, 8(%rbx)
    mov $0x8877665544332211, %rax
    mov %al, 0x80(%rdi)
    mov %ax, 0x82(%rdi)
    mov %eax, 0x84(%rdi)
    mov %rax, 0x88(%rdi)
    orl $0x10000, 0x90(%rdi)
    lea 0x1000(%rdi), %rsi
    lea 16(%rbx), %rdi
    mov $2, %ecx
    rep movsl
    hlt
end mmio

// RSI loads from RDI; RBX is the sum of what was read.
guest load, 64
    xor %ebx, %ebx
1:  mov (%rdi), %eax
    add %rax, %rbx
    dec %rsi
    jnz 1b
    hlt
end load

// Writes and reads back model-specific registers; RBX wrong values.
guest msrs, 64
    xor %ebx, %ebx
    lea 9f(%rip), %r8
1:  mov (%r8), %ecx
    jrcxz 4f
    mov %rsi, %r9
2:  lea 0x12345(%r9), %eax
    mov $0x7f12, %edx
    mov %eax, %r10d
    wrmsr
    xor %eax, %eax
    xor %edx, %edx
    rdmsr
    cmp %r10d, %eax
    jne 3f
    cmp $0x7f12, %edx
    je 5f
3:  inc %rbx
5:  dec %r9
    jnz 2b
    add $4, %r8
    jmp 1b
4:  hlt
    .balign 4
9:  .long 0xc0000100, 0xc0000102, 0xc0000082, 0xc0000083, 0              // FS and kernel GS base, LSTAR, CSTAR
end msrs

// RSI iterations: slot i % 512 of the page table R8 (its window is at RDI) gets page (7 i + i / 512) % 512 of the pool R9,
// whose first word is its number; INVLPG, or MOV to CR3 where R12 is not zero; load, store, compare.  RBX mismatches.
guest churn, 64
    xor %ebx, %ebx
    xor %r10d, %r10d
1:  mov %r10d, %eax
    and $511, %eax
    imul $7, %r10, %rcx
    mov %r10, %r11
    shr $9, %r11
    add %rcx, %r11
    and $511, %r11d
    mov %r11, %rcx
    shl $12, %rcx
    add %r9, %rcx
    or $3, %rcx
    mov %rcx, (%r8, %rax, 8)
    shl $12, %rax
    add %rdi, %rax
    test %r12, %r12
    jnz 3f
    invlpg (%rax)
    jmp 4f
3:  mov %cr3, %rcx
    mov %rcx, %cr3
4:  mov (%rax), %rcx
    mov %r10, 8(%rax)
    cmp %r11, %rcx
    je 2f
    inc %rbx
2:  inc %r10
    cmp %rsi, %r10
    jne 1b
    hlt
end churn

// Maps a page of the pool, reads it, unmaps it: the next read must fault, and its CR2 be right.  RSI times.
guest unmap, 64
    xor %ebx, %ebx
    xor %r10d, %r10d
1:  mov %r10d, %eax
    and $511, %eax
    mov %rax, %rcx
    shl $12, %rcx
    mov %rcx, %rdx
    add %rdi, %rdx
    add %r9, %rcx
    or $3, %rcx
    mov %rcx, (%r8, %rax, 8)
    cmp %rax, (%rdx)
    je 2f
    inc %rbx
2:  movq $0, (%r8, %rax, 8)
    invlpg (%rdx)
    lea 3f(%rip), %r15
    mov (%rdx), %rcx
    inc %rbx                            // it did not fault
3:  mov %cr2, %rcx
    cmp %rcx, %rdx
    je 4f
    inc %rbx
4:  inc %r10
    cmp %rsi, %r10
    jne 1b
    hlt
end unmap

// Clears accessed and dirty of each entry of the page table R8, reads odd pages, writes even ones; RBX entries that then
// don't hold exactly what they should.
guest accessed, 64
    xor %ebx, %ebx
1:  xor %r10d, %r10d
2:  andq $~0x60, (%r8, %r10, 8)
    mov %r10, %rax
    shl $12, %rax
    add %rdi, %rax
    invlpg (%rax)
    mov $0x20, %ecx
    test $1, %r10d
    jz 3f
    mov (%rax), %rdx
    jmp 4f
3:  mov $0x60, %ecx
    mov %r10, 16(%rax)
4:  mov (%r8, %r10, 8), %rdx
    and $0x60, %edx
    cmp %edx, %ecx
    je 5f
    inc %rbx
5:  inc %r10
    cmp $512, %r10
    jne 2b
    dec %rsi
    jnz 1b
    hlt
end accessed

// RSI times UD2; the handler skips it and counts in RBX.
guest undefined, 64
    xor %ebx, %ebx
1:  ud2
    dec %rsi
    jnz 1b
    hlt
.globl guest_undefined_handler
guest_undefined_handler:
    inc %rbx
    addq $2, (%rsp)
    iretq
end undefined

// RSI times MOV to CR3 of what it holds.
guest cr3, 64
    mov %cr3, %rax
1:  mov %rax, %cr3
    dec %rsi
    jnz 1b
    hlt
end cr3

// One exception after the other; fault_places has where each happened and what comes after it.
.macro fault instruction:vararg
    lea 902f(%rip), %r15
901: \instruction
902:
    .pushsection .rodata.places, "a"
    .quad 901b - guest_faults, 902b - guest_faults
    .popsection
.endm
.pushsection .rodata.places, "a"
.globl fault_places
fault_places:
.popsection
guest faults, 64
    xor %ecx, %ecx
    mov $0x88, %r8d
    mov $0x8000000000000000, %r9
    mov $0x12345678, %r10d
    fault mov FAULT_ABSENT, %al
    fault mov %al, FAULT_ABSENT
    fault mov %al, FAULT_READ_ONLY
    mov $FAULT_NO_EXECUTE, %eax
    fault jmp *%rax
    mov $FAULT_RESERVED, %rax
    fault mov (%rax), %al
    fault ud2
    fault mov (%r9), %al
    fault mov %r8d, %ds
    fault int3
    fault div %ecx
    mov %r10d, %ecx
    fault rdmsr
    fault int $0x21
    fault mov %r9, %cr4
    hlt
end faults

// HLT with interrupts on, RSI times.
guest halt, 64
1:  sti
    hlt
    dec %rsi
    jnz 1b
    cli
    hlt
end halt

// RSI times OUT with interrupts on: where virtual NMIs are off, KVM takes an open interrupt window for the end of an NMI.
guest nmi, 64
    sti
1:  out %al, $PORT_MARK
    nop
    nop
    dec %rsi
    jnz 1b
    cli
    hlt
end nmi

// RSI times: OUT with interrupts off, then on.
guest window, 64
1:  out %al, $PORT_MARK
    nop
    sti
    nop
    cli
    dec %rsi
    jnz 1b
    hlt
end window

// The local APIC's timer at RDI, one-shot, RSI times; HLT waits for it.
guest timer, 64
    movl $0x1ff, 0xf0(%rdi)             // on
    movl $0xb, 0x3e0(%rdi)              // divide by 1
    movl $0x41, 0x320(%rdi)             // vector 0x41
1:  movl $20000, 0x380(%rdi)
    sti
    hlt
    cli
    movl $0, 0xb0(%rdi)                 // end of interrupt
    dec %rsi
    jnz 1b
    out %al, $PORT_END
end timer

// RSI times: INT 0x42 sent to itself by the local APIC at RDI.
guest ipi, 64
    movl $0x1ff, 0xf0(%rdi)
1:  movl $0x44042, 0x300(%rdi)          // self, fixed, vector 0x42
    sti
    nop
    nop
    cli
    movl $0, 0xb0(%rdi)
    dec %rsi
    jnz 1b
    out %al, $PORT_END
end ipi

// Two readings of the time-stamp counter, in RBX and RCX.
guest tsc, 64
    rdtsc
    shl $32, %rdx
    lea (%rdx, %rax), %rbx
    rdtsc
    shl $32, %rdx
    lea (%rdx, %rax), %rcx
    hlt
end tsc

// Counts in every RDX-th of RSI pages from RDI.
guest stride, 64
    shl $12, %rdx
1:  incq (%rdi)
    add %rdx, %rdi
    dec %rsi
    jnz 1b
    hlt
end stride

// RBX: the sum of the first words of RSI pages from RDI.
guest sum, 64
    xor %ebx, %ebx
1:  add (%rdi), %rbx
    add $4096, %rdi
    dec %rsi
    jnz 1b
    hlt
end sum

// RSI times LOCK INC of (RDI), now and then OUT.
guest count, 64
1:  lock incq (%rdi)
    test $63, %sil
    jnz 2f
    out %al, $PORT_MARK
2:  dec %rsi
    jnz 1b
    hlt
end count

// RSI rounds of three instructions, then HLT.
guest step, 64
1:  inc %rbx
    dec %rsi
    jnz 1b
    hlt
end step

// x87 and XMM registers over RSI exits; RBX wrong values.
guest vectors, 64
    xor %ebx, %ebx
    mov $0x0123456789abcdef, %rax
    movq %rax, %xmm0
    movq %rax, %xmm15
    punpcklqdq %xmm15, %xmm15
    fldpi
1:  out %al, $PORT_MARK
    movq %xmm0, %rcx
    cmp %rax, %rcx
    je 2f
    inc %rbx
2:  movhlps %xmm15, %xmm1
    movq %xmm1, %rcx
    cmp %rax, %rcx
    je 3f
    inc %rbx
3:  fldpi
    fcomip %st(1), %st
    je 4f
    inc %rbx
4:  dec %rsi
    jnz 1b
    hlt
end vectors

// The vendor's hypercall (RSI not zero: VMMCALL) with a number that no one knows.
guest hypercall, 64
    mov $0xffff, %eax
    test %rsi, %rsi
    jnz 1f
    vmcall
    hlt
1:  vmmcall
    hlt
end hypercall

// Debug registers over RSI rounds; RBX wrong values.
guest debug, 64
    xor %ebx, %ebx
1:  lea 0x1000(%rsi), %rax
    mov %rax, %db0
    lea 0x3000(%rsi), %rcx
    mov %rcx, %db3
    out %al, $PORT_MARK
    mov %db0, %rdx
    cmp %rax, %rdx
    je 2f
    inc %rbx
2:  mov %db3, %rdx
    cmp %rcx, %rdx
    je 3f
    inc %rbx
3:  dec %rsi
    jnz 1b
    hlt
end debug

// An exception without an interrupt table.
guest shutdown, 64
    push $0
    push $0
    lidt (%rsp)
    ud2
end shutdown

.section .note.GNU-stack, "", @progbits
