// SPDX-License-Identifier: MIT
// Guest, 32-bit: virtual-8086 mode: what traps by IOPL, interrupts out of it, and VME (SDM vol. 3, ch. 21).
#include "guest.h"
#include "frame.h"

static constexpr word base = 0x8000;      // code at 0800:0000, stack at 0900:1000
static word seen[8];                      // of the last trap: ES, DS, FS, GS in the frame, and DS in the handler
static u8 program[32];
static word size, start_flags;

static void enter() {
    memcpy(reinterpret_cast<void*>(base), program, 32);
    asm volatile("push $0x1111; push $0x2222; push $0x3333; push $0x4444; push $0x900; push $0x1000; push %0; push $0x800; push $0; iret"
                 :: "r"(start_flags | 1 << 17) : "memory");
}

// Runs the bytes, then UD2, in virtual-8086 mode. Which trap ends it, and where, is the answer.
template <unsigned n> static Trap run(const u8 (&code)[n], word fl = 2) {
    memcpy(program, code, n);
    program[n] = 0x0f, program[n + 1] = 0x0b;
    size = n, start_flags = fl;
    tss.ring[0].sp = top(6), tss.ring[0].ss = kdata;
    return trap(enter);
}
static void ends(const char* name, const Trap& t) {       // it got to its UD2
    faults(name, t, UD);
    is("  at its end", t.ip, size);
}
template <unsigned n> static void refused(const char* name, const u8 (&code)[n], word fl = 2, word vector = GP, word error = 0) {
    Trap t = run(code, fl);
    faults(name, t, vector, error);
    is("  at its beginning", t.ip, 0);
}
static u16 pushed() { return peek<u16>(0x9000 + 0xffe); }
static constexpr word iopl3 = 0x3002, vif = 1 << 19, vip = 1 << 20;

static void basics() {
    static const u8 nop[] = {0x90}, mov_ds[] = {0xb8, 0x34, 0x12, 0x8e, 0xd8}, push_cs[] = {0x0e},
                    store[] = {0xb8, 0x00, 0x0a, 0x8e, 0xd8, 0xc7, 0x06, 0x10, 0x00, 0xcd, 0xab};
    Trap t = run(nop);
    ends("an instruction", t);
    is("CS", t.cs & 0xffff, 0x800), is("VM in the saved flags", t.flags >> 17 & 1, 1), is("SS", t.ss & 0xffff, 0x900), is("SP", t.sp, 0x1000);
    ends("MOV DS takes any value", run(mov_ds));
    ends("a store through it", run(store));
    is("goes to DS * 16 + offset", peek<u16>(0xa010), 0xabcd);
    run(push_cs);
    is("PUSH CS", pushed(), 0x800);
    hook(UD, [](Frame& f) {
        word ds;
        asm volatile("mov 12(%1), %0" : "=r"(ds) : "r"(&f));
        seen[0] = f.v86_es, seen[1] = f.v86_ds, seen[2] = f.v86_fs, seen[3] = f.v86_gs, seen[4] = f.ds, seen[5] = word(&f.v86_gs + 1);
        hook(UD, nullptr);
        f.ip += 2;
        poke<u16>(base + f.ip, 0x0b0f);
    });
    run(nop);
    is("the frame holds ES", seen[0] & 0xffff, 0x4444 - 0x0), is("DS", seen[1] & 0xffff, 0x3333), is("FS", seen[2] & 0xffff, 0x2222),
        is("GS", seen[3] & 0xffff, 0x1111);
    is("and lies at ESP0", seen[5], tss.ring[0].sp);
    is("the handler has a null DS", seen[4] & 0xffff, 0);
}

