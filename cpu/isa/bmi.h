// SPDX-License-Identifier: MIT
// BMI1 and BMI2: how operands reach the arithmetic of alu_bits.h and alu_shift.h (SDM vol. 2). The rows are in bmi.cpp.
#pragma once
#include "cpu/exec/slow.h"
#include "cpu/isa/alu_bits.h"
#include "cpu/isa/alu_shift.h"

namespace isa {

// first = Op(second), with flags.
template <class Op> struct Lowest {
    template <class X> static Outcome run(X& x) {
        auto source = x.read(second);
        if (x.stopped()) return x.why();
        auto [value, flags] = x.compute(Op{}, source);
        x.place_to_write(first).set(value);
        x.set_flags(flags);
        return Outcome::next;
    }
};
// first = Op(second, third), with flags.
template <class Op> struct Three {
    template <class X> static Outcome run(X& x) {
        auto a = x.read(second);
        auto b = x.read(third);
        if (x.stopped()) return x.why();
        auto [value, flags] = x.compute(Op{}, a, b);
        x.place_to_write(first).set(value);
        x.set_flags(flags);
        return Outcome::next;
    }
};
// The same without flags: PDEP, PEXT.
template <class Op> struct Scatter {
    template <class X> static Outcome run(X& x) {
        auto a = x.read(second);
        auto mask = x.read(third);
        if (x.stopped()) return x.why();
        x.place_to_write(first).set(Op{}(a, mask));
        return Outcome::next;
    }
};
// Shifts and rotates without flags: the count is masked as ever.
template <class Op> struct QuietShift {
    template <class X> static Outcome run(X& x) {
        auto source = x.read(second);
        unsigned count = x.template read<u8>(third) & alu::count_mask<typename X::word>;
        if (x.stopped()) return x.why();
        x.place_to_write(first).set(Op{}(source, count, Flags{}).value);
        return Outcome::next;
    }
};
// rDX times the third operand; where both destinations are one register, it gets the upper half.
struct Mulx {
    template <class X> static Outcome run(X& x) {
        auto source = x.read(third);
        if (x.stopped()) return x.why();
        auto product = x.apply(alu::Mul{}, x.template reg<typename X::word>(rdx), source);
        x.place_to_write(second).set(product.low);
        x.place_to_write(first).set(product.high);
        return Outcome::next;
    }
};

}
