// SPDX-License-Identifier: MIT
// F2XM1, FYL2X, FYL2XP1, FPATAN.
#include "cpu/fp/transcendental.h"
#include "cpu/fp/transcendental_parts.h"

namespace fp::transcendental {

using namespace fp::soft;
using big::Big;
using big::Limbs;

namespace {

constexpr Big log2_e{false, 0, {{0xeb577aa8dd695a58, 0xbe87fed0691d3e88, 0xb8aa3b295c17f0bb}}};
constexpr Big ln_2{false, -1, {{0x40f343267298b62d, 0xc9e3b39803f2f6af, 0xb17217f7d1cf79ab}}};
constexpr Big unit{false, 0, big::one};
// Outside a function's range the manual defines no result: x stays.
F80 undefined(Context& c, const Unpacked& x) {
    c.raise(pe);
    return Extended::pack(x.negative, unsigned(x.exponent + Extended::bias), x.significand);
}
// ---- Logarithms ---------------------------------------------------------------------------------------------------

// log2 of the quotient (1 + s) / (1 - s), s^2 < 0.0295.
Big log2_of_quotient(const Big& s) {
    Limbs square = big::mul(big::fixed(s), big::fixed(s));
    return big::twice(big::mul(log2_e, big::mul(s, big::from(big::evaluate(big::logarithm, square, big::Signs::same)))));
}
// Of a positive number: its exponent and the logarithm of what is between the roots of 1/2 and of 2.
Big log2_of(Big x) {
    int exponent = x.exponent;
    x.exponent = 0;
    if (x.m.limb[2] > 0xb504f333f9de6484) exponent++, x.exponent = -1;
    Big s = big::div(big::add(x, big::negated(unit)), big::add(x, unit));
    Big whole = exponent ? big::from(from_integer(exponent)) : Big{};
    return s.zero() ? whole : big::add(whole, log2_of_quotient(s));
}

// y * log2(x) for finite numbers other than 0, both; `exact` where the logarithm is an integer.
F80 times_logarithm(Context& c, const Unpacked& y, const Big& logarithm, bool exact) {
    Big product = big::mul(big::from(y), logarithm);
    Wide w{product.negative, product.exponent, u128{product.m.limb[2]} << 64 | product.m.limb[1]};
    if (!exact) w = big::widen(product);
    return whole_precision(c, [&](Context& whole) { return round_pack<Extended>(whole, w); });
}

// The rest of the tables of FYL2X and FYL2XP1, where x, y or the logarithm is not finite, or 0.
enum class Log : u8 { minus_infinite, negative, zero, positive, infinite };
F80 special_logarithm(Context& c, const Unpacked& y, Log l) {
    bool infinite = l == Log::minus_infinite || l == Log::infinite;
    bool flips = l == Log::minus_infinite || l == Log::negative;
    if ((y.is(Class::infinite) && l == Log::zero) || (y.is(Class::zero) && infinite)) return invalid<Extended>(c);
    if (l == Log::minus_infinite && y.is(Class::finite)) c.raise(ze);
    if (c.stopped()) return {};
    bool to_infinity = infinite || y.is(Class::infinite);
    return to_infinity ? infinity<Extended>(y.negative != flips) : zero<Extended>(y.negative != flips);
}

// ---- Arctangent ---------------------------------------------------------------------------------------------------

constexpr Big eighths[] = {                          // arctangents of n / 8
    {},
    {false, -4, {{0x8b3957d95d9ad922, 0xc897989f3e888ef7, 0xfeadd4d5617b6e32}}},
    {false, -3, {{0xaa7fa90388b3836b, 0x6dc79ef5f7a217e5, 0xfadbafc96406eb15}}},
    {false, -2, {{0x3d843977ae5455cc, 0x8aa32122dcfe4483, 0xb7b0ca0f26f78473}}},
    {false, -2, {{0x6e141587261cdf00, 0x6fe445ecbc3a8d03, 0xed63382b0dda7b45}}},
    {false, -1, {{0x918a67e0652b375c, 0x5c835e1665c43747, 0x8f005d5ef7f59f9b}}},
    {false, -1, {{0xe3f08689eeb2b9e7, 0x19a87f2a457dac9e, 0xa4bc7d1934f70924}}},
    {false, -1, {{0x3d7aecc114c79a80, 0xcb2da55210a4443d, 0xb8053e2bc2319e73}}},
    {false, -1, {{0x29024e088a67cc74, 0xc4c6628b80dc1cd1, 0xc90fdaa22168c234}}},
};

// Of the quotient y / x, both positive, y <= x: arctan(q) = arctan(n/8) + arctan((y - x n/8) / (x + y n/8)).
Big arctangent_of_quotient(const Big& y, const Big& x) {
    int apart = x.exponent - y.exponent;
    unsigned n = 0;                                  // the quotient in eighths, to the nearest or next to it
    if (apart < 6) {
        u64 ratio = u64((u128{y.m.limb[2]} << 59) / x.m.limb[2]) >> apart;     // 59 bits behind the point
        n = unsigned((ratio + bit(55)) >> 56);
    }
    Big numerator = y, denominator = x;
    if (n) {
        Big eighth = big::from(finite(false, 60, n));
        numerator = big::add(y, big::negated(big::mul(x, eighth)));
        denominator = big::add(x, big::mul(y, eighth));
    }
    if (numerator.zero()) return eighths[n];
    Big q = big::div(numerator, denominator);
    Limbs square = big::mul(big::fixed(q), big::fixed(q));
    return big::add(eighths[n], big::mul(q, big::from(big::evaluate(big::arctangent, square, big::Signs::alternate))));
}

// The angle of (x, y) in the half plane y >= 0, neither of them 0.
Big angle_of(const Unpacked& x, const Unpacked& y) {
    Big width = big::from(x), height = big::from(y);
    width.negative = height.negative = false;
    bool steep = x.exponent != y.exponent ? x.exponent < y.exponent : x.significand < y.significand;
    Big a = steep ? arctangent_of_quotient(width, height) : arctangent_of_quotient(height, width);
    if (steep) return big::add(half_of(pi), x.negative ? a : big::negated(a));
    return x.negative ? big::add(pi, big::negated(a)) : a;
}
// With a zero or an infinity: a multiple of pi/4 (SDM vol. 2, FPATAN), in quarters; 0 stays 0.
int quarters(const Unpacked& x, const Unpacked& y) {
    if (y.is(Class::infinite)) return x.is(Class::infinite) ? (x.negative ? 3 : 1) : 2;
    if (x.is(Class::infinite) || y.is(Class::zero)) return x.negative ? 4 : 0;
    return 2;                                        // x is 0
}

}

// ---- The instructions ---------------------------------------------------------------------------------------------

F80 f2xm1(Context& c, const Unpacked& x) {
    F80 result;
    if (propagate<Extended>(c, x, result)) return result;
    note_denormals(c, x);
    if (c.stopped()) return {};
    if (x.is(Class::infinite)) return x.negative ? Extended::pack(true, Extended::bias, bit(63)) : infinity<Extended>(false);
    if (x.is(Class::zero)) return zero<Extended>(x.negative);
    if (x.exponent >= 0) {
        bool is_one = x.exponent == 0 && x.significand == bit(63);
        if (!is_one) return undefined(c, x);
        return Extended::pack(x.negative, unsigned(Extended::bias - x.negative), x.significand);
    }
    Big t = big::mul(big::from(x), ln_2);
    Limbs factor = big::evaluate(big::exponential, big::fixed(t), x.negative ? big::Signs::alternate : big::Signs::same);
    return rounded(c, big::mul(t, big::from(factor)));
}

F80 fyl2x(Context& c, const Unpacked& x, const Unpacked& y) {
    F80 nan;
    if (propagate<Extended>(c, x, y, nan)) return nan;
    if (x.negative && !x.is(Class::zero)) return invalid<Extended>(c);
    bool power = x.is(Class::finite) && x.significand == bit(63), is_one = power && x.exponent == 0;
    Log l = is_one ? Log::zero : x.exponent < 0 ? Log::negative : Log::positive;
    if (!x.is(Class::finite)) l = x.is(Class::zero) ? Log::minus_infinite : Log::infinite;
    if (y.is(Class::infinite) && is_one) return invalid<Extended>(c);
    if (!(y.is(Class::zero) && !x.is(Class::finite)) && !(x.is(Class::zero) && y.is(Class::finite))) note_denormals(c, x, y);
    if (c.stopped()) return {};
    if (!x.is(Class::finite) || is_one || !y.is(Class::finite)) return special_logarithm(c, y, l);
    return times_logarithm(c, y, log2_of(big::from(x)), power);
}

F80 fyl2xp1(Context& c, const Unpacked& x, const Unpacked& y) {
    F80 nan;
    if (propagate<Extended>(c, x, y, nan)) return nan;
    if (x.negative && x.is(Class::infinite)) return invalid<Extended>(c);
    Log l = x.is(Class::infinite) ? Log::infinite : x.is(Class::zero) ? Log::zero : x.negative ? Log::negative : Log::positive;
    if ((y.is(Class::infinite) && l == Log::zero) || (y.is(Class::zero) && l == Log::infinite)) return invalid<Extended>(c);
    note_denormals(c, x, y);
    if (c.stopped()) return {};
    if (x.is(Class::zero) && !y.is(Class::infinite)) return zero<Extended>(x.negative != y.negative);
    if (!x.is(Class::finite) || !y.is(Class::finite)) return special_logarithm(c, y, l);
    if (x.negative && x.exponent >= 0) return undefined(c, x);
    if (x.exponent >= -2) return times_logarithm(c, y, log2_of(big::add(big::from(x), unit)), false);
    return times_logarithm(c, y, log2_of_quotient(big::div(big::from(x), big::add(big::from(x), big::twice(unit)))), false);
}

F80 fpatan(Context& c, const Unpacked& x, const Unpacked& y) {
    F80 nan;
    if (propagate<Extended>(c, x, y, nan)) return nan;
    note_denormals(c, x, y);
    if (c.stopped()) return {};
    Big a;
    if (x.is(Class::finite) && y.is(Class::finite)) {
        a = angle_of(x, y);
    } else {
        int n = quarters(x, y);
        if (!n) return zero<Extended>(y.negative);
        a = big::mul(pi, big::from(finite(false, 61, u64(n))));
    }
    a.negative = y.negative;
    return rounded(c, a);
}

}
