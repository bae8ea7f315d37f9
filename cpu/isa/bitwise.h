// SPDX-License-Identifier: MIT
// Bit tests, scans and counts: how operands reach the arithmetic of alu_bits.h (SDM vol. 2). The rows are in bitwise.cpp.
#pragma once
#include "cpu/exec/slow.h"
#include "cpu/isa/alu_bits.h"

namespace isa {

// How far from the operand's start the word with the bit lies: a register's bit offset is signed and reaches beyond a memory
// operand (SDM vol. 2, 3.1.1.9); an immediate one stays within it.
template <class X, class T> u64 byte_offset(X& x, T bit_offset) {
    if constexpr (!X::bit_strings) return 0;
    if constexpr (requires { x.insn; })                    // else the form says so
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
        x.set_flag(rflags::cf, value & bit);
        return Outcome::next;
    }
};

template <class Op> struct Count {
    template <class X> static Outcome run(X& x) {
        auto source = x.read(second);
        if (x.stopped()) return x.why();
        auto [value, flags] = x.compute(Op{}, source);
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
        auto [value, flags] = x.compute(Op{}, source);
        if (source) x.place_to_write(first).set(value);
        x.set_flags(flags);
        return Outcome::next;
    }
};

}
