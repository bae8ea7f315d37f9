// SPDX-License-Identifier: MIT
// The packed integer operations against the host's own instructions, and at their edges by hand.
#include "cpu/isa/sse/lanes.h"
#include <emmintrin.h>
#include <gtest/gtest.h>
#include <random>

using namespace isa;
using namespace isa::lanes;

namespace {

using V = __m128i;

struct Pair {
    const char* name;
    Xmm (*ours)(const Xmm&, const Xmm&);
    V (*host)(V, V);
};
template <class Op> Xmm op(const Xmm& a, const Xmm& b) { return Op{}(a, b); }

constexpr Pair pairs[] = {
    {"paddb",      op<Each<Add, u8>>,               [](V a, V b) { return _mm_add_epi8(a, b); }},
    {"paddw",      op<Each<Add, u16>>,              [](V a, V b) { return _mm_add_epi16(a, b); }},
    {"paddd",      op<Each<Add, u32>>,              [](V a, V b) { return _mm_add_epi32(a, b); }},
    {"paddq",      op<Each<Add, u64>>,              [](V a, V b) { return _mm_add_epi64(a, b); }},
    {"psubb",      op<Each<Sub, u8>>,               [](V a, V b) { return _mm_sub_epi8(a, b); }},
    {"psubq",      op<Each<Sub, u64>>,              [](V a, V b) { return _mm_sub_epi64(a, b); }},
    {"paddsb",     op<Each<AddSaturated, s8>>,      [](V a, V b) { return _mm_adds_epi8(a, b); }},
    {"paddsw",     op<Each<AddSaturated, s16>>,     [](V a, V b) { return _mm_adds_epi16(a, b); }},
    {"paddusb",    op<Each<AddSaturated, u8>>,      [](V a, V b) { return _mm_adds_epu8(a, b); }},
    {"paddusw",    op<Each<AddSaturated, u16>>,     [](V a, V b) { return _mm_adds_epu16(a, b); }},
    {"psubsb",     op<Each<SubSaturated, s8>>,      [](V a, V b) { return _mm_subs_epi8(a, b); }},
    {"psubsw",     op<Each<SubSaturated, s16>>,     [](V a, V b) { return _mm_subs_epi16(a, b); }},
    {"psubusb",    op<Each<SubSaturated, u8>>,      [](V a, V b) { return _mm_subs_epu8(a, b); }},
    {"psubusw",    op<Each<SubSaturated, u16>>,     [](V a, V b) { return _mm_subs_epu16(a, b); }},
    {"pandn",      op<Each<AndNot, u64>>,           [](V a, V b) { return _mm_andnot_si128(a, b); }},
    {"pcmpeqd",    op<Each<Equal, u32>>,            [](V a, V b) { return _mm_cmpeq_epi32(a, b); }},
    {"pcmpgtb",    op<Each<Greater, s8>>,           [](V a, V b) { return _mm_cmpgt_epi8(a, b); }},
    {"pcmpgtd",    op<Each<Greater, s32>>,          [](V a, V b) { return _mm_cmpgt_epi32(a, b); }},
    {"pminub",     op<Each<Minimum, u8>>,           [](V a, V b) { return _mm_min_epu8(a, b); }},
    {"pminsw",     op<Each<Minimum, s16>>,          [](V a, V b) { return _mm_min_epi16(a, b); }},
    {"pmaxub",     op<Each<Maximum, u8>>,           [](V a, V b) { return _mm_max_epu8(a, b); }},
    {"pmaxsw",     op<Each<Maximum, s16>>,          [](V a, V b) { return _mm_max_epi16(a, b); }},
    {"pavgb",      op<Each<Average, u8>>,           [](V a, V b) { return _mm_avg_epu8(a, b); }},
    {"pavgw",      op<Each<Average, u16>>,          [](V a, V b) { return _mm_avg_epu16(a, b); }},
    {"pmullw",     op<Each<MultiplyLow, u16>>,      [](V a, V b) { return _mm_mullo_epi16(a, b); }},
    {"pmulhw",     op<Each<MultiplyHigh, s16>>,     [](V a, V b) { return _mm_mulhi_epi16(a, b); }},
    {"pmulhuw",    op<Each<MultiplyHigh, u16>>,     [](V a, V b) { return _mm_mulhi_epu16(a, b); }},
    {"pmuludq",    op<Each<MultiplyEven, u64>>,     [](V a, V b) { return _mm_mul_epu32(a, b); }},
    {"pmaddwd",    op<Each<MultiplyAdd, u32>>,      [](V a, V b) { return _mm_madd_epi16(a, b); }},
    {"psadbw",     op<Each<SumOfDifferences, u64>>, [](V a, V b) { return _mm_sad_epu8(a, b); }},
    {"packsswb",   op<Pack<s8, s16>>,               [](V a, V b) { return _mm_packs_epi16(a, b); }},
    {"packssdw",   op<Pack<s16, s32>>,              [](V a, V b) { return _mm_packs_epi32(a, b); }},
    {"packuswb",   op<Pack<u8, s16>>,               [](V a, V b) { return _mm_packus_epi16(a, b); }},
    {"punpcklbw",  op<UnpackLow<u8>>,               [](V a, V b) { return _mm_unpacklo_epi8(a, b); }},
    {"punpcklqdq", op<UnpackLow<u64>>,              [](V a, V b) { return _mm_unpacklo_epi64(a, b); }},
    {"punpckhwd",  op<UnpackHigh<u16>>,             [](V a, V b) { return _mm_unpackhi_epi16(a, b); }},
    {"punpckhdq",  op<UnpackHigh<u32>>,             [](V a, V b) { return _mm_unpackhi_epi32(a, b); }},
};

struct Shift {
    const char* name;
    Xmm (*ours)(const Xmm&, u64);
    V (*host)(V, V);
};
template <class Op> Xmm shifted(const Xmm& a, u64 count) { return Op{}(a, count); }

constexpr Shift shifts[] = {
    {"psllw", shifted<Left<u16>>,  [](V a, V b) { return _mm_sll_epi16(a, b); }},
    {"pslld", shifted<Left<u32>>,  [](V a, V b) { return _mm_sll_epi32(a, b); }},
    {"psllq", shifted<Left<u64>>,  [](V a, V b) { return _mm_sll_epi64(a, b); }},
    {"psrlw", shifted<Right<u16>>, [](V a, V b) { return _mm_srl_epi16(a, b); }},
    {"psrld", shifted<Right<u32>>, [](V a, V b) { return _mm_srl_epi32(a, b); }},
    {"psrlq", shifted<Right<u64>>, [](V a, V b) { return _mm_srl_epi64(a, b); }},
    {"psraw", shifted<Right<s16>>, [](V a, V b) { return _mm_sra_epi16(a, b); }},
    {"psrad", shifted<Right<s32>>, [](V a, V b) { return _mm_sra_epi32(a, b); }},
};

// Random bytes, among them many of the lanes' extreme values.
Xmm operand(std::mt19937_64& random) {
    static constexpr u8 edges[] = {0, 1, 0x7f, 0x80, 0xff};
    Xmm v;
    for (auto& b : v) b = random() % 2 ? u8(random()) : edges[random() % 5];
    return v;
}

}

