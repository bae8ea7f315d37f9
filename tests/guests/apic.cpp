// SPDX-License-Identifier: MIT
// Guest, 64-bit: the local APIC: priorities, EOI, IPIs, NMI, x2APIC; interrupt shadows (SDM vol. 3, ch. 11; 6.8).
#include "guest.h"
#include "frame.h"
#include "interrupts.h"

static volatile u8 order[16];
static volatile unsigned n;
static void note(Frame& f) {
    order[n & 15] = u8(f.vector);
    n = n + 1;
}
static void note_eoi(Frame& f) { note(f), apic(eoi, 0); }
static void self(u32 vector) { apic(icr_high, apic(apic_id)), apic(icr, 0x4000 | vector); }
static bool bit_of(u32 bank, unsigned v) { return apic(bank + v / 32 * 16) >> v % 32 & 1; }
static void allow() { n = 0, sti(); asm volatile("nop; nop"); cli(); }

static void basics() {
    apic(svr, 0x1ff);
    for (unsigned v = 0x40; v < 0x70; v++) hook(v, note_eoi);
    is("version 1xh", apic(0x30) >> 4 & 0xf, 1);
    self(0x45);
    is("IRR of a self-IPI", bit_of(irr, 0x45), 1);
    is("the ICR is idle", apic(icr) & 0x1000, 0);
    allow();
    is("it is delivered", n, 1), is("its vector", order[0], 0x45), is("IRR is clear", bit_of(irr, 0x45), 0);
    self(0x41), self(0x62), self(0x51), self(0x62);
    allow();
    is("three, for one was pending already", n, 3);
    is("the highest first", order[0], 0x62), is("then", order[1], 0x51), is("last", order[2], 0x41);
    apic(icr, 0x44000 | 0x46);
    allow();
    is("the self shorthand", order[0], 0x46);
    apic(tpr, 0x50);
    is("CR8 is TPR bits 7 to 4", [] { word v; asm volatile("mov %%cr8, %0" : "=r"(v)); return v; }(), 5);
    self(0x5f), self(0x60);
    allow();
    is("TPR 50h: class 6 passes", order[0], 0x60), is("class 5 does not", n, 1);
    asm volatile("mov %0, %%cr8" :: "r"(word(4)));
    is("MOV to CR8 sets the TPR", apic(tpr), 0x40);
    allow();
    is("and lets it through", order[0], 0x5f);
    apic(tpr, 0);
    // In service: without EOI the same class waits.
    hook(0x52, note);
    self(0x52);
    allow();
    is("ISR", bit_of(isr, 0x52), 1), is("PPR", apic(ppr), 0x50);
    self(0x5f), self(0x4f), self(0x61);
    allow();
    is("only a higher class interrupts", n, 1), is("which", order[0], 0x61);
    apic(eoi, 0);
    is("EOI clears ISR", bit_of(isr, 0x52), 0), is("PPR", apic(ppr), 0);
    allow();
    is("then the others", n, 2), is("in order", order[0] << 8 | order[1], 0x5f4f);
    hook(0x52, note_eoi);
    apic(svr, 0xff);
    self(0x42);
    is("switched off by the SVR: nothing is accepted", bit_of(irr, 0x42), 0);
    apic(svr, 0x1ff);
    allow();
    is("nor delivered later", n, 0);
    apic(lvt_error, 0x43);
    apic(esr, 0);
    self(0x0f);
    apic(esr, 0);
    is("a vector below 16: send illegal vector", apic(esr) & 0x20, 0x20);
    allow();
    is("and the error interrupt", order[0], 0x43);
    apic(lvt_error, 0x10000);
    is("masked in LVT by switching off", (apic(svr, 0xff), apic(lvt_timer, 0x40), apic(lvt_timer)) & 0x10000, 0x10000);
    apic(svr, 0x1ff);
    apic(0xd0, 0x02000000), apic(0xe0, 0xffffffff);
    apic(icr_high, 0x02000000), apic(icr, 0x4800 | 0x44);
    allow();
    is("logical destination, flat", n, 1);
    apic(icr_high, 0x04000000), apic(icr, 0x4800 | 0x44);
    allow();
    is("to another: nothing", n, 0);
}

static void shadows() {
    static volatile word where;
    hook(0x44, [](Frame& f) { where = f.ip, note_eoi(f); });
    n = 0, self(0x44);
    asm volatile("lea 1f(%%rip), %%rax; mov %%rax, %0; sti; nop; 1: nop; cli" : "=m"(marked) :: "rax", "memory");
    is("STI: one more instruction runs", where, marked);
    n = 0, self(0x44);
    asm volatile("sti; cli" ::: "memory");
    is("STI, CLI: no window", n, 0);
    allow();
    self(0x44);
    asm volatile("lea 1f(%%rip), %%rax; mov %%rax, %0; mov %%ss, %%eax; sti; mov %%eax, %%ss; 1: nop; nop; cli" : "=m"(marked) :: "rax", "memory");
    holds("MOV SS in STI's shadow", where == marked || where == marked + 1);
    n = 0;
    asm volatile("pushf; cli; pop %%rax; or $0x200, %%eax; push %%rax; mov $0xfee00300, %%ebx; movl $0x44044, (%%rbx); lea 1f(%%rip), "
                 "%%rax; mov %%rax, %0; popf; 1: nop; cli"
                 : "=m"(marked)::"rax", "rbx", "memory");
    is("POPF has no shadow", where, marked);
    hook(0x44, note_eoi);
}