static void privileged() {
    static const u8 hlt[] = {0xf4}, cli_[] = {0xfa}, sti_[] = {0xfb}, pushf_[] = {0x9c}, popf_[] = {0x9d}, iret_[] = {0xcf},
                    int20[] = {0xcd, 0x20}, int40[] = {0xcd, 0x40}, in61[] = {0xe4, 0x61}, mov_cr0[] = {0x0f, 0x20, 0xc0},
                    lgdt_[] = {0x0f, 0x01, 0x16, 0, 0}, lldt_[] = {0x0f, 0x00, 0xd0}, str_[] = {0x0f, 0x00, 0xc8},
                    lar_[] = {0x0f, 0x02, 0xc0}, arpl_[] = {0x63, 0xc0}, int3[] = {0xcc}, smsw[] = {0x0f, 0x01, 0xe0},
                    far_limit[] = {0x67, 0x66, 0xa1, 0xfe, 0xff, 0, 0}, beyond[] = {0x67, 0xa0, 0, 0, 1, 0};
    refused("#GP(0) of HLT", hlt), refused("#GP(0) of MOV from CR0", mov_cr0), refused("#GP(0) of LGDT", lgdt_);
    refused("#UD of LLDT", lldt_, 2, UD), refused("#UD of STR", str_, 2, UD), refused("#UD of LAR", lar_, 2, UD),
        refused("#UD of ARPL", arpl_, 2, UD);
    ends("SMSW is allowed", run(smsw));
    refused("IOPL 0: #GP(0) of CLI", cli_), refused("of STI", sti_), refused("of PUSHF", pushf_), refused("of POPF", popf_),
        refused("of IRET", iret_), refused("of INT 20h", int20);
    ends("IOPL 3: CLI", run(cli_, iopl3 | 0x200));
    is("clears IF", run(cli_, iopl3 | 0x200).flags & 0x200, 0);
    run(pushf_, iopl3);
    is("IOPL 3: PUSHF", pushed(), 0x3002);
    refused("IOPL 3: INT 20h through a DPL-0 gate", int20, iopl3, GP, 0x20 * 8 + 2);
    set_gate(0x40, stub(0x40), kcode, 0xee);
    Trap t = run(int40, iopl3);
    faults("IOPL 3: INT 40h through a DPL-3 gate", t, 0x40);
    is("to ring 0, behind INT", t.ip, 2);
    t = run(int3);
    faults("INT3 does not look at IOPL", t, BP);
    refused("#GP(0) of IN with a closed bitmap, IOPL 3", in61, iopl3);
    tss.io[0x61 / 8] &= u8(~2);
    ends("IN with an open one, IOPL 0", run(in61));
    tss.io[0x61 / 8] = 0xff;
    refused("#GP(0) of a doubleword across 64 KiB", far_limit), refused("#GP(0) of a byte beyond", beyond);
    at(spare) = descriptor(0, 0xfffff, 0xc0fb);
    set_gate(0x40, stub(0x40), spare | 3, 0xee);
    faults("#GP(CS) of a gate to ring 3", run(int40, iopl3), GP, spare);
    at(spare) = descriptor(0, 0xfffff, 0xc09f);
    set_gate(0x40, stub(0x40), spare, 0xee);
    faults("#GP(CS) of a gate to conforming code", run(int40, iopl3), GP, spare);
    set_gate(0x40, stub(0x40), kcode, 0xee);
}

