// SPDX-License-Identifier: MIT
// Soft-float comparisons, and SSE's minimum and maximum.
#pragma once
#include "cpu/fp/soft/arithmetic.h"

namespace fp::soft {

enum class Order : u8 { less, equal, greater, unordered };

constexpr Order order(const Unpacked& a, const Unpacked& b) {
    if (a.is(Class::zero) && b.is(Class::zero)) return Order::equal;
    if (a.is(Class::zero)) return b.negative ? Order::greater : Order::less;
    if (b.is(Class::zero) || a.negative != b.negative) return a.negative ? Order::less : Order::greater;
    auto size = [](const Unpacked& u) { return u.is(Class::infinite) ? 1 << 20 : u.exponent; };
    bool equal = size(a) == size(b) && a.significand == b.significand;
    bool smaller = size(a) != size(b) ? size(a) < size(b) : a.significand < b.significand;
    return equal ? Order::equal : smaller != a.negative ? Order::less : Order::greater;
}

// Signalling: a quiet NaN is invalid too.
constexpr Order compare(Context& c, const Unpacked& a, const Unpacked& b, bool signalling) {
    bool unsupported = a.is(Class::unsupported) || b.is(Class::unsupported);
    if (unsupported || a.nan() || b.nan()) {
        if (unsupported || signalling || a.is(Class::snan) || b.is(Class::snan)) c.raise(ie);
        return Order::unordered;
    }
    note_denormals(c, a, b);
    return order(a, b);
}

// The second operand where either is a NaN (each of them invalid), or both are zeros (SDM vol. 2, MINPS).
template <class F> constexpr typename F::Raw pick(Context& c, const typename F::Raw& a, const typename F::Raw& b, Order wanted) {
    Unpacked x = operand<F>(c, a), y = operand<F>(c, b);
    bool first = compare(c, x, y, true) == wanted;
    auto& u = first ? x : y;
    return u.is(Class::zero) ? zero<F>(u.negative) : first ? a : b;
}
template <class F> constexpr typename F::Raw min(Context& c, const typename F::Raw& a, const typename F::Raw& b) {
    return pick<F>(c, a, b, Order::less);
}
template <class F> constexpr typename F::Raw max(Context& c, const typename F::Raw& a, const typename F::Raw& b) {
    return pick<F>(c, a, b, Order::greater);
}

}
