// SPDX-License-Identifier: MIT
// Guest, 32-bit: SMIs in virtual-8086 mode, in ring 3 of 32-bit code and behind CLI: what the handler finds, what the area holds, and what RSM
// brings back (SDM vol. 3, "System Management Mode", sections as in 2024's edition, ch. 32; APM vol. 2, ch. 10).
#include "guest.h"
#include "frame.h"
#include "smm.h"

static constexpr word base = 0x8000, VM = 1 << 17, IF = 0x200, iopl3 = 0x3000, vif = 1 << 19;      // code at 0800:0000, stack at 0900:1000
static u8 program[32];
static word start_flags;

static void enter() {
    memcpy(reinterpret_cast<void*>(base), program, 32);
    asm volatile("push $0x1111; push $0x2222; push $0xa00; push $0x4444; push $0x900; push $0x1000; push %0; push $0x800; push $0; iret"
                 :: "r"(start_flags | VM) : "memory");
}
template <unsigned n> static Trap run(const u8 (&code)[n], word fl) {
    memcpy(program, code, n);
    start_flags = fl;
    notes.count = 0;
    tss.ring[0].sp = top(6), tss.ring[0].ss = kdata;
    return trap(enter);
}

// OUT B2h, AL; a store of the word 0ABCDh to DS:10h; UD2.
static constexpr u8 talks[] = {0xb0, 0x77, 0xe6, 0xb2, 0xc7, 0x06, 0x10, 0x00, 0xcd, 0xab, 0x0f, 0x0b};
static constexpr u8 then_cli[] = {0xe6, 0xb2, 0xfa, 0x0f, 0x0b}, then_hlt[] = {0xe6, 0xb2, 0xf4, 0x0f, 0x0b}, then_pushf[] = {0xe6, 0xb2, 0x9c, 0x0f, 0x0b};
static constexpr Saved at_cs{0x7fac, 0xfe10}, at_ss{0x7fb0, 0xfe20}, at_ds{0x7fb4, 0xfe30};

static void virtual_8086() {
    print("virtual-8086 mode\n");
    poke<u16>(0xa010, 0);
    word cr0 = get_cr0();
    Trap t = run(talks, 2 | iopl3);
    is("32.3.1: an SMI by OUT runs the handler", notes.count, 1);
    is("32.4: VM is 0 in it, as all of EFLAGS but bit 1", notes.flags, 2), is("  CR0.PE", notes.cr0, cr0 & ~0x8000000dul), is("  CS", notes.cs & 0xffff, area >> 4);
    is("32.4.1: EFLAGS in the area: VM, IOPL 3", saved(at_rflags, 4) & (VM | iopl3), VM | iopl3), is("  EIP, behind OUT", saved(at_rip, 4), 4);
    is("  CS", saved(at_cs, 2), 0x800), is("  SS", saved(at_ss, 2), 0x900), is("  DS", saved(at_ds, 2), 0xa00);
    if (is_amd()) is("  10.2.2: CS base", saved({0, 0xfe18}, 4), 0x8000), is("  limit", saved({0, 0xfe14}, 4), 0xffff), is("  SS.DPL: CPL 3", saved({0, 0xfe22}, 2) >> 5 & 3, 3);
    faults("RSM goes on in virtual-8086 mode", t, UD), is("  to the program's end", t.ip, 10), is("  VM", t.flags & VM, VM), is("  CS", t.cs & 0xffff, 0x800);
    is("  SS", t.ss & 0xffff, 0x900), is("  SP", t.sp & 0xffff, 0x1000), is("  DS * 16 is its base still", peek<u16>(0xa010), 0xabcd);
    t = run(then_hlt, 2 | iopl3), faults("CPL is 3 again: #GP(0) of HLT", t, GP), is("  at it", t.ip, 2), is("  behind the SMI", notes.count, 1);
    t = run(then_cli, 2), faults("IOPL is 0 again: #GP(0) of CLI", t, GP), is("  at it", t.ip, 2), is("  behind the SMI", notes.count, 1);
    run(then_pushf, 2 | iopl3 | IF), is("IF comes back", peek<u16>(0x9ffe), 0x3202);
    if (cpuid(1).edx >> 1 & 1) {
        set_cr4(get_cr4() | 1);
        run(then_pushf, 2 | vif), is("VIF comes back", peek<u16>(0x9ffe), 0x3202), is("CR4.VME is 0 in the handler", notes.cr4, 0), is("  and is back", get_cr4() & 1, 1);
        set_cr4(get_cr4() & ~1ul);
    }
    static constexpr u8 two_ends[] = {0xe6, 0xb2, 0xf4, 0x90, 0x90, 0x0f, 0x0b};
    patch(where(at_rip), 5);
    t = run(two_ends, 2 | iopl3), faults("32.1: a changed EIP is where it goes on", t, UD), is("  there", t.ip, 5);
    tss.io[0xb2 / 8] |= 1 << (0xb2 & 7);
    t = run(talks, 2 | iopl3), faults("a closed port: #GP(0)", t, GP), is("  and no SMI", notes.count, 0);
    tss.io[0xb2 / 8] &= u8(~(1 << (0xb2 & 7)));
}

static void protected_mode() {
    print("ring 3 and ring 0\n");
    notes.count = 0;
    user_flags = 2 | iopl3;
    static word selectors[3];
    passes("ring 3 of 32-bit code", trap_user([] { asm volatile("out %%al, $0xb2; mov %%cs, %0; mov %%ss, %1; mov %%ds, %2" : "=r"(selectors[0]), "=r"(selectors[1]), "=r"(selectors[2]) :: "memory"); }));
    user_flags = 2;
    is("  the SMI", notes.count, 1), is("  CS in the area", saved(at_cs, 2), ucode32), is("  CS behind it", selectors[0] & 0xffff, ucode32), is("  SS", selectors[1] & 0xffff, udata);
    is("  DS", selectors[2] & 0xffff, saved(at_ds, 2));
    // A segment's hidden part comes back, whatever the descriptor says by then.
    at(spare) = descriptor(word(program), 0xff, 0x4092);
    asm volatile("mov %0, %%fs" :: "r"(word(spare)) : "memory");
    at(spare) = 0;
    program[5] = 0x5a;
    u8 found;
    asm volatile("out %%al, $0xb2; movb %%fs:5, %0" : "=q"(found) :: "memory");
    is("32.4.1: hidden parts of segments come back", found, 0x5a);
    asm volatile("mov %0, %%fs" :: "r"(0));
}

extern "C" void guest() {
    memset(reinterpret_cast<void*>(0x500), 0, sizeof(Notes));
    install_handler(reset_smbase);
    smi_on();
    tss.io[0xb2 / 8] &= u8(~(1 << (0xb2 & 7)));
    virtual_8086();
    protected_mode();
}
