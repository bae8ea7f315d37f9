// SPDX-License-Identifier: MIT
// Decimal arithmetic: DAA, DAS, AAA, AAS, AAM, AAD (SDM vol. 2). None of them is in 64-bit mode.
#include "cpu/exec/slow.h"
#include "cpu/isa/alu_bcd.h"
#include "cpu/isa/families.h"

namespace isa {
namespace {

template <class X> Outcome keep(X& x, alu::Result<u16> r) {
    x.template set_reg<u16>(rax, r.value);
    x.set_flags(r.flags);
    return Outcome::next;
}

template <class Op> struct Adjust {
    template <class X> static Outcome run(X& x) { return keep(x, Op{}(x.template reg<u16>(rax), x.flags())); }
};
// The base is an immediate, 10 in the mnemonics without an operand.
struct AdjustByBase {
    template <class X> static Outcome run(X& x) {
        u8 base = x.template read<u8>(first);
        u16 ax = x.template reg<u16>(rax);
        if (x.insn.opcode == 0xd5) return keep(x, alu::Aad{}(ax, base));
        return base ? keep(x, alu::Aam{}(ax, base)) : x.raise(de());
    }
};

constexpr Gate not64 = {.not64 = true};

constexpr Row rows[] = {
    // name  encoding  operands  gate    event         run
    {"daa", "27",     "",       not64,  Event::none,  run<Adjust<alu::Daa>>},
    {"das", "2F",     "",       not64,  Event::none,  run<Adjust<alu::Das>>},
    {"aaa", "37",     "",       not64,  Event::none,  run<Adjust<alu::Aaa>>},
    {"aas", "3F",     "",       not64,  Event::none,  run<Adjust<alu::Aas>>},
    {"aam", "D4",     "Ib",     not64,  Event::none,  run<AdjustByBase>},
    {"aad", "D5",     "Ib",     not64,  Event::none,  run<AdjustByBase>},
};
static_assert(no_overlap(rows), "two rows claim the same bytes");

}
std::span<const Row> bcd() { return rows; }
}
