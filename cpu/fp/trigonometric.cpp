// SPDX-License-Identifier: MIT
// FSIN, FCOS, FSINCOS, FPTAN.
#include "cpu/fp/transcendental.h"
#include "cpu/fp/transcendental_parts.h"

namespace fp::transcendental {

using namespace fp::soft;
using big::Big;
using big::Limbs;

namespace {

// x is `quadrant` right angles and `rest`, which is at most half of one.
struct Reduced {
    unsigned quadrant;            // modulo 4
    Big rest;
};

// 2 / pi below the point. With 384 bits the rest of an argument below 2^63 has at least 250 right ones, even the least rest.
constexpr u64 two_over_pi[] = {0x06492eea09d1921c, 0xb7246e3a424dd2e0, 0xfe5163abdebbc561,
                               0xdb6295993c439041, 0xfc2757d1f534ddc0, 0xa2f9836e4e441529};

// Right angles in x: the product with 2 / pi, shifted so that the point is below product[7].
Reduced reduce(const Unpacked& x) {
    u64 product[8]{};
    for (int n = 0; n < 6; n++) {
        u128 t = u128{two_over_pi[n]} * x.significand + product[n];
        product[n] = u64(t), product[n + 1] = u64(t >> 64);
    }
    // product * 2^(exponent - 63 - 384): the integer part is above bit 447 - exponent; product[7] takes what is shifted into it.
    unsigned up = unsigned(x.exponent + 1);
    for (int n = 7; n > 0 && up; n--) product[n] = product[n] << up | product[n - 1] >> (64 - up);
    product[0] <<= up;
    unsigned quadrant = unsigned(product[7] & 3);
    bool above = product[6] >> 63;                   // nearer to the next right angle
    if (above) {
        quadrant++;
        for (int n = 0, carry = 1; n < 7; n++) product[n] = ~product[n] + u64(carry), carry = carry && !product[n];
    }
    int skipped = 0;
    for (; !product[6] && skipped < 4; skipped++)
        for (int n = 6; n > 0; n--) product[n] = product[n - 1];
    unsigned more = unsigned(std::countl_zero(product[6]));
    for (int n = 6; n > 0 && more; n--) product[n] = product[n] << more | product[n - 1] >> (64 - more);
    Big fraction{x.negative != above, -1 - int(more) - 64 * skipped, {{product[4], product[5], product[6]}}};
    if (x.negative) quadrant = 0u - quadrant;
    return {quadrant & 3, big::mul(fraction, half_of(pi))};
}
// Below 1/2 there is nothing to take off.
Reduced angle(const Unpacked& x) { return x.exponent < -1 ? Reduced{0, big::from(x)} : reduce(x); }

// The sine of the angle and so many right angles; with one of them it is the cosine.
Big sine_of(const Reduced& angle, unsigned on) {
    const Big& x = angle.rest;
    unsigned quadrant = angle.quadrant + on;
    Limbs square = big::mul(big::fixed(x), big::fixed(x));
    Big s = quadrant & 1 ? big::from(big::evaluate(big::cosine, square, big::Signs::alternate))
                         : big::mul(x, big::from(big::evaluate(big::sine, square, big::Signs::alternate)));
    return quadrant & 2 ? big::negated(s) : s;
}
Big sine(const Reduced& angle) { return sine_of(angle, 0); }
Big cosine(const Reduced& angle) { return sine_of(angle, 1); }

// What the four have in common: NaNs, infinities, denormals; true where that is the whole result.
bool no_angle(Context& c, const Unpacked& x, F80& result) {
    if (propagate<Extended>(c, x, result)) return true;
    if (x.is(Class::infinite)) return result = invalid<Extended>(c), true;
    note_denormals(c, x);
    return c.stopped();
}

}

F80 fsin(Context& c, const Unpacked& x) {
    F80 result;
    if (no_angle(c, x, result)) return result;
    return x.is(Class::zero) ? zero<Extended>(x.negative) : rounded(c, sine(angle(x)));
}
F80 fcos(Context& c, const Unpacked& x) {
    F80 result;
    if (no_angle(c, x, result)) return result;
    return x.is(Class::zero) ? Extended::pack(false, Extended::bias, bit(63)) : rounded(c, cosine(angle(x)));
}
Pair fsincos(Context& c, const Unpacked& x) {
    F80 result;
    if (no_angle(c, x, result)) return {result, result};
    if (x.is(Class::zero)) return {zero<Extended>(x.negative), Extended::pack(false, Extended::bias, bit(63))};
    Reduced a = angle(x);
    F80 first = rounded(c, sine(a));
    return {first, rounded(c, cosine(a))};
}
Pair fptan(Context& c, const Unpacked& x) {
    F80 result, one = Extended::pack(false, Extended::bias, bit(63));
    if (no_angle(c, x, result)) return {result, result};
    if (x.is(Class::zero)) return {zero<Extended>(x.negative), one};
    // A little above x where the quotient could no more tell.
    if (x.exponent < -80) return {rounded(c, big::from(x)), one};
    Reduced a = angle(x);
    return {rounded(c, big::div(sine(a), cosine(a))), one};
}

}
