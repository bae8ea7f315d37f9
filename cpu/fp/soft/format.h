// SPDX-License-Identifier: MIT
// The soft-float's formats, numbers taken apart, and the context in which an operation runs (SDM vol. 1, 4.2 and 4.8).
#pragma once
#include "cpu/state/fpu.h"

namespace fp::soft {

// Flags as MXCSR and the x87 status word have them in bits 5:0.
constexpr u8 ie = 1, de = 2, ze = 4, oe = 8, ue = 0x10, pe = 0x20;

enum class Rounding : u8 { nearest, down, up, zero };            // as RC encodes them
enum class Nans : u8 { first, larger };                          // whose NaN is the result: SSE's rule, x87's (SDM vol. 1, table 4-7)

// What an operation depends on, and what it tells.
struct Context {
    Rounding rounding = Rounding::nearest;
    u8 masked = 0x3f;             // the exceptions that are masked
    u8 precision = 64;            // x87's precision control, in bits: for Extended alone
    bool daz = false, ftz = false;
    Nans nans = Nans::first;

    u8 raised = 0;
    bool rounded_up = false;      // away from zero; x87's C1

    // An unmasked exception of the operands leaves no result (SDM vol. 1, 4.9.2).
    constexpr bool stopped() const { return raised & ~masked & (ie | de | ze); }
    constexpr void raise(unsigned flags) { raised = u8(raised | flags); }
};

enum class Class : u8 { zero, finite, infinite, qnan, snan, unsupported };

// A number apart from its format: finite ones are significand * 2^(exponent - 63) with bit 63 set; NaNs have their payload there.
struct Unpacked {
    Class kind = Class::zero;
    bool negative = false, denormal = false;
    int exponent = 0;
    u64 significand = 0;
    constexpr bool is(Class k) const { return kind == k; }
    constexpr bool nan() const { return kind == Class::qnan || kind == Class::snan; }
};

constexpr Unpacked finite(bool negative, int exponent, u64 significand, bool denormal = false) {
    int zeros = std::countl_zero(significand);
    return {Class::finite, negative, denormal, exponent - zeros, significand << zeros};
}
constexpr Unpacked not_a_number(bool negative, u64 significand) {
    return {significand >> 62 & 1 ? Class::qnan : Class::snan, negative, false, 0, significand};
}

// The formats of 16, 32 and 64 bits: sign, exponent, fraction.
template <class Word, unsigned Exponent, unsigned Fraction> struct Binary {
    using Raw = Word;
    static constexpr unsigned precision = Fraction + 1, low = 63 - Fraction;
    static constexpr int bias = (1 << (Exponent - 1)) - 1, greatest = bias, least = 1 - bias, wrap = 3 << (Exponent - 2);
    static constexpr unsigned precision_in(const Context&) { return precision; }

    static constexpr Unpacked unpack(Raw raw) {
        bool negative = raw >> (Exponent + Fraction) & 1;
        unsigned biased = raw >> Fraction & ((1u << Exponent) - 1);
        u64 fraction = u64{raw} << low & (bit(63) - 1);
        if (biased == (1u << Exponent) - 1)
            return fraction ? not_a_number(negative, bit(63) | fraction) : Unpacked{Class::infinite, negative, false, 0, bit(63)};
        if (biased) return {Class::finite, negative, false, int(biased) - bias, bit(63) | fraction};
        return fraction ? finite(negative, least, fraction, true) : Unpacked{Class::zero, negative};
    }
    // A biased exponent of 0 with bit 63 set is the least normal number.
    static constexpr Raw pack(bool negative, unsigned biased, u64 significand) {
        if (!biased && significand >> 63) biased = 1;
        u64 sign = u64{negative} << (Exponent + Fraction);
        return Raw(sign | u64{biased} << Fraction | (significand & (bit(63) - 1)) >> low);
    }
    static constexpr u64 all_ones = (1u << Exponent) - 1;
};

// The x87's: the integer bit is there, and encodings without it are no numbers (SDM vol. 1, 8.2.2).
struct Extended {
    using Raw = F80;
    static constexpr unsigned precision = 64;
    static constexpr int bias = 0x3fff, greatest = bias, least = 1 - bias, wrap = 24576;
    static constexpr u64 all_ones = 0x7fff;
    static constexpr unsigned precision_in(const Context& c) { return c.precision; }

    static constexpr Unpacked unpack(const F80& raw) {
        bool negative = raw.sign_exponent >> 15;
        unsigned biased = raw.sign_exponent & 0x7fff;
        u64 s = raw.significand;
        if (!biased) return s ? finite(negative, least, s, true) : Unpacked{Class::zero, negative};
        if (!(s >> 63)) return {Class::unsupported, negative, false, 0, s};
        if (biased == 0x7fff) return s << 1 ? not_a_number(negative, s) : Unpacked{Class::infinite, negative, false, 0, s};
        return {Class::finite, negative, false, int(biased) - bias, s};
    }
    static constexpr F80 pack(bool negative, unsigned biased, u64 significand) {
        if (!biased && significand >> 63) biased = 1;
        return {significand, u16(unsigned{negative} << 15 | biased)};
    }
};

using Half = Binary<u16, 5, 10>;
using Brain = Binary<u16, 8, 7>;             // bfloat16
using Single = Binary<u32, 8, 23>;
using Double = Binary<u64, 11, 52>;

template <class F> constexpr typename F::Raw infinity(bool negative) { return F::pack(negative, F::all_ones, bit(63)); }
template <class F> constexpr typename F::Raw zero(bool negative) { return F::pack(negative, 0, 0); }
template <class F> constexpr typename F::Raw quiet(const Unpacked& nan) { return F::pack(nan.negative, F::all_ones, nan.significand | bit(62)); }
// What an invalid operation gives: the manual's QNaN floating-point indefinite.
template <class F> constexpr typename F::Raw indefinite() { return F::pack(true, F::all_ones, bit(63) | bit(62)); }
template <class F> constexpr typename F::Raw invalid(Context& c) {
    c.raise(ie);
    return indefinite<F>();
}

// An operand as the context sees it: DAZ makes zeros of denormals.
template <class F> constexpr Unpacked operand(const Context& c, const typename F::Raw& raw) {
    Unpacked u = F::unpack(raw);
    return c.daz && u.denormal ? Unpacked{Class::zero, u.negative} : u;
}

}