static void nmi() {
    static volatile word depth, most, total;
    hook(NMI, [](Frame&) {
        depth = depth + 1;
        total = total + 1;
        if (depth > most) most = depth;
        if (total == 1) {
            apic(icr_high, apic(apic_id)), apic(icr, 0x4400);   // a second one, while this one runs
            asm volatile("nop; nop");
        }
        depth = depth - 1;
    });
    cli();
    apic(icr_high, apic(apic_id)), apic(icr, 0x4400);
    asm volatile("nop; nop");
    if (total == 1) apic(icr_high, apic(apic_id)), apic(icr, 0x4400);
    asm volatile("nop; nop");
    holds("an NMI ignores IF", total >= 1);
    is("and does not nest before IRET", most, 1);
    is("a second one waits for it", total, 2);
    hook(NMI, nullptr);
    faults("without a hook: vector 2", trap([] { apic(icr, 0x4400); asm volatile("nop; nop"); }), NMI);
    asm volatile("push $0x10; push %%rsp; addq $8, (%%rsp); pushf; push $8; lea 1f(%%rip), %%rax; push %%rax; iretq; 1:" ::
                     : "rax", "memory"); // unblocks NMI
}

static void external() {
    // The 8259s through LINT0 as ExtINT; the PIT's IRQ 0.
    hook(0x20, [](Frame& f) { note(f), pic_eoi(0); });
    apic(lvt_lint0, 0x700);
    pics_on(1);
    out8(0x43, 0x34), out8(0x40, 0), out8(0x40, 4);
    n = 0;
    halt();
    is("ExtINT: the 8259's vector", order[0], 0x20), is("no ISR bit for it", bit_of(isr, 0x20), 0);
    apic(lvt_lint0, 0x10700);
    n = 0;
    sti();
    u64 begin = rdtsc();
    while (rdtsc() - begin < 3000000) {}
    cli();
    is("LINT0 masked: nothing", n, 0);
    out8(0x21, 0xff);
    // The I/O APIC's input 2 is IRQ 0 as well.
    ioapic(0x15, 0), ioapic(0x14, 0x48);
    n = 0;
    halt();
    is("through the I/O APIC", order[0], 0x48);
    ioapic(0x14, 0x10048);
    is("its version: 24 inputs", ioapic(1) >> 16 & 0xff, 23);
    out8(0x43, 0x30);
}

static void x2apic() {
    if (!(cpuid(1).ecx >> 21 & 1)) return;
    print("x2APIC\n");
    u64 base = rdmsr(0x1b);
    faults("#GP(0) of its MSRs in xAPIC mode", trap([] { rdmsr(0x802); }), GP);
    wrmsr(0x1b, base | 0xc00);
    is("the ID", rdmsr(0x802), cpuid(1).ebx >> 24);
    for (unsigned v = 0x40; v < 0x50; v++) hook(v, [](Frame& f) { note(f), wrmsr(0x80b, 0); });
    wrmsr(0x80f, 0x1ff);
    wrmsr(0x83f, 0x47);
    is("self-IPI: IRR", rdmsr(0x822) >> 7 & 1, 1);
    allow();
    is("it is delivered", order[0], 0x47);
    wrmsr(0x830, rdmsr(0x802) << 32 | 0x49);
    allow();
    is("through the ICR in one write", order[0], 0x49);
    faults("#GP(0) of an EOI that is not 0", trap([] { wrmsr(0x80b, 1); }), GP);
    faults("#GP(0) of reserved bits of the TPR", trap([] { wrmsr(0x808, 0x100); }), GP);
    faults("#GP(0) of a write to the ID", trap([] { wrmsr(0x802, 0); }), GP);
    faults("#GP(0) of a register that is not there", trap([] { rdmsr(0x80e); }), GP);
    faults("#GP(0) of going back to xAPIC mode", trap([] { wrmsr(0x1b, rdmsr(0x1b) & ~0x400ull); }), GP);
    wrmsr(0x1b, base & ~0x800ull);
    is("off: CPUID's APIC bit", cpuid(1).edx >> 9 & 1, 0);
    wrmsr(0x1b, base);
    is("and on", cpuid(1).edx >> 9 & 1, 1);
}

extern "C" void guest() {
    basics();
    shadows();
    nmi();
    external();
    x2apic();
}
