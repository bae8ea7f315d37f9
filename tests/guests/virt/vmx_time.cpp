// SPDX-License-Identifier: MIT
// Guest, 64-bit: time under VMX: TSC offset and multiplier (SDM vol. 3, 26.3), TPAUSE, loops of PAUSE that exit (26.1.3).
#include "inner.h"

using namespace vmx;

static Machine m;

CODE(two_times, "rdtsc; shl $32, %rdx; or %rdx, %rax; mov %rax, %rsi; mov $0x10, %ecx; rdmsr; shl $32, %rdx; or %rdx, %rax", "cpuid");
CODE(pauses, "mov $100000, %ecx; jmp 2f; 1: nop; 2: dec %ecx; jz 3f", "pause; jmp 1b; 3: cpuid");

static u64 time() { return rdtsc(); }
// What the guest reads lies between what the manual makes of the host's time before and after.
static u64 scaled(u64 tsc, u64 multiplier) { return u64((unsigned __int128)(tsc) * multiplier >> 48); }
static void reads(const char* name, u32 cpu2, u64 multiplier, u64 offset, u64 effective) {
    static const u64 bitmaps = new_page();
    make(m, two_times);
    Controls c;
    c.cpu = cpu_tsc_offset | cpu_msr_bitmaps, c.cpu2 = cpu2;
    set(c);
    write(msr_bitmaps, bitmaps), write(tsc_offset, offset);
    if (cpu2 & cpu2_tsc_scaling) write(tsc_multiplier, multiplier);
    u64 before = time();
    is(name, enter(m), on_cpuid);
    u64 after = time(), first = m.registers.r[rsi] - offset, second = m.registers.r[rax] - offset;
    holds("  RDTSC", first >= scaled(before, effective) && first <= second), holds("  RDMSR", second <= scaled(after, effective));
    holds("  the host's is as it was", time() - after < 1000000);
}
static void tsc() {
    constexpr u64 one = 1ull << 48;
    reads("an offset", 0, 0, 1ull << 40, one);
    if (!has_secondary(cpu2_tsc_scaling)) return;
    reads("a multiplier of 1", cpu2_tsc_scaling, one, 0, one), reads("of 3 and an offset", cpu2_tsc_scaling, 3 * one, 1ull << 60, 3 * one);
    reads("of a quarter", cpu2_tsc_scaling, one / 4, 0, one / 4), reads("of 2 and a half, negative offset", cpu2_tsc_scaling, one * 5 / 2, -(1ull << 50), one * 5 / 2);
    write(tsc_multiplier, 0);
    is("a multiplier of 0 is refused", enter(m), failed | 7);
}

// ---- TPAUSE: the guest's time, and the CPU's own limit (26.3)

CODE(waits, "rdtsc; shl $32, %rdx; or %rdx, %rax; add %rbx, %rax; mov %rax, %rdx; shr $32, %rdx; xor %ecx, %ecx", ".byte 0x66, 0x0f, 0xae, 0xf1; cpuid");
static void waits_for(const char* name, u32 cpu2, u64 multiplier, u64 delay, u64 expected, bool carry) {
    make(m, waits);
    Controls c;
    c.cpu = cpu_tsc_offset, c.cpu2 = cpu2 | cpu2_user_wait;
    set(c);
    write(tsc_offset, 1ull << 50);
    if (cpu2 & cpu2_tsc_scaling) write(tsc_multiplier, multiplier);
    m.registers.r[rbx] = delay;
    u64 before = time();
    is(name, enter(m), on_cpuid);
    u64 ticks = time() - before;
    holds("  for as long as that is of the CPU's time", ticks >= expected && ticks < expected + 20000), is("  CF", read(guest_rflags) & 1, carry);
}
static void user_waits() {
    if (!has_secondary(cpu2_user_wait)) return;
    constexpr u64 one = 1ull << 48;
    waits_for("TPAUSE with an offset", 0, 0, 100'000, 100'000, false);
    if (has_secondary(cpu2_tsc_scaling)) waits_for("a TSC three times as fast", cpu2_tsc_scaling, 3 * one, 300'000, 100'000, false), waits_for("and half as fast", cpu2_tsc_scaling, one / 2, 100'000, 200'000, false);
    wrmsr(0xe1, 20'000);
    waits_for("IA32_UMWAIT_CONTROL limits it", 0, 0, 100'000, 20'000, true);
    if (has_secondary(cpu2_tsc_scaling)) waits_for("  in the CPU's time", cpu2_tsc_scaling, 3 * one, 300'000, 20'000, true);
    wrmsr(0xe1, 0);
}

static u64 loops(u64 gap, u64 window) {
    make(m, pauses);
    Controls c;
    c.cpu2 = cpu2_pause_loop;
    set(c);
    write(ple_gap, gap), write(ple_window, window);
    return enter(m);
}
static void pause_loops() {
    if (!has_secondary(cpu2_pause_loop)) return;
    is("a loop of PAUSE longer than its window", loops(1 << 20, 1000), on_pause), is("  qualification", read(qualification), 0);
    is("  RIP", read(guest_rip), word(pauses_at)), is("  length", read(instruction_length), 2), is("  no event", read(exit_event) >> 31, 0);
    u64 done = 100000 - m.registers.r[rcx];
    holds("  not at its first PAUSE", done > 1);
    write(guest_rip, word(pauses_at)), write(ple_window, 1000);
    m.registers.r[rcx] = 100000;
    is("entered again, the count begins anew", enter(m), on_pause), holds("  not at once", m.registers.r[rcx] < 99999);
    is("PAUSEs too far apart for a loop", loops(0, 0), on_cpuid), is("a window that is never reached", loops(1 << 20, 0xffffffff), on_cpuid);
}

extern "C" void guest() {
    if (!available()) return holds("VMX", false);
    vmx::start();
    tsc();
    user_waits();
    pause_loops();
}
