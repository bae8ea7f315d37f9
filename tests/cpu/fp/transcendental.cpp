// SPDX-License-Identifier: MIT
// The x87's transcendental functions against MPFR: the error in units of the last place, the side that directed rounding takes, and
// monotonicity of neighbours. Prints the worst error of each.
#include "cpu/fp/transcendental.h"
#include "cpu/fp/soft/compare.h"
#include "tests/cpu/fp/cases.h"
#include <gtest/gtest.h>
#include <mpfr.h>
#include <cmath>
#include <functional>

namespace {

using namespace fp::soft;
namespace t = fp::transcendental;

// A number of MPFR's, wide enough for the exact value's place in one of ours.
struct Real {
    mpfr_t v;
    Real() { mpfr_init2(v, 256); }
    explicit Real(const F80& raw) : Real() {
        Unpacked u = Extended::unpack(raw);
        mpfr_set_ui_2exp(v, u.significand, u.exponent - 63, MPFR_RNDN);
        if (u.negative) mpfr_neg(v, v, MPFR_RNDN);
    }
    Real(const Real&) = delete;
    ~Real() { mpfr_clear(v); }
};

using Exact = std::function<void(mpfr_t result, const mpfr_t x, const mpfr_t y)>;
using Ours = std::function<F80(Context&, const Unpacked& x, const Unpacked& y)>;

struct Function {
    const char* name;
    int least, greatest;          // exponents of x that are drawn
    bool two;                     // y counts
    bool positive;                // x is
    Ours ours;
    Exact exact;
};

// log2(x + 1) wants more digits for a tiny x than log2 of the sum has.
void log2_plus_1(mpfr_t r, const mpfr_t x) {
    Real ln_2;
    mpfr_log1p(r, x, MPFR_RNDN);
    mpfr_const_log2(ln_2.v, MPFR_RNDN);
    mpfr_div(r, r, ln_2.v, MPFR_RNDN);
}
void exp2_minus_1(mpfr_t r, const mpfr_t x) {
    Real ln_2;
    mpfr_const_log2(ln_2.v, MPFR_RNDN);
    mpfr_mul(r, x, ln_2.v, MPFR_RNDN);
    mpfr_expm1(r, r, MPFR_RNDN);
}

const Function functions[] = {
    {"f2xm1", -70, -1, false, false, [](auto& c, auto& x, auto&) { return t::f2xm1(c, x); }, [](auto r, auto x, auto) { exp2_minus_1(r, x); }},
    {"fsin", -70, 62, false, false, [](auto& c, auto& x, auto&) { return t::fsin(c, x); }, [](auto r, auto x, auto) { mpfr_sin(r, x, MPFR_RNDN); }},
    {"fcos", -70, 62, false, false, [](auto& c, auto& x, auto&) { return t::fcos(c, x); }, [](auto r, auto x, auto) { mpfr_cos(r, x, MPFR_RNDN); }},
    {"fsincos sine", -70, 62, false, false, [](auto& c, auto& x, auto&) { return t::fsincos(c, x).first; },
     [](auto r, auto x, auto) { mpfr_sin(r, x, MPFR_RNDN); }},
    {"fsincos cosine", -70, 62, false, false, [](auto& c, auto& x, auto&) { return t::fsincos(c, x).second; },
     [](auto r, auto x, auto) { mpfr_cos(r, x, MPFR_RNDN); }},
    {"fptan", -70, 62, false, false, [](auto& c, auto& x, auto&) { return t::fptan(c, x).first; }, [](auto r, auto x, auto) { mpfr_tan(r, x, MPFR_RNDN); }},
    {"fpatan", -70, 70, true, false, [](auto& c, auto& x, auto& y) { return t::fpatan(c, x, y); },
     [](auto r, auto x, auto y) { mpfr_atan2(r, y, x, MPFR_RNDN); }},
    {"fyl2x", -3000, 3000, true, true, [](auto& c, auto& x, auto& y) { return t::fyl2x(c, x, y); },
     [](auto r, auto x, auto y) { mpfr_log2(r, x, MPFR_RNDN), mpfr_mul(r, r, y, MPFR_RNDN); }},
    {"fyl2x near 1", -1, 0, true, true, [](auto& c, auto& x, auto& y) { return t::fyl2x(c, x, y); },
     [](auto r, auto x, auto y) { mpfr_log2(r, x, MPFR_RNDN), mpfr_mul(r, r, y, MPFR_RNDN); }},
    {"fyl2xp1", -70, -3, true, false, [](auto& c, auto& x, auto& y) { return t::fyl2xp1(c, x, y); },
     [](auto r, auto x, auto y) { log2_plus_1(r, x), mpfr_mul(r, r, y, MPFR_RNDN); }},
};

// What lies between the result and the exact value, in units of the result's last place.
double ulps(const F80& result, const mpfr_t exact) {
    Real difference(result);
    mpfr_sub(difference.v, difference.v, exact, MPFR_RNDN);
    mpfr_mul_2si(difference.v, difference.v, 63 - Extended::unpack(result).exponent, MPFR_RNDN);
    return mpfr_get_d(difference.v, MPFR_RNDN);
}

F80 draw(fp_cases::Random& random, int least, int greatest, bool positive) {
    F80 x = random.extended_of_exponent(least + int(random.below(unsigned(greatest - least + 1))));
    if (positive) x.sign_exponent &= 0x7fff;
    return x;
}

// Directed rounding errs to its side only, by less than a unit; the nearest by half of one, and the tiny error of the computation.
bool right_side(double error, Rounding mode, bool negative) {
    constexpr double slack = 1e-15;
    switch (mode) {
    case Rounding::nearest: return std::fabs(error) <= 0.5 + slack;
    case Rounding::down: return error <= slack && error > -1 - slack;
    case Rounding::up: return error >= -slack && error < 1 + slack;
    default: return negative ? error >= -slack && error < 1 + slack : error <= slack && error > -1 - slack;
    }
}

double worst_of(const Function& f, fp_cases::Random& random, unsigned cases) {
    double worst = 0;
    Real exact;
    for (unsigned n = 0; n < cases && !testing::Test::HasFailure(); n++) {
        F80 x = draw(random, f.least, f.greatest, f.positive), y = draw(random, f.two ? -70 : 0, f.two ? 70 : 0, !f.two);
        if (f.positive && x == F80{bit(63), 0x3fff}) continue;                // 1 has the logarithm 0
        Real rx(x), ry(y);
        f.exact(exact.v, rx.v, ry.v);
        Context c;
        c.nans = Nans::larger;
        c.rounding = n & 1 ? Rounding::nearest : Rounding(random.below(4));
        F80 result = f.ours(c, Extended::unpack(x), Extended::unpack(y));
        double error = ulps(result, exact.v);
        EXPECT_TRUE(right_side(error, c.rounding, result.sign_exponent >> 15))
            << f.name << " of " << fp_cases::text(x) << ' ' << fp_cases::text(y) << ", rounding " << int(c.rounding) << ": "
            << fp_cases::text(result) << " is off by " << error;
        bool power = f.positive && x.significand == bit(63);                  // an exact logarithm
        EXPECT_TRUE((c.raised & pe) || power) << f.name << ' ' << fp_cases::text(x);
        if (c.rounding == Rounding::nearest) worst = std::max(worst, std::fabs(error));
    }
    return worst;
}

TEST(Transcendental, is_within_half_a_unit_of_mpfr) {
    fp_cases::Random random(2026);
    unsigned cases = fp_cases::cases("SLATE_TRANSCENDENTAL_CASES", 20'000);
    for (auto& f : functions) std::printf("%-16s %u arguments, worst error %.6f ulp\n", f.name, cases, worst_of(f, random, cases));
}

// Results of neighbours, in the order of their arguments, where the function rises or falls throughout.
TEST(Transcendental, is_monotonic) {
    fp_cases::Random random(7);
    for (auto& f : functions) {
        if (std::string_view(f.name).starts_with("fpatan")) continue;
        for (unsigned n = 0; n < 500; n++) {
            // Logarithms between 1/2 and 1, the others of small angles: there they rise, and the cosine falls.
            F80 x = f.positive ? draw(random, -1, -1, true) : draw(random, -60, -3, true), y{bit(63), 0x3fff};
            x.significand = std::min(x.significand, ~u64{0} - 40);
            Order way = Order::equal;
            F80 last{};
            for (unsigned step = 0; step < 32; step++, x.significand++) {
                Context c;
                F80 result = f.ours(c, Extended::unpack(x), Extended::unpack(y));
                Order o = step ? order(Extended::unpack(last), Extended::unpack(result)) : Order::equal;
                if (way == Order::equal) way = o;
                EXPECT_TRUE(o == Order::equal || o == way) << f.name << ' ' << fp_cases::text(x);
                last = result;
            }
        }
    }
}

// The integers nearest to multiples of pi/2 below 2^63: nearly all that a shorter pi has is cancelled.
TEST(Transcendental, reduces_the_worst_arguments) {
    Real pi, quotient, exact;
    mpfr_set_prec(pi.v, 320), mpfr_set_prec(quotient.v, 320);
    mpfr_const_pi(pi.v, MPFR_RNDN);
    mpfr_div_2ui(pi.v, pi.v, 1, MPFR_RNDN);
    fp_cases::Random random(3);
    for (unsigned n = 0; n < 2000; n++) {
        mpfr_set_ui(quotient.v, random.bits() >> (1 + random.below(60)), MPFR_RNDN);
        mpfr_mul(quotient.v, quotient.v, pi.v, MPFR_RNDN);
        if (mpfr_cmp_ui_2exp(quotient.v, 1, 63) >= 0 || mpfr_cmp_ui(quotient.v, 1) < 0) continue;
        long exponent = 0;
        F80 x{};
        Real nearest;
        mpfr_set_prec(nearest.v, 64);
        mpfr_set(nearest.v, quotient.v, MPFR_RNDN);
        mpfr_get_d_2exp(&exponent, nearest.v, MPFR_RNDZ);
        x.sign_exponent = u16(0x3fff + exponent - 1);
        mpfr_mul_2si(nearest.v, nearest.v, 64 - exponent, MPFR_RNDN);
        x.significand = mpfr_get_ui(nearest.v, MPFR_RNDN);
        for (auto* f : {&functions[1], &functions[2], &functions[5]}) {
            Real rx(x);
            f->exact(exact.v, rx.v, rx.v);
            Context c;
            EXPECT_LE(std::fabs(ulps(f->ours(c, Extended::unpack(x), {}), exact.v)), 0.5001) << f->name << ' ' << fp_cases::text(x);
        }
    }
}

}
