// SPDX-License-Identifier: MIT
// Guest, 64-bit: performance counters, whose counts are exact (SDM vol. 3, "Performance Monitoring": architectural events, version 2;
// vol. 2, RDPMC; APM vol. 2, 13.2).
#include "guest.h"
#include "frame.h"
#include "interrupts.h"

static bool amd;
static u32 select_msr, counter_msr;       // of counter 0
static constexpr u32 os = 1 << 17, user = 1 << 16, interrupts = 1 << 20, on = 1 << 22, invert = 1 << 23, edge = 1 << 18;
static constexpr u32 fixed_0 = 0x309, fixed_control = 0x38d, status_msr = 0x38e, global_control = 0x38f, overflow_control = 0x390;

static void set_event(u64 event) { wrmsr(select_msr, event); }

// What a counter counts between two RDPMCs around 1,000 rounds of DEC, JNZ: four instructions more, the first RDPMC among them.
static u64 rounds(u32 index) {
    u64 count;
    asm volatile("mov %1, %%ecx; rdpmc; mov %%eax, %%esi; mov $1000, %%ecx; 1: dec %%ecx; jnz 1b; mov %1, %%ecx; rdpmc; sub %%esi, %%eax; mov %%rax, %0"
                 : "=r"(count) : "r"(index) : "rax", "rcx", "rdx", "rsi", "cc");
    return count;
}
static constexpr u64 instructions = 2004;

static bool before_zen() { return amd && (cpuid(1).eax >> 20 & 0xff) < 8; }     // family 17h is 0Fh + 8

struct Event { const char* name; u32 intel, amd; u64 count; };
static constexpr u32 none_such = ~0u;
// Ice Lake's and later models tell taken and not taken ones apart.
static bool new_branches() {
    u32 version = cpuid(1).eax;
    return ((version >> 12 & 0xf0) | (version >> 4 & 0xf)) >= 0x6a;
}
static const Event events[] = {
    {"instructions retired", 0x00c0, 0xc0, instructions},
    {"unhalted core cycles: one for each instruction here", 0x003c, 0x76, instructions},
    {"unhalted reference cycles", 0x013c, none_such, instructions},
    {"branch instructions retired", 0x00c4, 0xc2, 1000},
    {"taken branches retired", none_such, 0xc4, 999},
    {"last-level cache references: there is no cache", 0x4f2e, none_such, 0},
    {"last-level cache misses", 0x412e, none_such, 0},
    {"mispredicted branches: there are none", 0x00c5, none_such, 0},
    {"an event that there is not", 0x00ff, 0xff, 0},
};
static const Event new_conditional[] = {{"conditional branches", 0x11c4, 0xd1, 1000}, {"  taken", 0x01c4, none_such, 999}, {"  not taken", 0x10c4, none_such, 1}};
static const Event old_conditional[] = {{"conditional branches", 0x01c4, 0xd1, 1000}};

static void count(const Event& e) {
    u32 number = amd ? e.amd : e.intel;
    if (number == none_such) return;
    set_event(number | on | os | user), is(e.name, rounds(0), e.count);
    set_event(number | on | os), is("  in ring 0 alone", rounds(0), e.count);
    set_event(number | on | user), is("  in ring 3 alone", rounds(0), 0);
    set_event(number | os | user), is("  without EN", rounds(0), 0);
    if (amd) return;
    wrmsr(global_control, rdmsr(global_control) & ~1ull);
    set_event(number | on | os | user), is("  without its bit of GLOBAL_CTRL", rounds(0), 0);
    wrmsr(global_control, rdmsr(global_control) | 1);
}

// ---- from the instruction behind one WRMSR to the one before the next

static void exactly(const char* name, u32 event, u64 expected) {
    wrmsr(counter_msr, 0);
    asm volatile("xor %%edx, %%edx; mov %0, %%eax; wrmsr; nop; nop; nop; xor %%eax, %%eax; jz 1f; 1: wrmsr" :: "r"(event | on | os | user), "c"(select_msr) : "rax", "rdx", "memory", "cc");
    is(name, rdmsr(counter_msr), expected);
}

// ---- values

