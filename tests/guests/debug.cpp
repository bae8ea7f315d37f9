// SPDX-License-Identifier: MIT
// Guest, 64-bit: single steps, breakpoints, DR6 and DR7 (SDM vol. 3, 17.2 and 17.3).
#include "guest.h"
#include "frame.h"

static bool resume;                       // the handler sets RF in its frame
static volatile word count, first_ip, last_ip, status[8], ips[8], rf[8];
static void note(Frame& f) {
    word i = count & 7;
    status[i] = get_dr6();
    ips[i] = f.ip;
    rf[i] = f.flags >> 16 & 1;
    count = count + 1;
    if (resume) f.flags |= 1 << 16;
    last_ip = f.ip;
    set_dr6(0xffff0ff0);
}
static void fresh() {
    count = 0;
    set_dr6(0xffff0ff0);
}
static void arm(unsigned i, word address, unsigned kind, unsigned bytes, bool global = false) {    // kind: 0 execute, 1 write, 2 I/O, 3 read or write
    unsigned size = bytes == 8 ? 2 : bytes - 1;
    if (i == 0) set_dr0(address);
    if (i == 1) set_dr1(address);
    if (i == 2) set_dr2(address);
    if (i == 3) set_dr3(address);
    set_dr7(get_dr7() | word(1) << (i * 2 + global) | word(kind | size << 2) << (16 + i * 4));
}
static void disarm() { set_dr7(0x400); }
static constexpr word b0 = 1, bd = 1 << 13, bs = 1 << 14, ones = 0xffff0ff0;
alignas(64) static u8 data[64];

static void steps() {
    hook(DB, note);
    fresh();
    asm volatile(
        "pushf; orl $0x100, (%%rsp); lea 1f(%%rip), %%rax; mov %%rax, %0; popf; nop; 1: nop; pushf; andl $~0x100, (%%rsp); popf; nop"
        : "=m"(marked)::"rax", "memory", "cc");
    is("TF: POPF that sets it does not trap, each behind it does", count, 5);
    is("the first trap is behind the first NOP", ips[0], marked), is("DR6.BS", status[0], ones | bs), is("RF is pushed as 0", rf[0], 0);
    fresh();
    asm volatile("pushf; orl $0x100, (%%rsp); mov %%ss, %%eax; popf; mov %%eax, %%ss; 1: nop; lea 1b(%%rip), %%rax; mov %%rax, %0; pushf; "
                 "andl $~0x100, (%%rsp); popf"
                 : "=m"(marked)::"rax", "memory", "cc");
    is("none behind MOV SS", ips[0], marked + 1);
    fresh();
    asm volatile("pushf; orl $0x100, (%%rsp); lea %1, %%rdi; mov $3, %%ecx; popf; rep stosb; nop; pushf; andl $~0x100, (%%rsp); popf"
                 : "=m"(marked)
                 : "m"(data)
                 : "rcx", "rdi", "memory", "cc");
    is("REP STOSB traps after each iteration", ips[0] == ips[1] && ips[2] == ips[0] + 2, 1);
    fresh();
    set_gate(0x50, stub(0x50));
    static word inner;
    hook(0x50, [](Frame& f) { inner = flags(), f.flags |= 0; });
    asm volatile("pushf; orl $0x100, (%%rsp); popf; int $0x50; pushf; andl $~0x100, (%%rsp); popf" ::: "memory", "cc");
    is("INT clears TF", inner & 0x100, 0);
    hook(0x50, nullptr);
    hook(DB, nullptr);
    faults("INT1 leaves DR6.BS clear", trap([] { fresh(); asm volatile(".byte 0xf1"); }), DB);
    is("  DR6", get_dr6(), ones);
}

static void code() {
    extern char target[] asm("debug_target");
    asm volatile(".pushsection .text.aside, \"ax\"; debug_target: incl debug_hits(%rip); ret; .popsection; .pushsection .data; debug_hits: "
                 ".long 0; .popsection");
    fresh();
    set_dr7(0x400);
    arm(0, word(target), 0, 1);
    Trap t = trap([] { asm volatile("call debug_target" ::: "memory"); });
    faults("a code breakpoint", t, DB);
    is("is a fault: IP at the instruction", t.ip, word(target)), is("DR6.B0", get_dr6(), ones | b0),
        is("RF is pushed as 0 (17.3.1.1)", t.flags >> 16 & 1, 0);
    fresh();
    hook(DB, note);
    resume = true;
    asm volatile("call debug_target" ::: "memory", "cc");
    is("IRET with RF goes on: one trap", count, 1);
    disarm();
    fresh();
    asm volatile("call debug_target" ::: "memory", "cc");
    is("switched off: none", count, 0);
    arm(2, word(target), 0, 1, true);
    asm volatile("call debug_target" ::: "memory", "cc");
    is("DR2, global: DR6.B2", status[0], ones | 4);
    disarm();
    resume = false;
    hook(DB, nullptr);
}

