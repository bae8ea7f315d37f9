// SPDX-License-Identifier: MIT
// Guest, 64-bit: repeated string instructions that are interrupted, by faults and by timers, and go on (SDM vol. 2, REP).
#include "guest.h"
#include "tables.h"
#include "frame.h"
#include "interrupts.h"

static constexpr word va = 0x8000000000;
static word rcx, rsi, rdi, ip, begin;
static u8 source[8192], target[65536];

static void note(Frame& f) {
    rcx = f.cx, rsi = f.si, rdi = f.di, ip = f.ip;
    map(get_cr2() & ~word(0xfff), page(1) | P | W | U);
}

static void faulting() {
    for (unsigned i = 0; i < sizeof source; i++) source[i] = u8(i * 7);
    map(va, page(0) | P | W | U);
    map(va + 0x1000, 0);
    hook(PF, note);
    word left, s, c, d;
    asm volatile("lea 1f(%%rip), %%rax; mov %%rax, %3; 1: rep movsb"
                 : "=c"(left), "=S"(s), "=D"(d)
                 : "m"(begin), "c"(0x20), "S"(source), "D"(va + 0xff0)
                 : "rax", "memory");
    hook(PF, nullptr);
    is("REP MOVSB across a page: 16 were done at the fault", rcx, 0x10);
    is("RSI", rsi, word(source) + 16), is("RDI", rdi, va + 0x1000), is("RIP", ip, begin);
    is("it went on to the end", left, 0);
    bool good = true;
    for (unsigned i = 0; i < 0x20; i++) good &= peek<u8>(va + 0xff0 + i) == source[i];
    holds("and all is there", good);
    map(va + 0x1000, 0);
    page_faults("REP STOSQ, misaligned: the fault's address",
        trap([] { asm volatile("rep stosq" ::"c"(4), "D"(va + 0xfe4), "a"(0)
                               : "memory"); }), 2, va + 0x1000);
    page_faults("downwards", trap([] { asm volatile("std; rep lodsb; cld" :: "c"(0x20), "S"(va + 0x2008) : "rax", "memory"); }), 0, va + 0x2008);
    asm volatile("cld");
    passes("RCX 0 touches nothing", trap([] { asm volatile("rep movsb" :: "c"(0), "S"(va + 0x1000), "D"(va + 0x1000) : "memory"); }));
    passes("nor does ECX 0 with a 67h prefix", trap([] {
        asm volatile("mov $0x100000000, %%rcx; .byte 0x67; rep stosb" ::"D"(va + 0x1000) : "rcx", "memory");
    }));
    asm volatile("repne scasb" : "=c"(c), "=D"(d) : "c"(100), "D"(source), "a"(21) : "cc");
    is("REPNE SCASB stops behind the byte", d - word(source), 4), is("RCX", c, 96);
    asm volatile("repe cmpsb" : "=c"(c), "=D"(d), "=S"(s) : "c"(50), "D"(source), "S"(source) : "cc");
    is("REPE CMPSB of equal strings", c, 0);
    asm volatile("std; rep movsb; cld" : "=c"(c), "=D"(d), "=S"(s) : "c"(4), "S"(source + 3), "D"(target + 3) : "memory");
    is("downwards: RDI", d, word(target) - 1), is("the bytes", peek<u32>(word(target)), peek<u32>(word(source)));
    target[0] = 0x5a;
    asm volatile("rep movsb" : "=c"(c), "=D"(d), "=S"(s) : "c"(100), "S"(target), "D"(target + 1) : "memory");
    good = true;
    for (unsigned i = 0; i <= 100; i++) good &= target[i] == 0x5a;
    holds("an overlapping copy goes byte by byte", good);
}

static volatile word ticks_, inside;
extern "C" char long_begin[], long_end[];
static void timed() {
    apic(svr, 0x1ff), apic(timer_divide, 0xb), apic(lvt_timer, 0x20060);
    hook(0x60, [](Frame& f) {
        ticks_ = ticks_ + 1;
        if (f.ip == word(long_begin)) inside = inside + 1;
        apic(eoi, 0);
    });
    memset(target, 0, sizeof target);
    apic(timer_initial, 50);
    word c, d;
    asm volatile("sti; .globl long_begin, long_end; long_begin: rep stosb; long_end: cli"
                 : "=c"(c), "=D"(d)
                 : "c"(65536), "D"(target), "a"(0xa5)
                 : "memory");
    apic(timer_initial, 0);
    holds("a timer interrupts REP STOSB, IP at it", inside > 1);
    is("it comes to its end", c, 0);
    bool good = true;
    for (unsigned i = 0; i < 65536; i++) good &= target[i] == 0xa5;
    holds("and every byte is written once", good);
}

static void ports() {
    map(va + 0x1000, 0);
    // Reading a port has its effect only when the store can be done: the RTC's flags are cleared by a read of register C.
    page_faults("INSB to a page that is not there", trap([] { asm volatile("insb" :: "d"(0x71), "D"(va + 0x1000) : "memory"); }), 2, va + 0x1000);
    page_faults("OUTSB from one", trap([] { asm volatile("outsb" :: "d"(0x80), "S"(va + 0x1000) : "memory"); }), 0, va + 0x1000);
    faults("#GP(0) before #PF: INSB in ring 3", trap_user([] { asm volatile("insb" :: "d"(0x71), "D"(va + 0x1000) : "memory"); }), GP);
}

extern "C" void guest() {
    faulting();
    timed();
    ports();
}