TEST(sse_lanes, do_what_the_hosts_instructions_do) {
    std::mt19937_64 random(1);
    for (auto& p : pairs)
        for (int i = 0; i < 2000; i++) {
            Xmm a = operand(random), b = operand(random);
            ASSERT_EQ(p.ours(a, b), as<Xmm>(p.host(as<__m128i>(a), as<__m128i>(b)))) << p.name;
        }
}

TEST(sse_lanes, shift_by_any_count_as_the_hosts_instructions_do) {
    std::mt19937_64 random(2);
    for (auto& s : shifts)
        for (u64 count : std::initializer_list<u64>{0, 1, 7, 15, 16, 31, 32, 63, 64, 255, bit(32), ~u64{0}}) {
            Xmm a = operand(random);
            __m128i n = _mm_set_epi64x(5, s64(count));
            ASSERT_EQ(s.ours(a, count), as<Xmm>(s.host(as<__m128i>(a), n))) << s.name << " " << count;
        }
}

TEST(sse_lanes, treat_eight_bytes_as_the_low_half_of_sixteen) {
    std::mt19937_64 random(3);
    for (int i = 0; i < 1000; i++) {
        Xmm a = operand(random), b = operand(random);
        Mm x = resized<8>(a), y = resized<8>(b);
        EXPECT_EQ((Each<AddSaturated, s16>{}(x, y)), resized<8>(Each<AddSaturated, s16>{}(a, b)));
        EXPECT_EQ((Each<SumOfDifferences, u64>{}(x, y)), resized<8>(Each<SumOfDifferences, u64>{}(a, b)));
        EXPECT_EQ(Right<s32>{}(x, 9), resized<8>(Right<s32>{}(a, 9)));
    }
}

