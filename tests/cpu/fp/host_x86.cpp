// SPDX-License-Identifier: MIT
// The soft-float against the host's SSE, FMA3 and F16C: values, NaN payloads and flags, with all rounding modes, DAZ, FTZ, and
// exceptions masked and unmasked.
#include "cpu/exec/fast/host_has.h"
#include "cpu/fp/soft.h"
#include "cpu/fp/soft_sse.h"
#include "tests/cpu/fp/cases.h"
#include <gtest/gtest.h>
#include <immintrin.h>

namespace {

using namespace fp;
using fp_cases::Random;

// Shared by all groups of this file: instructions of host_sse.def, and the four below.
unsigned cases_each(unsigned groups) { return fp_cases::cases("SLATE_SOFT_FLOAT_CASES", 1'000'000) / groups + 1; }

u32 modes(Random& random) {
    u32 mxcsr = random.below(4) << 13 | (random.one_in(3) ? random.below(64) << 7 : mxcsr::masks);
    if (random.one_in(3)) mxcsr |= mxcsr::daz;
    if (random.one_in(3)) mxcsr |= mxcsr::ftz;
    return mxcsr;
}

template <class F> Bits128 vector(Random& random) {
    if (sizeof(typename F::Raw) == 8) return {random.number<F>(), random.number<F>()};
    Bits128 v{};
    for (unsigned n = 0; n < 4; n++) v[n / 2] |= u64{random.number<F>()} << n % 2 * 32;
    return v;
}
// Operands of the format that an instruction's name says; now and then equal ones, or their opposites.
Bits128 vector(Random& random, bool wide) { return wide ? vector<soft::Double>(random) : vector<soft::Single>(random); }

bool reads_doubles(std::string_view name) {
    if (name.starts_with("cvt")) return name.find("pd2") != name.npos || name.find("sd2") != name.npos;
    return name.ends_with('d');
}

std::string text(const char* name, const Bits128& a, const Bits128& b, u32 mxcsr) {
    char line[160];
    std::snprintf(line, sizeof line, "%s %016llx'%016llx %016llx'%016llx mxcsr %04x", name, static_cast<unsigned long long>(a[1]),
                  static_cast<unsigned long long>(a[0]), static_cast<unsigned long long>(b[1]), static_cast<unsigned long long>(b[0]), mxcsr);
    return line;
}

template <class Value> void same(const Ran<Value>& soft, const Ran<Value>& host, u32 mxcsr, const std::string& what) {
    EXPECT_EQ(soft.raised, host.raised) << what;
    // An unmasked exception leaves no result.
    if (mxcsr::unmasked(mxcsr, host.raised)) return;
    EXPECT_EQ(soft.value, host.value) << what;
}

template <class Soft, class Host> void compare(const char* name, Soft soft, const Host& host) {
    Random random(std::hash<std::string_view>{}(name));
    bool wide = reads_doubles(name);
    for (unsigned n = 0, all = cases_each(90); n < all && !testing::Test::HasFailure(); n++) {
        u32 mxcsr = modes(random);
        Bits128 a = vector(random, wide), b = random.one_in(20) ? a : vector(random, wide);
        if (random.one_in(40)) b = {a[0] ^ (wide ? bit(63) : bit(63) | bit(31)), a[1]};
        same(soft(a, b, mxcsr), host(a, b, mxcsr), mxcsr, text(name, a, b, mxcsr));
    }
}
template <class Soft, class Host> void compare_from_integer(const char* name, Soft soft, const Host& host) {
    Random random(5);
    for (unsigned n = 0, all = cases_each(90); n < all && !testing::Test::HasFailure(); n++) {
        u32 mxcsr = modes(random);
        Bits128 a = vector(random, false);
        u64 b = random.pattern() >> random.below(64);
        if (random.one_in(2)) b = 0 - b;
        same(soft(a, b, mxcsr), host(a, b, mxcsr), mxcsr, text(name, a, {b, 0}, mxcsr));
    }
}

TEST(SoftFloat, is_the_hosts_sse) {
#define ROUNDED(name, ...) compare(#name, soft_sse::name, fp::name);
#define BOUNDED(name) compare(#name, soft_sse::name, fp::name);
#define FROM_INTEGER(name, width, text) compare_from_integer(#name, soft_sse::name##width, fp::name##width.run);
#define TO_INTEGER(name, width, text) \
    compare(#name, [](const Bits128&, const Bits128& b, u32 m) { return soft_sse::name##width(b, m); }, \
            [](const Bits128&, const Bits128& b, u32 m) { return fp::name##width.run(b, m); });
#define COMPARED(name) compare(#name, soft_sse::name, fp::name);
#include "cpu/fp/host_sse.def"
}

// ---- FMA3 and F16C, which host_sse.def doesn't have -----------------------------------------------------------------

soft::Context context(u32 mxcsr) {
    soft::Context c;
    c.rounding = soft::Rounding(mxcsr >> 13 & 3);
    c.daz = mxcsr & mxcsr::daz, c.ftz = mxcsr & mxcsr::ftz;
    return c;
}
// Runs with the host's MXCSR as given, all masked, and tells its flags.
template <class Run> u32 under(u32 mxcsr, Run&& run) {
    u32 saved = _mm_getcsr();
    _mm_setcsr((mxcsr | mxcsr::masks) & ~mxcsr::flags);
    run();
    u32 raised = _mm_getcsr() & mxcsr::flags;
    _mm_setcsr(saved);
    return raised;
}
#define FMA __attribute__((target("fma"), noinline))
#define F16C __attribute__((target("f16c"), noinline))
FMA void fma_32(volatile float* r, __m128 a, __m128 b, __m128 c) { *r = _mm_cvtss_f32(_mm_fmadd_ss(a, b, c)); }
FMA void fma_64(volatile double* r, __m128d a, __m128d b, __m128d c) { *r = _mm_cvtsd_f64(_mm_fmadd_sd(a, b, c)); }
F16C void widen_16(volatile u32* r, u16 a) { *r = u32(_mm_cvtsi128_si32(_mm_castps_si128(_mm_cvtph_ps(_mm_cvtsi32_si128(a))))); }
F16C void narrow_16(volatile u32* r, u32 a) { *r = u32(_mm_cvtsi128_si32(_mm_cvtps_ph(_mm_castsi128_ps(_mm_cvtsi32_si128(int(a))), 4))); }

// Factors whose product nearly cancels the addend are drawn often.
template <class F, class Host> void compare_fma(Host host) {
    if (!__builtin_cpu_supports("fma")) GTEST_SKIP() << "the host has no FMA";
    using Raw = typename F::Raw;
    Random random(21);
    for (unsigned n = 0, all = cases_each(10); n < all && !testing::Test::HasFailure(); n++) {
        u32 mxcsr = modes(random);
        Raw a = random.number<F>(), b = random.number<F>(), d = random.number<F>();
        if (random.one_in(3)) {
            soft::Context near;
            d = Raw(soft::mul<F>(near, F::unpack(a), F::unpack(b)) ^ Raw(1) << (sizeof(Raw) * 8 - 1) ^ Raw(random.below(4)));
        }
        auto c = context(mxcsr);
        Raw result = soft::fma<F>(c, soft::operand<F>(c, a), soft::operand<F>(c, b), soft::operand<F>(c, d)), expected{};
        u32 raised = under(mxcsr, [&] { expected = host(a, b, d); });
        std::string what = text("fma", {a, b}, {d, 0}, mxcsr);
        EXPECT_EQ(result, expected) << what;
        EXPECT_EQ(c.raised, raised) << what;
    }
}
TEST(SoftFloat, fuses_as_the_host_in_single_precision) {
    compare_fma<soft::Single>([](u32 a, u32 b, u32 c) {
        volatile float r;
        fma_32(&r, _mm_set_ss(std::bit_cast<float>(a)), _mm_set_ss(std::bit_cast<float>(b)), _mm_set_ss(std::bit_cast<float>(c)));
        return std::bit_cast<u32>(float(r));
    });
}
TEST(SoftFloat, fuses_as_the_host_in_double_precision) {
    compare_fma<soft::Double>([](u64 a, u64 b, u64 c) {
        volatile double r;
        fma_64(&r, _mm_set_sd(std::bit_cast<double>(a)), _mm_set_sd(std::bit_cast<double>(b)), _mm_set_sd(std::bit_cast<double>(c)));
        return std::bit_cast<u64>(double(r));
    });
}

// VCVTPH2PS knows no DAZ and tells of no denormal; VCVTPS2PH knows no FTZ (SDM vol. 2).
TEST(SoftFloat, converts_half_precision_as_the_host) {
    if (!__builtin_cpu_supports("avx") || !fast::host_has(Feature::f16c)) GTEST_SKIP() << "the host has no F16C";
    Random random(22);
    for (unsigned n = 0, all = cases_each(10); n < all && !HasFailure(); n++) {
        u32 mxcsr = modes(random);
        volatile u32 expected = 0;
        auto c = context(mxcsr & ~mxcsr::daz);
        u16 half = random.one_in(2) ? u16(random.bits()) : random.number<soft::Half>();
        u32 single = soft::convert<soft::Single>(c, soft::Half::unpack(half), soft::Denormals::silent);
        u32 raised = under(mxcsr, [&] { widen_16(&expected, half); });
        EXPECT_EQ(single, u32(expected)) << half;
        EXPECT_EQ(c.raised, raised) << half;

        u32 value = random.number<soft::Single>();
        c = context(mxcsr & ~mxcsr::ftz);
        half = soft::convert<soft::Half>(c, soft::operand<soft::Single>(c, value));
        raised = under(mxcsr, [&] { narrow_16(&expected, value); });
        EXPECT_EQ(half, u32(expected) & 0xffff) << std::hex << value << " mxcsr " << mxcsr;
        EXPECT_EQ(c.raised, raised) << std::hex << value << " mxcsr " << mxcsr;
    }
}

}
