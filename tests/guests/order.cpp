// SPDX-License-Identifier: MIT
// Guest, 64-bit: which comes first, and what is left untouched, where several things happen at one instruction (SDM vol. 3, 6.9 and
// table 6-2).
#include "guest.h"
#include "tables.h"
#include "frame.h"
#include "interrupts.h"

static constexpr word va = 0x8000000000;
static word seen[8];

static void nothing_changed() {
    map(va, page(0) | P | U), map(va + 0x1000, 0);
    // Registers and memory as before after a fault.
    static word before;
    hook(PF, [](Frame& f) {
        seen[0] = f.sp, seen[1] = f.ax, seen[2] = f.flags & 0x8d5, seen[3] = f.cx, seen[4] = f.di;
        f.ip = f.bx;
    });
#define FAULTING(setup, insn)                                                                                                              \
    asm volatile("mov %%rsp, %0; lea 2f(%%rip), %%rbx; " setup "; " insn "; 2: mov %0, %%rsp"                                              \
                 : "=m"(before)                                                                                                            \
                 : "r"(va)                                                                                                                 \
                 : "rax", "rbx", "rcx", "rdx", "rdi", "memory", "cc")
    FAULTING("nop", "pushq 0x1000(%1)");
    is("PUSH of memory that faults leaves RSP", seen[0], before);
    FAULTING("nop", "popq (%1)");
    is("POP to memory that faults leaves RSP", seen[0], before);
    FAULTING("mov $5, %%eax; cmp %%eax, %%eax", "addl $1, (%1)");
    is("ADD to memory that faults leaves the flags", seen[2] & 0x40, 0x40);
    FAULTING("mov $7, %%eax", "xaddl %%eax, (%1)");
    is("XADD leaves its register", seen[1], 7);
    FAULTING("mov $7, %%eax", "xchgl %%eax, (%1)");
    is("XCHG too", seen[1], 7);
    FAULTING("mov $9, %%eax; mov $1, %%ecx", "lock cmpxchgl %%ecx, (%1)");
    is("CMPXCHG of a page that can't be written faults even if unequal", seen[1], 9);
    FAULTING("mov %1, %%rdi; mov $3, %%ecx", "rep stosb");
    is("REP STOSB: RCX", seen[3], 3), is("RDI", seen[4], va);
    FAULTING("nop", "call *0x1000(%1)");
    is("CALL through memory that faults leaves RSP", seen[0], before);
    hook(PF, nullptr);
}

static void precedence() {
    map(va, page(0) | P | W | U), map(va + 0x1000, 0);
    // A fetch that crosses into a page that is not there, and what the bytes before it say.
    poke<u8>(va + 0xfff, 0x0f);
    page_faults("the second byte's page is missing", trap([] { asm volatile("jmp *%0" :: "r"(va + 0xfff)); }), 0x10, va + 0x1000);
    poke<u8>(va + 0xfff, 0x06);
    faults("#UD of one byte does not look at the next page", trap([] { asm volatile("jmp *%0" :: "r"(va + 0xfff)); }), UD);
    poke<u8>(va + 0xfff, 0xc3);
    passes("nor does RET", trap([] { asm volatile("call *%0" :: "r"(va + 0xfff)); }));
    faults("#UD (LOCK) before #PF", trap([] { asm volatile(".byte 0xf0, 0x8b, 0x00" :: "a"(va + 0x1000)); }), UD);
    faults("#NM before #PF", trap([] { set_cr0(get_cr0() | 8); asm volatile("fldl (%0)" :: "r"(va + 0x1000)); }), NM);
    asm volatile("clts");
    faults("#GP(0) (CPL) before #PF: LGDT in ring 3", trap_user([] { asm volatile("lgdt (%0)" :: "r"(va + 0x1000)); }), GP);
    faults("#GP(0) (canonical) before #PF of the second operand: MOVSB",
        trap([] { asm volatile("movsb" ::"S"(0x800000000000), "D"(va + 0x1000)
                               : "memory"); }), GP);
    page_faults("MOVSB: the source first", trap([] { asm volatile("movsb" :: "S"(va + 0x1000), "D"(va + 0x2000) : "memory"); }), 0, va + 0x1000);
    page_faults("CMPXCHG16B: #PF", trap([] { asm volatile("cmpxchg16b (%0)" :: "r"(va + 0x1000) : "rax", "rdx", "cc", "memory"); }), 2, va + 0x1000);
    faults("CMPXCHG16B: #GP(0) of misalignment before #PF",
        trap([] { asm volatile("cmpxchg16b (%0)" ::"r"(va + 0x1008)
                               : "rax", "rdx", "cc", "memory"); }), GP);
    faults("#DE of DIV by a zero in memory", (poke<u64>(va, 0), trap([] { asm volatile("divq (%0)" :: "r"(va) : "rax", "rdx", "cc"); })), DE);
    page_faults("#PF before #DE", trap([] { asm volatile("divq (%0)" :: "r"(va + 0x1000) : "rax", "rdx", "cc"); }), 0, va + 0x1000);
    faults("#MF before the operand's #PF", trap([] {
        static const u16 unmasked = 0x37b;
        asm volatile("fninit; fldcw %0; fld1; fldz; fdivrp; fldl (%1)" :: "m"(unmasked), "r"(va + 0x1000));
    }), MF);
    asm volatile("fninit");
}