TEST(sse_lanes, interleave_the_halves_of_eight_bytes) {
    Mm a{1, 2, 3, 4, 5, 6, 7, 8}, b{11, 12, 13, 14, 15, 16, 17, 18};
    EXPECT_EQ(UnpackLow<u8>{}(a, b), (Mm{1, 11, 2, 12, 3, 13, 4, 14}));
    EXPECT_EQ(UnpackHigh<u16>{}(a, b), (Mm{5, 6, 15, 16, 7, 8, 17, 18}));
    EXPECT_EQ((Pack<u8, s16>{}(Mm{0xff, 0xff, 0, 1, 5, 0, 0xff, 0x7f}, Mm{})), (Mm{0, 0xff, 5, 0xff}));
}

TEST(sse_lanes, are_chosen_by_the_bits_of_an_immediate) {
    Xmm a, b;
    for (u8 i = 0; i < 16; i++) a[i] = i, b[i] = u8(0x80 + i);
    __m128i y = as<__m128i>(b);
    EXPECT_EQ((Shuffle<u32, 0>{}(a, b, 0x1b)), as<Xmm>(_mm_shuffle_epi32(y, 0x1b)));
    EXPECT_EQ((Shuffle<u16, 0>{}(a, b, 0x93)), as<Xmm>(_mm_shufflelo_epi16(y, 0x93)));
    EXPECT_EQ((Shuffle<u16, 4>{}(a, b, 0x93)), as<Xmm>(_mm_shufflehi_epi16(y, 0x93)));
    EXPECT_EQ(Select<u32>{}(a, b, 0xe4), as<Xmm>(_mm_shuffle_ps(as<__m128>(a), as<__m128>(b), 0xe4)));
    EXPECT_EQ(Select<u64>{}(a, b, 0xfe), as<Xmm>(_mm_shuffle_pd(as<__m128d>(a), as<__m128d>(b), 2)));
    EXPECT_EQ(word(a, 0xff), 0x0f0e);
    EXPECT_EQ(InsertWord{}(a, b, 8 + 1)[2], 0x80);
}

TEST(sse_lanes, shift_out_of_the_register_by_sixteen_bytes_and_more) {
    Xmm a;
    a.fill(0xaa);
    EXPECT_EQ(LeftBytes{}(a, 15)[15], 0xaa);
    EXPECT_EQ(LeftBytes{}(a, 15)[14], 0);
    EXPECT_EQ(RightBytes{}(a, 1)[15], 0);
    EXPECT_EQ(LeftBytes{}(a, 16), Xmm{});
    EXPECT_EQ(RightBytes{}(a, 255), Xmm{});
}
