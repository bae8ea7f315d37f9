// SPDX-License-Identifier: MIT
// Guest, 32-bit: x87 exceptions as #MF and by FERR# and IRQ 13, what waits for them and what doesn't, last-instruction and data
// pointers in the environments (SDM vol. 1, 8.1.8 to 8.1.10, 8.5 and 8.7; vol. 3, 6.15, vector 16).
#include "guest.h"
#include "frame.h"

struct [[gnu::packed]] Extended { u64 significand; u16 sign_exponent; };
static const Extended largest{~0ull, 0x7ffe}, least{1ull << 63, 1}, denormal{1, 0}, three{3ull << 62, 0x4000};
static const u32 zero32 = 0, one32 = 0x3f800000;
static const u16 all_masked = 0x37f;

static u16 status() { u16 v; asm volatile("fnstsw %0" : "=a"(v)); return v; }
static void start(u16 control) { asm volatile("fninit; fldcw %0" :: "m"(control)); }

// ---- Each exception (SDM vol. 1, 8.5)

static const struct { const char* name; u16 flags; void (*raise)(); } exceptions[] = {
    {"8.5.1.1 stack underflow",  0x41, [] { asm volatile("fchs"); }},
    {"8.5.1.2 0 / 0",            0x01, [] { asm volatile("fldz; fldz; fdivp"); }},
    {"8.5.2 denormal operand",   0x02, [] { asm volatile("fldz; fldt %0; faddp" :: "m"(denormal)); }},
    {"8.5.3 1 / 0",              0x04, [] { asm volatile("fldz; fld1; fdivp"); }},
    {"8.5.4 overflow",           0x08, [] { asm volatile("fldt %0; fadd %%st(0), %%st" :: "m"(largest)); }},
    {"8.5.5 underflow",          0x10, [] { asm volatile("fldt %0; fmul %%st(0), %%st" :: "m"(least)); }},
    {"8.5.6 inexact result",     0x20, [] { asm volatile("fldt %0; fld1; fdivp" :: "m"(three)); }},
};

static void each_exception() {
    for (auto& e : exceptions) {
        print(e.name), print("\n");
        start(0x37f);
        e.raise();
        is("  masked: the flag", status() & e.flags, e.flags), is("  and no ES", status() & 0x8080, 0);
        passes("  nothing waits", trap([] { asm volatile("fwait"); }));
        start(u16(0x37f & ~e.flags));
        e.raise();
        is("  unmasked: the flag, ES and B", status() & (e.flags | 0x8080), e.flags | 0x8080);
        faults_there("  #MF at the next waiting instruction", trap([] { asm volatile("movl $1f, %0; nop; 1: fwait" : "=m"(marked)); }), MF);
        faults_there("  and again", trap([] { asm volatile("movl $1f, %0; 1: fld1" : "=m"(marked)); }), MF);
        is("  ES is still there", status() & 0x8080, 0x8080);
        asm volatile("fnclex");
        passes("  FNCLEX ends it", trap([] { asm volatile("fwait"); }));
    }
}

// ---- What waits, and what doesn't (SDM vol. 1, 8.3.11 and 8.3.12)

static char image[512] __attribute__((aligned(16)));
static void pending() {
    start(0x37b);
    asm volatile("fldz; fld1; fdivp");
}
static const struct { const char* name; word vector; void (*run)(); } waiting[] = {
    {"FNSTSW doesn't wait",  none, [] { status(); }},
    {"FNSTCW doesn't wait",  none, [] { asm volatile("fnstcw %0" : "=m"(image)); }},
    {"FNSTENV doesn't wait", none, [] { asm volatile("fnstenv %0" : "=m"(image)); }},
    {"FNSAVE doesn't wait",  none, [] { asm volatile("fnsave %0" : "=m"(image)); }},
    {"FNCLEX doesn't wait",  none, [] { asm volatile("fnclex"); }},
    {"FNINIT doesn't wait",  none, [] { asm volatile("fninit"); }},
    {"FXSAVE doesn't wait",  none, [] { asm volatile("fxsave %0" : "=m"(image)); }},
    {"FNOP waits",           MF,   [] { asm volatile("fnop"); }},
    {"FLDCW waits",          MF,   [] { asm volatile("fldcw %0" :: "m"(one32)); }},
    {"FLDENV waits",         MF,   [] { asm volatile("fldenv %0" :: "m"(image)); }},
    {"FRSTOR waits",         MF,   [] { asm volatile("frstor %0" :: "m"(image)); }},
    {"FXCH waits",           MF,   [] { asm volatile("fxch"); }},
    {"FCOMI waits",          MF,   [] { asm volatile("fcomi"); }},
    {"EMMS waits",           MF,   [] { asm volatile("emms"); }},
    {"MOVQ waits",           MF,   [] { asm volatile("movq %mm0, %mm1"); }},
};
static void what_waits() {
    for (auto& w : waiting) {
        pending();
        faults(w.name, trap(w.run), w.vector);
    }
    asm volatile("fninit");
}

// ---- Last-instruction and data pointers (SDM vol. 1, 8.1.8 to 8.1.10)

struct Environment32 { u32 control, status, tags, ip, cs_op, data, ds; };
struct Environment16 { u16 control, status, tags, ip, cs, data, ds; };

