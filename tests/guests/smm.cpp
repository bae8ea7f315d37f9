// SPDX-License-Identifier: MIT
// Guest, 64-bit: system management mode, by rules of the manuals' chapters (SDM vol. 3, "System Management Mode", sections as in 2024's
// edition, ch. 32; APM vol. 2, ch. 10): SMIs by the APM port, the local APIC and LINT0, the state-save area in both layouts, RSM.
#include "guest.h"
#include "frame.h"
#include "smm.h"

#define INSTALL(name) install_routine(area, name##_begin, name##_end)

// ---- entry: table 32-4, "Processor Register Initialization in SMM"

static void entry() {
    set_dr7(0x700);
    raise_smi();
    is("32.3.1, 10.3.1: an SMI by the APM port runs the handler", notes.count, 1);
    is("32.4, table 32-4: CS is SMBASE >> 4", notes.cs & 0xffff, reset_smbase >> 4), is("EIP is 8000h", notes.ip & 0xffff, smi_entry);
    is("DS is 0", notes.ds & 0xffff, 0), is("EFLAGS is 2", notes.flags, 2), is("CR4 is 0", notes.cr4, 0);
    is("CR0: PE, EM, TS, PG are 0 and the rest stays", notes.cr0, get_cr0() & ~0x8000000dul), is("EFER is 0", notes.efer, 0), is("DR7 is 400h", notes.dr7, 0x400);
    is("82371AB, GLBSTS: APM_STS", in16(global_status) & 0x20, 0x20);
    out16(global_status, 0x20);
    is("written with 1 it is clear", in16(global_status) & 0x20, 0);
    is("32.1: RSM brings DR7 back", get_dr7(), 0x700);
    set_dr7(0x400);
}

// ---- the area: tables "SMRAM State Save Map"; APM vol. 2, table 10-1

extern "C" {
u64 after[16];
extern char behind_out[];
}
// Known values in all registers but RSP, OUT, and what is in them then.
[[gnu::naked, gnu::noinline]] static void out_with_known_registers() {
    asm(R"(
        push %rbx; push %rbp; push %r12; push %r13; push %r14; push %r15
        mov $0x1111111100000001, %rcx
        mov $0x22222222000000b2, %rdx
        mov $0x3333333300000003, %rbx
        mov $0x5555555500000005, %rbp
        mov $0x6666666600000006, %rsi
        mov $0x7777777700000007, %rdi
        mov $0x8888888800000008, %r8
        mov $0x9999999900000009, %r9
        mov $0xaaaaaaaa0000000a, %r10
        mov $0xbbbbbbbb0000000b, %r11
        mov $0xcccccccc0000000c, %r12
        mov $0xdddddddd0000000d, %r13
        mov $0xeeeeeeee0000000e, %r14
        mov $0xffffffff0000000f, %r15
        mov %rsp, after + 32
        mov $0x1234567800000077, %rax
        out %al, %dx
        .globl behind_out
behind_out:
        mov %rax, after
        mov %rcx, after + 8
        mov %rdx, after + 16
        mov %rbx, after + 24
        mov %rbp, after + 40
        mov %rsi, after + 48
        mov %rdi, after + 56
        mov %r8, after + 64
        mov %r9, after + 72
        mov %r10, after + 80
        mov %r11, after + 88
        mov %r12, after + 96
        mov %r13, after + 104
        mov %r14, after + 112
        mov %r15, after + 120
        pop %r15; pop %r14; pop %r13; pop %r12; pop %rbp; pop %rbx
        ret)");
}
struct Register { const char* name; Saved place; };
static constexpr Register registers[16] = {
    {"RAX", {0x7f5c, 0xfff8}}, {"RCX", {0x7f64, 0xfff0}}, {"RDX", {0x7f6c, 0xffe8}}, {"RBX", {0x7f74, 0xffe0}}, {"RSP", {0x7f7c, 0xffd8}}, {"RBP", {0x7f84, 0xffd0}},
    {"RSI", {0x7f8c, 0xffc8}}, {"RDI", {0x7f94, 0xffc0}}, {"R8", {0x7f54, 0xffb8}}, {"R9", {0x7f4c, 0xffb0}}, {"R10", {0x7f44, 0xffa8}}, {"R11", {0x7f3c, 0xffa0}},
    {"R12", {0x7f34, 0xff98}}, {"R13", {0x7f2c, 0xff90}}, {"R14", {0x7f24, 0xff88}}, {"R15", {0x7f1c, 0xff80}},
};
static constexpr u64 known[16] = {0x1234567800000077, 0x1111111100000001, 0x22222222000000b2, 0x3333333300000003, 0, 0x5555555500000005, 0x6666666600000006,
                                  0x7777777700000007, 0x8888888800000008, 0x9999999900000009, 0xaaaaaaaa0000000a, 0xbbbbbbbb0000000b, 0xcccccccc0000000c,
                                  0xdddddddd0000000d, 0xeeeeeeee0000000e, 0xffffffff0000000f};