static void values() {
    print("values\n");
    set_event(0);
    wrmsr(counter_msr, 0x12345678);
    is("a counter keeps what is written", rdmsr(counter_msr), 0x12345678);
    wrmsr(counter_msr, amd ? 0xffffffffff00 : 0xffffff00);
    is(amd ? "48 bits of it" : "a write's bit 31 is extended to 48 bits", rdmsr(counter_msr), 0xffffffffff00);
    u32 l, h;
    asm volatile("rdpmc" : "=a"(l), "=d"(h) : "c"(0));
    is("RDPMC gives 48 bits", u64(h) << 32 | l, 0xffffffffff00);
    faults("#GP(0) of RDPMC of one that there is not", trap([] { asm volatile("rdpmc" :: "c"(9) : "rax", "rdx"); }), GP);
    faults("#GP(0) of RDPMC in ring 3 without CR4.PCE", trap_user([] { asm volatile("rdpmc" :: "c"(0) : "rax", "rdx"); }), GP);
    set_cr4(get_cr4() | 0x100);
    passes("with it", trap_user([] { asm volatile("rdpmc" :: "c"(0) : "rax", "rdx"); }));
    set_cr4(get_cr4() & ~0x100ul);
    wrmsr(counter_msr, 0);
    exactly("instructions: from behind WRMSR up to WRMSR", 0xc0, 5);
    exactly("cycles", amd ? 0x76 : 0x3c, 5);
    exactly("branches", amd ? 0xc2 : 0xc4, 1);
}

// ---- rings

static void loop_100() { asm volatile("mov $100, %%ecx; 1: dec %%ecx; jnz 1b" ::: "rcx", "cc"); }
static void rings() {
    print("rings\n");
    u32 conditional = amd ? 0xd1 : new_branches() ? 0x11c4 : 0x01c4;
    wrmsr(counter_msr, 0), set_event(conditional | on | user);
    trap_user(loop_100);
    set_event(0);
    is("conditional branches of ring 3", rdmsr(counter_msr), before_zen() ? 0 : 100);
    wrmsr(counter_msr, 0), set_event(0xc0 | on | user);
    trap_user(loop_100);
    set_event(0);
    u64 n = rdmsr(counter_msr);
    holds("instructions of ring 3: the loop's and those around it", n >= 203 && n < 215);
}

// ---- overflow

static volatile word interrupted, times;
extern "C" char runway[], branches[];
asm(R"(
    .pushsection .text.aside, "ax"
runway:
    wrmsr
    .rept 100
    nop
    .endr
    ret
branches:
    wrmsr
    .rept 100
    jmp 1f
1:
    .endr
    ret
    .popsection
)");
static word run_into_overflow(const char* code, u32 event, u64 before) {
    interrupted = 0;
    times = 0;
    set_event(0);
    wrmsr(counter_msr, (0 - before) & 0xffffffffffff);
    apic(0x340, 0x61);
    sti();
    asm volatile("call *%0" :: "r"(code), "a"(event | on | os | user | interrupts), "d"(0), "c"(select_msr) : "memory");
    cli();
    set_event(0);
    return interrupted ? interrupted - word(code) - 2 : ~0ul;
}
static void overflows() {
    print("overflows\n");
    apic(svr, 0x1ff);
    hook(0x61, [](Frame& f) {
        if (!times) interrupted = f.ip;
        times = times + 1;
        apic(eoi, 0);
    });
    is("an interrupt behind the 40th instruction", run_into_overflow(runway, 0xc0, 40), 40), is("  once", times, 1);
    is("  the entry is masked by it: Intel", apic(0x340) >> 16 & 1, !amd);
    if (!amd) {
        is("  GLOBAL_STATUS tells", rdmsr(status_msr) & 1, 1);
        wrmsr(overflow_control, 1);
        is("  GLOBAL_OVF_CTRL clears it", rdmsr(status_msr), 0);
    }
    is("behind the 40th cycle", run_into_overflow(runway, amd ? 0x76 : 0x3c, 40), 40);
    is("behind the 17th branch", run_into_overflow(branches, amd ? 0xc2 : 0xc4, 17), 17 * 2);
    wrmsr(counter_msr, (0 - 10ull) & 0xffffffffffff), set_event(0xc0 | on | os | user);
    asm volatile(".rept 20; nop; .endr");
    set_event(0);
    is("without INT none", times, 1);
    holds("  and it goes on from 0", rdmsr(counter_msr) < 100);
}

// ---- edges: how often a condition becomes true

