// SPDX-License-Identifier: MIT
// Soft-float conversions: between formats, from and to integers, to an integral value.
#pragma once
#include "cpu/fp/soft/arithmetic.h"
#include <type_traits>

namespace fp::soft {

// Whether a denormal operand is told of: CVTPS2PD and FLD m32 do, FST and VCVTPH2PS don't.
enum class Denormals : u8 { silent, signalled };

template <class F> constexpr typename F::Raw convert(Context& c, const Unpacked& u, Denormals tell = Denormals::signalled) {
    typename F::Raw nan{};
    if (propagate<F>(c, u, nan)) return nan;
    if (tell == Denormals::signalled) note_denormals(c, u);
    if (c.stopped()) return {};
    if (u.is(Class::infinite)) return infinity<F>(u.negative);
    if (u.is(Class::zero)) return zero<F>(u.negative);
    return round_pack<F>(c, widen(u));
}

template <class T> constexpr Unpacked from_integer(T value) {
    bool negative = false;
    if constexpr (std::is_signed_v<T>) negative = value < 0;
    u64 magnitude = negative ? u64{0} - u64(value) : u64(value);
    return magnitude ? finite(negative, 63, magnitude) : Unpacked{};
}

struct Integer {
    u64 magnitude;
    bool fits, inexact, up;       // fits: in 64 bits without a sign
};

// A number's value rounded to an integer.
constexpr Integer to_magnitude(const Unpacked& u, Rounding mode) {
    if (u.is(Class::zero)) return {0, true, false, false};
    if (u.exponent > 63) return {0, false, false, false};
    // 64 bits before the point, 64 behind it
    u128 fixed = shift_right(u128{u.significand} << 64, unsigned(63 - u.exponent));
    Rounded r = round(fixed, 64, mode, u.negative);
    return {r.significand, !r.carried, r.inexact, r.up};
}

// To an integer type; what doesn't fit is invalid and gives the manual's integer indefinite: for signed ones the least value,
// else all ones.
template <class T> constexpr T to_integer(Context& c, const Unpacked& u, Rounding mode) {
    constexpr bool is_signed = std::is_signed_v<T>;
    constexpr T indefinite = is_signed ? T(u64{1} << (sizeof(T) * 8 - 1)) : T(~u64{0});
    constexpr u64 greatest = ~u64{0} >> (64 - sizeof(T) * 8 + is_signed);
    bool number = u.is(Class::zero) || u.is(Class::finite);
    Integer i = number ? to_magnitude(u, mode) : Integer{};
    u64 limit = !u.negative ? greatest : is_signed ? greatest + 1 : 0;
    if (!number || !i.fits || i.magnitude > limit) {
        c.raise(ie);
        return indefinite;
    }
    if (i.inexact) c.raise(pe);
    c.rounded_up = i.up;
    return T(u.negative ? u64{0} - i.magnitude : i.magnitude);
}
template <class T> constexpr T to_integer(Context& c, const Unpacked& u) { return to_integer<T>(c, u, c.rounding); }

// FRNDINT and ROUNDPS: the sign stays with a zero.
template <class F> constexpr typename F::Raw round_to_integral(Context& c, const Unpacked& u, Rounding mode, Denormals tell) {
    typename F::Raw nan{};
    if (propagate<F>(c, u, nan)) return nan;
    if (tell == Denormals::signalled) note_denormals(c, u);
    if (c.stopped()) return {};
    if (u.is(Class::infinite)) return infinity<F>(u.negative);
    if (u.is(Class::zero)) return zero<F>(u.negative);
    if (u.exponent >= 63) return F::pack(u.negative, unsigned(u.exponent + F::bias), u.significand);
    Integer i = to_magnitude(u, mode);
    if (i.inexact) c.raise(pe);
    c.rounded_up = i.up;
    if (!i.magnitude) return zero<F>(u.negative);
    Unpacked r = finite(u.negative, 63, i.magnitude);
    return F::pack(r.negative, unsigned(r.exponent + F::bias), r.significand);
}

}
