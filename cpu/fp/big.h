// SPDX-License-Identifier: MIT
// Numbers of 192 bits for the transcendental functions: fixed-point ones for series, and floating ones around them. Results are
// cut, not rounded: an operation is off by less than some units of 2^-190.
#pragma once
#include "cpu/fp/soft/round.h"
#include <algorithm>
#include <utility>

namespace fp::big {

// limb[2] is the highest one; as a number, 1.0 is bit 191.
struct Limbs {
    u64 limb[3]{};
    constexpr bool zero() const { return !(limb[0] | limb[1] | limb[2]); }
};
inline constexpr Limbs one{{0, 0, bit(63)}};

constexpr Limbs add(const Limbs& a, const Limbs& b, bool& carry) {
    Limbs r;
    u128 sum = 0;
#pragma GCC unroll 3
    for (int n = 0; n < 3; n++) sum = (sum >> 64) + a.limb[n] + b.limb[n], r.limb[n] = u64(sum);
    carry = u64(sum >> 64);
    return r;
}
constexpr Limbs add(const Limbs& a, const Limbs& b) {
    bool carry = false;
    return add(a, b, carry);
}
constexpr Limbs sub(const Limbs& a, const Limbs& b) {
    Limbs r;
    u64 borrow = 0;
#pragma GCC unroll 3
    for (int n = 0; n < 3; n++) {
        u128 difference = u128{a.limb[n]} - b.limb[n] - borrow;
        r.limb[n] = u64(difference), borrow = u64(difference >> 64) & 1;
    }
    return r;
}
constexpr bool less(const Limbs& a, const Limbs& b) {
    for (int n = 2; n >= 0; n--)
        if (a.limb[n] != b.limb[n]) return a.limb[n] < b.limb[n];
    return false;
}
constexpr Limbs left(const Limbs& a, unsigned n) {
    Limbs r;
    unsigned whole = n / 64, part = n % 64;
    for (int i = 2; i >= int(whole); i--) {
        r.limb[i] = a.limb[i - int(whole)] << part;
        if (part && i > int(whole)) r.limb[i] |= a.limb[i - int(whole) - 1] >> (64 - part);
    }
    return r;
}
constexpr Limbs right(const Limbs& a, unsigned n) {
    Limbs r;
    if (n >= 192) return r;
    unsigned whole = n / 64, part = n % 64;
    for (unsigned i = 0; i + whole < 3; i++) {
        r.limb[i] = a.limb[i + whole] >> part;
        if (part && i + whole < 2) r.limb[i] |= a.limb[i + whole + 1] << (64 - part);
    }
    return r;
}
constexpr unsigned zeros(const Limbs& a) {
    for (unsigned n = 0; n < 3; n++)
        if (a.limb[2 - n]) return n * 64 + unsigned(std::countl_zero(a.limb[2 - n]));
    return 192;
}

// The upper half of the product: bits 383 to 192 of 384, and in `below` bit 191.
constexpr Limbs high_product(const Limbs& a, const Limbs& b, bool& below) {
    u64 r[6]{};
#pragma GCC unroll 3
    for (int i = 0; i < 3; i++) {
        u64 carry = 0;
#pragma GCC unroll 3
        for (int j = 0; j < 3; j++) {
            u128 t = u128{a.limb[i]} * b.limb[j] + r[i + j] + carry;
            r[i + j] = u64(t), carry = u64(t >> 64);
        }
        r[i + 3] = carry;
    }
    below = r[2] >> 63;
    return {{r[3], r[4], r[5]}};
}
// Of fixed-point numbers.
constexpr Limbs mul(const Limbs& a, const Limbs& b) {
    bool below = false;
    Limbs r = left(high_product(a, b, below), 1);
    r.limb[0] |= below;
    return r;
}
constexpr Limbs divide(const Limbs& a, u64 by) {
    Limbs r;
    u128 rest = 0;
    for (int n = 2; n >= 0; n--) rest = rest << 64 | a.limb[n], r.limb[n] = u64(rest / by), rest %= by;
    return r;
}

// 1 / a for a in [1, 2): Newton's steps double the 62 right bits twice, always from below.
constexpr Limbs reciprocal(const Limbs& a) {
    u64 first = a.limb[2] == ~u64{0} ? bit(62) : u64((u128{1} << 126) / (a.limb[2] + 1));
    Limbs r{{0, 0, first}};
    for (int n = 0; n < 2; n++) r = add(r, mul(r, sub(one, mul(a, r))));
    return r;
}

// Limbs * 2^exponent, normalized (limb[2] has bit 63 set), or zero.
struct Big {
    bool negative = false;
    int exponent = 0;
    Limbs m;
    constexpr bool zero() const { return m.zero(); }
};

constexpr Big normalize(bool negative, int exponent, const Limbs& m) {
    unsigned n = zeros(m);
    return {negative, exponent - int(n), left(m, n)};
}
constexpr Big from(const soft::Unpacked& u) { return {u.negative, u.exponent, {{0, 0, u.significand}}}; }
constexpr Big negated(Big a) { return a.negative = !a.negative, a; }
constexpr Big twice(Big a) { return a.exponent++, a; }

constexpr Big mul(const Big& a, const Big& b) {
    bool below = false;
    Limbs m = high_product(a.m, b.m, below);
    if (m.limb[2] >> 63) return {a.negative != b.negative, a.exponent + b.exponent + 1, m};
    m = left(m, 1);
    m.limb[0] |= below;
    return {a.negative != b.negative, a.exponent + b.exponent, m};
}
constexpr Big div(const Big& a, const Big& b) { return mul(a, normalize(b.negative, -b.exponent, reciprocal(b.m))); }

constexpr Big add(Big a, Big b) {
    if (a.zero()) return b;
    if (b.zero()) return a;
    if (a.exponent < b.exponent || (a.exponent == b.exponent && less(a.m, b.m))) std::swap(a, b);
    Limbs small = right(b.m, unsigned(std::min(a.exponent - b.exponent, 192)));
    if (a.negative != b.negative) return normalize(a.negative, a.exponent, sub(a.m, small));
    bool carry = false;
    Limbs sum = add(a.m, small, carry);
    if (!carry) return {a.negative, a.exponent, sum};
    sum = right(sum, 1);
    sum.limb[2] |= bit(63);
    return {a.negative, a.exponent + 1, sum};
}

// As a fixed-point number, of a magnitude below 2.
constexpr Limbs fixed(const Big& a) {
    return a.exponent >= 0 ? left(a.m, unsigned(a.exponent)) : right(a.m, unsigned(std::min(-a.exponent, 192)));
}
constexpr Big from(const Limbs& m) { return normalize(false, 0, m); }

// For rounding; the functions' values are irrational where they are not told apart before, so that something lies below.
constexpr soft::Wide widen(const Big& a) { return {a.negative, a.exponent, u128{a.m.limb[2]} << 64 | a.m.limb[1] | 1}; }

}
