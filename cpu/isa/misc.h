// SPDX-License-Identifier: MIT
// NOP and its like (SDM vol. 2), and what the fast engine does by itself of instructions whose rows are elsewhere.
#pragma once
#include "cpu/exec/slow.h"

namespace isa {

// A memory operand of a hint or prefetch is not accessed at all; fences order what is in order anyway.
struct Nothing {
    template <class X> static Outcome run(X&) { return Outcome::next; }
};

// RDTSC, unless CR4.TSD has a say (system.cpp).
struct ReadTime {
    template <class X> static Outcome run(X& x) { return x.read_time(); }
};
// MOV from a segment register: to another register in the fast engine, to memory too by the reference engine (segment.cpp).
Outcome mov_from_segment(Slow&);
struct MoveFromSegment {
    template <class X> static Outcome run(X& x) {
        if constexpr (requires { x.insn; }) return mov_from_segment(x);
        else return x.place_to_write(first).set(typename X::word(x.selector(second))), Outcome::next;
    }
};
// MOV to DS, ES, FS or GS in real mode (segment.cpp).
struct MoveToRealSegment {
    template <class X> static Outcome run(X& x) { return x.load_real_segment(x.template read<u16>(second)); }
};

}
