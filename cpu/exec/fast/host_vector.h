// SPDX-License-Identifier: MIT
// XMM values as the host holds them, and its instructions for the functions of cpu/isa/sse/lanes.h. What isn't here is
// computed by the function itself; so is everything where the host has no SSE2.
#pragma once
#include "cpu/isa/sse/halves.h"
#include <cstring>
#include <type_traits>
#if defined(__SSE2__)
#include <emmintrin.h>
#endif

namespace fast {

#if defined(__SSE2__)
using Vector = __m128i;
#else
using Vector = isa::Xmm;
#endif

// So many bytes, zero-extended; the first bytes.
template <unsigned Width> [[gnu::always_inline]] inline Vector load_vector(const u8* at) {
    isa::Bytes<Width> bytes;
    std::memcpy(&bytes, at, Width);
    return isa::as<Vector>(isa::resized<16>(bytes));
}
template <unsigned Width> [[gnu::always_inline]] inline void store_vector(u8* at, const Vector& v) { std::memcpy(at, &v, Width); }

// YMM values, as two.
struct Vectors {
    Vector low, high;
};
template <unsigned Width> struct HostWide {
    using type = Vector;
};
template <> struct HostWide<32> {
    using type = Vectors;
};
template <unsigned Width> [[gnu::always_inline]] inline auto load_wide(const u8* at) {
    if constexpr (Width == 32) return Vectors{load_vector<16>(at), load_vector<16>(at + 16)};
    else return load_vector<Width>(at);
}
template <unsigned Width> [[gnu::always_inline]] inline void store_wide(u8* at, const Vector& v) { store_vector<Width>(at, v); }
template <unsigned Width> [[gnu::always_inline]] inline void store_wide(u8* at, const Vectors& v) {
    store_vector<16>(at, v.low), store_vector<16>(at + 16, v.high);
}
// A whole register; what lies behind 32 bytes is zero already.
[[gnu::always_inline]] inline void store_whole(u8* at, const Vectors& v) { store_wide<32>(at, v); }
[[gnu::always_inline]] inline void store_whole(u8* at, const Vector& v) { store_wide<32>(at, Vectors{v, Vector{}}); }
template <unsigned Width> inline auto zeros() { return typename HostWide<Width>::type{}; }
// What a half gets of an operand (cf. isa::lanes::Halves).
template <unsigned N, unsigned Bits, class T> [[gnu::always_inline]] inline auto half_of(const T& v) {
    if constexpr (std::is_same_v<T, Vectors>) return N ? v.high : v.low;
    else if constexpr (Bits) return T(v >> N * Bits);
    else return v;
}

// Any function: vectors go in and come out as byte arrays.
template <class T> constexpr const T& portable(const T& v) { return v; }
template <class T> constexpr const T& native(const T& v) { return v; }
#if defined(__SSE2__)
inline isa::Xmm portable(const __m128i& v) { return isa::as<isa::Xmm>(v); }
inline __m128i native(const isa::Xmm& v) { return isa::as<__m128i>(v); }
#endif
inline isa::Ymm portable(const Vectors& v) { return isa::as<isa::Ymm>(v); }
inline Vectors native(const isa::Ymm& v) { return isa::as<Vectors>(v); }
template <class Op, class... Values> [[gnu::always_inline]] inline auto host_apply(Op op, const Values&... values) {
    return native(op(portable(values)...));
}

// The lowest T in every lane.
template <class T> [[gnu::always_inline]] inline Vector spread(const Vector& v) {
#if defined(__SSE2__)
    Vector w = sizeof(T) == 1 ? _mm_unpacklo_epi8(v, v) : v;
    if constexpr (sizeof(T) <= 2) w = _mm_shufflelo_epi16(w, 0);
    return sizeof(T) == 4 ? _mm_shuffle_epi32(w, 0) : _mm_unpacklo_epi64(w, w);
#else
    return isa::lanes::Spread<T, isa::Xmm>{}(isa::resized<sizeof(T)>(v));
#endif
}

#if defined(__SSE2__)
template <> [[gnu::always_inline]] inline Vector load_vector<16>(const u8* at) { return _mm_loadu_si128(reinterpret_cast<const __m128i*>(at)); }
template <> [[gnu::always_inline]] inline Vector load_vector<8>(const u8* at) { return _mm_loadl_epi64(reinterpret_cast<const __m128i*>(at)); }
template <> [[gnu::always_inline]] inline Vector load_vector<1>(const u8* at) { return _mm_cvtsi32_si128(*at); }
template <> [[gnu::always_inline]] inline Vector load_vector<2>(const u8* at) {
    u16 v;
    std::memcpy(&v, at, 2);
    return _mm_cvtsi32_si128(v);
}
template <> [[gnu::always_inline]] inline Vector load_vector<4>(const u8* at) {
    int v;
    std::memcpy(&v, at, 4);
    return _mm_cvtsi32_si128(v);
}

// The host's instruction takes the same operands.
#define HOST(function, ...) \
    [[gnu::always_inline]] inline Vector host_apply(isa::lanes::__VA_ARGS__, Vector a, Vector b) { return function(a, b); }
#define EACH(function, lane, type) \
    [[gnu::always_inline]] inline Vector host_apply(isa::lanes::Each<isa::lanes::lane, type>, Vector a, Vector b) { return function(a, b); }
EACH(_mm_add_epi8, Add, u8)
EACH(_mm_add_epi16, Add, u16)
EACH(_mm_add_epi32, Add, u32)
EACH(_mm_add_epi64, Add, u64)
EACH(_mm_sub_epi8, Sub, u8)
EACH(_mm_sub_epi16, Sub, u16)
EACH(_mm_sub_epi32, Sub, u32)
EACH(_mm_sub_epi64, Sub, u64)
EACH(_mm_adds_epu8, AddSaturated, u8)
EACH(_mm_adds_epu16, AddSaturated, u16)
EACH(_mm_adds_epi8, AddSaturated, s8)
EACH(_mm_adds_epi16, AddSaturated, s16)
EACH(_mm_subs_epu8, SubSaturated, u8)
EACH(_mm_subs_epu16, SubSaturated, u16)
EACH(_mm_subs_epi8, SubSaturated, s8)
EACH(_mm_subs_epi16, SubSaturated, s16)
EACH(_mm_and_si128, And, u64)
EACH(_mm_andnot_si128, AndNot, u64)
EACH(_mm_or_si128, Or, u64)
EACH(_mm_xor_si128, Xor, u64)
EACH(_mm_cmpeq_epi8, Equal, u8)
EACH(_mm_cmpeq_epi16, Equal, u16)
EACH(_mm_cmpeq_epi32, Equal, u32)
EACH(_mm_cmpgt_epi8, Greater, s8)
EACH(_mm_cmpgt_epi16, Greater, s16)
EACH(_mm_cmpgt_epi32, Greater, s32)
EACH(_mm_min_epu8, Minimum, u8)
EACH(_mm_min_epi16, Minimum, s16)
EACH(_mm_max_epu8, Maximum, u8)
EACH(_mm_max_epi16, Maximum, s16)
EACH(_mm_avg_epu8, Average, u8)
EACH(_mm_avg_epu16, Average, u16)
EACH(_mm_mullo_epi16, MultiplyLow, u16)
EACH(_mm_mulhi_epu16, MultiplyHigh, u16)
EACH(_mm_mulhi_epi16, MultiplyHigh, s16)
EACH(_mm_mul_epu32, MultiplyEven, u64)
EACH(_mm_madd_epi16, MultiplyAdd, u32)
EACH(_mm_sad_epu8, SumOfDifferences, u64)
HOST(_mm_packs_epi16, Pack<s8, s16>)
HOST(_mm_packus_epi16, Pack<u8, s16>)
HOST(_mm_packs_epi32, Pack<s16, s32>)
HOST(_mm_unpacklo_epi8, Unpack<u8, false>)
HOST(_mm_unpacklo_epi16, Unpack<u16, false>)
HOST(_mm_unpacklo_epi32, Unpack<u32, false>)
HOST(_mm_unpacklo_epi64, Unpack<u64, false>)
HOST(_mm_unpackhi_epi8, Unpack<u8, true>)
HOST(_mm_unpackhi_epi16, Unpack<u16, true>)
HOST(_mm_unpackhi_epi32, Unpack<u32, true>)
HOST(_mm_unpackhi_epi64, Unpack<u64, true>)
#undef HOST
#undef EACH

// Moves of parts.
[[gnu::always_inline]] inline Vector host_apply(isa::lanes::Merge<0, 0, 4>, Vector a, Vector b) {
    return _mm_castps_si128(_mm_move_ss(_mm_castsi128_ps(a), _mm_castsi128_ps(b)));
}
[[gnu::always_inline]] inline Vector host_apply(isa::lanes::Merge<0, 0, 8>, Vector a, Vector b) {
    return _mm_castpd_si128(_mm_move_sd(_mm_castsi128_pd(a), _mm_castsi128_pd(b)));
}
[[gnu::always_inline]] inline Vector host_apply(isa::lanes::Merge<8, 0, 8>, Vector a, Vector b) { return _mm_unpacklo_epi64(a, b); }
[[gnu::always_inline]] inline Vector host_apply(isa::lanes::Merge<0, 8, 8>, Vector a, Vector b) {
    return _mm_castps_si128(_mm_movehl_ps(_mm_castsi128_ps(a), _mm_castsi128_ps(b)));
}
[[gnu::always_inline]] inline u32 host_apply(isa::lanes::Part<u32, 0>, Vector v) { return u32(_mm_cvtsi128_si32(v)); }
[[gnu::always_inline]] inline u64 host_apply(isa::lanes::Part<u64, 0>, Vector v) { return u64(_mm_cvtsi128_si64(v)); }
[[gnu::always_inline]] inline u64 host_apply(isa::lanes::Part<u64, 1>, Vector v) { return u64(_mm_cvtsi128_si64(_mm_unpackhi_epi64(v, v))); }
[[gnu::always_inline]] inline Vector host_apply(isa::lanes::Widened, u16 v) { return _mm_cvtsi32_si128(v); }
[[gnu::always_inline]] inline Vector host_apply(isa::lanes::Widened, u32 v) { return _mm_cvtsi32_si128(int(v)); }
[[gnu::always_inline]] inline Vector host_apply(isa::lanes::Widened, u64 v) { return _mm_cvtsi64_si128(s64(v)); }
[[gnu::always_inline]] inline u32 host_apply(isa::lanes::Signs<u8>, Vector v) { return u32(_mm_movemask_epi8(v)); }
[[gnu::always_inline]] inline u32 host_apply(isa::lanes::Signs<u32>, Vector v) { return u32(_mm_movemask_ps(_mm_castsi128_ps(v))); }
[[gnu::always_inline]] inline u32 host_apply(isa::lanes::Signs<u64>, Vector v) { return u32(_mm_movemask_pd(_mm_castsi128_pd(v))); }

// Shifts: a count of the lane's width or more gives zeros or signs on the host too.
#define SHIFT(function, ...)                                                                                       \
    [[gnu::always_inline]] inline Vector host_apply(isa::lanes::__VA_ARGS__, Vector a, u64 count) {                \
        return function(a, _mm_cvtsi64_si128(s64(count)));                                                         \
    }
SHIFT(_mm_sll_epi16, Left<u16>)
SHIFT(_mm_sll_epi32, Left<u32>)
SHIFT(_mm_sll_epi64, Left<u64>)
SHIFT(_mm_srl_epi16, Right<u16>)
SHIFT(_mm_srl_epi32, Right<u32>)
SHIFT(_mm_srl_epi64, Right<u64>)
SHIFT(_mm_sra_epi16, Right<s16>)
SHIFT(_mm_sra_epi32, Right<s32>)
#undef SHIFT

// By bytes: each half by itself, and what goes over from the other; a count that is negative, and so too large, gives zero.
[[gnu::always_inline]] inline Vector count_of(u64 bits) { return _mm_cvtsi64_si128(s64(bits)); }
[[gnu::always_inline]] inline Vector host_apply(isa::lanes::LeftBytes, Vector a, u64 count) {
    Vector other = _mm_slli_si128(a, 8), in = _mm_sll_epi64(a, count_of(8 * count));
    return _mm_or_si128(in, _mm_or_si128(_mm_srl_epi64(other, count_of(64 - 8 * count)), _mm_sll_epi64(other, count_of(8 * count - 64))));
}
[[gnu::always_inline]] inline Vector host_apply(isa::lanes::RightBytes, Vector a, u64 count) {
    Vector other = _mm_srli_si128(a, 8), in = _mm_srl_epi64(a, count_of(8 * count));
    return _mm_or_si128(in, _mm_or_si128(_mm_sll_epi64(other, count_of(64 - 8 * count)), _mm_srl_epi64(other, count_of(8 * count - 64))));
}

// Shuffles: lanes by their number, from a place of 32 bytes in memory.
[[gnu::always_inline]] inline __m128i lane_of(const u8* at, unsigned number) {
    int v;
    std::memcpy(&v, at + (number & 3) * 4, 4);
    return _mm_cvtsi32_si128(v);
}
[[gnu::always_inline]] inline Vector four_lanes(const u8* low, const u8* high, u8 order) {
    Vector a = _mm_unpacklo_epi32(lane_of(low, order), lane_of(low, order >> 2));
    return _mm_unpacklo_epi64(a, _mm_unpacklo_epi32(lane_of(high, order >> 4), lane_of(high, order >> 6)));
}
template <unsigned First> [[gnu::always_inline]] inline Vector four_words(const u8* at, Vector v, u8 order) {
    u16 word;
    auto put = [&](auto n) {
        std::memcpy(&word, at + (First + (order >> 2 * n() & 3)) * 2, 2);
        v = _mm_insert_epi16(v, word, First + n());
    };
    put(std::integral_constant<int, 0>{}), put(std::integral_constant<int, 1>{});
    put(std::integral_constant<int, 2>{}), put(std::integral_constant<int, 3>{});
    return v;
}
[[gnu::always_inline]] inline Vector host_apply_at(u8* place, isa::lanes::Shuffle<u32, 0>, Vector, Vector b, u8 order) {
    store_vector<16>(place, b);
    return four_lanes(place, place, order);
}
[[gnu::always_inline]] inline Vector host_apply_at(u8* place, isa::lanes::Shuffle<u16, 0>, Vector, Vector b, u8 order) {
    store_vector<16>(place, b);
    return four_words<0>(place, b, order);
}
[[gnu::always_inline]] inline Vector host_apply_at(u8* place, isa::lanes::Shuffle<u16, 4>, Vector, Vector b, u8 order) {
    store_vector<16>(place, b);
    return four_words<4>(place, b, order);
}
[[gnu::always_inline]] inline Vector host_apply_at(u8* place, isa::lanes::Select<u32>, Vector a, Vector b, u8 order) {
    store_vector<16>(place, a), store_vector<16>(place + 16, b);
    return four_lanes(place, place + 16, order);
}
[[gnu::always_inline]] inline Vector host_apply_at(u8* place, isa::lanes::Select<u64>, Vector a, Vector b, u8 order) {
    store_vector<16>(place, a), store_vector<16>(place + 16, b);
    return _mm_unpacklo_epi64(load_vector<8>(place + (order & 1) * 8), load_vector<8>(place + 16 + (order & 2) * 4));
}
[[gnu::always_inline]] inline u32 host_apply_at(u8* place, isa::lanes::ExtractWord, Vector v, u8 where) {
    u16 word;
    store_vector<16>(place, v);
    std::memcpy(&word, place + (where & 7) * 2, 2);
    return word;
}
[[gnu::always_inline]] inline Vector host_apply(isa::lanes::InsertWord, Vector a, Vector b, u8 where) {
    u64 count = (where & 7) * 2;
    Vector hole = host_apply(isa::lanes::LeftBytes{}, _mm_cvtsi32_si128(0xffff), count);
    return _mm_or_si128(_mm_andnot_si128(hole, a), host_apply(isa::lanes::LeftBytes{}, b, count));
}
#endif

}
