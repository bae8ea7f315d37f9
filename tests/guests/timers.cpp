// SPDX-License-Identifier: MIT
// Guest, 64-bit: the clocks against each other: PIT, RTC, PM timer, HPET, APIC timer and TSC. Virtual time makes them exact but
// for the few instructions that it takes to look.
#include "guest.h"
#include "frame.h"
#include "interrupts.h"

static u64 hertz;                         // of the TSC, by the PM timer
static constexpr u64 slack = 120;         // instructions between an event and the look at the TSC
static volatile u64 stamp, count;

static void near(const char* name, u64 got, u64 expected, u64 within = slack) {
    u64 off = got > expected ? got - expected : expected - got;
    if (off <= within) holds(name, true);
    else is(name, got, expected);
}
static u64 ticks(u64 n, u64 of) { return n * hertz / of; }

static void tick_pic(unsigned irq) {
    stamp = rdtsc();
    count = count + 1;
    pic_eoi(irq);
}
static void tick_apic() {
    stamp = rdtsc();
    count = count + 1;
    apic(eoi, 0);
}
static u64 next() {                       // the TSC at the next interrupt
    u64 before = count;
    while (count == before) halt();
    return stamp;
}

// Edge to edge, so the counter's own grain doesn't matter.
static u32 pm_edge() {
    u32 first = in32(0x608), now;
    while ((now = in32(0x608)) == first) {}
    return now & 0xffffff;
}
static void pm_timer() {
    u32 from = pm_edge();
    u64 begin = rdtsc();
    u32 to = from;
    while (((to - from) & 0xffffff) < 35795) to = pm_edge();
    u64 gone = rdtsc() - begin;
    hertz = 1'000'000'000;
    near("PM timer: 3579545 Hz", gone, ticks((to - from) & 0xffffff, 3579545), 400);
}

static void pit() {
    pics_on(1);
    hook(0x20, [](Frame&) { tick_pic(0); });
    out8(0x43, 0x34), out8(0x40, u8(11932)), out8(0x40, 11932 >> 8);
    u64 first = next(), last = first;
    for (int i = 0; i < 5; i++) last = next();
    near("PIT mode 2, 11932: the period", (last - first) / 5, ticks(11932, 1193182));
    out8(0x43, 0x36), out8(0x40, u8(2000)), out8(0x40, 2000 >> 8);
    next(), first = next(), last = first;
    for (int i = 0; i < 5; i++) last = next();
    near("PIT mode 3, 2000: the period", (last - first) / 5, ticks(2000, 1193182));
    out8(0x43, 0xe2);                     // read back: status of counter 0
    is("its status: mode 3, both bytes", in8(0x40) & 0x3f, 0x36);
    u64 begin = rdtsc();
    out8(0x43, 0x30), out8(0x40, u8(5000)), out8(0x40, 5000 >> 8);
    near("PIT mode 0, 5000: once, a clock after", next() - begin, ticks(5001, 1193182), ticks(1, 1193182) + slack);
    while (rdtsc() - begin < 5100 * 1000) {}
    out8(0x43, 0x00);
    u16 a = in8(0x40);
    a |= u16(in8(0x40) << 8);
    holds("a latched count goes on below 0", a > 0xf000);
    // Mode 4: a strobe one clock after the count has run out; mode 2 once more, and a new count that takes effect at the reload.
    begin = rdtsc();
    out8(0x43, 0x38), out8(0x40, u8(3000)), out8(0x40, 3000 >> 8);
    u64 came = next() - begin;
    near("PIT mode 4, 3000: the strobe's end", came, ticks(3002, 1193182), 2 * ticks(1, 1193182) + slack);
    out8(0x43, 0x34), out8(0x40, u8(4000)), out8(0x40, 4000 >> 8);
    first = next();
    out8(0x40, u8(6000)), out8(0x40, 6000 >> 8);
    last = next();
    near("a new count does not change the period that runs", last - first, ticks(4000, 1193182));
    near("but the next", next() - last, ticks(6000, 1193182));
    out8(0x43, 0x14), out8(0x40, 200);    // low byte only
    next(), first = next();
    near("the low byte alone", next() - first, ticks(200, 1193182));
    out8(0x43, 0x35), out8(0x40, 0x00), out8(0x40, 0x20);      // BCD: 2000
    next(), first = next();
    near("in BCD: 2000", next() - first, ticks(2000, 1193182));
    out8(0x43, 0x30);
    // Counter 2, seen at port 61h.
    out8(0x61, (in8(0x61) & ~3u) | 0);
    out8(0x43, 0xb0), out8(0x42, u8(1000)), out8(0x42, 1000 >> 8);
    is("gate 2 low: OUT 2 stays low", in8(0x61) & 0x20, 0);
    out8(0x61, in8(0x61) | 1);
    begin = rdtsc();
    while (!(in8(0x61) & 0x20)) {}
    near("gate 2 high: OUT 2 after 1000 clocks", rdtsc() - begin, ticks(1000, 1193182), ticks(1, 1193182) + slack);
    out8(0x21, 0xff);
}

