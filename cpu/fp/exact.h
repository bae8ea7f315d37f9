// SPDX-License-Identifier: MIT
// Whether a result fits a precision with an unbounded exponent: PE beside an unmasked OE or UE.
//
// A finite number is odd * 2^exponent; sums, products and quotients are judged on the odd parts.
#pragma once
#include "base/bits.h"
#include <utility>

namespace fp {

struct Number {
    u64 odd = 0;                  // 0: the number is zero (or not finite)
    int exponent = 0;
    bool negative = false;
};

constexpr Number number(double d) {
    u64 raw = std::bit_cast<u64>(d);
    int biased = int(bits(raw, 62, 52));
    u64 fraction = bits(raw, 51, 0) | (biased ? bit(52) : 0);
    if (fraction == 0 || biased == 0x7ff) return {};
    int zeros = std::countr_zero(fraction);
    return {fraction >> zeros, (biased ? biased : 1) - 1075 + zeros, raw >> 63 != 0};
}

// Whether a value has at most so many bits between its first and its last one.
constexpr bool fits(u128 v, unsigned precision) {
    while (v && !(v & 1)) v >>= 1;
    return v >> precision == 0;
}

constexpr bool sum_fits(Number a, Number b, unsigned precision) {
    if (!a.odd || !b.odd) return fits(a.odd | b.odd, precision);
    if (a.exponent < b.exponent) std::swap(a, b);
    int up = a.exponent - b.exponent;
    if (up > 64) return false;    // the first and the last bit are further apart than any precision
    u128 high = u128{a.odd} << up;
    if (a.negative == b.negative) return fits(high + b.odd, precision);
    return fits(high > b.odd ? high - b.odd : b.odd - high, precision);
}
constexpr bool product_fits(Number a, Number b, unsigned precision) {
    return fits(u128{a.odd} * b.odd, precision);
}
// A quotient is a binary fraction only if the divisor's odd part divides the dividend's.
constexpr bool quotient_fits(Number a, Number b, unsigned precision) {
    return b.odd && a.odd % b.odd == 0 && fits(a.odd / b.odd, precision);
}

enum class Arithmetic : u8 { none, add, sub, mul, div, narrow };

constexpr bool exact(Arithmetic how, double x, double y, unsigned precision) {
    Number a = number(x), b = number(y);
    switch (how) {
    case Arithmetic::sub: b.negative = !b.negative; [[fallthrough]];
    case Arithmetic::add: return sum_fits(a, b, precision);
    case Arithmetic::mul: return product_fits(a, b, precision);
    case Arithmetic::div: return quotient_fits(a, b, precision);
    case Arithmetic::narrow: return fits(b.odd, precision);
    case Arithmetic::none: break;
    }
    return true;
}

static_assert(exact(Arithmetic::add, 1, 0x1p-23, 24) && !exact(Arithmetic::add, 1, 0x1p-24, 24));
static_assert(exact(Arithmetic::div, 9, 3, 24) && !exact(Arithmetic::div, 1, 3, 24));

}
