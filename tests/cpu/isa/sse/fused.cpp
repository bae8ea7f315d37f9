// SPDX-License-Identifier: MIT
// Multiply-adds and half precision of the soft-float against the host's FMA and F16C, where it has them; the edges by hand.
#include "cpu/exec/fast/host_has.h"
#include "cpu/fp/soft/sse.h"
#include <array>
#include <gtest/gtest.h>
#include <random>
#if defined(__x86_64__)
#include <emmintrin.h>
#endif

using namespace fp;

namespace {

using Result = Ran<u64>;
Result computed(bool wide, u64 x, u64 y, u64 z, Signs signs, u32 mode) {
    if (wide) return multiply_add<soft::Double>(x, y, z, signs, mode);
    auto r = multiply_add<soft::Single>(u32(x), u32(y), u32(z), signs, mode);
    return {r.value, r.raised};
}

constexpr u64 one = 0x3ff0000000000000, none = 0xfff8000000000000, infinite = 0x7ff0000000000000, denormal = 1, quiet = 0x7ff8000000000123,
              signaling = 0x7ff0000000000321;

struct Row {
    const char* text;
    u64 x, y, z;
    u32 mxcsr;
    u64 bits;
    u32 raised;
};
constexpr Row rows[] = {
    // (SDM vol. 1, 14.5.2 for NaNs; 11.5.2 for the flags)
    {"zero times infinity",                    0,         infinite, one,         0x1f80, none,               mxcsr::ie},
    {"infinity less infinity",                 infinite,  one,      infinite | bit(63), 0x1f80, none,        mxcsr::ie},
    {"a quiet NaN is the result",              one,       quiet,    infinite,    0x1f80, quiet,              0},
    {"the first NaN wins",                     signaling, quiet,    quiet + 1,   0x1f80, signaling | bit(51), mxcsr::ie},
    {"zero times infinity and a quiet NaN",    0,         infinite, quiet,       0x1f80, quiet,              0},
    {"a denormal operand",                     denormal,  one,      one,         0x1f80, one,                mxcsr::de | mxcsr::pe},
    {"a denormal operand taken for zero",      denormal,  one,      one,         0x1fc0, one,                0},
    {"opposite zeros",                         one,       0,        bit(63),     0x1f80, 0,                  0},
    {"opposite zeros, rounding down",          one,       0,        bit(63),     0x3f80, bit(63),            0},
    {"one less one, rounding down",            one,       one,      one | bit(63), 0x3f80, bit(63),          0},
    {"the product's last bit decides",         one + 1,   one + 1,  (one + 2) | bit(63), 0x1f80, 0x3970000000000000, 0},
    {"overflow",                               0x7fe0000000000000, 0x4000000000000000, one, 0x1f80, infinite, mxcsr::oe | mxcsr::pe},
    {"overflow, toward zero",                  0x7fe0000000000000, 0x4000000000000000, one, 0x7f80, infinite - 1, mxcsr::oe | mxcsr::pe},
    {"a tiny exact result",                    0x0010000000000000, 0x3fe0000000000000, 0, 0x1f80, 0x0008000000000000, 0},
    {"a tiny exact result with UE unmasked",   0x0010000000000000, 0x3fe0000000000000, 0, 0x1780, 0, mxcsr::ue},
    {"a tiny result flushed",                  0x0010000000000000, 0x3fe0000000000000, 0, 0x9f80, 0, mxcsr::ue | mxcsr::pe},
};

#if defined(__x86_64__)

// Runs with everything masked and the host's MXCSR back behind it.
#define ON_HOST(text) "stmxcsr %[saved]\n\tldmxcsr %[mode]\n\t" text "\n\tstmxcsr %[mode]\n\tldmxcsr %[saved]"
#define FUSED(name) \
    Result name(u64 x, u64 y, u64 z, u32 mode) { \
        u32 saved; \
        __m128i a = _mm_cvtsi64_si128(s64(x)), b = _mm_cvtsi64_si128(s64(y)), c = _mm_cvtsi64_si128(s64(z)); \
        asm volatile(ON_HOST(#name " %[b], %[a], %[c]") : [c] "+&x"(c), [saved] "=m"(saved), [mode] "+m"(mode) : [a] "x"(a), [b] "x"(b)); \
        return {u64(_mm_cvtsi128_si64(c)), mode & mxcsr::flags}; \
    }
FUSED(vfmadd231sd) FUSED(vfmsub231sd) FUSED(vfnmadd231sd) FUSED(vfnmsub231sd)
FUSED(vfmadd231ss) FUSED(vfmsub231ss) FUSED(vfnmadd231ss) FUSED(vfnmsub231ss)

struct Host {
    const char* name;
    Result (*run)(u64, u64, u64, u32);
    bool wide;
    Signs signs;
};
constexpr Host hosts[] = {
    {"vfmadd231sd", vfmadd231sd, true, {}}, {"vfmsub231sd", vfmsub231sd, true, {false, true}},
    {"vfnmadd231sd", vfnmadd231sd, true, {true, false}}, {"vfnmsub231sd", vfnmsub231sd, true, {true, true}},
    {"vfmadd231ss", vfmadd231ss, false, {}}, {"vfmsub231ss", vfmsub231ss, false, {false, true}},
    {"vfnmadd231ss", vfnmadd231ss, false, {true, false}}, {"vfnmsub231ss", vfnmsub231ss, false, {true, true}},
};

struct Layout {
    unsigned fraction, exponent;                   // how many bits
    u64 bias() const { return ones_of(exponent - 1); }
    u64 sign() const { return bit(fraction + exponent); }
    static u64 ones_of(unsigned n) { return bit(n) - 1; }
};
constexpr Layout single_layout{23, 8}, double_layout{52, 11};

// Numbers of a format with their edges, often near 1 so that sums cancel.
struct Numbers {
    std::mt19937_64 random{7};
    u64 next(const Layout& f) {
        u64 raw = random(), sign = raw & 1 ? f.sign() : 0, fraction = random() & Layout::ones_of(f.fraction);
        if (raw & 2) fraction &= ~u64{0} << (f.fraction - random() % 6);
        u64 exponent = f.bias() - 4 + random() % 8;
        switch (raw >> 2 & 15) {
        case 0: exponent = 0; break;
        case 1: exponent = Layout::ones_of(f.exponent); break;
        case 2: exponent = 1 + random() % 4; break;
        case 3: exponent = Layout::ones_of(f.exponent) - 1 - random() % 4; break;
        case 4: exponent = random() & Layout::ones_of(f.exponent); break;
        case 5: exponent = f.bias() / 2 + random() % 4; break;
        case 6: fraction = 0; break;
        case 7: fraction = Layout::ones_of(f.fraction); break;
        }
        return sign | exponent << f.fraction | (fraction & Layout::ones_of(f.fraction));
    }
    u32 mxcsr() { return 0x1f80 | u32(random() % 4) << 13 | (random() % 5 ? 0 : mxcsr::daz) | (random() % 5 ? 0 : mxcsr::ftz); }
};

#endif

}

TEST(Fused, edges_by_hand) {
    for (auto& r : rows) {
        auto result = multiply_add<soft::Double>(r.x, r.y, r.z, {}, r.mxcsr);
        if (r.raised != mxcsr::ue) {                  // an unmasked exception leaves no result
            EXPECT_EQ(result.value, r.bits) << r.text;
        }
        EXPECT_EQ(result.raised, r.raised) << r.text;
    }
}

TEST(Fused, halves_by_hand) {
    struct { u64 single; u32 mxcsr; u64 half; u32 raised; } to[] = {
        {0x3f800000, 0x1f80, 0x3c00, 0}, {0x477fefff, 0x1f80, 0x7bff, mxcsr::pe}, {0x477ff000, 0x1f80, 0x7c00, mxcsr::oe | mxcsr::pe},
        {0x477ff000, 0x7f80, 0x7bff, mxcsr::pe}, {0x47800000, 0x7f80, 0x7bff, mxcsr::oe | mxcsr::pe}, {0x33800000, 0x9f80, 0x0001, 0}, {0x33000000, 0x1f80, 0, mxcsr::ue | mxcsr::pe},
        {0x33000001, 0x1f80, 1, mxcsr::ue | mxcsr::pe}, {1, 0x1f80, 0, mxcsr::de | mxcsr::ue | mxcsr::pe}, {1, 0x1fc0, 0, 0},
        {0x7f802000, 0x1f80, 0x7e01, mxcsr::ie}, {0xffc04000, 0x1f80, 0xfe02, 0}, {0xff800000, 0x1f80, 0xfc00, 0},
    };
    for (auto& r : to) {
        auto result = half_of_single(u32(r.single), r.mxcsr);
        EXPECT_EQ(result.value, r.half) << std::hex << r.single;
        EXPECT_EQ(result.raised, r.raised) << std::hex << r.single;
    }
    struct { u64 half, single; u32 raised; } from[] = {{0x3c00, 0x3f800000, 0}, {0x0001, 0x33800000, 0}, {0x83ff, 0xb87fc000, 0}, {0x7c00, 0x7f800000, 0},
                                                       {0x7c01, 0x7fc02000, mxcsr::ie}, {0xfe02, 0xffc04000, 0}, {0x8000, 0x80000000, 0}};
    for (auto& r : from) {
        EXPECT_EQ(single_of_half(u16(r.half)).value, r.single) << std::hex << r.half;
        EXPECT_EQ(single_of_half(u16(r.half)).raised, r.raised) << std::hex << r.half;
    }
}

TEST(Fused, multiply_adds_agree_with_the_hosts) {
#if defined(__x86_64__)
    if (!fast::host_has(Feature::fma)) GTEST_SKIP() << "the host has no FMA";
    Numbers numbers;
    unsigned wrong = 0;
    for (unsigned n = 0; n < 200'000 && wrong < 10; n++)
        for (auto& h : hosts) {
            auto& f = h.wide ? double_layout : single_layout;
            u64 x = numbers.next(f), y = numbers.next(f), z = numbers.next(f);
            u32 mode = numbers.mxcsr();
            if (n % 3 == 0) z = (computed(h.wide, x, y, 0, {}, mode).value ^ f.sign()) + numbers.random() % 3 - 1;      // cancels
            if (!h.wide) z = u32(z);
            auto ours = computed(h.wide, x, y, z, h.signs, mode), theirs = h.run(x, y, z, mode);
            if (!h.wide) theirs.value = u32(theirs.value);
            if (ours.value == theirs.value && ours.raised == theirs.raised) continue;
            wrong++;
            ADD_FAILURE() << h.name << std::hex << " " << x << " " << y << " " << z << " mxcsr " << mode << ": " << ours.value << " " << ours.raised
                          << ", the host's " << theirs.value << " " << theirs.raised;
        }
#endif
}

TEST(Fused, halves_agree_with_the_hosts) {
#if defined(__x86_64__)
    if (!fast::host_has(Feature::f16c)) GTEST_SKIP() << "the host has no F16C";
    auto run = [](bool widen, u64 value, u32 mode) -> Result {
        u32 saved;
        __m128i a = _mm_cvtsi64_si128(s64(value)), r;
        if (widen) asm volatile(ON_HOST("vcvtph2ps %[a], %[r]") : [r] "=&x"(r), [saved] "=m"(saved), [mode] "+m"(mode) : [a] "x"(a));
        else asm volatile(ON_HOST("vcvtps2ph $4, %[a], %[r]") : [r] "=&x"(r), [saved] "=m"(saved), [mode] "+m"(mode) : [a] "x"(a));
        return {u64(_mm_cvtsi128_si64(r)) & (widen ? 0xffffffff : 0xffff), mode & mxcsr::flags};
    };
    Numbers numbers;
    for (u64 half = 0; half < 0x10000; half++) {
        auto ours = single_of_half(u16(half));
        auto theirs = run(true, half, numbers.mxcsr());
        ASSERT_EQ(ours.value, theirs.value) << std::hex << half;
        ASSERT_EQ(ours.raised, theirs.raised) << std::hex << half;
    }
    for (unsigned n = 0; n < 500'000; n++) {
        u64 single = numbers.random() % 3 ? (numbers.random() & 0x807fffff) | (100 + numbers.random() % 50) << 23 : numbers.next(single_layout);
        if (n & 1) single &= ~u64{0xfff};
        u32 mode = numbers.mxcsr();
        auto ours = half_of_single(u32(single), mode);
        auto theirs = run(false, single, mode);
        ASSERT_EQ(ours.value, theirs.value) << std::hex << single << " mxcsr " << mode;
        ASSERT_EQ(ours.raised, theirs.raised) << std::hex << single << " mxcsr " << mode;
    }
#endif
}
