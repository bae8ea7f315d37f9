// SPDX-License-Identifier: MIT
// Numbers of the IEEE formats taken apart, and rounded into them with MXCSR's modes and flags (SDM vol. 1, 4.8 and 11.5.2). The format's
// bits come and go in a u64.
#pragma once
#include "base/bits.h"
#include "cpu/fp/mxcsr.h"
#include <algorithm>

namespace fp {

struct Layout {
    unsigned fraction, exponent;                   // how many bits
    constexpr int bias() const { return (1 << (exponent - 1)) - 1; }
    constexpr u64 infinity() const { return ones_of(exponent) << fraction; }
    constexpr u64 quiet() const { return u64{1} << (fraction - 1); }
    constexpr u64 sign() const { return u64{1} << (fraction + exponent); }
    static constexpr u64 ones_of(unsigned n) { return (u64{1} << n) - 1; }
};
constexpr Layout half_layout{10, 5}, single_layout{23, 8}, double_layout{52, 11};

struct Value {
    bool negative = false, nan = false, quiet = false, infinite = false, denormal = false;
    int exponent = 0;                              // of the significand's lowest bit
    u64 significand = 0;
    constexpr bool zero() const { return !nan && !infinite && !significand; }
};
constexpr Value take_apart(const Layout& f, u64 bits) {
    u64 fraction = bits & Layout::ones_of(f.fraction), biased = bits >> f.fraction & Layout::ones_of(f.exponent);
    Value v{.negative = (bits & f.sign()) != 0};
    if (biased == Layout::ones_of(f.exponent)) {
        v.nan = fraction != 0, v.quiet = (fraction & f.quiet()) != 0, v.infinite = !fraction;
        return v;
    }
    v.denormal = !biased && fraction;
    v.significand = fraction | (biased ? u64{1} << f.fraction : 0);
    v.exponent = int(biased ? biased : 1) - f.bias() - int(f.fraction);
    return v;
}

// What is left of a magnitude without its low `shift` bits, rounded; whether they were anything.
struct Shifted {
    u64 value;
    bool inexact;
};
constexpr Shifted shift_rounding(u128 v, int shift, bool negative, u32 mxcsr) {
    if (shift <= 0) return {u64(v) << -shift, false};
    if (shift > 127) v = v != 0, shift = 2;        // less than half of the last bit
    u64 kept = u64(v >> shift);
    u128 rest = v & ((u128{1} << shift) - 1), middle = u128{1} << (shift - 1);
    bool up = false;
    switch (mxcsr >> 13 & 3) {
    case 0: up = rest > middle || (rest == middle && (kept & 1)); break;
    case 1: up = rest && negative; break;
    case 2: up = rest && !negative; break;
    }
    return {kept + up, rest != 0};
}

struct Rounded {
    u64 bits;
    u32 raised;
};
// The number (-1)^negative * v * 2^exponent in a format; v's lowest bit may stand for any that are lost, if there are two more bits than
// the format has. Underflow is found after rounding.
constexpr Rounded round(const Layout& f, bool negative, int exponent, u128 v, u32 mxcsr) {
    u64 sign = negative ? f.sign() : 0;
    if (!v) return {sign, 0};
    int width = v >> 64 ? 128 - std::countl_zero(u64(v >> 64)) : 64 - std::countl_zero(u64(v));
    int last = exponent + width - 1 - int(f.fraction), least = 1 - f.bias() - int(f.fraction);     // exponents of the last bit
    auto [kept, inexact] = shift_rounding(v, last - exponent, negative, mxcsr);
    if (kept >> (f.fraction + 1)) kept >>= 1, last++;
    u32 lost = inexact ? mxcsr::pe : 0;
    if (last > f.bias() - int(f.fraction)) {
        if (!(mxcsr & mxcsr::om)) return {sign | f.infinity(), mxcsr::oe | lost};
        u32 mode = mxcsr >> 13 & 3;
        bool away = mode == 0 || (mode == 1 && negative) || (mode == 2 && !negative);
        return {sign | (f.infinity() - !away), mxcsr::oe | mxcsr::pe};
    }
    if (last >= least) return {sign | ((u64(last - least + 1) << f.fraction) + kept - (u64{1} << f.fraction)), lost};
    if (!(mxcsr & mxcsr::um)) return {sign, mxcsr::ue | lost};
    if (mxcsr & mxcsr::ftz) return {sign, mxcsr::ue | mxcsr::pe};
    auto tiny = shift_rounding(v, least - exponent, negative, mxcsr);
    return {sign | tiny.value, tiny.inexact ? mxcsr::ue | mxcsr::pe : 0};
}

static_assert(round(single_layout, false, 0, 1, 0x1f80).bits == 0x3f800000);
static_assert(round(single_layout, true, 0, 0x1000001, 0x1f80).bits == 0xcb800000 && round(single_layout, true, 0, 0x1000001, 0x1f80).raised == mxcsr::pe);
static_assert(round(single_layout, false, -149, 1, 0x1f80).bits == 1 && round(single_layout, false, 128, 1, 0x1f80).bits == 0x7f800000);
static_assert(round(half_layout, false, 0, 65520, 0x1f80).bits == 0x7c00 && round(half_layout, false, 0, 65519, 0x1f80).bits == 0x7bff);

}
