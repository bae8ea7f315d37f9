// SPDX-License-Identifier: MIT
// Guest, 64-bit: each exception's vector, error code and pushed IP, and which comes first (SDM vol. 3, ch. 6).
#include "guest.h"
#include "frame.h"

// Code whose instruction at "1:", or that behind which "1:" is, is where the trap is expected.
#define THERE(text) \
    asm volatile("lea 1f(%%rip), %%rax; mov %%rax, %0; " text : "=m"(marked) :: "rax", "rcx", "rdx")
static constexpr word hole = 0x8000000000;            // PML4 slot 1: not mapped

static void vectors() {
    faults_there("#DE of DIV by 0 is a fault", trap([] { THERE("xor %%ecx, %%ecx; 1: div %%ecx"); }), DE);
    faults("#DE of IDIV beyond the quotient", trap([] {
        asm volatile("mov $0x80000000, %%eax; cltd; mov $-1, %%ecx; idiv %%ecx" ::: "rax", "rcx", "rdx");
    }),
        DE);
    faults_there("#BP of INT3 is a trap: IP behind it", trap([] { THERE("int3; 1:"); }), BP);
    faults_there("INT 3 (CD 03) the same", trap([] { THERE(".byte 0xcd, 3; 1:"); }), BP);
    faults_there("#DB of INT1 is a trap", trap([] { THERE(".byte 0xf1; 1:"); }), DB);
    faults_there("#UD of UD2 is a fault", trap([] { THERE("1: ud2"); }), UD);
    faults("#UD of LOCK before a register form", trap([] { asm volatile(".byte 0xf0, 0x01, 0xc0"); }), UD);
    faults("#UD of PUSH ES in 64-bit mode", trap([] { asm volatile(".byte 0x06"); }), UD);
    faults("#UD of MOV to CS", trap([] { asm volatile(".byte 0x8e, 0xc8"); }), UD);
    faults("#UD of MOV from CR1", trap([] { asm volatile(".byte 0x0f, 0x20, 0xc8" ::: "rax"); }), UD);
    faults("#GP(0) of an instruction of 16 bytes",
        trap([] { asm volatile(".byte 0x66,0x66,0x66,0x66,0x66,0x66,0x66,0x66,0x66,0x66,0x66,0x66,0x66,0x66,0x66,0x90"); }), GP);
    passes("15 bytes are an instruction",
        trap([] { asm volatile(".byte 0x66,0x66,0x66,0x66,0x66,0x66,0x66,0x66,0x66,0x66,0x66,0x66,0x66,0x66,0x90"); }));
    faults("#NM of x87 with CR0.TS", trap([] { set_cr0(get_cr0() | 8); asm volatile("fld1"); }), NM);
    asm volatile("clts");
    faults("#NM of x87 with CR0.EM", trap([] { set_cr0(get_cr0() | 4); asm volatile("fnop"); }), NM);
    faults("#UD of SSE with CR0.EM, before #NM", trap([] { asm volatile("orps %xmm0, %xmm0"); }), UD);
    set_cr0(get_cr0() & ~word(4));
    faults("#UD of SSE without CR4.OSFXSR", trap([] { set_cr4(get_cr4() & ~word(0x200)); asm volatile("orps %xmm0, %xmm0"); }), UD);
    set_cr4(get_cr4() | 0x200);
    faults("#MF at the next waiting instruction", trap([] {
        asm volatile("fninit; mov $0x37b, %%eax; push %%rax; fldcw (%%rsp); pop %%rax; fld1; fldz; fdivrp; fwait" ::: "rax");
    }),
        MF);
    asm volatile("fninit");
    faults("#XM of a masked-out SIMD exception", trap([] {
        asm volatile("push $0x1d00; ldmxcsr (%%rsp); pop %%rax; xorps %%xmm0, %%xmm0; divss %%xmm0, %%xmm0" ::: "rax");
    }),
        XM);
    asm volatile("push $0x1f80; ldmxcsr (%%rsp); pop %%rax" ::: "rax");
    set_cr4(get_cr4() & ~word(0x400));
    faults("#UD instead of #XM without CR4.OSXMMEXCPT", trap([] {
        asm volatile("push $0x1d00; ldmxcsr (%%rsp); pop %%rax; xorps %%xmm0, %%xmm0; divss %%xmm0, %%xmm0" ::: "rax");
    }),
        UD);
    set_cr4(get_cr4() | 0x400);
    asm volatile("push $0x1f80; ldmxcsr (%%rsp); pop %%rax" ::: "rax");
}

