// SPDX-License-Identifier: MIT
// Guest, 64-bit: waits that a time ends, a store, or an interrupt: UMONITOR, UMWAIT, TPAUSE (SDM vol. 2; IA32_UMWAIT_CONTROL in vol. 4),
// MONITORX, MWAITX (APM vol. 3).
#include "guest.h"
#include "frame.h"
#include "interrupts.h"

static constexpr u32 umwait_control = 0xe1;
static constexpr word CF = 1, status = 0x8d5;

// By the registers that each takes: EDX:EAX the time, ECX the state; RDI the monitored address.
#define TPAUSE ".byte 0x66, 0x0f, 0xae, 0xf1"
#define UMWAIT ".byte 0xf2, 0x0f, 0xae, 0xf1"
#define UMONITOR ".byte 0xf3, 0x0f, 0xae, 0xf7"
#define MONITORX ".byte 0x0f, 0x01, 0xfa"
#define MWAITX ".byte 0x0f, 0x01, 0xfb"

alignas(64) static volatile u64 line[16];
struct Waited { u64 ticks; word flags; };
// All status flags are set before.
#define WAIT(name, text)                                                                                                           \
    static Waited name(u64 until, word state = 1) {                                                                                \
        u64 before = rdtsc();                                                                                                      \
        word fl;                                                                                                                   \
        asm volatile("pushf; orq $0x8d5, (%%rsp); popf; " text "; pushf; pop %0"                                                  \
                     : "=&r"(fl) : "a"(u32(until)), "d"(u32(until >> 32)), "c"(state), "D"(line) : "memory", "cc");                \
        return {rdtsc() - before, fl};                                                                                             \
    }
WAIT(tpause, TPAUSE)
WAIT(umwait, UMWAIT)
WAIT(watched, UMONITOR ";" UMWAIT)
WAIT(watched_and_stored, UMONITOR "; incq 56(%%rdi);" UMWAIT)
WAIT(stored_next_to, UMONITOR "; incq 64(%%rdi);" UMWAIT)

// The end is a time that was read before the wait was measured.
static void about(const char* name, u64 got, u64 expected) { holds(name, got + 500 >= expected && got < expected + 2000); }
static void at_once(const char* name, u64 got) { holds(name, got < 1000); }

static volatile u32 interrupts;
static void interrupt_in(u32 ticks) {                    // of the APIC's timer: some 40 of the TSC's each
    interrupts = 0;
    apic(timer_divide, 0xb), apic(lvt_timer, 0x62), apic(timer_initial, ticks);
}