struct Field { const char* name; Saved place; u8 bytes; u64 (*expected)(); };
static constexpr Field fields[] = {
    {"CR0", at_cr0, 8, [] { return u64(get_cr0()); }},
    {"CR3", at_cr3, 8, [] { return u64(get_cr3()); }},
    {"EFER", at_efer, 8, [] { return rdmsr(0xc0000080); }},
    {"RIP, behind OUT", at_rip, 8, [] { return u64(word(behind_out)); }},
    {"DR6", at_dr6, 8, [] { return u64(get_dr6()); }},
    {"DR7", at_dr7, 8, [] { return u64(get_dr7()); }},
    {"ES", {0x7fa8, 0xfe00}, 2, [] { return u64(kdata); }},
    {"CS", {0x7fac, 0xfe10}, 2, [] { return u64(kcode); }},
    {"SS", {0x7fb0, 0xfe20}, 2, [] { return u64(kdata); }},
    {"DS", {0x7fb4, 0xfe30}, 2, [] { return u64(kdata); }},
    {"FS", {0x7fb8, 0xfe40}, 2, [] { return u64(0); }},
    {"GS", {0x7fbc, 0xfe50}, 2, [] { return u64(0); }},
    {"LDTR", {0x7fc0, 0xfe70}, 2, [] { return u64(0); }},
    {"TR", {0x7fc4, 0xfe90}, 2, [] { return u64(tss_selector); }},
    {"GDTR's base, low half", {0x7e8c, 0xfe68}, 4, [] { return u64(word(gdt)); }},
    {"IDTR's base, low half", {0x7e94, 0xfe88}, 4, [] { return u64(idt_pointer.base); }},
    {"auto HALT restart: not halted", at_halt, 1, [] { return u64(0); }},
    {"I/O instruction restart", at_restart, 1, [] { return u64(0); }},
    {"SMM revision: I/O restart, SMBASE relocation", {0x7efe, 0xfefe}, 2, [] { return u64(3); }},
    {"SMBASE", at_smbase, 4, [] { return u64(reset_smbase); }},
};

static void layout() {
    print("state-save area\n");
    out_with_known_registers();
    for (unsigned n = 0; n < 16; n++) {
        u64 expected = n == 4 ? after[4] : known[n];
        is(registers[n].name, saved(registers[n].place, 8), expected);
        if (n != 4) is("  behind RSM", after[n], expected);
    }
    is("RFLAGS: bit 1 and the rest", saved(at_rflags, 8) & 2, 2);
    for (auto& f : fields) is(f.name, saved(f.place, f.bytes), f.expected());
    if (is_amd()) {
        is("APM 10-1: CS attributes: present, code, L", saved({0, 0xfe12}, 2) & 0x29b, 0x29b), is("CS limit", saved({0, 0xfe14}, 4), 0xffffffff);
        is("TR base", saved({0, 0xfe98}, 8), word(&tss)), is("GDTR limit", saved({0, 0xfe64}, 2), gdt_pointer.limit);
        is("10.2.4: I/O trap offset: port B2h, 8 bits, OUT, valid", saved(at_io, 4), 0xb20012);
    } else {
        is("32.7.1, table 32-9: IO_MISC: port B2h, 1 byte, OUT DX", saved(at_io, 4), 0xb20003);
    }
    is("the I/O instruction's RIP", saved(at_io_rip, 8), word(behind_out) - 1);
    asm volatile("outb %%al, $0xb2" ::: "memory");
    if (!is_amd()) is("OUT imm8", saved(at_io, 4), 0xb20083);
    static u8 text[2] = {0x11, 0x22};
    asm volatile("mov $0xb2, %%edx; mov %0, %%rsi; mov $2, %%ecx; rep outsb" :: "r"(text) : "rcx", "rdx", "rsi", "memory");
    is("REP OUTSB: an SMI for each byte", notes.count, 5);
    is("its I/O information", saved(at_io, 4), is_amd() ? 0xb2001e : 0xb20063);
    if (!is_amd()) is("the address of the byte", saved({0x7f9c, 0}, 8), word(text + 1));
}