static void edges() {
    print("edges\n");
    u32 all = on | os | user | edge, branches = amd ? 0xc2 : 0xc4, cycles = amd ? 0x76 : 0x3c;
    set_event(branches | all), is("branches that follow no branch", rounds(0), 1000);
    set_event(0xc0 | all), is("instructions one behind the other have none", rounds(0), 0);
    set_event(cycles | all), is("nor have cycles", rounds(0), 0);
    set_event(0xc0 | all | invert | 2u << 24), is("cycles with fewer than 2 instructions: all", rounds(0), 0);
    set_event(branches | all | 1u << 24), is("counter mask 1", rounds(0), 1000), set_event(branches | all | 2u << 24), is("counter mask 2", rounds(0), 0);
    set_event(0);
    wrmsr(counter_msr, 0);
    asm volatile("xor %%edx, %%edx; mov %0, %%eax; wrmsr; jmp 1f; 1: jmp 1f; 1: jmp 1f; 1: nop; jmp 1f; 1: jmp 1f; 1: xor %%eax, %%eax; wrmsr" :: "r"(branches | all), "c"(select_msr) : "rax", "rdx", "memory", "cc");
    is("three branches, and two", rdmsr(counter_msr), 2);
    hook(0x62, [](Frame&) { apic(eoi, 0); });
    apic(svr, 0x1ff), apic(timer_divide, 0xb), apic(lvt_timer, 0x62);
    wrmsr(counter_msr, 0), set_event(cycles | all);
    apic(timer_initial, 20'000), halt(), apic(timer_initial, 20'000), halt();
    set_event(0);
    is("cycles: as often as HLT ended", rdmsr(counter_msr), 2);
}

// ---- HLT: no cycles

