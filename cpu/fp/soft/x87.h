// SPDX-License-Identifier: MIT
// What only the x87 has: remainders, scaling, taking apart, packed BCD (SDM vol. 2, FPREM, FPREM1, FSCALE, FXTRACT, FBLD, FBSTP).
#pragma once
#include "cpu/fp/soft/compare.h"
#include "cpu/fp/soft/convert.h"
#include <array>

namespace fp::soft {

// Precision control counts for sums, products, quotients and roots alone (SDM vol. 1, 8.1.5.2).
template <class Run> constexpr auto whole_precision(Context& c, Run&& run) {
    u8 precision = c.precision;
    c.precision = 64;
    auto result = run(c);
    c.precision = precision;
    return result;
}

struct Remainder {
    F80 value;
    u8 quotient = 0;              // its bits 2:0
    bool incomplete = false;      // C2
};

enum class Quotient : u8 { truncated, nearest };                 // FPREM, FPREM1

// One digit of the quotient for each step; dividend < 2 * divisor.
constexpr u64 reduce(u64 dividend, u64 divisor, int steps, u64& quotient) {
    u128 rest = dividend;
    for (int n = 0; n < steps; n++) {
        bool digit = rest >= divisor;
        if (digit) rest -= divisor;
        quotient = quotient << 1 | digit;
        if (n != steps - 1) rest <<= 1;
    }
    return u64(rest);
}

// How far one instruction brings exponents together that are 64 or more apart: the manual leaves 32 to 63; as Zen 5 does.
constexpr int partial_steps(int distance) { return 32 + (distance & 31); }

constexpr Remainder remainder_of(Context& c, const Unpacked& a, const Unpacked& b, Quotient how) {
    int distance = a.exponent - b.exponent;
    auto exact = [&](int exponent, u64 rest, bool negative) {
        return rest ? round_pack<Extended>(c, widen(finite(negative, exponent, rest))) : zero<Extended>(negative);
    };
    if (distance >= 64) {
        int steps = partial_steps(distance);
        u64 digits = 0, rest = reduce(a.significand, b.significand, steps + 1, digits);
        return {exact(a.exponent - steps, rest, a.negative), 0, true};
    }
    u64 digits = 0, rest = a.significand;
    if (distance >= 0) rest = reduce(a.significand, b.significand, distance + 1, digits);
    if (how == Quotient::truncated || distance < -1) {
        return {distance >= 0 ? exact(b.exponent, rest, a.negative) : exact(a.exponent, rest, a.negative), u8(digits & 7), false};
    }
    // Nearest: where more than half the divisor is left, or half of it and the quotient is odd, the next multiple is nearer.
    u128 twice = distance >= 0 ? u128{rest} << 1 : u128{rest};   // against the divisor, in its units (for -1: of half of them)
    if (twice < b.significand || (twice == b.significand && !(digits & 1)))
        return {distance >= 0 ? exact(b.exponent, rest, a.negative) : exact(a.exponent, rest, a.negative), u8(digits & 7), false};
    digits++;
    if (distance >= 0) return {exact(b.exponent, b.significand - rest, !a.negative), u8(digits & 7), false};
    // 2 * divisor - dividend in the dividend's units; the divisor is less than the dividend there, so 64 bits hold it
    return {exact(a.exponent, u64((u128{b.significand} << 1) - rest), !a.negative), u8(digits & 7), false};
}

constexpr Remainder remainder(Context& c, const Unpacked& a, const Unpacked& b, Quotient how) {
    F80 nan;
    if (propagate<Extended>(c, a, b, nan)) return {nan};
    if (a.is(Class::infinite) || b.is(Class::zero)) return {invalid<Extended>(c)};
    note_denormals(c, a, b);
    if (c.stopped()) return {};
    if (a.is(Class::zero)) return {zero<Extended>(a.negative)};
    return whole_precision(c, [&](Context& whole) {
        return b.is(Class::infinite) ? Remainder{round_pack<Extended>(whole, widen(a))} : remainder_of(whole, a, b, how);
    });
}

// ST(0) times 2 to the power of ST(1), whose fraction counts for nothing.
constexpr F80 scale(Context& c, const Unpacked& a, const Unpacked& by) {
    F80 nan;
    if (propagate<Extended>(c, a, by, nan)) return nan;
    if (by.is(Class::infinite) && (by.negative ? a.is(Class::infinite) : a.is(Class::zero))) return invalid<Extended>(c);
    note_denormals(c, a, by);
    if (c.stopped()) return {};
    if (a.is(Class::infinite) || (by.is(Class::infinite) && !by.negative)) return infinity<Extended>(a.negative);
    if (a.is(Class::zero) || by.is(Class::infinite)) return zero<Extended>(a.negative);
    Integer n = to_magnitude(by, Rounding::zero);
    int distance = !n.fits || n.magnitude > 0x10000 ? 0x10000 : int(n.magnitude);
    Wide w = widen(a);
    w.exponent += by.negative ? -distance : distance;
    return whole_precision(c, [&](Context& whole) { return round_pack<Extended>(whole, w); });
}

struct Parts {
    F80 significand, exponent;
};
constexpr Parts extract(Context& c, const Unpacked& a) {
    F80 nan;
    if (propagate<Extended>(c, a, nan)) return {nan, nan};
    if (a.is(Class::infinite)) return {infinity<Extended>(a.negative), infinity<Extended>(false)};
    if (a.is(Class::zero)) {
        c.raise(ze);
        return {zero<Extended>(a.negative), infinity<Extended>(true)};
    }
    note_denormals(c, a);
    if (c.stopped()) return {};
    Context whole;
    return {Extended::pack(a.negative, Extended::bias, a.significand), convert<Extended>(whole, from_integer(a.exponent))};
}

using Bcd = std::array<u8, 10>;   // 18 digits, two a byte; the sign is bit 7 of the last one

constexpr F80 from_bcd(const Bcd& digits) {
    u64 value = 0;
    for (int n = 8; n >= 0; n--) value = value * 100 + (digits[unsigned(n)] >> 4) * 10u + (digits[unsigned(n)] & 15);
    bool negative = digits[9] >> 7;
    Context whole;
    Unpacked u = from_integer(value);
    u.negative = negative;
    return convert<Extended>(whole, u);
}
constexpr Bcd to_bcd(Context& c, const Unpacked& u) {
    constexpr u64 greatest = 999999999999999999;
    bool number = u.is(Class::zero) || u.is(Class::finite);
    Integer i = number ? to_magnitude(u, c.rounding) : Integer{};
    if (!number || !i.fits || i.magnitude > greatest) {
        c.raise(ie);
        return {0, 0, 0, 0, 0, 0, 0, 0xc0, 0xff, 0xff};
    }
    if (i.inexact) c.raise(pe);
    c.rounded_up = i.up;
    Bcd digits{};
    for (unsigned n = 0; n < 9; n++, i.magnitude /= 100) digits[n] = u8(i.magnitude / 10 % 10 << 4 | i.magnitude % 10);
    digits[9] = u8(u.negative << 7);
    return digits;
}

}