static void vme() {
    if (!(cpuid(1).edx >> 1 & 1)) return;
    print("VME\n");
    static const u8 cli_[] = {0xfa}, sti_[] = {0xfb}, pushf_[] = {0x9c}, pushfd[] = {0x66, 0x9c}, int40[] = {0xcd, 0x40};
    static const u8 popf_if[] = {0xb8, 0x02, 0x02, 0x50, 0x9d}, popf_tf[] = {0xb8, 0x02, 0x01, 0x50, 0x9d};
    set_cr4(get_cr4() | 1);
    Trap t = run(cli_, 2 | vif | 0x200);
    ends("CLI", t);
    is("clears VIF alone", t.flags & (vif | 0x200), 0x200);
    t = run(sti_, 2);
    ends("STI", t);
    is("sets VIF alone", t.flags & (vif | 0x200), vif);
    refused("#GP(0) of STI with VIP", sti_, 2 | vip);
    run(pushf_, 2 | vif);
    is("PUSHF shows VIF as IF, and IOPL 3", pushed(), 0x3202);
    run(pushf_, 0x202);
    is("and not IF", pushed(), 0x3002);
    refused("#GP(0) of PUSHFD", pushfd);
    t = run(popf_if, 2);
    ends("POPF", t);
    is("IF goes to VIF", t.flags & (vif | 0x3200), vif);
    t = run(popf_tf, 2);
    faults("#GP(0) of POPF that sets TF", t, GP);
    t = run(popf_if, 2 | vip);
    faults("#GP(0) of POPF that sets VIF with VIP", t, GP);
    // 21.3.3.4, and vol. 2, IRET: the same rules.
    static const u8 iret_if[] = {0x68, 0x02, 0x02, 0x0e, 0x68, 0x08, 0x00, 0xcf}, iret_tf[] = {0x68, 0x02, 0x01, 0x0e, 0x68, 0x08, 0x00, 0xcf},
                    iret_not[] = {0x68, 0x02, 0x00, 0x0e, 0x68, 0x08, 0x00, 0xcf}, iretd_[] = {0x66, 0xcf}, popfd_[] = {0x66, 0x9d};
    t = run(iret_if, 2);
    ends("IRET", t), is("IF goes to VIF", t.flags & (vif | 0x3200), vif);
    t = run(iret_not, 2 | vif);
    ends("IRET without IF", t), is("clears VIF", t.flags & vif, 0);
    t = run(iret_if, 2 | vip), faults("#GP(0) of IRET that sets VIF with VIP", t, GP), is("  at IRET", t.ip, 7);
    t = run(iret_tf, 2), faults("#GP(0) of IRET that sets TF", t, GP);
    ends("IRET without IF under VIP", run(iret_not, 2 | vip));
    refused("#GP(0) of IRETD", iretd_), refused("#GP(0) of POPFD", popfd_);
    t = run(popf_if, iopl3);
    ends("IOPL 3: POPF", t), is("IF is IF", t.flags & (vif | 0x200), 0x200);
    t = run(sti_, iopl3 | vip), ends("IOPL 3: STI does not look at VIP", t), is("  and sets IF", t.flags & (vif | 0x200), 0x200);
    // Software interrupts by the redirection bitmap (table 21-2).
    poke<u16>(0x40 * 4, 0x20), poke<u16>(0x40 * 4 + 2, 0x800);
    poke<u16>(base + 0x20, 0x0b0f);
    t = run(int40, 2 | vif);
    faults("INT 40h with its bit clear", t, UD);
    is("goes through the 8086 vector", t.ip, 0x20), is("CS", t.cs & 0xffff, 0x800), is("and clears VIF", t.flags & vif, 0);
    is("FLAGS with VIF as IF and IOPL 3", pushed(), 0x3202), is("CS", peek<u16>(0x9ffc), 0x800), is("IP", peek<u16>(0x9ffa), 2);
    t = run(int40, iopl3 | 0x200);
    is("with IOPL 3", t.ip, 0x20), is("it clears IF", t.flags & 0x200, 0), is("and pushes FLAGS as they are", pushed(), 0x3202);
    tss.redirect[0x40 / 8] |= 1;
    refused("with its bit set and IOPL 0: #GP(0)", int40);
    faults("with its bit set and IOPL 3: the gate", run(int40, iopl3), 0x40);
    tss.redirect[0x40 / 8] = 0;
    set_cr4(get_cr4() | 2);
    passes("PVI: CLI in ring 3 with IOPL 0", trap_user([] { asm volatile("cli"); }));
    user_flags = 2 | vip;
    faults("PVI: #GP(0) of STI with VIP", trap_user([] { asm volatile("sti"); }), GP);
    user_flags = 2;
    set_cr4(get_cr4() & ~word(3));
    faults("#GP(0) of CLI without PVI", trap_user([] { asm volatile("cli"); }), GP);
}

// CR4.UMIP: CPL is 3 in virtual-8086 mode; what is #UD there stays it.
static void umip() {
    if (!(cpuid(7).ecx >> 2 & 1)) return;
    print("UMIP\n");
    static const u8 smsw[] = {0x0f, 0x01, 0xe0}, sgdt_[] = {0x0f, 0x01, 0x06, 0, 0}, sidt_[] = {0x0f, 0x01, 0x0e, 0, 0}, str_[] = {0x0f, 0x00, 0xc8}, sldt_[] = {0x0f, 0x00, 0xc0};
    ends("SGDT without it", run(sgdt_));
    set_cr4(get_cr4() | 1 << 11);
    refused("#GP(0) of SMSW", smsw, iopl3), refused("of SGDT", sgdt_, iopl3), refused("of SIDT", sidt_, iopl3);
    refused("#UD of STR", str_, 2, UD), refused("#UD of SLDT", sldt_, 2, UD);
    set_cr4(get_cr4() & ~word(1 << 11));
}

extern "C" void guest() {
    basics();
    privileged();
    vme();
    umip();
}