static void waits() {
    hook(0x62, [](Frame&) { apic(eoi, 0); });
    apic(timer_divide, 0xb), apic(lvt_timer, 0x62);
    wrmsr(counter_msr, 0), set_event((amd ? 0x76 : 0x3c) | on | os | user);
    u64 start = rdtsc();
    apic(timer_initial, 100'000);
    halt();
    u64 gone = rdtsc() - start;
    set_event(0);
    holds("HLT: the TSC goes on", gone > 50'000), holds("  and cycles don't", rdmsr(counter_msr) < 200);
}

// ---- Intel's own

static void intel() {
    print("Intel\n");
    auto leaf = cpuid(10);
    is("CPUID.0A: version 2", leaf.eax & 0xff, 2), is("48 bits", leaf.eax >> 16 & 0xff, 48);
    is("all architectural events are there", leaf.ebx & 0x7f, 0), is("three fixed counters of 48 bits", leaf.edx & 0x1fff, 3 | 48 << 5);
    is("MISC_ENABLE says that they are there", rdmsr(0x1a0) >> 7 & 1, 1);
    u32 counters = leaf.eax >> 8 & 0xff;
    is("GLOBAL_CTRL after reset", rdmsr(global_control), (1u << counters) - 1);
    static u32 last;
    last = counters;
    passes("the last counter", trap([] { rdmsr(0xc1 + last - 1), rdmsr(0x186 + last - 1); }));
    faults("#GP(0) of the one behind it", trap([] { rdmsr(0x186 + last); }), GP);
    faults("#GP(0) of a bit of GLOBAL_CTRL without a counter", trap([] { wrmsr(global_control, 1ull << last); }), GP);
    faults("#GP(0) of WRMSR to GLOBAL_STATUS", trap([] { wrmsr(status_msr, 0); }), GP);
    faults("#GP(0) of EVTSEL's upper half", trap([] { wrmsr(0x186, 1ull << 32); }), GP);
    wrmsr(global_control, rdmsr(global_control) | 7ull << 32);
    wrmsr(fixed_control, 0x333);
    for (u32 n = 0; n < 3; n++) is("a fixed counter", rounds(0x40000000 + n), instructions);
    wrmsr(fixed_control, 0x111), is("  of ring 0", rounds(0x40000000), instructions);
    wrmsr(fixed_control, 0x222), is("  of ring 3", rounds(0x40000000), 0);
    wrmsr(fixed_control, 0);
    faults("#GP(0) of RDPMC of a fourth one", trap([] { asm volatile("rdpmc" :: "c"(0x40000003) : "rax", "rdx"); }), GP);
    set_event(0xc0 | on | os | user | invert | 16u << 24);
    is("instructions, counter mask 16, inverted: cycles with fewer than 16", rounds(0), instructions);
    set_event(0xc0 | on | os | user | 1u << 24), is("counter mask 1: cycles with one", rounds(0), instructions);
    set_event(0xc0 | on | os | user | 2u << 24), is("counter mask 2: none", rounds(0), 0);
    set_event(0);
}

static constexpr u32 debugctl = 0x1d9, freeze_lbrs = 1 << 11, freeze_counters = 1 << 12;
static void capabilities() {
    print("IA32_PERF_CAPABILITIES and IA32_DEBUGCTL\n");
    bool pdcm = cpuid(1).ecx >> 15 & 1;
    if (!pdcm) {
        faults("without PDCM: #GP(0) of IA32_PERF_CAPABILITIES", trap([] { rdmsr(0x345); }), GP), faults("  of IA32_A_PMC0", trap([] { rdmsr(0x4c1); }), GP);
        faults("  of FREEZE_WHILE_SMM", trap([] { wrmsr(debugctl, 1 << 14); }), GP);
    } else {
        is("FREEZE_WHILE_SMM, FW_WRITE", rdmsr(0x345), 0x3000), faults("  which can't be written", trap([] { wrmsr(0x345, 0x3000); }), GP);
        wrmsr(0x4c1, 0x8123456789ab), is("IA32_A_PMC0 takes 48 bits", rdmsr(0xc1), 0x8123456789ab), is("  and has them", rdmsr(0x4c1), 0x8123456789ab);
        faults("#GP(0) of a 49th", trap([] { wrmsr(0x4c1, 1ull << 48); }), GP);
    }
    faults("#GP(0) of a bit of IA32_DEBUGCTL that there is not", trap([] { wrmsr(debugctl, 1 << 5); }), GP);
    // Versions 2 and 3: the PMI clears the enable bits.
    u64 enabled = rdmsr(global_control);
    wrmsr(debugctl, freeze_counters), is("IA32_DEBUGCTL keeps FREEZE_PERFMON_ON_PMI", rdmsr(debugctl), freeze_counters);
    run_into_overflow(runway, 0xc0, 40);
    is("FREEZE_PERFMON_ON_PMI: one interrupt", times, 1), is("  GLOBAL_CTRL is 0", rdmsr(global_control), 0), is("  the counter stands where it was", rdmsr(counter_msr), 0);
    is("  GLOBAL_STATUS tells of it", rdmsr(status_msr) & 1, 1);
    wrmsr(overflow_control, 1), wrmsr(global_control, enabled), wrmsr(debugctl, 0);
    run_into_overflow(runway, 0xc0, 40);
    is("without it GLOBAL_CTRL stays", rdmsr(global_control), enabled), holds("  and the counter goes on", rdmsr(counter_msr) > 0);
    wrmsr(overflow_control, 1), wrmsr(debugctl, freeze_lbrs | 1);
    run_into_overflow(runway, 0xc0, 40);
    is("FREEZE_LBRS_ON_PMI clears LBR", rdmsr(debugctl), freeze_lbrs);
    wrmsr(overflow_control, 1), wrmsr(debugctl, 0);
}

static void amds() {
    print("AMD\n");
    bool core = cpuid(0x80000001).ecx >> 23 & 1;
    if (!core) return faults("#GP(0) of PERF_CTL0 without PerfCtrExtCore", trap([] { rdmsr(0xc0010200); }), GP);
    set_event(0xc0 | on | os | user);
    is("PERF_CTL0 is the legacy one", rdmsr(0xc0010200), 0xc0 | on | os | user);
    wrmsr(0xc001020a, 0xc2 | on | os | user);
    is("PERF_CTR5: branches", rounds(5), 1000);
    wrmsr(0xc001020a, 0);
    set_event(0xc0 | on | os | user | 1ull << 41), is("HostOnly: the host counts", rounds(0), instructions);
    set_event(0xc0 | on | os | user | 1ull << 40), is("GuestOnly: not here", rounds(0), 0);
    set_event(0);
}

extern "C" void guest() {
    amd = is_amd();
    if (!amd && !(cpuid(10).eax & 0xff)) return holds("no counters", true);
    select_msr = amd ? 0xc0010000 : 0x186, counter_msr = amd ? 0xc0010004 : 0xc1;
    amd ? amds() : intel();
    for (auto& e : events) count(e);
    if (!amd && new_branches())
        for (auto& e : new_conditional) count(e);
    else if (!before_zen())
        for (auto& e : old_conditional) count(e);
    set_event(0);
    values();
    rings();
    overflows();
    edges();
    if (!amd) capabilities();
    waits();
}