// ---- what the handler changes

static void changes() {
    print("RSM\n");
    word value = 0;
    patch(where(at_rax), 0xfeedbeef);
    asm volatile("mov $0x77, %%eax; out %%al, $0xb2; mov %%rax, %0" : "=r"(value) :: "rax", "memory");
    is("32.1: a changed RAX comes back", value, 0xfeedbeef);
    extern char elsewhere[] asm("smm_elsewhere");
    patch(where(at_rip), u32(word(elsewhere)));
    asm volatile("xor %%ecx, %%ecx; out %%al, $0xb2; mov $1, %%ecx; smm_elsewhere: mov %%rcx, %0" : "=r"(value) :: "rcx", "memory");
    is("a changed RIP is where it goes on", value, 0);
    notes.count = 0;
    patch(where(at_restart), 0xff);
    raise_smi();
    is("32.12, 10.2.7: I/O restart runs the OUT again", notes.count, 2);
    faults("32.2: #UD of RSM outside SMM", trap([] { asm volatile("rsm"); }), UD);
    faults("in ring 3 too", trap_user([] { asm volatile("rsm"); }), UD);
    user_flags = 0x3002;
    notes.count = 0;
    passes("an SMI in ring 3", trap_user([] { raise_smi(); }));
    is("  is handled", notes.count, 1);
    is("  CPL, as SS.DPL and by CS", saved({0x7fac, 0xfe10}, 2) & 3, 3);
    user_flags = 2;
    is(is_amd() ? "SMM_BASE (C001_0111h)" : "MSR_SMI_COUNT (34h)", is_amd() ? rdmsr(0xc0010111) : rdmsr(0x34) >= 10, is_amd() ? reset_smbase : 1);
}

// ---- HLT

static volatile u32 woken;
extern char behind_hlt[] asm("behind_hlt");
[[gnu::noinline]] static void wait() {
    notes.count = 0;
    woken = 99;
    out8(0x43, 0x30), out8(0x40, 0xff), out8(0x40, 0);                // the 8254 once, in 0.2 ms: LINT0 makes an SMI of it
    apic(lvt_lint0, 0x200);
    apic(timer_divide, 0xb), apic(lvt_timer, 0x60), apic(timer_initial, 2'000'000);
    asm volatile("sti; hlt; behind_hlt: cli" ::: "memory");
    apic(lvt_lint0, 0x10700), apic(timer_initial, 0);
}
static void halted() {
    print("HLT\n");
    pics_on(1);
    apic(svr, 0x1ff);
    hook(0x60, [](Frame&) { woken = notes.count, apic(eoi, 0); });
    wait();
    is("11.5.1: LINT0 with delivery mode SMI", notes.count, 1);
    is("32.10: auto HALT restart is set", saved(at_halt, 1) & 1, 1), is("RIP is behind HLT", saved(at_rip, 8), word(behind_hlt));
    is("set still: the CPU goes on waiting", woken, 1);
    in8(0x20), out8(0x20, 0x20);
    patch(where(at_halt) & ~3ul, 0);                   // Intel: with the I/O restart; AMD: with bytes that aren't there
    wait();
    is("32.10: cleared: it goes on behind HLT", woken, 99);
    is("  after the SMI", notes.count, 1);
    out8(0x20, 0x20);
    pics_on(0);
}

// ---- what SMM holds back

