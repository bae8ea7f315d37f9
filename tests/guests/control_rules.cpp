// SPDX-License-Identifier: MIT
// Guest, 64-bit: rules of the control and debug registers and of the instructions for ring 0, one row each (SDM vol. 3, 2.5, 4.10.1 and
// 18.2 in 2024's numbering; vol. 2, MOV to and from control and debug registers, LMSW, XSETBV).
#include "guest.h"
#include "frame.h"

// ---- CR0, LMSW and SMSW

static constexpr word MP = 2, EM = 4, TS_ = 8, ET = 16;
static void lmsw(u16 v) { asm volatile("lmsw %0" :: "r"(v) : "memory"); }
static void cr0() {
    print("CR0\n");
    word start = get_cr0();
    set_cr0(start & ~ET), is("ET is 1 whatever is written", get_cr0(), start | ET);
    set_cr0(start | 1 << 6 | 1 << 15 | 1 << 17 | 1 << 28), is("reserved bits stay 0", get_cr0(), start);
    set_cr0(start);
    lmsw(TS_ | MP | EM), is("LMSW without PE leaves it", get_cr0() & 1, 1), is("  and sets TS, EM, MP", get_cr0() & 14, 14);
    lmsw(0xfff0), is("LMSW writes four bits", get_cr0(), (start & ~14ul) | ET);
    set_cr0(start);
    word v;
    asm volatile("smsw %0" : "=r"(v));
    is("SMSW r64 is CR0", v, start);
    u32 low;
    asm volatile("mov $-1, %0; smsw %w0" : "=r"(low));
    is("SMSW r16 leaves the rest", low, 0xffff0000 | (start & 0xffff));
    u64 cell = ~0ull;
    asm volatile("smsw %0" : "+m"(cell));
    is("SMSW to memory writes a word", cell, ~0xffffull | (start & 0xffff));
    set_cr0(start | TS_);
    asm volatile("clts");
    is("CLTS", get_cr0() & TS_, 0);
    set_cr0(start);
    asm volatile(".byte 0x0f, 0x20, 0x00" : "=a"(v));
    is("the mod of MOV from CR0 means nothing", v, start);
}

// ---- CR2, CR3, CR4, CR8

static void cr3() {
    print("CR2, CR3, CR4\n");
    static constexpr u64 any[] = {0x8000000000000000, 0x0000123456789abc, ~0ull};
    for (u64 value : any) set_cr2(value), is("CR2 takes any value", get_cr2(), value);
    static u32 width;
    width = cpuid(0x80000008).eax & 0xff;
    faults("#GP(0) of CR3 above MAXPHYADDR", trap([] { set_cr3(get_cr3() | 1ull << width); }), GP);
    faults("#GP(0) of CR3 bit 63 without PCIDE", trap([] { set_cr3(get_cr3() | 1ull << 63); }), GP);
    faults("#GP(0) of CR4's upper half", trap([] { set_cr4(get_cr4() | 1ull << 32); }), GP);
    static constexpr word pcide = 1 << 17, pge = 1 << 7;
    if (!(cpuid(1).ecx >> 17 & 1)) {
        faults("#GP(0) of CR4.PCIDE where there is none", trap([] { set_cr4(get_cr4() | pcide); }), GP);
    } else {
        word root = get_cr3();
        set_cr3(root | 0x10);
        faults("4.10.1: #GP(0) of CR4.PCIDE set while CR3 bits 11:0 aren't 0", trap([] { set_cr4(get_cr4() | pcide); }), GP);
        set_cr3(root);
        set_cr4(get_cr4() | pcide), is("CR4.PCIDE", get_cr4() & pcide, pcide);
        set_cr3(root | 0x123), is("  CR3 has a PCID", get_cr3(), root | 0x123);
        set_cr3(root | 5 | 1ull << 63), is("  bit 63 is taken and not kept", get_cr3(), root | 5);
        faults("  #GP(0) of CR3 bit 62", trap([] { set_cr3(get_cr3() | 1ull << 62); }), GP);
        set_cr3(root);
        set_cr4(get_cr4() & ~pcide);
    }
    word start = get_cr4();
    set_cr4(start ^ pge), is("PGE changes", get_cr4(), start ^ pge), set_cr4(start);
    static constexpr u32 free_bits[] = {0, 1, 2, 3, 8};
    for (u32 bit : free_bits) set_cr4(start ^ 1ul << bit), is("a bit that is free to change", get_cr4(), start ^ 1ul << bit), set_cr4(start);
    static constexpr word tsd = 1 << 2;
    set_cr4(start | tsd);
    faults("TSD: #GP(0) of RDTSC in ring 3", trap_user([] { rdtsc(); }), GP), passes("  not in ring 0", trap([] { rdtsc(); }));
    if (cpuid(0x80000001).edx >> 27 & 1) faults("  of RDTSCP in ring 3", trap_user([] { asm volatile("rdtscp" ::: "rax", "rcx", "rdx"); }), GP);
    set_cr4(start);
}

// ---- numbers that there are not

