// SPDX-License-Identifier: MIT
// SSE floating point: rounding and modes, unmasked OE and UE, conversions, the approximations.
#include "cpu/fp/approximate.h"
#include "cpu/fp/host_sse.h"
#include <cmath>
#include <emmintrin.h>
#include <gtest/gtest.h>

using namespace fp;

namespace {

using Singles = std::array<float, 4>;
using Doubles = std::array<double, 2>;
Bits128 packed(Singles v) { return std::bit_cast<Bits128>(v); }
Bits128 packed(Doubles v) { return std::bit_cast<Bits128>(v); }

constexpr u32 all = mxcsr::masks;

// One lane of an operation on binary32, the others 1.
struct Example {
    const char* text;
    const Operation& op;
    float a, b;
    u32 mxcsr;
    float result;                 // where nothing unmasked is raised
    u32 raised;
};

constexpr float inf = INFINITY, smallest = 0x1p-126f, largest = 0x1.fffffep127f;
using namespace mxcsr;

const Example examples[] = {
    {"exact", addps, 1, 2, all, 3, 0},
    {"inexact, to nearest", divps, 1, 3, all, 0x1.555556p-2f, pe},
    {"inexact, down", divps, 1, 3, all | 0x2000, 0x1.555554p-2f, pe},
    {"inexact, up", divps, 2, 3, all | 0x4000, 0x1.555556p-1f, pe},
    {"inexact, towards zero", divps, -2, 3, all | 0x6000, -0x1.555554p-1f, pe},
    {"zero divide", divps, 1, 0, all, inf, ze},
    {"a denormal operand", mulps, 0x1p-130f, 0x1p10f, all, 0x1p-120f, de},
    {"DAZ: it is zero", mulps, 0x1p-130f, 0x1p10f, all | daz, 0, 0},
    {"overflow", mulps, 0x1p127f, 2, all, inf, oe | pe},
    {"overflow towards zero", mulps, 0x1p127f, 2, all | 0x6000, largest, oe | pe},
    {"underflow", mulps, smallest, 0x1.8p-24f, all, 0x1p-149f, ue | pe},
    {"exact and tiny, masked: no underflow", mulps, smallest, 0.5f, all, 0x1p-127f, 0},
    {"FTZ", mulps, smallest, 0x1.8p-24f, all | ftz, 0, ue | pe},
    // SDM vol. 1, 4.9.1.4 and 4.9.1.5; PE as if the exponent had no bounds
    {"overflow, OM = 0, exact", mulps, 0x1p127f, 2, all & ~om, 0, oe},
    {"overflow, OM = 0, inexact", mulps, largest, largest, all & ~om, 0, oe | pe},
    {"overflow, OM = 0, a sum", addps, largest, largest, all & ~om, 0, oe},
    {"overflow, OM = 0, a quotient", divps, 0x1p127f, 0x1.8p-2f, all & ~om, 0, oe | pe},
    {"tiny, UM = 0, exact", mulps, smallest, 0.5f, all & ~um, 0, ue},
    {"tiny, UM = 0, exact but for the exponent", mulps, smallest, 0x1.8p-24f, all & ~um, 0, ue},
    {"tiny, UM = 0, inexact", divps, smallest, 3, all & ~um, 0, ue | pe},
    {"tiny, UM = 0, FTZ has no say", mulps, smallest, 0.5f, (all & ~um) | ftz, 0, ue},
    {"not tiny, UM = 0", subps, 1, 1, all & ~um, 0, 0},
};

}

TEST(sse_float, obeys_the_guests_rounding_and_modes) {
    for (auto& e : examples) {
        SCOPED_TRACE(e.text);
        Bits128 a = packed(Singles{1, e.a, 1, 1}), b = packed(Singles{1, e.b, 1, 1});
        auto [value, raised] = e.op(a, b, e.mxcsr);
        EXPECT_EQ(raised, e.raised);
        if (mxcsr::unmasked(e.mxcsr, raised)) continue;
        EXPECT_EQ(std::bit_cast<Singles>(value)[1], e.result);
    }
}

TEST(sse_float, judges_unmasked_overflow_lane_by_lane) {
    Bits128 a = packed(Singles{0x1p127f, 1, 1, 1}), b = packed(Singles{2, 3, 1, 1});
    EXPECT_EQ(mulps(a, b, all & ~om).raised, oe);
    a = packed(Singles{0x1p127f, 1, 1, 1}), b = packed(Singles{0.5f, 3, 1, 1});
    EXPECT_EQ(divps(a, b, all & ~om).raised, oe | pe);               // 1/3 in the other lane is inexact
}

