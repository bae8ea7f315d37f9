// SPDX-License-Identifier: MIT
// RCPPS and RSQRTPS: the same on every host, within the architecture's relative error of
// 1.5 * 2^-12 (SDM vol. 2, RCPPS, RSQRTPS).
//
// The rule: the true reciprocal, or reciprocal square root, rounded to the nearest of 13 significant
// bits (relative error at most 2^-13). A denormal operand counts as a zero of its sign; a rounded
// result of no more than 2^-126 becomes a zero of its sign (the manual leaves open what happens
// close to 2^-126). No exception is raised, MXCSR is not looked at. Silicon differs within the
// bound, each design in its own way.
#pragma once
#include "base/bits.h"

namespace fp {

struct Single {                   // binary32 taken apart
    u32 sign, exponent, fraction;
    constexpr explicit Single(u32 raw)
        : sign(raw & 0x80000000), exponent(raw >> 23 & 0xff), fraction(raw & 0x7fffff) {}
    constexpr bool nan() const { return exponent == 0xff && fraction; }
    constexpr bool infinite() const { return exponent == 0xff && !fraction; }
    constexpr bool zero() const { return exponent == 0; }            // denormals with it
    constexpr u32 quiet() const { return sign | 0x7fc00000 | fraction; }
    constexpr u32 significand() const { return fraction | 0x800000; }
};

// thirteen / 2^12 (13 bits; 2^13 is one binade up) times a power of two by its biased exponent.
constexpr u32 assemble(u32 sign, int exponent, u32 thirteen) {
    if (thirteen == 0x2000) exponent++, thirteen = 0x1000;
    bool tiny = exponent <= 0 || (exponent == 1 && thirteen == 0x1000);
    return tiny ? sign : sign | u32(exponent) << 23 | (thirteen & 0xfff) << 11;
}

constexpr u32 reciprocal(u32 raw) {
    Single x(raw);
    if (x.nan()) return x.quiet();
    if (x.infinite()) return x.sign;
    if (x.zero()) return x.sign | 0x7f800000;
    // 1 / 1.f lies in (1/2, 1]: 13 bits of 2 / 1.f
    u64 m = x.significand(), r = ((bit(36) << 1) + m) / (m << 1);
    return assemble(x.sign, 253 - int(x.exponent), u32(r));
}

constexpr u32 reciprocal_root(u32 raw) {
    Single x(raw);
    if (x.nan()) return x.quiet();
    if (x.zero()) return x.sign | 0x7f800000;
    if (x.sign) return 0xffc00000;
    if (x.infinite()) return 0;
    // x is m * 2^-23, which lies in [1, 4), times an even power of two
    bool odd = !(x.exponent & 1);
    u64 m = u64{x.significand()} << odd;
    // the largest r with (r - 1/2) / 2^13 <= 1 / sqrt(m * 2^-23), that is (2r - 1)^2 * m <= 2^51
    u32 r = 0;
    for (u32 step = 0x2000; step; step >>= 1)
        if (u64 t = 2 * u64{r + step} - 1; t * t * m <= bit(51)) r += step;
    return assemble(0, 126 - (int(x.exponent) - 127 - odd) / 2, r);
}

static_assert(reciprocal(0x3f800000) == 0x3f800000 && reciprocal(0x40000000) == 0x3f000000);  // 1, 2
static_assert(reciprocal(0x00800000) == 0x7e800000 && reciprocal(0x7e800000) == 0);  // 2^-126, 2^126
static_assert(reciprocal_root(0x3f800000) == 0x3f800000);                            // 1
static_assert(reciprocal_root(0x40800000) == 0x3f000000);                            // 4
static_assert(reciprocal_root(0x00800000) == 0x5f000000);                            // 2^-126: 2^63

}