static void rtc() {
    auto cmos = [](u8 at) { out8(0x70, at); return in8(0x71); };
    auto put = [](u8 at, u8 v) { out8(0x70, at), out8(0x71, v); };
    pics_on(1 << 8 | 1 << 2);
    hook(0x28, [](Frame&) { out8(0x70, 0xc), in8(0x71), tick_pic(8); });
    put(0xa, 0x26);                       // 1024 Hz
    put(0xb, u8(cmos(0xb) | 0x40));
    cmos(0xc);
    u64 first = next(), last = first;
    for (int i = 0; i < 8; i++) last = next();
    near("RTC periodic, 1024 Hz: eight periods", last - first, ticks(8, 1024));
    put(0xb, u8(cmos(0xb) & ~0x40));
    cmos(0xc);
    pics_on(0);
    out8(0x21, 0xff), out8(0xa1, 0xff);
}

static void apic_timer() {
    apic(svr, 0x1ff);
    hook(0x60, [](Frame&) { tick_apic(); });
    apic(timer_divide, 0xb);              // by 1
    apic(lvt_timer, 0x10060);
    apic(timer_initial, 0xffffffff);
    u64 begin = rdtsc();
    u32 from = apic(timer_current);
    while (rdtsc() - begin < 1000000) {}
    u32 gone = from - apic(timer_current);
    u64 bus = u64(gone) * 1000;           // a millisecond
    if (!is_amd() && cpuid(0).eax >= 0x15 && cpuid(0x15).ecx) near("APIC timer: the crystal of CPUID 15h", bus, cpuid(0x15).ecx, bus / 1000 + 2000);
    if (!is_amd() && cpuid(0).eax >= 0x15 && cpuid(0x15).eax)
        is("TSC: the ratio of CPUID 15h", u64(cpuid(0x15).ecx) * cpuid(0x15).ebx / cpuid(0x15).eax, hertz);
    u64 grain = hertz / bus + 1;
    apic(lvt_timer, 0x60);
    apic(timer_initial, 10000);
    begin = rdtsc();
    near("one-shot 10000, by 1", next() - begin, 10000 * hertz / bus, 2 * grain + slack + 10000 * hertz / bus / 1000);
    is("it stays at 0", apic(timer_current), 0);
    apic(timer_divide, 3);                // by 16
    begin = rdtsc();
    apic(timer_initial, 1000);
    near("one-shot 1000, by 16", next() - begin, 16000 * hertz / bus, 16 * grain + slack + 16000 * hertz / bus / 1000);
    apic(lvt_timer, 0x20060);
    apic(timer_initial, 1000);
    u64 first = next(), last = first;
    for (int i = 0; i < 5; i++) last = next();
    near("periodic 1000, by 16: five periods", last - first, 80000 * hertz / bus, grain + slack + 80000 * hertz / bus / 1000);
    apic(timer_initial, 0);
    u64 before = count;
    sti();
    begin = rdtsc();
    while (rdtsc() - begin < 100000) {}
    cli();
    is("an initial count of 0 stops it", count, before);
    apic(lvt_timer, 0x10060);
    apic(timer_initial, 100);
    sti();
    begin = rdtsc();
    while (rdtsc() - begin < 100000) {}
    cli();
    is("masked, it does not interrupt", count, before);
    if (!(cpuid(1).ecx >> 24 & 1)) return;
    apic(lvt_timer, 0x40060);
    asm volatile("mfence");
    u64 deadline = rdtsc() + 123456;
    wrmsr(0x6e0, deadline);
    is("TSC-deadline: the MSR says so", rdmsr(0x6e0), deadline);
    u64 when = next();
    holds("it does not come early", when >= deadline);
    near("nor late", when, deadline);
    is("the MSR is 0 then", rdmsr(0x6e0), 0);
    begin = rdtsc();
    wrmsr(0x6e0, begin - 1);
    near("a deadline past comes at once", next() - begin, 0);
    wrmsr(0x6e0, rdtsc() + 5000), wrmsr(0x6e0, 0);
    before = count;
    sti();
    begin = rdtsc();
    while (rdtsc() - begin < 20000) {}
    cli();
    is("0 disarms it", count, before);
    apic(lvt_timer, 0x10060);
}

