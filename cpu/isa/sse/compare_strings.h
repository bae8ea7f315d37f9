// SPDX-License-Identifier: MIT
// PCMPESTRI and its kin, in both encodings: how operands reach strings.h.
#pragma once
#include "cpu/exec/slow.h"
#include "cpu/isa/sse/strings.h"

namespace isa {

// Where the strings end: as a general register says, of this width, or at their first zero.
template <class T> struct Explicit {
    static unsigned length(const Slow& x, unsigned reg, const Xmm&, lanes::StringOrder order) { return lanes::explicit_length(T(x.cpu.gpr[reg]), order); }
};
struct Implicit {
    static unsigned length(const Slow&, unsigned, const Xmm& v, lanes::StringOrder order) { return lanes::implicit_length(v, order); }
};

// The result goes to ECX as an index, or to XMM0 as a mask. Memory need not be aligned. VEX forms clear
// what lies above the mask.
enum class Gives { index, mask };
template <class Length, Gives gives, bool Vex = false> struct CompareStrings {
    template <class X> static Outcome run(X& x) {
        auto b = x.template vector<16, Alignment::any>(second);
        if (x.stopped()) return x.why();
        auto a = x.vector(first);
        lanes::StringOrder order{x.template read<u8>(third)};
        auto r = lanes::compare_strings(a, b, Length::length(x, rax, a, order), Length::length(x, rdx, b, order), order);
        if (gives == Gives::index) x.set_reg(rcx, lanes::string_index(r.matches, order));
        else if (Vex) x.cpu.vector.v[0].set(0, resized<64>(lanes::string_mask(r.matches, order)));
        else x.cpu.vector.v[0].set(0, lanes::string_mask(r.matches, order));
        x.set_flags(r.flags);
        return Outcome::next;
    }
};

}
