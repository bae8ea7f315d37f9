// SPDX-License-Identifier: MIT
// NOP and its like (SDM vol. 2). The rows are in misc.cpp.
#pragma once
#include "cpu/exec/slow.h"

namespace isa {

// A memory operand of a hint or prefetch is not accessed at all; fences order what is in order anyway.
struct Nothing {
    template <class X> static Outcome run(X&) { return Outcome::next; }
};

}
