// SPDX-License-Identifier: MIT
// Integer arithmetic and logic: how operands reach the arithmetic of alu.h (SDM vol. 2). The rows are in integer.cpp.
#pragma once
#include "cpu/exec/slow.h"
#include "cpu/isa/alu.h"

namespace isa {

// How operands reach the arithmetic: once for every instruction with a destination and a source.
template <class Op> struct Binary {
    template <class X> static Outcome run(X& x) {
        auto target = x.place(first);
        auto source = x.read(second);
        if (x.stopped()) return x.why();
        auto [value, flags] = x.compute(Op{}, target.value(), source);
        target.set(value);
        x.set_flags(flags);
        return Outcome::next;
    }
};

// XOR or SUB of a register with itself: whatever it holds, the same comes of it.
struct Zero {
    template <class X> static Outcome run(X& x) {
        using T = typename X::word;
        auto target = x.place(first);
        target.set(0);
        x.set_flags(alu::Xor{}(T(0), T(0), Flags(0)).flags);
        return Outcome::next;
    }
};

// Only the flags are kept: CMP, TEST.
template <class Op> struct Compare {
    template <class X> static Outcome run(X& x) {
        auto a = x.read(first);
        auto b = x.read(second);
        if (x.stopped()) return x.why();
        x.set_flags(x.compute(Op{}, a, b).flags);
        return Outcome::next;
    }
};

// One operand: INC, DEC, NEG, NOT.
template <class Op> struct Unary {
    template <class X> static Outcome run(X& x) {
        auto target = x.place(first);
        if (x.stopped()) return x.why();
        auto [value, flags] = x.compute(Op{}, target.value());
        target.set(value);
        x.set_flags(flags);
        return Outcome::next;
    }
};

// rDX:rAX, or AX for bytes.
template <class X, Word T> void set_accumulators(X& x, T low, T high) {
    if constexpr (sizeof(T) == 1) {
        x.template set_reg<u16>(rax, u16(low | high << 8));
    } else {
        x.template set_reg<T>(rax, low);
        x.template set_reg<T>(rdx, high);
    }
}
template <class X> auto upper_accumulator(X& x) {
    using T = typename X::word;
    if constexpr (sizeof(T) == 1) return T(x.template reg<u16>(rax) >> 8);
    else return x.template reg<T>(rdx);
}

// SF, ZF, AF, PF are undefined behind a multiplication: kept, as AMD does.
template <class X> void set_overflow(X& x, bool on) { x.set_flag(rflags::cf | rflags::of, on); }

template <class Op> struct Multiply {
    template <class X> static Outcome run(X& x) {
        auto source = x.read(first);
        if (x.stopped()) return x.why();
        auto product = x.apply(Op{}, x.template reg<typename X::word>(rax), source);
        set_accumulators(x, product.low, product.high);
        set_overflow(x, product.overflow);
        return Outcome::next;
    }
};

// IMUL with two or three operands: target, a, b.
template <class X, class T> Outcome multiply_to_first(X& x, T a, T b) {
    if (x.stopped()) return x.why();
    auto product = x.apply(alu::Imul{}, a, b);
    x.place_to_write(first).set(product.low);
    set_overflow(x, product.overflow);
    return Outcome::next;
}
struct Imul2 {
    template <class X> static Outcome run(X& x) { return multiply_to_first(x, x.read(first), x.read(second)); }
};
struct Imul3 {
    template <class X> static Outcome run(X& x) { return multiply_to_first(x, x.read(second), x.read(third)); }
};

// All flags are undefined; AMD sets AF, clears PF, ZF and SF, and keeps CF and OF.
template <class Op> struct Divide {
    template <class X> static Outcome run(X& x) {
        auto divisor = x.read(first);
        if (x.stopped()) return x.why();
        auto r = x.apply(Op{}, upper_accumulator(x), x.template reg<typename X::word>(rax), divisor);
        if (!r.fits) return x.raise(de());
        set_accumulators(x, r.quotient, r.remainder);
        auto f = x.flags();
        x.set_flags(Flags(f.cf(), false, true, false, false, f.of()));
        return Outcome::next;
    }
};

struct Xadd {
    template <class X> static Outcome run(X& x) {
        auto target = x.place(first);
        auto other = x.place(second);
        if (x.stopped()) return x.why();
        auto [value, flags] = x.compute(alu::Add{}, target.value(), other.value());
        other.set(target.value());
        target.set(value);
        x.set_flags(flags);
        return Outcome::next;
    }
};

// The memory destination has its write cycle whether or not it compares equal (SDM vol. 2, CMPXCHG).
struct Cmpxchg {
    template <class X> static Outcome run(X& x) {
        using T = typename X::word;
        auto target = x.place(first);
        auto source = x.read(second);
        if (x.stopped()) return x.why();
        T accumulator = x.template reg<T>(rax), old = target.value();
        if (accumulator == old) target.set(source);
        else target.put_back(), x.template set_reg<T>(rax, old);
        x.set_flags(x.compute(alu::Sub{}, accumulator, old).flags);
        return Outcome::next;
    }
};

// CMPXCHG8B, CMPXCHG16B: rDX:rAX with two words in memory, rCX:rBX the replacement. 16 bytes must be aligned.
template <Word T> struct CmpxchgPair {
    struct Pair {
        T low, high;
        bool operator==(const Pair&) const = default;
    };
    template <class X> static Outcome run(X& x) {
        if constexpr (sizeof(T) == 8) x.require_aligned(16);
        auto span = x.probe_write(sizeof(Pair));
        if (x.stopped()) return x.why();
        Pair old;
        x.cpu.read_span(span, &old);
        bool equal = old == Pair{x.template reg<T>(rax), x.template reg<T>(rdx)};
        Pair replacement = equal ? Pair{x.template reg<T>(rbx), x.template reg<T>(rcx)} : old;
        x.cpu.write_span(span, &replacement);
        if (!equal) set_accumulators(x, old.low, old.high);
        x.set_flags(x.flags().with(rflags::zf, equal));
        return Outcome::next;
    }
};

}