static void memory() {
    faults("#GP(0) of a non-canonical address", trap([] { peek<u8>(0x800000000000); }), GP);
    faults("#SS(0) of one through RBP", trap([] {
        asm volatile("push %%rbp; mov $0x800000000000, %%rbp; mov (%%rbp), %%al; pop %%rbp" ::: "rax");
    }),
        SS);
    faults("#GP(0) of a JMP to one", trap([] { asm volatile("mov $0x800000000000, %%rax; jmp *%%rax" ::: "rax"); }), GP);
    page_faults("#PF of a read that is not mapped", trap([] { peek<u8>(hole + 0x123); }), 0, hole + 0x123);
    page_faults("#PF of a write", trap([] { poke<u8>(hole + 0x123, 0); }), 2, hole + 0x123);
    page_faults("#PF of a fetch", trap([] { asm volatile("jmp *%0" :: "r"(hole)); }), 0x10, hole);
    page_faults("#PF of a user's read", trap_user([] { peek<u8>(hole + 8); }), 4, hole + 8);
    page_faults("#PF of a user's write", trap_user([] { poke<u8>(hole + 8, 0); }), 6, hole + 8);
    faults("#GP(0) of MOVAPS beside 16 bytes", trap([] { asm volatile("movaps 8(%%rsp), %%xmm0; movaps (%%rsp), %%xmm0" ::: "memory"); }), GP);
    faults("#GP before #PF: a misaligned MOVAPS there", trap([] { asm volatile("movaps (%0), %%xmm0" :: "r"(hole + 1)); }), GP);
    faults("no #AC in ring 0", trap([] {
        set_cr0(get_cr0() | 0x40000);
        set_flags(flags() | 0x40000);
        peek<u32>(word(stacks) + 1);
        set_flags(flags() & ~word(0x40000));
    }),
        none);
    user_flags = 0x40002;
    faults("#AC(0) in ring 3 with AM and AC", trap_user([] { peek<u32>(word(stacks) + 1); }), AC);
    passes("aligned there", trap_user([] { peek<u32>(word(stacks) + 4); }));
    user_flags = 2;
    set_cr0(get_cr0() & ~word(0x40000));
}

