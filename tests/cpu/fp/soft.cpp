// SPDX-License-Identifier: MIT
// The soft-float by itself: textbook values at compile time, f16 and bfloat16 against arithmetic in double precision.
#include "cpu/fp/soft.h"
#include "tests/cpu/fp/cases.h"
#include <gtest/gtest.h>
#include <bit>
#include <cmath>

namespace {

using namespace fp::soft;

template <class F> using Raw = typename F::Raw;

template <class F> constexpr Raw<F> apply(auto operation, Raw<F> a, Raw<F> b, Context c = {}) {
    return operation(c, operand<F>(c, a), operand<F>(c, b));
}
constexpr u32 add32(u32 a, u32 b, Context c = {}) { return apply<Single>(add<Single>, a, b, c); }
constexpr u32 mul32(u32 a, u32 b, Context c = {}) { return apply<Single>(mul<Single>, a, b, c); }
constexpr u32 div32(u32 a, u32 b, Context c = {}) { return apply<Single>(div<Single>, a, b, c); }
constexpr u64 div64(u64 a, u64 b, Context c = {}) { return apply<Double>(div<Double>, a, b, c); }

constexpr u32 one = 0x3f800000, three = 0x40400000, least = 0x00800000, greatest = 0x7f7fffff, infinite = 0x7f800000;

// Values: a third in two precisions and all modes, roots, the smallest numbers.
static_assert(add32(one, one) == 0x40000000 && mul32(three, three) == 0x41100000);
static_assert(div32(one, three) == 0x3eaaaaab && div32(one, three, {.rounding = Rounding::zero}) == 0x3eaaaaaa);
static_assert(div32(one | bit(31), three, {.rounding = Rounding::up}) == 0xbeaaaaaa);
static_assert(div64(0x3ff0000000000000, 0x4008000000000000) == 0x3fd5555555555555);
static_assert(mul32(least, 0x3f000000) == 0x00400000 && mul32(1, 0x3f000000) == 0 && mul32(1, 0x3f000001) == 1);
static_assert(add32(greatest, greatest) == infinite && add32(greatest, greatest, {.rounding = Rounding::down}) == greatest);
static_assert(add32(one, one | bit(31)) == 0 && add32(one, one | bit(31), {.rounding = Rounding::down}) == bit(31));
static_assert(add32(infinite, infinite | bit(31)) == 0xffc00000);                                // indefinite
static_assert(add32(0x7fc00001, 0xffc00002) == 0x7fc00001 && add32(0x7f800001, one) == 0x7fc00001);
static_assert(add32(1, 1, {.daz = true}) == 0 && mul32(least, 0x3f000000, {.ftz = true}) == 0);

constexpr u64 root(u64 a) {
    Context c;
    return sqrt<Double>(c, Double::unpack(a));
}
static_assert(root(0x4000000000000000) == 0x3ff6a09e667f3bcd && root(0x4010000000000000) == 0x4000000000000000);
static_assert(root(bit(63)) == bit(63) && root(0xbff0000000000000) == 0xfff8000000000000);

constexpr F80 pi_to(u8 precision) {
    Context c{.precision = precision};
    return add<Extended>(c, Extended::unpack({0xc90fdaa22168c235, 0x4000}), {});
}
static_assert(pi_to(64).significand == 0xc90fdaa22168c235 && pi_to(53).significand == 0xc90fdaa22168c000);
static_assert(pi_to(24).significand == 0xc90fdb0000000000);

// 1 + 2^-24 is halfway: a product that is added to is not rounded by itself.
constexpr u32 fma32(u32 a, u32 b, u32 d) {
    Context c;
    return fma<Single>(c, Single::unpack(a), Single::unpack(b), Single::unpack(d));
}
static_assert(fma32(0x3f800001, 0x3f800001, 0xbf800002) == 0x28800000);                          // (1 + 2^-23)^2 - (1 + 2^-22) = 2^-46
static_assert(fma32(infinite, 0, 0x7fc00001) == 0x7fc00001 && fma32(infinite, 0, one) == 0xffc00000);

template <class T> constexpr T integer32(u32 a, Rounding mode) {
    Context c;
    return to_integer<T>(c, Single::unpack(a), mode);
}
static_assert(integer32<s32>(0x40200000, Rounding::nearest) == 2 && integer32<s32>(0x40200000, Rounding::up) == 3);   // 2.5
static_assert(integer32<s16>(0x47000000, Rounding::nearest) == -32768 && integer32<s16>(0xc7000000, Rounding::nearest) == -32768);
static_assert(integer32<u32>(0x4f000000, Rounding::nearest) == 0x80000000 && integer32<u32>(0xbf800000, Rounding::nearest) == ~0u);

// 17 modulo 3: 17 = 5 * 3 + 2 = 6 * 3 - 1.
constexpr Remainder remainder_of_17(Quotient how) {
    Context c;
    return remainder(c, from_integer(17), from_integer(3), how);
}
static_assert(remainder_of_17(Quotient::truncated).value == F80{bit(63), 0x4000} && remainder_of_17(Quotient::truncated).quotient == 5);
static_assert(remainder_of_17(Quotient::nearest).value == F80{bit(63), 0xbfff} && remainder_of_17(Quotient::nearest).quotient == 6);

constexpr Bcd digits{0x90, 0x78, 0x56, 0x34, 0x12, 0, 0, 0, 0, 0x80};
static_assert(from_bcd(digits) == F80{0x932c05a400000000, 0xc01d});                               // -1234567890
constexpr bool bcd_returns() {
    Context c;
    return to_bcd(c, Extended::unpack(from_bcd(digits))) == digits && !c.raised;
}
static_assert(bcd_returns());

// Flags, by the examples of SDM vol. 1, 4.9.1.
struct Case {
    const char* what;
    u32 a, b;
    u32 (*operation)(Context&, u32, u32);
    u8 masked, raised;
};
template <u32 (*Operation)(Context&, const Unpacked&, const Unpacked&)> u32 run(Context& c, u32 a, u32 b) {
    return Operation(c, operand<Single>(c, a), operand<Single>(c, b));
}
constexpr auto sum = run<add<Single>>, product = run<mul<Single>>, quotient = run<fp::soft::div<Single>>;
const Case cases[] = {
    {"exact",                                  one,        one,        sum,      0x3f, 0},
    {"inexact",                                one,        three,      quotient, 0x3f, pe},
    {"0 / 0",                                  0,          0,          quotient, 0x3f, ie},
    {"1 / 0",                                  one,        0,          quotient, 0x3f, ze},
    {"infinity * 0",                           infinite,   0,          product,  0x3f, ie},
    {"a quiet NaN",                            0x7fc00000, one,        sum,      0x3f, 0},
    {"a signalling NaN",                       0x7f800001, one,        sum,      0x3f, ie},
    {"a denormal operand",                     1,          one,        sum,      0x3f, de | pe},
    {"overflow",                               greatest,   greatest,   product,  0x3f, oe | pe},
    {"an exact overflow, unmasked",            0x7f000000, 0x40000000, product,  0x37, oe},
    {"tiny and inexact",                       least,      0x3e800001, product,  0x3f, ue | pe},
    {"tiny and exact",                         least,      0x3f000000, product,  0x3f, 0},
    {"tiny and exact, unmasked",               least,      0x3f000000, product,  0x2f, ue},
    {"not tiny: rounding makes it normal",     0x00ffffff, 0x3f000000, product,  0x3f, ue | pe},
    {"a denormal operand, unmasked, ends it",  1,          0x3f000001, product,  0x3d, de},
};
TEST(SoftFloat, raises_what_the_manual_says) {
    for (auto& e : cases) {
        Context c{.masked = e.masked};
        e.operation(c, e.a, e.b);
        EXPECT_EQ(unsigned(c.raised), unsigned(e.raised)) << e.what;
    }
}

// ---- f16 and bfloat16 ---------------------------------------------------------------------------------------------

// A double rounded to the nearest number of a format, ties to even, in a straightforward way. One rounding in double precision
// before does not matter: it has more than twice the digits, and 2 more.
template <class F> u16 nearest(double value) {
    if (std::isnan(value)) return F::pack(std::signbit(value), F::all_ones, bit(63) | bit(62));
    bool negative = std::signbit(value);
    double magnitude = std::fabs(value), top = std::ldexp(1.0, F::bias + 1);
    if (std::isinf(magnitude)) return infinity<F>(negative);
    int exponent = magnitude == 0 ? F::least : std::max(std::ilogb(magnitude), int(F::least));
    double unit = std::ldexp(1.0, exponent - int(F::precision) + 1), rounded = std::nearbyint(magnitude / unit) * unit;
    if (rounded >= top) return infinity<F>(negative);
    int e = rounded == 0 ? F::least - 1 : std::ilogb(rounded);
    u64 scaled = u64(std::ldexp(rounded, int(F::precision) - 1 - std::max(e, int(F::least))));
    return F::pack(negative, unsigned(std::max(e - F::least + 1, 0)), scaled << F::low);
}
template <class F> double exact(u16 raw) {
    Unpacked u = F::unpack(raw);
    if (u.nan()) return std::nan("");
    double magnitude = u.is(Class::zero) ? 0 : u.is(Class::infinite) ? INFINITY : std::ldexp(double(u.significand), u.exponent - 63);
    return u.negative ? -magnitude : magnitude;
}
// Apart from NaNs' payloads and signs, which the model doesn't know.
template <class F> bool same(u16 a, u16 b) { return a == b || (F::unpack(a).nan() && F::unpack(b).nan()); }

template <class F> void compare_with_double(fp_cases::Random& random, unsigned cases) {
    for (unsigned n = 0; n < cases && !testing::Test::HasFailure(); n++) {
        u16 a = random.number<F>(), b = random.number<F>(), d = random.number<F>();
        double x = exact<F>(a), y = exact<F>(b), z = exact<F>(d);
        Context c;
        auto ua = F::unpack(a), ub = F::unpack(b), ud = F::unpack(d);
        auto expect = [&](const char* what, u16 soft, double model) {
            u16 expected = nearest<F>(model);
            EXPECT_TRUE(same<F>(soft, expected)) << what << std::hex << ' ' << a << ' ' << b << ' ' << d << ": " << soft << " for " << expected;
        };
        expect("add", add<F>(c, ua, ub), x + y);
        expect("sub", sub<F>(c, ua, ub), x - y);
        expect("mul", mul<F>(c, ua, ub), x * y);
        expect("div", fp::soft::div<F>(c, ua, ub), x / y);
        expect("sqrt", fp::soft::sqrt<F>(c, ua), std::sqrt(x));
        if (F::precision == 11) expect("fma", fp::soft::fma<F>(c, ua, ub, ud), std::fma(x, y, z));   // bfloat16's may need two roundings
        Order o = compare(c, ua, ub, false);
        EXPECT_EQ(o, x < y ? Order::less : x > y ? Order::greater : x == y ? Order::equal : Order::unordered);
    }
}
TEST(SoftFloat, half_precision_is_double_precision_rounded) {
    fp_cases::Random random(16);
    compare_with_double<Half>(random, fp_cases::cases("SLATE_SOFT_FLOAT_CASES", 1'000'000) / 20);
}
TEST(SoftFloat, bfloat16_is_double_precision_rounded) {
    fp_cases::Random random(17);
    compare_with_double<Brain>(random, fp_cases::cases("SLATE_SOFT_FLOAT_CASES", 1'000'000) / 20);
}

}
