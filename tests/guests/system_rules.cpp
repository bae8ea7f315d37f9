// SPDX-License-Identifier: MIT
// Guest, 64-bit: rules of the system's instructions and registers, one row each: UMIP (SDM vol. 3, 2.5), what LAR and LSL know in
// IA-32e mode (vol. 2, LAR and LSL), machine-check registers (vol. 3, "Machine-Check Architecture"; APM vol. 2, ch. 9).
#include "guest.h"
#include "frame.h"

// ---- UMIP

struct Instruction { const char* name; void (*run)(); };
static Pointer pointer;
static constexpr Instruction hidden[] = {
    {"SGDT", [] { asm volatile("sgdt %0" : "=m"(pointer)); }},
    {"SIDT", [] { asm volatile("sidt %0" : "=m"(pointer)); }},
    {"SLDT", [] { asm volatile("sldt %%eax" ::: "rax"); }},
    {"SLDT to memory", [] { asm volatile("sldt %0" : "=m"(pointer.limit)); }},
    {"STR", [] { asm volatile("str %%eax" ::: "rax"); }},
    {"STR to memory", [] { asm volatile("str %0" : "=m"(pointer.limit)); }},
    {"SMSW", [] { asm volatile("smsw %%eax" ::: "rax"); }},
    {"SMSW to memory", [] { asm volatile("smsw %0" : "=m"(pointer.limit)); }},
};
static void umip() {
    print("UMIP\n");
    constexpr word bit = 1 << 11;
    bool has = cpuid(7).ecx >> 2 & 1;
    if (!has) faults("#GP(0) of CR4.UMIP where there is none", trap([] { set_cr4(get_cr4() | bit); }), GP);
    for (auto& i : hidden) {
        set_cr4(get_cr4() & ~bit);
        print(i.name), print("\n");
        passes("in ring 3 without UMIP", trap_user(i.run));
        if (!has) continue;
        set_cr4(get_cr4() | bit);
        faults("#GP(0) with it", trap_user(i.run), GP);
        passes("in ring 0 with it", trap(i.run));
        user_flags = 0x3002;
        faults("IOPL 3 changes nothing", trap_user(i.run), GP);
        user_flags = 2;
    }
    set_cr4(get_cr4() & ~bit);
}

// ---- LAR, LSL

struct Look { word zf, value; };
template <bool limit> static Look look(u16 s) {
    Look r;
    if (limit) asm volatile("xor %k1, %k1; lsl %k2, %k1; setz %b0; movzbl %b0, %k0" : "=&q"(r.zf), "=&r"(r.value) : "r"(word(s)) : "cc");
    else asm volatile("xor %k1, %k1; lar %k2, %k1; setz %b0; movzbl %b0, %k0" : "=&q"(r.zf), "=&r"(r.value) : "r"(word(s)) : "cc");
    return r;
}
struct Type { const char* name; bool lar, lsl; };
static constexpr Type types[16] = {                        // in IA-32e mode
    {"0 reserved", false, false},       {"1 reserved (286 TSS)", false, false}, {"2 LDT", true, true},             {"3 reserved (286 TSS, busy)", false, false},
    {"4 reserved (286 call gate)", false, false}, {"5 reserved (task gate)", false, false}, {"6 reserved (286 interrupt gate)", false, false},
    {"7 reserved (286 trap gate)", false, false}, {"8 reserved", false, false}, {"9 TSS", true, true},             {"A reserved", false, false},
    {"B TSS, busy", true, true},        {"C call gate", true, false},           {"D reserved", false, false},      {"E interrupt gate", false, false},
    {"F trap gate", false, false},
};
static void looks() {
    print("LAR and LSL of the system types\n");
    for (u32 n = 0; n < 16; n++) {
        at(spare) = descriptor(0x123456, 0x12345, 0x80 | n), at(spare + 8) = 0;
        is(types[n].name, look<false>(spare).zf, types[n].lar), is("  LSL", look<true>(spare).zf, types[n].lsl);
        if (types[n].lar) is("  the rights, and the limit's upper bits", look<false>(spare).value & 0xffff00, 0x8000 | n << 8 | 0x10000);
        if (types[n].lsl) is("  the limit", look<true>(spare).value, 0x12345);
    }
    at(spare) = descriptor(0, 0xfffff, 0x8089);
    is("a TSS counted in pages", look<true>(spare).value, 0xffffffff);
    at(spare) = descriptor(0, 0x67, 0x89);
    is("a TSS of DPL 0 from RPL 3", look<false>(spare | 3).zf, 0);
}

// ---- machine checks

static void machine_checks() {
    print("machine checks\n");
    if (!(cpuid(1).edx >> 14 & 1)) return;
    u32 banks = rdmsr(0x179) & 0xff;
    holds("MCG_CAP: there are banks", banks > 0), is("MCG_STATUS: none under way", rdmsr(0x17a), 0);
    wrmsr(0x17a, 4);
    is("MCIP can be written", rdmsr(0x17a), 4);
    wrmsr(0x17a, 0);
    faults("#GP(0) of a reserved bit of MCG_STATUS", trap([] { wrmsr(0x17a, 1 << 4); }), GP);
    faults("#GP(0) of WRMSR to MCG_CAP", trap([] { wrmsr(0x179, 0); }), GP);
    static u32 bank;
    for (bank = 0; bank < banks; bank++) {
        wrmsr(0x400 + bank * 4, ~0ull);
        bool good = rdmsr(0x400 + bank * 4) == ~0ull;
        wrmsr(0x400 + bank * 4, 0);
        good = good && rdmsr(0x400 + bank * 4) == 0;
        for (u32 n = 1; n < 4; n++) wrmsr(0x400 + bank * 4 + n, 0), good = good && rdmsr(0x400 + bank * 4 + n) == 0;
        if (!good) is("a bank's registers", bank, ~0u);
    }
    holds("CTL keeps what is written; STATUS, ADDR, MISC are 0 and take 0", true);
    bank = banks;
    if (banks < 32) faults("#GP(0) of a bank behind the last", trap([] { rdmsr(0x400 + bank * 4); }), GP);
    Trap t = trap([] { wrmsr(0x401, 1); });
    faults("#GP(0) of a write to STATUS but 0", t, GP);
    if (is_amd()) {
        wrmsr(0xc0010015, rdmsr(0xc0010015) | 1 << 18);
        passes("HWCR.McStatusWrEn allows it", trap([] { wrmsr(0x401, 1); }));
        wrmsr(0xc0010015, rdmsr(0xc0010015) & ~(1ull << 18));
    }
    set_cr4(get_cr4() | 0x40);
    is("CR4.MCE", get_cr4() & 0x40, 0x40);
    set_cr4(get_cr4() & ~0x40ul);
}

extern "C" void guest() {
    umip();
    looks();
    machine_checks();
}