static void privilege() {
    faults("#GP(0) of HLT in ring 3", trap_user([] { asm volatile("hlt"); }), GP);
    faults("#GP(0) of MOV from CR0 in ring 3", trap_user([] { get_cr0(); }), GP);
    faults("#GP(0) of CLI with CPL > IOPL", trap_user([] { cli(); }), GP);
    faults("#GP(0) of IN with CPL > IOPL and a closed bitmap", trap_user([] { in8(0x61); }), GP);
    faults("#GP(0) of IN beyond the TSS's limit", trap_user([] { in8(0x402); }), GP);
    tss.io[0x61 / 8] &= u8(~(1 << 0x61 % 8));
    passes("IN of a port that the bitmap opens", trap_user([] { in8(0x61); }));
    faults("#GP(0) where one of its two ports is closed", trap_user([] { in16(0x61); }), GP);
    tss.io[0x61 / 8] = 0xff;
    user_flags = 0x3002;
    passes("IN with IOPL 3", trap_user([] { in8(0x61); }));
    passes("CLI with IOPL 3", trap_user([] { cli(); }));
    user_flags = 2;
    faults("#GP(IDT 20h) of INT 20h through a DPL-0 gate", trap_user([] { asm volatile("int $0x20"); }), GP, 0x20 * 8 + 2);
    faults("INT3 through its DPL-3 gate", trap_user([] { asm volatile("int3"); }), BP);
    set_gate(0x30, stub(0x30), kcode, 0x0e | 0x60);
    faults("#NP(IDT) of a gate that is not present", trap([] { asm volatile("int $0x30"); }), NP, 0x30 * 8 + 2);
    set_gate(0x30, stub(0x30), kcode, 0x85);
    faults("#GP(IDT) of a task gate in IA-32e mode", trap([] { asm volatile("int $0x30"); }), GP, 0x30 * 8 + 2);
    set_gate(0x30, stub(0x30), 0);
    faults("#GP(0) of a gate with a null selector", trap([] { asm volatile("int $0x30"); }), GP, 0);
    set_gate(0x30, stub(0x30), kdata);
    faults("#GP(selector) of a gate to data", trap([] { asm volatile("int $0x30"); }), GP, kdata);
    at(spare) = descriptor(0, 0xfffff, 0xa01b);
    set_gate(0x30, stub(0x30), spare);
    faults("#NP(selector) of a gate to absent code", trap([] { asm volatile("int $0x30"); }), NP, spare);
    set_gate(0x30, stub(0x30), kcode32);
    faults("#GP(selector) of a gate to 32-bit code", trap([] { asm volatile("int $0x30"); }), GP, kcode32);
    set_gate(0x30, stub(0x30));
    Pointer small{0x2f * 16 + 15, idt_pointer.base};
    lidt(small);
    faults("#GP(IDT) beyond the IDT's limit", trap([] { asm volatile("int $0x30"); }), GP, 0x30 * 8 + 2);
    lidt(idt_pointer);
    faults("#UD before #GP(CPL): a LOCKed HLT in ring 3", trap_user([] { asm volatile(".byte 0xf0; hlt"); }), UD);
    faults("#GP(0) of WRMSR to one that does not exist", trap([] { wrmsr(0x12345678, 0); }), GP);
    faults("#GP(0) of a reserved CR4 bit", trap([] { set_cr4(get_cr4() | 1u << 31); }), GP);
    faults("#GP(0) of CR0.PG without PE", trap([] { set_cr0(get_cr0() & ~word(1)); }), GP);
    faults("#GP(0) of CR0.NW without CD", trap([] { set_cr0(get_cr0() | 1u << 29); }), GP);
    faults("#GP(0) of CR0's upper half", trap([] { set_cr0(get_cr0() | 1ull << 32); }), GP);
    faults("#GP(0) of CR4.PAE cleared in IA-32e mode", trap([] { set_cr4(get_cr4() & ~word(0x20)); }), GP);
    faults("#GP(0) of EFER.LME changed under paging", trap([] { wrmsr(0xc0000080, rdmsr(0xc0000080) & ~0x100ull); }), GP);
    faults("#GP(0) of a non-canonical LSTAR", trap([] { wrmsr(0xc0000082, 0x100000000000000); }), GP);
    faults("#GP(0) of CR8 above 15", trap([] { asm volatile("mov $16, %%eax; mov %%rax, %%cr8" ::: "rax"); }), GP);
    if (cpuid(7).ecx & 4) {
        set_cr4(get_cr4() | 0x800);
        faults("#GP(0) of SGDT in ring 3 with UMIP", trap_user([] { Pointer p; asm volatile("sgdt %0" : "=m"(p)); }), GP);
        set_cr4(get_cr4() & ~word(0x800));
    }
    passes("SGDT in ring 3 without UMIP", trap_user([] { Pointer p; asm volatile("sgdt %0" : "=m"(p)); }));
}

// A fault while a fault is delivered (SDM vol. 3, table 6-5).
static void doubles() {
    set_gate(NP, stub(NP), spare + 8);                    // a null descriptor: #GP
    set_gate(0x30, stub(0x30), kcode, 0x0e);
    faults("contributory in contributory: #DF(0)", trap([] { asm volatile("int $0x30"); }), DF);
    set_gate(NP, stub(NP));
    set_gate(UD, stub(UD), kcode, 0x0e);
    faults("contributory in benign: delivered, EXT set", trap([] { asm volatile("ud2"); }), NP, UD * 8 + 3);
    set_gate(UD, stub(UD));
    set_gate(PF, stub(PF), kcode, 0x0e);
    faults("contributory in #PF: #DF(0)", trap([] { peek<u8>(hole); }), DF);
    set_gate(PF, stub(PF));
    set_gate(0x30, stub(0x30));
    tss.ist[0] = hole;
    set_gate(UD, stub(UD), kcode, 0x8e, 1);
    faults("#PF in benign: delivered", trap([] { asm volatile("ud2"); }), PF, 2);
    set_gate(GP, stub(GP), kcode, 0x8e, 1);
    faults("#PF in contributory: delivered", trap([] { peek<u8>(0x800000000000); }), PF, 2);
    set_gate(PF, stub(PF), kcode, 0x8e, 1);
    faults("#PF in #PF: #DF(0)", trap([] { peek<u8>(hole); }), DF);
    set_gate(UD, stub(UD)), set_gate(GP, stub(GP)), set_gate(PF, stub(PF));
    tss.ist[0] = 0x800000001000;
    set_gate(UD, stub(UD), kcode, 0x8e, 1);
    faults("a non-canonical IST: #SS(0), EXT set", trap([] { asm volatile("ud2"); }), SS, 1);
    set_gate(UD, stub(UD));
}

extern "C" void guest() {
    vectors();
    memory();
    privilege();
    doubles();
}