static void numbers() {
    print("numbers\n");
#define NONE(bytes) faults("#UD of " bytes, trap([] { asm volatile(".byte " bytes ::: "rax"); }), UD)
    NONE("0x0f, 0x20, 0xc8"); NONE("0x0f, 0x20, 0xe8"); NONE("0x0f, 0x20, 0xf0"); NONE("0x0f, 0x20, 0xf8"); NONE("0x0f, 0x22, 0xc8"); NONE("0x0f, 0x22, 0xe8");   // CR1, CR5, CR6, CR7
    NONE("0x44, 0x0f, 0x20, 0xc8"); NONE("0x44, 0x0f, 0x20, 0xf8"); NONE("0x44, 0x0f, 0x22, 0xc8");                  // CR9, CR15
    NONE("0x44, 0x0f, 0x21, 0xc0"); NONE("0x44, 0x0f, 0x23, 0xf8"); NONE("0xf0, 0x0f, 0x21, 0xc0"); NONE("0xf0, 0x0f, 0x22, 0xe0");      // DR8, DR15, LOCK
#undef NONE
    passes("MOV from CR8", trap([] { asm volatile("mov %%cr8, %%rax" ::: "rax"); }));
}

// ---- debug registers

static void debug_registers() {
    print("debug registers\n");
    static constexpr u64 any[] = {0, ~0ull, 0x8000000000000000};
    for (u64 value : any) set_dr3(value), is("DR3 takes any value", get_dr3(), value);
    set_dr6(0), is("18.2.3: DR6's fixed bits", get_dr6() & ~0xe00ful & ~0x10800ul, 0xfffe07f0), set_dr6(0xffff0ff0);
    set_dr6(0xffffffff), is("B0 to B3, BD, BS, BT can be written; bit 12 not", get_dr6() & 0xf00f, 0xe00f), set_dr6(0xffff0ff0);
    set_dr7(0), is("18.2.4: DR7 bit 10 is 1", get_dr7() & 0x400, 0x400);
    set_dr7(0x300), is("LE and GE can be set", get_dr7() & 0x300, 0x300);
    set_dr7(0xc400), is("bits 14 and 15 stay 0", get_dr7() & 0xc000, 0), set_dr7(0x400);
    faults("#GP(0) of DR0 in ring 3", trap_user([] { get_dr0(); }), GP), faults("  of MOV to it", trap_user([] { set_dr0(0); }), GP);
    // GD: ring 3's #GP comes first.
    set_dr7(0x2400);
    faults("GD: #GP(0) in ring 3", trap_user([] { get_dr0(); }), GP), faults("  #DB in ring 0", trap([] { get_dr0(); }), DB);
    set_dr6(0xffff0ff0), set_dr7(0x400);
}

// ---- ring 0 alone

struct Instruction { const char* name; void (*run)(); };
static constexpr Instruction privileged[] = {
    {"CLTS", [] { asm volatile("clts"); }},
    {"LMSW", [] { lmsw(1); }},
    {"INVLPG", [] { invlpg(0); }},
    {"INVD", [] { asm volatile("invd"); }},
    {"WBINVD", [] { asm volatile("wbinvd"); }},
    {"RDMSR", [] { rdmsr(0x10); }},
    {"WRMSR", [] { wrmsr(0x10, 0); }},
    {"LGDT", [] { lgdt(gdt_pointer); }},
    {"LIDT", [] { lidt(idt_pointer); }},
    {"LLDT", [] { lldt(0); }},
    {"LTR", [] { ltr(tss_selector); }},
    {"MOV to CR3", [] { set_cr3(0); }},
    {"MOV to CR8", [] { asm volatile("mov %0, %%cr8" :: "r"(0ul)); }},
    {"MOV from CR8", [] { asm volatile("mov %%cr8, %%rax" ::: "rax"); }},
    {"SYSRET", [] { asm volatile("sysretl" ::: "rcx", "r11"); }},
};
static void ring_0() {
    print("ring 3\n");
    user_flags = 0x3002;                  // IOPL 3 changes nothing
    for (auto& i : privileged) faults(i.name, trap_user(i.run), GP);
    user_flags = 2;
}

// ---- XCR0

static Trap xsetbv(u32 index, u64 value) {
    static u32 n;
    static u64 v;
    n = index, v = value;
    return trap([] { asm volatile("xsetbv" :: "c"(n), "a"(u32(v)), "d"(u32(v >> 32))); });
}
static void xcr0() {
    if (!(cpuid(1).ecx >> 26 & 1)) return;
    print("XCR0\n");
    constexpr word osxsave = 1 << 18;
    word start = get_cr4();
    set_cr4(start & ~osxsave);
    is("CPUID.OSXSAVE follows CR4", cpuid(1).ecx >> 27 & 1, 0), faults("#UD of XSETBV without CR4.OSXSAVE", xsetbv(0, 1), UD);
    faults("  of XGETBV", trap([] { asm volatile("xgetbv" :: "c"(0) : "rax", "rdx"); }), UD);
    set_cr4(start | osxsave);
    is("  set", cpuid(1).ecx >> 27 & 1, 1);
    faults("#GP(0) without bit 0", xsetbv(0, 2), GP), faults("#GP(0) of AVX without SSE", xsetbv(0, 5), GP), faults("#GP(0) of a reserved bit", xsetbv(0, 1ull << 63 | 3), GP);
    faults("#GP(0) of another register", xsetbv(1, 1), GP), passes("x87 and SSE", xsetbv(0, 3));
    faults("#GP(0) in ring 3", trap_user([] { asm volatile("xsetbv" :: "c"(0), "a"(3), "d"(0)); }), GP);
    faults("#GP(0) of XGETBV of another", trap([] { asm volatile("xgetbv" :: "c"(0x100) : "rax", "rdx"); }), GP);
    xsetbv(0, 1);
    set_cr4(start);
}

extern "C" void guest() {
    cr0();
    cr3();
    numbers();
    debug_registers();
    ring_0();
    xcr0();
}
