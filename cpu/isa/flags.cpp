// SPDX-License-Identifier: MIT
// Flag instructions: CLC ... STD, LAHF, SAHF, SALC, CLI, STI (SDM vol. 2).
#include "cpu/isa/flag_bits.h"
#include "cpu/isa/families.h"

namespace isa {
namespace {

// AH holds SF, ZF, AF, PF, CF as RFLAGS does, with bit 1 set.
constexpr u8 in_ah = 0xd5;
struct Lahf {
    template <class X> static Outcome run(X& x) {
        u16 ax = u16(x.template reg<u8>(rax) | ((x.flags().value & in_ah) | 2) << 8);
        return x.template set_reg<u16>(rax, ax), Outcome::next;
    }
};
struct Sahf {
    template <class X> static Outcome run(X& x) {
        u32 ah = x.template reg<u16>(rax) >> 8;
        return x.set_flags(Flags((x.flags().value & ~u32{in_ah}) | (ah & in_ah))), Outcome::next;
    }
};
// Not in the SDM before 2023; APM vol. 3, opcode map: AL = CF ? FF : 0.
struct Salc {
    template <class X> static Outcome run(X& x) {
        return x.template set_reg<u8>(rax, x.flags().cf() ? 0xff : 0), Outcome::next;
    }
};

Outcome cld(Slow& x) { return x.cpu.set_rflags(0, rflags::df), Outcome::next; }
Outcome std(Slow& x) { return x.cpu.set_rflags(rflags::df, rflags::df), Outcome::next; }

// Which flag CLI and STI mean: IF, the virtual one (CR4.VME in virtual-8086 mode, CR4.PVI at CPL 3), or none: #GP(0)
// (SDM vol. 2, tables of CLI and STI).
u64 interrupt_flag(const Cpu& cpu) {
    if (cpu.cpl <= cpu.iopl()) return rflags::if_;           // real mode: CPL is 0
    u64 extension = cpu.v86() ? cr4::vme : cr4::pvi;
    return cpu.cpl == 3 && (cpu.control.cr4 & extension) ? rflags::vif : 0;
}
Outcome cli(Slow& x) {
    u64 which = interrupt_flag(x.cpu);
    if (!which) return x.raise(gp(0));
    x.cpu.set_rflags(0, which);
    return Outcome::next;
}
// The instruction behind an STI that sets IF runs before any interrupt.
Outcome sti(Slow& x) {
    u64 which = interrupt_flag(x.cpu);
    if (!which || (which == rflags::vif && (x.cpu.rflags & rflags::vip))) return x.raise(gp(0));
    if (which == rflags::if_ && !(x.cpu.rflags & rflags::if_)) x.cpu.sti_shadow = true;
    x.cpu.set_rflags(which, which);
    return Outcome::changed;
}

constexpr Gate not64 = {.not64 = true}, lahf64 = {.needs = Feature::lahf64, .only64 = true};

constexpr Row rows[] = {
    // name    encoding  operands  gate     event         run
    {"clc",   "F8",     "",       {},      Event::none,  run<SetCarry<false>>},
    {"stc",   "F9",     "",       {},      Event::none,  run<SetCarry<true>>},
    {"cmc",   "F5",     "",       {},      Event::none,  run<Cmc>},
    {"cld",   "FC",     "",       {},      Event::none,  plain_or<cld, SetDirection<false>>},
    {"std",   "FD",     "",       {},      Event::none,  plain_or<std, SetDirection<true>>},
    {"cli",   "FA",     "",       {},      Event::none,  plain<cli>},
    {"sti",   "FB",     "",       {},      Event::none,  plain<sti>},
    {"lahf",  "9F",     "",       not64,   Event::none,  run<Lahf>},
    {"lahf",  "9F",     "",       lahf64,  Event::none,  run<Lahf>},
    {"sahf",  "9E",     "",       not64,   Event::none,  run<Sahf>},
    {"sahf",  "9E",     "",       lahf64,  Event::none,  run<Sahf>},
    {"salc",  "D6",     "",       not64,   Event::none,  run<Salc>},
};
static_assert(no_overlap(rows), "two rows claim the same bytes");

}
std::span<const Row> flags() { return rows; }
}
