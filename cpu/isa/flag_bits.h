// SPDX-License-Identifier: MIT
// CLC, STC, CMC, CLD, STD: one flag each (SDM vol. 2). The rows are in flags.cpp.
#pragma once
#include "cpu/exec/slow.h"

namespace isa {

template <bool on> struct SetCarry {
    template <class X> static Outcome run(X& x) { return x.set_flag(rflags::cf, on), Outcome::next; }
};
struct Cmc {
    template <class X> static Outcome run(X& x) { return x.set_flag(rflags::cf, !x.flags().cf()), Outcome::next; }
};
template <bool on> struct SetDirection {
    template <class X> static Outcome run(X& x) { return x.set_direction(on), Outcome::next; }
};

}