ROUTINE(sends_nmi, "mov $0xfee00310, %ebx; movl $0, (%ebx); mov $0xfee00300, %ebx; movl $0x400, (%ebx); nop; nop")
ROUTINE(again, "cmpw $1, 0x500; jne 1f; out %al, $0xb2; 1:")
static volatile u32 nmis, count_at_nmi;
static void held_back() {
    print("held back\n");
    notes.count = 0;
    apic(icr_high, 0), apic(icr, 0x200);
    is("11.6.1: an SMI by the ICR", notes.count, 1), is("it is no I/O instruction's", saved(at_io, 4) & (is_amd() ? 2 : 1), 0);
    notes.count = 0;
    patch(where(at_restart), 0xff);
    apic(icr, 0x200);
    is("and so is not run again", notes.count, 1);
    hook(NMI, [](Frame&) {
        nmis = nmis + 1;
        count_at_nmi = notes.count;
    });
    INSTALL(sends_nmi);
    notes.count = 0;
    raise_smi();
    is("32.8: an NMI waits for RSM", nmis, 1), is("  and comes then", count_at_nmi, 1);
    INSTALL(again);
    notes.count = 0;
    raise_smi();
    is("32.3.2: one SMI within SMM is remembered", notes.count, 2);
    notes.routine = 0;
    hook(NMI, nullptr);
    // A single step: the trap behind OUT comes behind RSM.
    static volatile word traps, first;
    extern char stepped[] asm("smm_stepped");
    hook(DB, [](Frame& f) { traps = traps + 1; if (traps == 1) first = f.ip; set_dr6(0xffff0ff0); });
    notes.count = 0;
    asm volatile("pushf; orl $0x100, (%%rsp); popf; out %%al, $0xb2; smm_stepped: pushf; andl $~0x100, (%%rsp); popf" ::: "memory", "cc");
    is("table 7-2: an SMI comes before the trap of a single step", notes.count, 1), is("  which comes behind RSM", first, word(stepped)), is("  as often as without", traps, 4);
    hook(DB, nullptr);
}

// ---- AMD: TSeg and ASeg (APM vol. 2, 10.2.5)

ROUTINE(looks_into_segments, "mov $0x2000000, %ebx; mov (%ebx), %eax; mov %eax, 0x580; mov $0xa1000, %ebx; mov (%ebx), %eax; mov %eax, 0x584; movl $0x5ec2e7, (%ebx)")
static void segments() {
    if (!is_amd()) return;
    print("TSeg and ASeg\n");
    constexpr u32 smm_addr = 0xc0010112, smm_mask = 0xc0010113;
    constexpr word tseg = 0x2000000;
    constexpr u64 one_segment = 0xfffffe0000;                // of 128 KiB
    is("nothing is protected to begin with", rdmsr(smm_mask), 0);
    install_handler(tseg);
    poke<u32>(tseg, 0x7e57), poke<u32>(tseg + 0x1ffff - 3, 0x7e57), poke<u32>(tseg + 0x20000, 0x7e57), poke<u32>(tseg - 4, 0x7e57);
    wrmsr(smm_addr, tseg), wrmsr(smm_mask, one_segment);
    is("SMM_ADDR", rdmsr(smm_addr), tseg), is("without TValid it is memory", peek<u32>(tseg), 0x7e57);
    wrmsr(smm_mask, one_segment | 2);
    is("with it reads are all ones", peek<u32>(tseg), 0xffffffff), is("  to its end", peek<u32>(tseg + 0x1ffff - 3), 0xffffffff);
    is("  not behind it", peek<u32>(tseg + 0x20000), 0x7e57), is("  nor before it", peek<u32>(tseg - 4), 0x7e57);
    poke<u32>(tseg, 0);
    INSTALL(looks_into_segments);
    raise_smi();
    is("the handler sees it, and no store from outside", peek<u32>(0x580), 0x7e57), is("behind RSM it is gone", peek<u32>(tseg), 0xffffffff);
    notes.routine = 0;
    notes.count = 0;
    patch(where(at_smbase), tseg);
    raise_smi(), raise_smi();
    is("SMBASE in TSeg", notes.count, 2), is("  the handler's CS", notes.cs & 0xffff, tseg >> 4 & 0xffff);
    area = tseg;
    is("  the area can't be seen", saved(at_smbase, 4), 0xffffffff);
    patch(where(at_smbase), reset_smbase);
    raise_smi();
    area = reset_smbase;
    wrmsr(smm_mask, one_segment);
    is("TValid cleared: it is memory again", peek<u32>(tseg), 0x7e57);
    wrmsr(smm_mask, 1);
    INSTALL(looks_into_segments);
    raise_smi(), raise_smi();
    is("AValid: A0000h to BFFFFh are memory in SMM", peek<u32>(0x584), 0x5ec2e7);
    holds("  and the display's outside", peek<u32>(0xa1000) != 0x5ec2e7);
    wrmsr(smm_mask, 0);
    notes.routine = 0;
    faults("#GP(0) of SMM_ADDR bit 16", trap([] { wrmsr(smm_addr, 1 << 16); }), GP), faults("of SMM_MASK bit 40", trap([] { wrmsr(smm_mask, 1ull << 40); }), GP);
}