static bool feature(unsigned number) { return cpuid(0).eax >= 7 && cpuid(7).ebx >> number & 1; }

static void pointers() {
    print("pointers\n");
    bool selectors = !feature(13), only_exceptions = feature(6);
    static Environment32 wide;
    static Environment16 narrow;
    word ip;
    start(0x37b);
    asm volatile("fld1; movl $1f, %0; 1: fdivs %3; fnstenv %1; data16 fnstenv %2" : "=m"(ip), "=m"(wide), "=m"(narrow) : "m"(zero32));
    is("FIP: the instruction with the exception", wide.ip, ip), is("FCS", u16(wide.cs_op), selectors ? kcode : 0);
    is("FOP", wide.cs_op >> 16, 0x035), is("FDP: its operand", wide.data, word(&zero32)), is("FDS", u16(wide.ds), selectors ? kdata : 0);
    is("16 bits: FIP", narrow.ip, u16(ip)), is("FCS", narrow.cs, selectors ? kcode : 0), is("FDP", narrow.data, u16(word(&zero32)));
    is("16 bits: the status word; FNSTENV has masked all", narrow.status & 0x84, 4), is("16 bits: the tags", narrow.tags, u16(wide.tags));
    asm volatile("fninit; fnstenv %0" : "=m"(wide));
    is("FNINIT: no pointers", wide.ip | wide.cs_op | wide.data | u16(wide.ds), 0);
    asm volatile("movl $1f, %0; 1: flds %2; fld1; fldcw %3; fnstenv %1" : "=m"(ip), "=m"(wide) : "m"(one32), "m"(all_masked));
    is("FDP without an exception", wide.data, only_exceptions ? 0 : word(&one32));
    is("control instructions leave FIP alone", wide.ip, ip + 6);
    asm volatile("fxsave %0" : "=m"(image));
    is("FXSAVE without an exception: AMD saves no pointers", peek<u32>(word(image) + 8), is_amd() ? 0 : ip + 6);
    wide.ip = 0x12345678, wide.cs_op = 0x07ff0000 | kcode, wide.data = 0x87654321, wide.ds = kdata;
    Environment32 back;
    asm volatile("fldenv %1; fnstenv %0" : "=m"(back) : "m"(wide));
    is("FLDENV loads FIP", back.ip, wide.ip), is("FOP", back.cs_op >> 16, 0x7ff), is("FDP", back.data, wide.data);
    is("FCS", u16(back.cs_op), selectors ? kcode : 0);
    asm volatile("fninit");
}

// ---- FERR# and IRQ 13 (CR0.NE clear; SDM vol. 1, 8.7.2)

static volatile word interrupts, interrupted_at, ignored;
static bool ends_it, writes_f0;

static void irq13(Frame& f) {
    interrupts = interrupts + 1;
    interrupted_at = f.ip;
    if (writes_f0) out8(0xf0, 0);
    out8(0xa0, 0x20), out8(0x20, 0x20);
    // With IGNNE# waiting instructions run, and FERR# interrupts no more.
    word before = interrupts;
    asm volatile("sti; nop; fwait; fwait; nop; cli");
    ignored = interrupts == before;
    if (ends_it) asm volatile("fnclex");
}

static void external_errors() {
    print("FERR\n");
    out8(0x20, 0x11), out8(0x21, 0x20), out8(0x21, 4), out8(0x21, 1), out8(0xa0, 0x11), out8(0xa1, 0x28), out8(0xa1, 2), out8(0xa1, 1);
    out8(0x21, 0xfb), out8(0xa1, 0xdf);
    hook(0x2d, irq13);
    poke<u32>(0xfee000f0, 0x1ff), poke<u32>(0xfee00350, 0x700);
    set_cr0(get_cr0() & ~word(0x20));
    out8(0xf0, 0);                        // with no error it asserts nothing
    ends_it = writes_f0 = true;
    sti();
    word there;
    pending();
    asm volatile("nop; nop");
    is("no interrupt before a waiting instruction", interrupts, 0);
    asm volatile("movl $1f, %0; nop; 1: fld1; nop" : "=m"(there));
    is("IRQ 13", interrupts, 1), is("  at the waiting instruction, which hasn't run", interrupted_at, there);
    is("  port F0h: IGNNE#", ignored, true);
    is("  and it runs afterwards: three values on the stack", status() >> 11 & 7, 5);
    asm volatile("fwait; nop; nop");
    is("once", interrupts, 1);
    pending();
    asm volatile("fwait; nop; nop");
    is("FNCLEX has ended IGNNE#: the next error interrupts", interrupts, 2);
    ends_it = false;
    pending();
    asm volatile("fwait; nop; nop; fwait; nop");
    is("an error left pending under IGNNE# interrupts once", interrupts, 3);
    asm volatile("fninit");
    ends_it = true;
    pending();
    asm volatile("emms; nop; nop");
    is("an MMX instruction waits too", interrupts, 4);
    cli();
    set_cr0(get_cr0() | 0x20);
    asm volatile("fninit");
    out8(0x21, 0xff), out8(0xa1, 0xff);
}

extern "C" void guest() {
    set_cr0((get_cr0() & ~word(0xc)) | 0x22);             // no EM, no TS; NE and MP
    set_cr4(get_cr4() | 0x200);
    each_exception();
    what_waits();
    pointers();
    external_errors();
}