// Traps of the last instruction come before interrupts, interrupts before the next instruction's faults.
static void between() {
    static volatile u8 order[8];
    static volatile unsigned n;
    static auto note = [](Frame& f) {
        order[n & 7] = u8(f.vector);
        n = n + 1;
        if (f.vector == DB) f.flags &= ~word(0x100), set_dr6(0xffff0ff0);
        if (f.vector == UD) f.ip += 2;
        if (f.vector >= 0x40) apic(eoi, 0);
    };
    apic(svr, 0x1ff);
    for (unsigned v : (const u8[]){DB, UD, NMI, 0x44}) hook(v, [](Frame& f) { note(f); });
    n = 0;
    asm volatile("cli; movl $0x44044, (%0); pushf; orl $0x300, (%%rsp); popf; ud2; nop; cli" :: "r"(0xfee00300ull) : "memory", "cc");
    is("an interrupt that waits comes before #UD", n > 1 && order[0] == 0x44 && order[1] == UD, 1);
    n = 0;
    set_dr0(word(seen)), set_dr7(0x400 | 1 | 1 << 16 | 3 << 18);
    asm volatile("sti; nop; movl $0x44044, (%0); movl $1, (%1); nop; cli" :: "r"(0xfee00300ull), "r"(seen) : "memory");
    is("one trap and one interrupt", n, 2);
    set_dr7(0x400);
    n = 0;
    set_dr0(word(seen)), set_dr7(0x400 | 1 | 1 << 16 | 3 << 18);
    asm volatile("mov %%ss, %%eax; mov %%eax, %1; mov %1, %%ss; ud2; nop" :: "a"(0), "m"(seen[0]) : "memory");
    holds("MOV SS from a watched word, then #UD: the trap was held back or comes first", n >= 1);
    set_dr7(0x400);
    n = 0;
    apic(icr_high, apic(apic_id)), apic(icr, 0x4400);
    asm volatile("nop; nop");
    is("one NMI", n, 1), is("by an IPI", order[0], NMI);
    hook(DB, nullptr), hook(UD, nullptr), hook(NMI, nullptr), hook(0x44, nullptr);
}

// A level-triggered input keeps asking until the device is quiet; IRQ 10 is the test device's (port E800h).
static void level() {
    out32(0xe800, 1);
    if (in32(0xe800) != 1) return;        // another machine
    out32(0xe800, 0);
    static volatile unsigned n;
    static volatile u32 entry_seen;
    hook(0x62, [](Frame&) {
        n = n + 1;
        entry_seen = ioapic(0x10 + 20);
        if (n == 3) out32(0xe800, 0);
        apic(eoi, 0);
    });
    ioapic(0x10 + 21, 0), ioapic(0x10 + 20, 0x8062);
    out32(0xe800, 1);
    sti();
    asm volatile("nop; nop; nop; nop");
    cli();
    is("level: again after each EOI until the line falls", n, 3), is("remote IRR in service", entry_seen >> 14 & 1, 1),
        is("and clear after", ioapic(0x10 + 20) >> 14 & 1, 0);
    n = 0;
    ioapic(0x10 + 20, 0x0062);
    out32(0xe800, 1);
    sti();
    asm volatile("nop; nop; nop; nop");
    cli();
    is("edge: once", n, 1);
    out32(0xe800, 0);
    ioapic(0x10 + 20, 0x10062);
    out32(0xe804, 5000);
    u64 begin = rdtsc();
    n = 2;
    ioapic(0x10 + 20, 0x8062);
    while (n < 3) halt();
    holds("raised after 5 us", rdtsc() - begin >= 4500 && rdtsc() - begin < 6000);
    ioapic(0x10 + 20, 0x10000);
}

extern "C" void guest() {
    nothing_changed();
    precedence();
    between();
    level();
}
