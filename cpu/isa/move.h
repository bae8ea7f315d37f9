// SPDX-License-Identifier: MIT
// Moves of general registers and memory (SDM vol. 2). The rows are in move.cpp.
#pragma once
#include "cpu/exec/slow.h"
#include "cpu/isa/alu_bits.h"

namespace isa {

struct Mov {
    template <class X> static Outcome run(X& x) {
        auto source = x.read(second);
        auto target = x.place_to_write(first);
        if (x.stopped()) return x.why();
        target.set(source);
        return Outcome::next;
    }
};

struct Xchg {
    template <class X> static Outcome run(X& x) {
        auto a = x.place(first);
        auto b = x.place(second);
        if (x.stopped()) return x.why();
        auto old = a.value();
        a.set(b.value());
        b.set(old);
        return Outcome::next;
    }
};

template <Word Source> struct Movzx {
    template <class X> static Outcome run(X& x) {
        using T = typename X::word;
        T value = T(x.template read<Source>(second));
        if (x.stopped()) return x.why();
        x.place_to_write(first).set(value);
        return Outcome::next;
    }
};
template <Word Source> struct Movsx {
    template <class X> static Outcome run(X& x) {
        using T = typename X::word;
        T value = T(sign_extend(x.template read<Source>(second), sizeof(Source) * 8));
        if (x.stopped()) return x.why();
        x.place_to_write(first).set(value);
        return Outcome::next;
    }
};
// MOVSXD: 32 bits become 64; with other operand sizes it is a move.
struct Movsxd {
    template <class X> static Outcome run(X& x) {
        if constexpr (sizeof(typename X::word) == 8) return Movsx<u32>::run(x);
        else return x.cpu.intel() || sizeof(typename X::word) == 4 ? Mov::run(x) : narrow(x);
    }
    // To 16 bits Intel reads 16 bits (SDM vol. 2, MOVSXD) and AMD 32 (Zen 5).
    template <class X> static Outcome narrow(X& x) {
        auto source = x.template read<u32>(second);
        auto target = x.place_to_write(first);
        if (x.stopped()) return x.why();
        target.set(typename X::word(source));
        return Outcome::next;
    }
};

// The source is read whatever the condition; 32-bit registers lose their upper half either way.
template <unsigned code> struct Cmov {
    template <class X> static Outcome run(X& x) {
        auto source = x.read(second);
        auto target = x.place(first);
        if (x.stopped()) return x.why();
        target.set(x.condition(code) ? source : target.value());
        return Outcome::next;
    }
};
template <unsigned code> struct Set {
    template <class X> static Outcome run(X& x) {
        auto target = x.place_to_write(first);
        if (x.stopped()) return x.why();
        target.set(x.condition(code));
        return Outcome::next;
    }
};

struct Lea {
    template <class X> static Outcome run(X& x) {
        x.place_to_write(first).set(typename X::word(x.offset()));
        return Outcome::next;
    }
};

struct Bswap {
    template <class X> static Outcome run(X& x) {
        auto target = x.place(first);
        target.set(alu::swap_bytes_of_register(target.value()));
        return Outcome::next;
    }
};
struct Movbe {
    template <class X> static Outcome run(X& x) {
        auto source = x.read(second);
        auto target = x.place_to_write(first);
        if (x.stopped()) return x.why();
        target.set(alu::swap_bytes(source));
        return Outcome::next;
    }
};

// AL = byte at rBX + AL.
struct Xlat {
    template <class X> static Outcome run(X& x) {
        u64 at = (x.template reg<u64>(rbx) + x.template reg<u8>(rax)) & ones(x.insn.address_size);
        u8 value = x.template load_at<u8>(x.insn.segment, at);
        if (x.stopped()) return x.why();
        x.template set_reg<u8>(rax, value);
        return Outcome::next;
    }
};

// CBW, CWDE, CDQE: the lower half of the accumulator is extended to all of it.
struct ExtendAccumulator {
    template <class X> static Outcome run(X& x) {
        using T = typename X::word;
        constexpr unsigned width = sizeof(T) * 8;
        if constexpr (width > 8) x.template set_reg<T>(rax, T(sign_extend(x.template reg<u64>(rax), width / 2)));
        return Outcome::next;
    }
};
// CWD, CDQ, CQO: rDX gets the accumulator's sign.
struct SignToRdx {
    template <class X> static Outcome run(X& x) {
        using T = typename X::word;
        bool minus = x.template reg<T>(rax) >> (sizeof(T) * 8 - 1);
        x.template set_reg<T>(rdx, minus ? T(~T{}) : T(0));
        return Outcome::next;
    }
};

}