static void hpet() {
    constexpr word base = 0xfed00000;
    u64 period = peek<u64>(base) >> 32;   // femtoseconds
    u64 rate = 1'000'000'000'000'000 / period;
    poke<u64>(base + 0x10, 1);
    u64 begin = rdtsc(), from = peek<u64>(base + 0xf0);
    while (rdtsc() - begin < 500000) {}
    u64 gone = peek<u64>(base + 0xf0) - from;
    near("HPET: its counter against the TSC", ticks(gone, rate), 500000, 3 * slack);
    // Timer 0 through I/O APIC pin 16 if it may, periodic; edge.
    u32 routes = peek<u32>(base + 0x104);
    unsigned pin = 2;
    for (unsigned i = 23; i >= 16; i--) if (routes >> i & 1) pin = i;
    ioapic(0x10 + pin * 2 + 1, 0), ioapic(0x10 + pin * 2, 0x60);
    poke<u64>(base + 0x10, 0), poke<u64>(base + 0xf0, 0);
    poke<u64>(base + 0x100, u64(pin) << 9 | 1 << 6 | 1 << 3 | 1 << 2);
    poke<u64>(base + 0x108, 20000), poke<u64>(base + 0x108, 20000);
    poke<u64>(base + 0x10, 1);
    u64 first = next(), last = first;
    for (int i = 0; i < 5; i++) last = next();
    near("HPET periodic, 20000: five periods", last - first, ticks(100000, rate));
    poke<u64>(base + 0x10, 0);
    poke<u64>(base + 0x100, u64(pin) << 9 | 1 << 2);
    poke<u64>(base + 0xf0, 0), poke<u64>(base + 0x108, 30000);
    begin = rdtsc();
    poke<u64>(base + 0x10, 1);
    near("HPET one-shot, 30000", next() - begin, ticks(30000, rate));
    poke<u64>(base + 0x100, 0), poke<u64>(base + 0x10, 0);
    ioapic(0x10 + pin * 2, 0x10000);
}

// HLT in virtual time jumps to the event: nothing else passes.
static void halting() {
    hook(0x20, [](Frame&) { tick_pic(0); });
    pics_on(1);
    out8(0x43, 0x34), out8(0x40, 0), out8(0x40, 0);       // 65536
    next();                               // the control word may raise OUT, which is an edge
    u64 first = next();
    near("HLT over 55 ms", next() - first, ticks(65536, 1193182));
    out8(0x21, 0xff);
}

extern "C" void guest() {
    pm_timer();
    apic(svr, 0x1ff), apic(lvt_lint0, 0x700);             // ExtINT: the 8259s
    pit();
    rtc();
    halting();
    apic_timer();
    hpet();
}
