// SPDX-License-Identifier: MIT
// What the files of the transcendental functions share.
#pragma once
#include "cpu/fp/series.h"
#include "cpu/fp/soft/arithmetic.h"
#include "cpu/fp/soft/x87.h"

namespace fp::transcendental {

inline constexpr big::Big pi{false, 1, {{0x29024e088a67cc74, 0xc4c6628b80dc1cd1, 0xc90fdaa22168c234}}};
constexpr big::Big half_of(big::Big a) { return a.exponent--, a; }

inline F80 rounded(soft::Context& c, const big::Big& value) {
    return soft::whole_precision(c, [&](soft::Context& whole) { return soft::round_pack<soft::Extended>(whole, big::widen(value)); });
}

}