// ---- FREEZE_WHILE_SMM (SDM vol. 3, table "IA32_DEBUGCTL Flag Encodings")

static void frozen() {
    if (is_amd() || !(cpuid(1).ecx >> 15 & 1)) return;
    print("FREEZE_WHILE_SMM\n");
    constexpr u32 debugctl = 0x1d9, global = 0x38f;
    auto counted = [] {
        wrmsr(0xc1, 0), wrmsr(0x186, 0x4300c0);
        asm volatile("out %%al, $0xb2" ::: "memory");
        wrmsr(0x186, 0);
        return rdmsr(0xc1);
    };
    u64 enabled = rdmsr(global), with_handler = counted();
    wrmsr(debugctl, 1 << 14);
    u64 without = counted();
    holds("the handler's instructions count", with_handler > 20), holds("  with FREEZE_WHILE_SMM they don't", without >= 1 && without < 15);
    is("  IA32_PERF_GLOBAL_CTRL behind RSM", rdmsr(global), enabled), is("  IA32_DEBUGCTL", rdmsr(debugctl), 1 << 14);
    wrmsr(debugctl, 0);
}

// ---- SMBASE, and the chipset's SMRAM (82441FX, 3.2.17)

static void relocated() {
    print("SMBASE and SMRAM\n");
    bridge(smram_register, 0x4a);
    is("SMRAM open", bridge(smram_register), 0x4a);
    install_handler(smram);
    poke<u32>(smram + 0x1000, 0x600dda7a);
    is("  it is RAM", peek<u32>(smram + 0x1000), 0x600dda7a);
    bridge(smram_register, 0x0a);
    holds("closed: it is not", peek<u32>(smram + 0x1000) != 0x600dda7a);
    notes.count = 0;
    patch(where(at_smbase), smram);
    raise_smi();
    raise_smi();
    is("32.11: SMBASE relocated: the second SMI's CS", notes.cs & 0xffff, smram >> 4), is("  both were handled", notes.count, 2);
    if (is_amd()) is("SMM_BASE", rdmsr(0xc0010111), smram);
    holds("the area can't be seen from outside", peek<u32>(smram + 0xfefc) >> 16 != 3);
    bridge(smram_register, 0x4a);
    area = smram;
    is("open again: it is there", saved({0x7efe, 0xfefe}, 2), 3), is("with SMBASE", saved(at_smbase, 4), smram);
    bridge(smram_register, 0x1a);
    bridge(smram_register, 0x4a);
    is("D_LCK: it can't be opened any more", bridge(smram_register), 0x1a);
    holds("  and is not seen", peek<u32>(smram + 0x1000) != 0x600dda7a);
    notes.count = 0;
    raise_smi();
    is("  but by the handler", notes.count, 1);
    if (is_amd()) {
        wrmsr(0xc0010015, rdmsr(0xc0010015) | 1);
        faults("10.2.5: SMMLOCK: #GP(0) of WRMSR to SMM_BASE", trap([] { wrmsr(0xc0010111, 0x30000); }), GP);
        faults("  to SMM_ADDR", trap([] { wrmsr(0xc0010112, 0); }), GP), faults("  to SMM_MASK", trap([] { wrmsr(0xc0010113, 0); }), GP);
        wrmsr(0xc0010015, rdmsr(0xc0010015) & ~1ull);
        is("SMMLOCK stays", rdmsr(0xc0010015) & 1, 1);
    }
    out32(global_control, 0);
    notes.count = 0;
    raise_smi();
    is("82371AB, GLBCTL: without SMI_EN there is none", notes.count, 0);
}

extern "C" void guest() {
    memset(reinterpret_cast<void*>(0x500), 0, sizeof(Notes));
    install_handler(reset_smbase);
    raise_smi();
    is("no SMI before SMI_EN", notes.count, 0);
    smi_on();
    entry();
    layout();
    changes();
    halted();
    held_back();
    frozen();
    segments();
    relocated();
}
