// SPDX-License-Identifier: MIT
// Moves of XMM registers and packed integers: how operands reach the functions of lanes.h (SDM vol. 2). Rows are in sse.cpp
// and sse2.cpp.
#pragma once
#include "cpu/exec/slow.h"
#include "cpu/isa/sse/lanes_sse4.h"

namespace isa {

// ---- moves

// So many bytes from the second operand to the first, zero-extended to the whole of a register.
template <unsigned Width, Alignment A = Alignment::natural> struct MoveVector {
    template <class X> static Outcome run(X& x) {
        auto v = x.template vector<Width, A>(second);
        auto target = x.template place_vector<Width, A>(first);
        if (x.stopped()) return x.why();
        target.set(v);
        return Outcome::next;
    }
};
// Width bytes at To of the first operand are replaced by those at From of the second, which has `Source` bytes in memory
// (MOVLPS, MOVHPS, MOVLHPS, MOVHLPS; MOVSS and MOVSD between registers).
template <unsigned To, unsigned From, unsigned Width = 8, unsigned Source = 8> struct MergeVector {
    template <class X> static Outcome run(X& x) {
        auto b = x.template vector<Source>(second);
        if (x.stopped()) return x.why();
        x.set_vector(first, x.apply(lanes::Merge<To, From, Width>{}, x.vector(first), b));
        return Outcome::next;
    }
};
// Part of the second operand to memory or a general register (MOVD, MOVQ; MOVHPS and MOVHPD to memory).
template <class T, unsigned Lane = 0> struct StorePart {
    template <class X> static Outcome run(X& x) {
        auto target = x.template place_to_write<T>(first);
        if (x.stopped()) return x.why();
        target.set(x.apply(lanes::Part<T, Lane>{}, x.vector(second)));
        return Outcome::next;
    }
};
// Memory or a general register to the low part, the rest zero (MOVD, MOVQ).
template <class T> struct LoadPart {
    template <class X> static Outcome run(X& x) {
        T v = x.template read<T>(second);
        if (x.stopped()) return x.why();
        x.set_vector(first, x.apply(lanes::Widened{}, v));
        return Outcome::next;
    }
};
// The top bits of the second operand's lanes to a general register.
template <class T> struct MoveMask {
    template <class X> static Outcome run(X& x) {
        x.template place_to_write<u32>(first).set(x.apply(lanes::Signs<T>{}, x.vector(second)));
        return Outcome::next;
    }
};
struct MoveWord {                 // PEXTRW
    template <class X> static Outcome run(X& x) {
        u32 v = x.apply(lanes::ExtractWord{}, x.vector(second), x.template read<u8>(third));
        x.template place_to_write<u32>(first).set(v);
        return Outcome::next;
    }
};
struct PutWord {                  // PINSRW
    template <class X> static Outcome run(X& x) {
        auto b = x.apply(lanes::Widened{}, x.template read<u16>(second));
        if (x.stopped()) return x.why();
        x.set_vector(first, x.apply(lanes::InsertWord{}, x.vector(first), b, x.template read<u8>(third)));
        return Outcome::next;
    }
};

// A general register or memory into one lane of the first operand, and back: zero-extended where To, what is written, is wider.
template <class T> struct PutLane {
    template <class X> static Outcome run(X& x) {
        T v = x.template read<T>(second);
        if (x.stopped()) return x.why();
        x.set_vector(first, x.apply(lanes::InsertLane<T>{}, x.vector(first), v, x.template read<u8>(third)));
        return Outcome::next;
    }
};
template <class T, class To = T> struct StoreLane {
    template <class X> static Outcome run(X& x) {
        auto target = x.template place_to_write<To>(first);
        if (x.stopped()) return x.why();
        target.set(To(x.apply(lanes::ExtractLane<T>{}, x.vector(second), x.template read<u8>(third))));
        return Outcome::next;
    }
};

// ---- packed integers

// First and second operand to first operand.
template <class Op, Alignment A = Alignment::natural> struct Packed {
    template <class X> static Outcome run(X& x) {
        auto b = x.template vector<16, A>(second);
        if (x.stopped()) return x.why();
        x.set_vector(first, x.apply(Op{}, x.vector(first), b));
        return Outcome::next;
    }
};
// The same with an immediate byte.
template <class Op, unsigned Source = 16, Alignment A = Alignment::natural> struct PackedImmediate {
    template <class X> static Outcome run(X& x) {
        auto b = x.template vector<Source, A>(second);
        if (x.stopped()) return x.why();
        x.set_vector(first, x.apply(Op{}, x.vector(first), b, x.template read<u8>(third)));
        return Outcome::next;
    }
};
// The same with a third operand: XMM0.
template <class Op, Alignment A = Alignment::natural> struct PackedThree {
    template <class X> static Outcome run(X& x) {
        auto b = x.template vector<16, A>(second);
        if (x.stopped()) return x.why();
        x.set_vector(first, x.apply(Op{}, x.vector(first), b, x.vector(third)));
        return Outcome::next;
    }
};
// The second operand alone, of which memory holds the first `Source` bytes; and with an immediate byte.
template <class Op, unsigned Source = 16> struct PackedOne {
    template <class X> static Outcome run(X& x) {
        auto b = x.template vector<Source>(second);
        if (x.stopped()) return x.why();
        x.set_vector(first, x.apply(Op{}, b));
        return Outcome::next;
    }
};
template <class Op> struct PackedOneImmediate {
    template <class X> static Outcome run(X& x) {
        auto b = x.vector(second);
        if (x.stopped()) return x.why();
        x.set_vector(first, x.apply(Op{}, b, x.template read<u8>(third)));
        return Outcome::next;
    }
};
// Both operands to flags alone (PTEST).
template <class Op> struct PackedFlags {
    template <class X> static Outcome run(X& x) {
        auto b = x.vector(second);
        if (x.stopped()) return x.why();
        x.set_flags(x.apply(Op{}, x.vector(first), b));
        return Outcome::next;
    }
};
// Shifts: the count is an immediate byte, or the low 64 bits of the second operand.
template <class Op> struct ShiftImmediate {
    template <class X> static Outcome run(X& x) {
        x.set_vector(first, x.apply(Op{}, x.vector(first), u64{x.template read<u8>(second)}));
        return Outcome::next;
    }
};
template <class Op> struct ShiftVector {
    template <class X> static Outcome run(X& x) {
        auto count = x.vector(second);
        if (x.stopped()) return x.why();
        x.set_vector(first, x.apply(Op{}, x.vector(first), x.apply(lanes::Part<u64, 0>{}, count)));
        return Outcome::next;
    }
};

}
