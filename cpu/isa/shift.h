// SPDX-License-Identifier: MIT
// Shifts and rotates: how operands reach the arithmetic of alu_shift.h (SDM vol. 2). The rows are in shift.cpp.
#pragma once
#include "cpu/exec/slow.h"
#include "cpu/isa/alu_shift.h"

namespace isa {

// A count of 0 still writes the destination, which clears the upper half of a 64-bit register.
template <class Op> struct Shift {
    template <class X> static Outcome run(X& x) {
        auto target = x.place(first);
        unsigned count = x.template read<u8>(second) & alu::count_mask<typename X::word>;
        if (x.stopped()) return x.why();
        auto [value, flags] = x.compute(Op{}, target.value(), count);
        target.set(value);
        x.set_flags(flags);
        return Outcome::next;
    }
};
template <class Op> struct DoubleShift {
    template <class X> static Outcome run(X& x) {
        auto target = x.place(first);
        auto source = x.read(second);
        unsigned count = x.template read<u8>(third) & alu::count_mask<typename X::word>;
        if (x.stopped()) return x.why();
        auto [value, flags] = x.compute(Op{}, target.value(), source, count);
        target.set(value);
        x.set_flags(flags);
        return Outcome::next;
    }
};

}