static void intel() {
    print("TPAUSE\n");
    wrmsr(umwait_control, 0);
    Waited w = tpause(rdtsc() + 100'000);
    about("it waits for the TSC to come to EDX:EAX", w.ticks, 100'000), is("  CF is 0: no limit of the system's; the other flags too", w.flags & status, 0);
    about("in C0.2 too", tpause(rdtsc() + 100'000, 0).ticks, 100'000);
    at_once("a time that has passed", tpause(rdtsc() - 1).ticks), at_once("0", tpause(0).ticks);
    wrmsr(umwait_control, 20'000);
    is("IA32_UMWAIT_CONTROL keeps bits 31:2", rdmsr(umwait_control), 20'000);
    w = tpause(rdtsc() + 1'000'000);
    about("IA32_UMWAIT_CONTROL's limit is earlier", w.ticks, 20'000), is("  CF is 1, the others 0", w.flags & status, CF);
    w = tpause(rdtsc() + 10'000);
    about("or later", w.ticks, 10'000), is("  CF is 0", w.flags & status, 0);
    wrmsr(umwait_control, 1);
    about("bit 0 (no C0.2) is no limit", tpause(rdtsc() + 50'000, 0).ticks, 50'000);
    faults("#GP(0) of bit 1 of IA32_UMWAIT_CONTROL", trap([] { wrmsr(umwait_control, 2); }), GP), faults("  and of bit 32", trap([] { wrmsr(umwait_control, 1ull << 32); }), GP);
    wrmsr(umwait_control, 0);
    faults("#GP(0) of a reserved bit of the register", trap([] { tpause(0, 2); }), GP);
    passes("ring 3 may", trap_user([] { tpause(0); }));
    set_cr4(get_cr4() | 4);
    faults("#GP(0) with CR4.TSD", trap_user([] { asm volatile(TPAUSE :: "a"(0), "d"(0), "c"(0) : "cc"); }), GP);
    faults("  UMWAIT too", trap_user([] { asm volatile(UMWAIT :: "a"(0), "d"(0), "c"(0) : "cc"); }), GP);
    passes("  not UMONITOR", trap_user([] { asm volatile(UMONITOR :: "D"(line) : "memory"); }));
    passes("  nor ring 0", trap([] { tpause(0); }));
    set_cr4(get_cr4() & ~4ul);

    print("interrupts\n");
    interrupt_in(10'000), sti();
    w = tpause(rdtsc() + 100'000'000);
    cli();
    holds("one ends the wait", w.ticks < 1'000'000), is("  and was taken", interrupts, 1), is("  CF is 0", w.flags & CF, 0);
    interrupt_in(10'000);
    w = tpause(rdtsc() + 100'000'000);
    holds("one that IF masks ends it too", w.ticks < 1'000'000), is("  and waits itself", interrupts, 0);
    sti();
    asm volatile("nop");
    cli();
    is("  for IF", interrupts, 1);

    print("UMWAIT\n");
    at_once("without UMONITOR: no wait", umwait(rdtsc() + 1'000'000).ticks);
    w = watched(rdtsc() + 100'000);
    about("with it until the time", w.ticks, 100'000), is("  flags", w.flags & status, 0);
    at_once("the monitor is off behind it", umwait(rdtsc() + 1'000'000).ticks);
    at_once("a store to the line meanwhile: no wait", watched_and_stored(rdtsc() + 1'000'000).ticks);
    about("a store to the next line", stored_next_to(rdtsc() + 50'000).ticks, 50'000);
    wrmsr(umwait_control, 20'000);
    w = watched(rdtsc() + 1'000'000);
    about("IA32_UMWAIT_CONTROL's limit", w.ticks, 20'000), is("  CF", w.flags & status, CF);
    wrmsr(umwait_control, 0);
    asm volatile("monitor" :: "a"(line), "c"(0), "d"(0));
    at_once("MONITOR is none of UMWAIT's", umwait(rdtsc() + 1'000'000).ticks);
    interrupt_in(500'000), sti();
    u64 before = rdtsc();
    asm volatile(UMONITOR "; mwait" :: "D"(line), "a"(0), "c"(0) : "memory");
    at_once("nor UMONITOR of MWAIT", rdtsc() - before);
    apic(timer_initial, 0), cli();
    faults("#GP(0) of UMONITOR's address", trap([] { asm volatile(UMONITOR :: "D"(0x800000000000)); }), GP);
    page_faults("#PF", trap([] { asm volatile(UMONITOR :: "D"(0x7000000000)); }), 0, 0x7000000000);
}

static u64 mwaitx(u32 extensions, u32 most) {
    u64 before = rdtsc();
    asm volatile(MONITORX "; mov %1, %%ecx; xor %%eax, %%eax;" MWAITX : : "b"(most), "r"(extensions), "a"(line), "c"(0), "d"(0) : "memory");
    return rdtsc() - before;
}
static void amd() {
    print("MWAITX\n");
    about("ECX bit 1: EBX ticks at most", mwaitx(2, 100'000), 100'000);
    interrupt_in(10'000), sti();
    u64 ticks = mwaitx(2, 100'000'000);
    cli();
    holds("an interrupt ends it", ticks < 1'000'000), is("  and was taken", interrupts, 1);
    interrupt_in(10'000), sti();
    ticks = mwaitx(0, 1000);
    cli();
    holds("without ECX bit 1 EBX is no time", ticks > 10'000);
    interrupt_in(10'000);
    ticks = mwaitx(3, 100'000'000);
    holds("ECX bit 0: one that IF masks ends it", ticks < 1'000'000);
    u64 before = rdtsc();
    asm volatile(MONITORX "; incq 8(%%rax); mov $2, %%ecx; xor %%eax, %%eax;" MWAITX : : "b"(1'000'000), "a"(line), "c"(0), "d"(0) : "memory");
    at_once("a store to the line meanwhile", rdtsc() - before);
    faults("#GP(0) of ECX bit 2", trap([] { asm volatile(MWAITX :: "a"(0), "b"(0), "c"(4)); }), GP);
    passes("ring 3 may", trap_user([] { asm volatile(MONITORX "; mov $2, %%ecx;" MWAITX :: "a"(line), "b"(0), "c"(0), "d"(0) : "memory"); }));
}

extern "C" void guest() {
    apic(svr, 0x1ff);
    hook(0x62, [](Frame&) { interrupts = interrupts + 1, apic(eoi, 0); });
    if (cpuid(7).ecx >> 5 & 1) intel();
    else faults("no WAITPKG: #UD of TPAUSE", trap([] { asm volatile(TPAUSE :: "a"(0), "d"(0), "c"(0)); }), UD);
    if (is_amd() && (cpuid(0x80000001).ecx >> 29 & 1)) amd();
    else faults("no MONITORX: #UD of MWAITX", trap([] { asm volatile(MWAITX :: "a"(0), "b"(0), "c"(0)); }), UD);
}