static void watches() {
    hook(DB, note);
    arm(1, word(data) + 8, 1, 4);
    fresh();
    asm volatile("lea 1f(%%rip), %%rax; mov %%rax, %0; movl $1, 8(%1); 1: nop" : "=m"(marked) : "r"(data) : "rax", "memory");
    is("a write: a trap behind it", ips[0], marked), is("DR6.B1", status[0], ones | 2), is("once", count, 1);
    fresh();
    peek<u32>(word(data) + 8);
    is("a read is none", count, 0);
    poke<u8>(word(data) + 11, 0);
    is("one byte of the four", count, 1);
    poke<u8>(word(data) + 12, 0);
    is("the next byte is not", count, 1);
    poke<u64>(word(data) + 4, 0);
    is("a wider one that reaches it", count, 2);
    disarm();
    arm(3, word(data) + 16, 3, 8, true);
    fresh();
    peek<u8>(word(data) + 23);
    is("read or write, 8 bytes: a read", count, 1), is("DR6.B3", status[0], ones | 8);
    poke<u8>(word(data) + 16, 1);
    is("and a write", count, 2);
    fresh();
    asm volatile("mov $4, %%ecx; lea 14(%0), %%rdi; xor %%eax, %%eax; rep stosb; nop" :: "r"(data) : "rax", "rcx", "rdi", "memory");
    is("REP STOSB: at each iteration that touches", count, 2);
    set_dr7(0x400);
    arm(0, word(data), 1, 1), arm(1, word(data), 3, 1);
    fresh();
    poke<u8>(word(data), 1);
    is("two at once", status[0], ones | 3), is("in one trap", count, 1);
    disarm();
    fresh();
    poke<u8>(word(data), 1);
    is("switched off: none", count, 0);
    arm(0, word(data), 1, 1);
    fresh();
    asm volatile("pushf; orl $0x100, (%%rsp); popf; movb $1, %0; pushf; andl $~0x100, (%%rsp); popf" : "=m"(data[0]) :: "memory", "cc");
    is("with a single step: both in DR6", status[0], ones | bs | b0);
    disarm();
    hook(DB, nullptr);
}

static void registers() {
    hook(DB, note);
    set_cr4(get_cr4() | 8);
    arm(0, 0x80, 2, 1);
    fresh();
    asm volatile("outb %%al, $0x80; 1: lea 1b(%%rip), %%rax; mov %%rax, %0" : "=m"(marked) :: "rax");
    is("CR4.DE: an I/O breakpoint", count, 1), is("behind OUT", ips[0], marked);
    in8(0x80);
    is("IN too", count, 2);
    out8(0x81, 0);
    is("not the next port", count, 2);
    disarm();
    hook(DB, nullptr);
    faults("CR4.DE: #UD of DR4", trap([] { asm volatile("mov %%db4, %%rax" ::: "rax"); }), UD);
    set_cr4(get_cr4() & ~word(8));
    passes("without it DR4 is DR6", trap([] { asm volatile("mov %%db4, %%rax; mov %%rax, %0" : "=m"(marked) :: "rax"); }));
    is("  its value", marked, get_dr6());
    Trap t = trap([] { fresh(); set_dr7(0x2400); get_dr0(); });
    faults("DR7.GD: #DB of MOV from DR", t, DB);
    is("DR6.BD", t.dr6, ones | bd);
    is("GD is clear in the handler", get_dr7(), 0x400);
    disarm();
    faults("#GP(0) of MOV to DR in ring 3", trap_user([] { set_dr0(0); }), GP);
    faults("#GP(0) of the upper half of DR7", trap([] { set_dr7(1ull << 32); }), GP);
    faults("#GP(0) of the upper half of DR6", trap([] { set_dr6(1ull << 32); }), GP);
    set_dr0(0x123456789abcdef0);
    is("DR0 takes 64 bits", get_dr0(), 0x123456789abcdef0);
    set_dr0(0);
    set_dr6(0);
    is("DR6's fixed ones", get_dr6(), ones);
    set_dr7(0);
    is("DR7's fixed one", get_dr7(), 0x400);
}

extern "C" void guest() {
    steps();
    code();
    watches();
    registers();
}
