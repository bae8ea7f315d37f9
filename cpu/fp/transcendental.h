// SPDX-License-Identifier: MIT
// The x87's transcendental functions by code of our own: computed to 190 bits and rounded once, hence monotonic, well within 1 ulp,
// and the same on every host. Special values and exceptions by the tables of SDM vol. 2 (F2XM1, FCOS, FPATAN, FPTAN, FSIN, FYL2X, FYL2XP1).
#pragma once
#include "cpu/fp/soft/format.h"

namespace fp::transcendental {

using soft::Context;
using soft::Unpacked;

// FSIN, FCOS, FSINCOS and FPTAN take |x| < 2^63; the rest sets C2.
constexpr bool out_of_range(const Unpacked& x) { return x.is(soft::Class::finite) && x.exponent >= 63; }

struct Pair {
    F80 first, second;            // in ST(1) and ST(0) afterwards
};

F80 f2xm1(Context& c, const Unpacked& x);
F80 fsin(Context& c, const Unpacked& x);
F80 fcos(Context& c, const Unpacked& x);
Pair fsincos(Context& c, const Unpacked& x);
Pair fptan(Context& c, const Unpacked& x);
F80 fpatan(Context& c, const Unpacked& x, const Unpacked& y);        // the angle of (x, y)
F80 fyl2x(Context& c, const Unpacked& x, const Unpacked& y);         // y * log2(x)
F80 fyl2xp1(Context& c, const Unpacked& x, const Unpacked& y);       // y * log2(x + 1)

}
