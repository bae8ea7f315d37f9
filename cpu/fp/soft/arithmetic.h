// SPDX-License-Identifier: MIT
// Soft-float arithmetic: sum, product, quotient, root, fused multiply-add, each into the format F from numbers of any.
//
// The order of what is looked at is the manual's: unsupported encodings and NaNs, what the values make invalid, denormal operands,
// and then the result (SDM vol. 1, 4.9.2 and 8.5).
#pragma once
#include "cpu/fp/soft/round.h"
#include <algorithm>
#include <utility>

namespace fp::soft {

// The NaN that two operands lead to; false if neither is one.
template <class F> constexpr bool propagate(Context& c, const Unpacked& a, const Unpacked& b, typename F::Raw& result) {
    if (a.is(Class::unsupported) || b.is(Class::unsupported)) return result = invalid<F>(c), true;
    if (!a.nan() && !b.nan()) return false;
    if (a.is(Class::snan) || b.is(Class::snan)) c.raise(ie);
    bool first = a.nan();
    if (c.nans == Nans::larger && a.nan() && b.nan()) {
        if (a.kind != b.kind) first = a.is(Class::qnan);
        else first = a.significand != b.significand ? a.significand > b.significand : !a.negative;
    }
    return result = quiet<F>(first ? a : b), true;
}
template <class F> constexpr bool propagate(Context& c, const Unpacked& a, typename F::Raw& result) { return propagate<F>(c, a, a, result); }

constexpr void note_denormals(Context& c, const Unpacked& a, const Unpacked& b = {}) {
    if (a.denormal || b.denormal) c.raise(de);
}

constexpr Unpacked negated(Unpacked u) {
    if (!u.nan()) u.negative = !u.negative;
    return u;
}

// The sum of two wide numbers; zero is for the caller: the sign of an exact zero is the rounding's.
constexpr bool sum(Wide a, Wide b, Wide& result) {
    if (a.exponent < b.exponent || (a.exponent == b.exponent && a.significand < b.significand)) std::swap(a, b);
    // One bit of room for the carry. No bits that matter are lost: where many cancel, little was shifted.
    u128 large = shift_right(a.significand, 1), small = shift_right(b.significand, unsigned(std::min(a.exponent - b.exponent, 200)) + 1);
    u128 total = a.negative == b.negative ? large + small : large - small;
    if (!total) return false;
    result = normalize(a.negative, a.exponent + 1, total);
    return true;
}

template <class F> constexpr typename F::Raw round_sum(Context& c, const Wide& a, const Wide& b) {
    Wide w{};
    return sum(a, b, w) ? round_pack<F>(c, w) : zero<F>(c.rounding == Rounding::down);
}
constexpr bool sign_of_zeros(const Context& c, bool a, bool b) { return a == b ? a : c.rounding == Rounding::down; }

template <class F> constexpr typename F::Raw add(Context& c, const Unpacked& a, const Unpacked& b) {
    typename F::Raw nan{};
    if (propagate<F>(c, a, b, nan)) return nan;
    if (a.is(Class::infinite) && b.is(Class::infinite) && a.negative != b.negative) return invalid<F>(c);
    note_denormals(c, a, b);
    if (c.stopped()) return {};
    if (a.is(Class::infinite) || b.is(Class::infinite)) return infinity<F>(a.is(Class::infinite) ? a.negative : b.negative);
    if (a.is(Class::zero) && b.is(Class::zero)) return zero<F>(sign_of_zeros(c, a.negative, b.negative));
    if (a.is(Class::zero)) return round_pack<F>(c, widen(b));
    if (b.is(Class::zero)) return round_pack<F>(c, widen(a));
    return round_sum<F>(c, widen(a), widen(b));
}
template <class F> constexpr typename F::Raw sub(Context& c, const Unpacked& a, const Unpacked& b) { return add<F>(c, a, negated(b)); }

constexpr Wide product(const Unpacked& a, const Unpacked& b) {
    return normalize(a.negative != b.negative, a.exponent + b.exponent + 1, u128{a.significand} * b.significand);
}

template <class F> constexpr typename F::Raw mul(Context& c, const Unpacked& a, const Unpacked& b) {
    typename F::Raw nan{};
    if (propagate<F>(c, a, b, nan)) return nan;
    bool infinite = a.is(Class::infinite) || b.is(Class::infinite), none = a.is(Class::zero) || b.is(Class::zero);
    if (infinite && none) return invalid<F>(c);
    note_denormals(c, a, b);
    if (c.stopped()) return {};
    bool negative = a.negative != b.negative;
    if (infinite) return infinity<F>(negative);
    if (none) return zero<F>(negative);
    return round_pack<F>(c, product(a, b));
}

// 128 bits of a / b, the last of them for what is left.
constexpr Wide quotient(const Unpacked& a, const Unpacked& b) {
    u128 dividend = u128{a.significand} << 63;
    u64 high = u64(dividend / b.significand), rest = u64(dividend % b.significand);
    u128 next = u128{rest} << 64;
    u64 low = u64(next / b.significand) | (next % b.significand != 0);
    return normalize(a.negative != b.negative, a.exponent - b.exponent, u128{high} << 64 | low);
}

template <class F> constexpr typename F::Raw div(Context& c, const Unpacked& a, const Unpacked& b) {
    typename F::Raw nan{};
    if (propagate<F>(c, a, b, nan)) return nan;
    if (a.kind == b.kind && (a.is(Class::infinite) || a.is(Class::zero))) return invalid<F>(c);
    bool negative = a.negative != b.negative;
    if (b.is(Class::zero) && a.is(Class::finite)) c.raise(ze);
    else note_denormals(c, a, b);
    if (c.stopped()) return {};
    if (b.is(Class::zero) || a.is(Class::infinite)) return infinity<F>(negative);
    if (a.is(Class::zero) || b.is(Class::infinite)) return zero<F>(negative);
    return round_pack<F>(c, quotient(a, b));
}

// 66 bits of the root, digit by digit, and whether something is left.
constexpr Wide root(const Unpacked& a) {
    bool odd = a.exponent & 1;
    u128 digits = u128{a.significand} << (odd ? 64 : 63), rest = 0, found = 0;   // in [1, 4), two bits before the point
    for (int n = 0; n < 66; n++) {
        rest = rest << 2 | digits >> 126;
        digits <<= 2;
        u128 trial = found << 2 | 1;
        found <<= 1;
        if (rest >= trial) rest -= trial, found |= 1;
    }
    return {false, (a.exponent - odd) / 2, found << 62 | (rest != 0)};
}

template <class F> constexpr typename F::Raw sqrt(Context& c, const Unpacked& a) {
    typename F::Raw nan{};
    if (propagate<F>(c, a, nan)) return nan;
    if (a.negative && !a.is(Class::zero)) return invalid<F>(c);
    note_denormals(c, a);
    if (c.stopped()) return {};
    if (a.is(Class::infinite)) return infinity<F>(false);
    if (a.is(Class::zero)) return zero<F>(a.negative);
    return round_pack<F>(c, root(a));
}

// a * b + c, rounded once. NaNs: the first of a, b, c; an invalid product shows only where no operand is a NaN.
template <class F> constexpr typename F::Raw fma(Context& c, const Unpacked& a, const Unpacked& b, const Unpacked& addend) {
    static_assert(F::precision <= 53, "x87 has none");
    for (auto* u : {&a, &b, &addend})
        if (u->is(Class::snan)) c.raise(ie);
    for (auto* u : {&a, &b, &addend})
        if (u->nan()) return quiet<F>(*u);
    bool infinite = a.is(Class::infinite) || b.is(Class::infinite), none = a.is(Class::zero) || b.is(Class::zero);
    bool negative = a.negative != b.negative;
    if ((infinite && none) || (infinite && addend.is(Class::infinite) && negative != addend.negative)) return invalid<F>(c);
    note_denormals(c, a, b);
    note_denormals(c, addend);
    if (c.stopped()) return {};
    if (infinite || addend.is(Class::infinite)) return infinity<F>(infinite ? negative : addend.negative);
    if (none && addend.is(Class::zero)) return zero<F>(sign_of_zeros(c, negative, addend.negative));
    if (none) return round_pack<F>(c, widen(addend));
    if (addend.is(Class::zero)) return round_pack<F>(c, product(a, b));
    return round_sum<F>(c, product(a, b), widen(addend));
}

}
