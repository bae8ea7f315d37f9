// SPDX-License-Identifier: MIT
// Rounding to an integral number of the same format (ROUNDPS and its kin; SDM vol. 2, table 4-18).
#pragma once
#include "cpu/fp/mxcsr.h"
#include <concepts>

namespace fp {

// A number and the flags that it raised.
template <class T> struct Integral {
    T value;
    u32 raised = 0;
};

// The bits of a binary32 or binary64. `how`: bits 1:0 the rounding, bit 2 set: MXCSR's instead; bit 3: no PE.
// Denormal operands raise nothing; with DAZ they are zeros.
template <std::unsigned_integral T> constexpr Integral<T> round_to_integral(T raw, u8 how, u32 mxcsr) {
    constexpr unsigned fraction = sizeof(T) == 4 ? 23 : 52, width = sizeof(T) * 8, bias = (1 << (width - fraction - 2)) - 1;
    constexpr T one = T(bias) << fraction, infinite = T(2 * bias + 1) << fraction, sign = T(1) << (width - 1);
    const T magnitude = raw & ~sign;
    const unsigned exponent = unsigned(magnitude >> fraction);
    if (magnitude > infinite) {
        constexpr T quiet = T(1) << (fraction - 1);
        return {T(raw | quiet), raw & quiet ? 0 : mxcsr::ie};
    }
    if (magnitude == 0 || exponent >= bias + fraction) return {raw};
    if (!exponent && (mxcsr & mxcsr::daz)) return {T(raw & sign)};
    const unsigned rounding = how & 4 ? bits(mxcsr, 14, 13) : how & 3;
    const bool negative = raw & sign;
    const bool away = rounding == 1 ? negative : rounding == 2 && !negative;
    if (exponent < bias) {        // less than 1: the nearest even number is 1 if more than half
        bool up = away || (rounding == 0 && magnitude > one - (T(1) << fraction));
        return {T((raw & sign) | (up ? one : 0)), how & 8 ? 0 : mxcsr::pe};
    }
    const T last = T(1) << (fraction - (exponent - bias)), rest = raw & (last - 1), half = last >> 1;
    if (!rest) return {raw};
    const T down = raw - rest;
    const bool up = away || (rounding == 0 && (rest > half || (rest == half && (down & last))));
    return {T(up ? down + last : down), how & 8 ? 0 : mxcsr::pe};
}

static_assert(round_to_integral(u32{0x40200000}, 0, 0).value == 0x40000000 && round_to_integral(u32{0x40600000}, 0, 0).value == 0x40800000);   // 2.5, 3.5
static_assert(round_to_integral(u32{0x3f000000}, 0, 0).value == 0 && round_to_integral(u32{0x3f000001}, 0, 0).value == 0x3f800000);
static_assert(round_to_integral(u64{0xbff8000000000000}, 1, 0).value == 0xc000000000000000);
static_assert(round_to_integral(u64{0xbff8000000000000}, 2, 0).raised == mxcsr::pe);
static_assert(round_to_integral(u32{0x3fc00000}, 4, 0x4000).value == 0x40000000 && round_to_integral(u32{1}, 2, mxcsr::daz).value == 0);

}
