// SPDX-License-Identifier: MIT
// Bits: BT, BTS, BTR, BTC, BSF, BSR, LZCNT, TZCNT, POPCNT (SDM vol. 2).
#include "cpu/exec/slow.h"
#include "cpu/isa/alu_bits.h"
#include "cpu/isa/families.h"

namespace isa {
namespace {

// How far from the operand's start the word with the bit lies: a register's bit offset is signed and reaches beyond a memory
// operand (SDM vol. 2, 3.1.1.9); an immediate one stays within it.
template <class X, class T> u64 byte_offset(X& x, T bit_offset) {
    if (!x.insn.is_memory(0) || x.insn.operand[1].place == Place::immediate) return 0;
    constexpr unsigned width = sizeof(T) * 8;
    s64 words = s64(sign_extend(bit_offset, width)) >> std::countr_zero(width);
    return u64(words) * sizeof(T);
}

// Only CF is defined; the others are kept.
template <class Op> struct BitTest {
    template <class X> static Outcome run(X& x) {
        using T = typename X::word;
        constexpr bool writes = !std::is_same_v<Op, alu::Keep>;
        T index = x.read(second);
        T bit = T(T{1} << (index & (sizeof(T) * 8 - 1)));
        T value;
        if constexpr (writes) {
            auto target = x.place(first, byte_offset(x, index));
            if (x.stopped()) return x.why();
            value = target.value();
            target.set(Op{}(value, bit));
        } else {
            value = x.read(first, byte_offset(x, index));
            if (x.stopped()) return x.why();
        }
        x.set_flags(x.flags().with(rflags::cf, value & bit));
        return Outcome::next;
    }
};

template <class Op> struct Count {
    template <class X> static Outcome run(X& x) {
        auto source = x.read(second);
        if (x.stopped()) return x.why();
        auto [value, flags] = Op{}(source, x.flags());
        x.place_to_write(first).set(value);
        x.set_flags(flags);
        return Outcome::next;
    }
};
// BSF, BSR: a source of 0 leaves the whole destination register as it is (APM vol. 3).
template <class Op> struct Scan {
    template <class X> static Outcome run(X& x) {
        auto source = x.read(second);
        if (x.stopped()) return x.why();
        auto [value, flags] = Op{}(source, x.flags());
        if (source) x.place_to_write(first).set(value);
        x.set_flags(flags);
        return Outcome::next;
    }
};

using namespace alu;
constexpr Gate lock = {.lock = true};

constexpr Row rows[] = {
    // name      encoding           operands   gate                         event         run
    {"bt",      "0F A3 /r",        "Ev, Gv",  {},                          Event::none,  run<BitTest<Keep>>},
    {"bts",     "0F AB /r",        "Ev, Gv",  lock,                        Event::none,  run<BitTest<SetBit>>},
    {"btr",     "0F B3 /r",        "Ev, Gv",  lock,                        Event::none,  run<BitTest<ResetBit>>},
    {"btc",     "0F BB /r",        "Ev, Gv",  lock,                        Event::none,  run<BitTest<FlipBit>>},
    {"bt",      "0F BA /4",        "Ev, Ib",  {},                          Event::none,  run<BitTest<Keep>>},
    {"bts",     "0F BA /5",        "Ev, Ib",  lock,                        Event::none,  run<BitTest<SetBit>>},
    {"btr",     "0F BA /6",        "Ev, Ib",  lock,                        Event::none,  run<BitTest<ResetBit>>},
    {"btc",     "0F BA /7",        "Ev, Ib",  lock,                        Event::none,  run<BitTest<FlipBit>>},
    {"bsf",     "0F BC /r",        "Gv, Ev",  {},                          Event::none,  run<Scan<Bsf>>},
    {"bsr",     "0F BD /r",        "Gv, Ev",  {},                          Event::none,  run<Scan<Bsr>>},
    {"tzcnt",   "F3? 0F BC /r",    "Gv, Ev",  {.needs = Feature::bmi1},    Event::none,  run<Count<Tzcnt>>},
    {"lzcnt",   "F3? 0F BD /r",    "Gv, Ev",  {.needs = Feature::lzcnt},   Event::none,  run<Count<Lzcnt>>},
    {"popcnt",  "F3 0F B8 /r",     "Gv, Ev",  {.needs = Feature::popcnt},  Event::none,  run<Count<Popcnt>>},
};
static_assert(no_overlap(rows), "two rows claim the same bytes");

}
std::span<const Row> bitwise() { return rows; }
}