TEST(sse_float, narrows_doubles_with_unmasked_underflow) {
    Bits128 b = packed(Doubles{0x1p-130, 1});
    EXPECT_EQ(cvtpd2ps({}, b, all).raised, 0u);
    EXPECT_EQ(cvtpd2ps({}, b, all & ~um).raised, ue);
    EXPECT_EQ(cvtsd2ss({}, packed(Doubles{0x1.000000001p-130, 0}), all & ~um).raised, ue | pe);
    EXPECT_EQ(cvtsd2ss({}, packed(Doubles{0x1p200, 0}), all & ~om).raised, oe);
}

TEST(sse_float, leaves_the_hosts_mxcsr_alone) {
    u32 before = _mm_getcsr();
    (void)divps(packed(Singles{1, 1, 1, 1}), packed(Singles{0, 3, 3, 3}), 0x6000 | ftz | daz);
    EXPECT_EQ(_mm_getcsr(), before);
}

TEST(sse_float, keeps_a_scalars_upper_part) {
    auto [value, raised] = addss(packed(Singles{1, 20, 30, 40}), packed(Singles{2, 0, 0, 0}), all);
    EXPECT_EQ(std::bit_cast<Singles>(value), (Singles{3, 20, 30, 40}));
    EXPECT_EQ(raised, 0u);
}

TEST(sse_float, converts_to_integers_of_both_widths) {
    auto b = packed(Doubles{0x1p40 + 0.5, 0});
    EXPECT_EQ(cvtsd2si8.run(b, all).value, u64{1} << 40);            // half to even
    EXPECT_EQ(cvtsd2si8.run(b, all | 0x4000).value, (u64{1} << 40) + 1);
    EXPECT_EQ(cvtsd2si4.run(b, all).value, 0x80000000u);             // the integer indefinite
    EXPECT_EQ(cvtsd2si4.run(b, all).raised, ie);
    EXPECT_EQ(cvttsd2si8.run(packed(Doubles{-1.9, 0}), all).value, ~u64{0});
}

TEST(sse_float, compares_unordered_numbers_into_flags) {
    Bits128 one = packed(Singles{1}), nan = packed(Singles{NAN});
    EXPECT_EQ(ucomiss(one, nan, all).value, 0x45u);
    EXPECT_EQ(ucomiss(one, nan, all).raised, 0u);
    EXPECT_EQ(comiss(one, nan, all).raised, ie);
    EXPECT_EQ(comiss(one, packed(Singles{2}), all).value, 1u);
    EXPECT_EQ(comiss(one, one, all).value, 0x40u);
    EXPECT_EQ(comiss(packed(Singles{2}), one, all).value, 0u);
}

TEST(sse_float, approximates_within_the_architectures_bound) {
    for (u64 raw = 0x00800000; raw < 0x7f800000; raw += 9973) {
        double x = double(std::bit_cast<float>(u32(raw)));
        double root = double(std::bit_cast<float>(reciprocal_root(u32(raw)))) * std::sqrt(x) - 1;
        ASSERT_LE(std::fabs(root), 1.5 * 0x1p-12) << std::hex << raw;
        if (raw > 0x7e7ff400) continue;                              // results close to 2^-126 may be zero
        double inverse = double(std::bit_cast<float>(reciprocal(u32(raw)))) * x - 1;
        ASSERT_LE(std::fabs(inverse), 1.5 * 0x1p-12) << std::hex << raw;
        ASSERT_EQ(reciprocal(u32(raw) | 0x80000000), reciprocal(u32(raw)) | 0x80000000);
    }
}

TEST(sse_float, approximates_the_special_values_as_the_manual_lists_them) {
    struct { u32 x, inverse, root; } table[] = {
        {0x00000000, 0x7f800000, 0x7f800000},            // zeros and denormals
        {0x80000000, 0xff800000, 0xff800000},
        {0x007fffff, 0x7f800000, 0x7f800000},
        {0x807fffff, 0xff800000, 0xff800000},
        {0x7f800000, 0x00000000, 0x00000000},            // infinities
        {0xff800000, 0x80000000, 0xffc00000},
        {0x7f800001, 0x7fc00001, 0x7fc00001},            // SNaN, QNaN
        {0xffc12345, 0xffc12345, 0xffc12345},
        {0xbf800000, 0xbf800000, 0xffc00000},            // -1
    };
    for (auto& e : table) {
        EXPECT_EQ(reciprocal(e.x), e.inverse) << std::hex << e.x;
        EXPECT_EQ(reciprocal_root(e.x), e.root) << std::hex << e.x;
    }
}
