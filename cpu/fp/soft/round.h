// SPDX-License-Identifier: MIT
// From an exact result to a format: rounding, overflow, underflow (SDM vol. 1, 4.8.4 and 4.9.1).
#pragma once
#include "cpu/fp/soft/format.h"

namespace fp::soft {

// A result before rounding: significand * 2^(exponent - 127) with bit 127 set. Bit 0 is set where something lies below it.
struct Wide {
    bool negative;
    int exponent;
    u128 significand;
};

constexpr int leading_zeros(u128 v) { return u64(v >> 64) ? std::countl_zero(u64(v >> 64)) : 64 + std::countl_zero(u64(v)); }
// To the right, what falls out left as bit 0.
constexpr u128 shift_right(u128 v, unsigned n) {
    if (n == 0) return v;
    if (n > 127) return v != 0;
    return v >> n | ((v << (128 - n)) != 0);
}
constexpr Wide normalize(bool negative, int exponent, u128 significand) {
    int zeros = leading_zeros(significand);
    return {negative, exponent - zeros, significand << zeros};
}
constexpr Wide widen(const Unpacked& u) { return {u.negative, u.exponent, u128{u.significand} << 64}; }

struct Rounded {
    u64 significand;              // from bit 63 down
    bool carried, inexact, up;    // carried: the next power of two
};

constexpr Rounded round(u128 significand, unsigned precision, Rounding mode, bool negative) {
    u64 unit = bit(64 - precision), kept = u64(significand >> 64) & ~(unit - 1);
    u128 rest = significand << precision, half = u128{1} << 127;
    bool up = false;
    switch (mode) {
    case Rounding::nearest: up = rest > half || (rest == half && (kept & unit)); break;
    case Rounding::down: up = rest && negative; break;
    case Rounding::up: up = rest && !negative; break;
    case Rounding::zero: break;
    }
    u64 result = up ? kept + unit : kept;
    bool carried = up && !result;
    return {carried ? bit(63) : result, carried, rest != 0, up};
}

template <class F> constexpr typename F::Raw finish(Context& c, bool negative, int biased, const Rounded& r) {
    if (r.inexact) c.raise(pe);
    c.rounded_up = r.up;
    return F::pack(negative, unsigned(biased), r.significand);
}

// Unmasked, a register's exponent is wrapped to where it can be told from (SDM vol. 1, 8.5.4 and 8.5.5). What is out of that reach
// too (FSCALE) becomes an infinity or a zero. Other formats store nothing then.
template <class F> constexpr typename F::Raw unmasked_range(Context& c, bool negative, int wrapped, const Rounded& r) {
    bool reached = wrapped > 0 && wrapped < int(F::all_ones);
    if (reached || F::precision != 64) return finish<F>(c, negative, reached ? wrapped : 0, r);
    c.raise(pe);
    c.rounded_up = wrapped > 0;
    return wrapped > 0 ? infinity<F>(negative) : zero<F>(negative);
}

template <class F> constexpr typename F::Raw overflowed(Context& c, bool negative, int exponent, const Rounded& r) {
    c.raise(oe);
    if (!(c.masked & oe)) return unmasked_range<F>(c, negative, exponent + F::bias - F::wrap, r);
    c.raise(pe);
    auto m = c.rounding;
    c.rounded_up = m == Rounding::nearest || (m == Rounding::up && !negative) || (m == Rounding::down && negative);
    unsigned precision = F::precision_in(c);
    return c.rounded_up ? infinity<F>(negative) : F::pack(negative, F::all_ones - 1, ~u64{0} << (64 - precision));
}

// Tiny is what is below the least normal number after rounding to the precision (x86's choice of IEEE 754's two).
template <class F> constexpr typename F::Raw tiny(Context& c, const Wide& w, int exponent, const Rounded& r) {
    if (!(c.masked & ue)) {
        c.raise(ue);
        return unmasked_range<F>(c, w.negative, exponent + F::bias + F::wrap, r);
    }
    if (c.ftz) {
        c.raise(ue | pe);
        return zero<F>(w.negative);
    }
    Rounded d = round(shift_right(w.significand, unsigned(F::least - w.exponent)), F::precision_in(c), c.rounding, w.negative);
    if (d.inexact) c.raise(ue);
    return finish<F>(c, w.negative, 0, d);
}

template <class F> constexpr typename F::Raw round_pack(Context& c, const Wide& w) {
    Rounded r = round(w.significand, F::precision_in(c), c.rounding, w.negative);
    int exponent = w.exponent + r.carried;
    if (exponent > F::greatest) return overflowed<F>(c, w.negative, exponent, r);
    if (exponent < F::least) return tiny<F>(c, w, exponent, r);
    return finish<F>(c, w.negative, exponent + F::bias, r);
}

}
