// SPDX-License-Identifier: MIT
// Two-operand integer arithmetic and logic: ADD, OR, ADC, SBB, AND, SUB, XOR, CMP, TEST (SDM vol. 2).
#include "cpu/exec/slow.h"
#include "cpu/isa/alu.h"
#include "cpu/isa/families.h"

namespace isa {
namespace {

// How operands reach the arithmetic: once for every instruction with a destination and a source.
template <class Op> struct Binary {
    template <class X> static Outcome run(X& x) {
        auto target = x.place(first);
        auto source = x.read(second);
        if (x.stopped()) return x.why();
        auto [value, flags] = Op{}(target.value(), source, x.flags());
        target.set(value);
        x.set_flags(flags);
        return Outcome::next;
    }
};

// Only the flags are kept: CMP, TEST.
template <class Op> struct Compare {
    template <class X> static Outcome run(X& x) {
        auto a = x.read(first);
        auto b = x.read(second);
        if (x.stopped()) return x.why();
        x.set_flags(Op{}(a, b, x.flags()).flags);
        return Outcome::next;
    }
};

using namespace alu;

constexpr Row rows[] = {
    // name   encoding    operands    gate              event         run
    {"add",  "00 /r",    "Eb, Gb",   {.lock = true},   Event::none,  run<Binary<Add>>},
    {"add",  "01 /r",    "Ev, Gv",   {.lock = true},   Event::none,  run<Binary<Add>>},
    {"add",  "02 /r",    "Gb, Eb",   {},               Event::none,  run<Binary<Add>>},
    {"add",  "03 /r",    "Gv, Ev",   {},               Event::none,  run<Binary<Add>>},
    {"add",  "04",       "AL, Ib",   {},               Event::none,  run<Binary<Add>>},
    {"add",  "05",       "rAX, Iz",  {},               Event::none,  run<Binary<Add>>},
    {"add",  "80 /0",    "Eb, Ib",   {.lock = true},   Event::none,  run<Binary<Add>>},
    {"add",  "81 /0",    "Ev, Iz",   {.lock = true},   Event::none,  run<Binary<Add>>},
    {"add",  "83 /0",    "Ev, Ib",   {.lock = true},   Event::none,  run<Binary<Add>>},
    {"cmp",  "38 /r",    "Eb, Gb",   {},               Event::none,  run<Compare<Sub>>},
    {"cmp",  "39 /r",    "Ev, Gv",   {},               Event::none,  run<Compare<Sub>>},
};
static_assert(no_overlap(rows), "two rows claim the same bytes");

}
std::span<const Row> integer() { return rows; }
}
