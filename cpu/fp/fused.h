// SPDX-License-Identifier: MIT
// Multiply-add with one rounding, and the conversions to and from half precision (SDM vol. 1, 14.5 and 14.4), in integers: exact on any
// host.
#pragma once
#include "cpu/fp/round.h"

namespace fp {

// Which signs a multiply-add changes.
struct Signs {
    bool product = false, addend = false;
};

// x * y + z. A NaN operand is the result, made quiet, the first of x, y and z that is one; signs don't change it.
constexpr Rounded multiply_add(const Layout& f, u64 x, u64 y, u64 z, Signs change, u32 mxcsr) {
    Value a = take_apart(f, x), b = take_apart(f, y), c = take_apart(f, z);
    u32 raised = 0;
    for (auto* v : {&a, &b, &c}) {
        if (!v->denormal) continue;
        if (mxcsr & mxcsr::daz) v->significand = 0;
        else raised = mxcsr::de;
    }
    for (auto& [v, bits] : {std::pair{&a, x}, std::pair{&b, y}, std::pair{&c, z}}) {
        if (!v->nan) continue;
        bool signaling = (a.nan && !a.quiet) || (b.nan && !b.quiet) || (c.nan && !c.quiet);
        return {bits | f.quiet(), signaling ? mxcsr::ie : 0};
    }
    u64 none = f.sign() | f.infinity() | f.quiet();                     // the QNaN floating-point indefinite
    if ((a.infinite && b.zero()) || (a.zero() && b.infinite)) return {none, mxcsr::ie};
    bool negative = a.negative ^ b.negative ^ change.product, addend = c.negative ^ change.addend;
    if (a.infinite || b.infinite) {
        if (c.infinite && addend != negative) return {none, mxcsr::ie};
        return {(negative ? f.sign() : 0) | f.infinity(), raised};
    }
    if (c.infinite) return {(addend ? f.sign() : 0) | f.infinity(), raised};

    u128 p = u128{a.significand} * b.significand, q = c.significand;
    if (!p && !q) {
        bool minus = negative == addend ? negative : (mxcsr >> 13 & 3) == 1;
        return {minus ? f.sign() : 0, raised};
    }
    // Both at the top of 126 bits; the lower one moves right, what falls out is kept in its last bit.
    int p_exponent = a.exponent + b.exponent, q_exponent = c.exponent;
    auto raise_to_top = [](u128& v, int& exponent) {
        while (v && !(v >> 125)) {
            unsigned by = v >> 62 ? 1 : 63;
            v <<= by, exponent -= int(by);
        }
    };
    raise_to_top(p, p_exponent), raise_to_top(q, q_exponent);
    if (!p) p_exponent = q_exponent;
    if (!q) q_exponent = p_exponent;
    auto move_right = [](u128& v, int& exponent, int to) {
        int by = to - exponent;
        if (by <= 0) return;
        v = by > 127 ? u128{v != 0} : v >> by | ((v & ((u128{1} << by) - 1)) != 0);
        exponent = to;
    };
    move_right(p, p_exponent, q_exponent), move_right(q, q_exponent, p_exponent);
    bool p_larger = p >= q;
    u128 sum = negative == addend ? p + q : p_larger ? p - q : q - p;
    if (!sum) return {(mxcsr >> 13 & 3) == 1 ? f.sign() : 0, raised};
    auto result = round(f, negative == addend || p_larger ? negative : addend, p_exponent, sum, mxcsr);
    return {result.bits, result.raised | raised};
}

// VCVTPH2PS: denormals are exact, whatever MXCSR.DAZ says, and raise nothing.
constexpr Rounded single_of_half(u64 bits) {
    Value v = take_apart(half_layout, bits);
    u64 sign = v.negative ? single_layout.sign() : 0;
    if (v.nan) return {sign | single_layout.infinity() | single_layout.quiet() | (bits & 0x3ff) << 13, v.quiet ? 0 : mxcsr::ie};
    if (v.infinite) return {sign | single_layout.infinity(), 0};
    return {round(single_layout, v.negative, v.exponent, v.significand, mxcsr::masks).bits, 0};
}
// VCVTPS2PH: FTZ has no effect; a NaN keeps the upper part of its fraction.
constexpr Rounded half_of_single(u64 bits, u32 mxcsr) {
    Value v = take_apart(single_layout, bits);
    u64 sign = v.negative ? half_layout.sign() : 0;
    if (v.nan) return {sign | half_layout.infinity() | half_layout.quiet() | (bits >> 13 & 0x3ff), v.quiet ? 0 : mxcsr::ie};
    if (v.infinite) return {sign | half_layout.infinity(), 0};
    if (v.denormal && (mxcsr & mxcsr::daz)) return {sign, 0};
    auto result = round(half_layout, v.negative, v.exponent, v.significand, mxcsr & ~mxcsr::ftz);
    return {result.bits, result.raised | (v.denormal ? mxcsr::de : 0)};
}

static_assert(multiply_add(single_layout, 0x40000000, 0x40400000, 0x3f800000, {}, 0x1f80).bits == 0x40e00000);          // 2 * 3 + 1
static_assert(multiply_add(single_layout, 0x3f800001, 0x3f800001, 0xbf800002, {}, 0x1f80).bits == 0x28800000);          // 2^-46: a product
static_assert(half_of_single(0x3f800000, 0x1f80).bits == 0x3c00 && single_of_half(0x0001).bits == 0x33800000);

}
