// SPDX-License-Identifier: MIT
// The host's own SSE3 to SSE4.2, AES, PCLMULQDQ and SHA instructions for the functions of cpu/isa/sse. Compiled for every x86-64 host
// and run on those that have them: the shards of keys.def that need them are left out elsewhere (host_has.h), and the reference
// engine's handlers compute the functions themselves.
#pragma once
#include "cpu/exec/fast/host_flags.h"
#include "cpu/exec/fast/host_vector.h"
#include "cpu/isa/sse/aes.h"
#include "cpu/isa/sse/crc32.h"
#include "cpu/isa/sse/lanes_sse4.h"
#include "cpu/isa/sse/sha.h"

#if defined(__x86_64__) && defined(__SSE2__) && defined(__GNUC__)
namespace fast {

#define ONE(text, ...)                                                                                       \
    [[gnu::always_inline]] inline Vector host_apply(isa::__VA_ARGS__, Vector b) {                            \
        Vector r;                                                                                            \
        asm(text " %[b], %[r]" : [r] "=x"(r) : [b] "x"(b));                                                  \
        return r;                                                                                            \
    }
#define TWO(text, ...)                                                                                       \
    [[gnu::always_inline]] inline Vector host_apply(isa::__VA_ARGS__, Vector a, Vector b) {                  \
        asm(text " %[b], %[a]" : [a] "+x"(a) : [b] "x"(b));                                                  \
        return a;                                                                                            \
    }
#define THREE(text, ...)                                                                                     \
    [[gnu::always_inline]] inline Vector host_apply(isa::__VA_ARGS__, Vector a, Vector b, Vector c) {        \
        asm(text " %[b], %[a]" : [a] "+x"(a) : [b] "x"(b), "Yz"(c));                                         \
        return a;                                                                                            \
    }
#define EACH(text, lane, type) TWO(text, lanes::Each<isa::lanes::lane, type>)
#define PAIRS(text, lane, type) TWO(text, lanes::Neighbours<isa::lanes::lane, type>)
#define EXTEND(text, from, to) ONE(text, lanes::Extend<from, to>)

// ---- SSE3, SSSE3
ONE("movsldup", lanes::Duplicate<u32, false>)
ONE("movshdup", lanes::Duplicate<u32, true>)
ONE("movddup", lanes::Duplicate<u64, false>)
ONE("pabsb", lanes::Map<isa::lanes::Absolute, s8>)
ONE("pabsw", lanes::Map<isa::lanes::Absolute, s16>)
ONE("pabsd", lanes::Map<isa::lanes::Absolute, s32>)
TWO("pshufb", lanes::ShuffleBytes)
PAIRS("phaddw", Add, u16)
PAIRS("phaddd", Add, u32)
PAIRS("phaddsw", AddSaturated, s16)
PAIRS("phsubw", Sub, u16)
PAIRS("phsubd", Sub, u32)
PAIRS("phsubsw", SubSaturated, s16)
EACH("pmaddubsw", MultiplyAddBytes, u16)
EACH("pmulhrsw", MultiplyHighRounded, s16)
EACH("psignb", Negate, s8)
EACH("psignw", Negate, s16)
EACH("psignd", Negate, s32)
// Bytes of two vectors by their number from 0 on: 70h makes those above 15 have their top bit set, which stands for zero.
[[gnu::always_inline]] inline Vector bytes_of_both(Vector first, Vector second, Vector number) {
    Vector low = _mm_adds_epu8(number, _mm_set1_epi8(0x70)), high = _mm_adds_epu8(_mm_sub_epi8(number, _mm_set1_epi8(16)), _mm_set1_epi8(0x70));
    return _mm_or_si128(host_apply(isa::lanes::ShuffleBytes{}, first, low), host_apply(isa::lanes::ShuffleBytes{}, second, high));
}
[[gnu::always_inline]] inline Vector host_apply(isa::lanes::Align, Vector a, Vector b, u8 bytes) {
    Vector number = _mm_shuffle_epi32(_mm_shufflelo_epi16(_mm_cvtsi32_si128((bytes < 32 ? bytes : 32) * 0x101), 0), 0);
    return bytes_of_both(b, a, _mm_add_epi8(number, _mm_set_epi64x(0x0f0e0d0c0b0a0908, 0x0706050403020100)));
}

// ---- SSE4.1, SSE4.2
THREE("pblendvb", lanes::BlendBySign<u8>)
THREE("blendvps", lanes::BlendBySign<u32>)
THREE("blendvpd", lanes::BlendBySign<u64>)
EXTEND("pmovsxbw", s8, s16)
EXTEND("pmovsxbd", s8, s32)
EXTEND("pmovsxbq", s8, s64)
EXTEND("pmovsxwd", s16, s32)
EXTEND("pmovsxwq", s16, s64)
EXTEND("pmovsxdq", s32, s64)
EXTEND("pmovzxbw", u8, u16)
EXTEND("pmovzxbd", u8, u32)
EXTEND("pmovzxbq", u8, u64)
EXTEND("pmovzxwd", u16, u32)
EXTEND("pmovzxwq", u16, u64)
EXTEND("pmovzxdq", u32, u64)
EACH("pmuldq", MultiplyEvenSigned, u64)
EACH("pmulld", MultiplyLow, u32)
EACH("pcmpeqq", Equal, u64)
EACH("pcmpgtq", Greater, s64)
EACH("pminsb", Minimum, s8)
EACH("pminsd", Minimum, s32)
EACH("pminuw", Minimum, u16)
EACH("pminud", Minimum, u32)
EACH("pmaxsb", Maximum, s8)
EACH("pmaxsd", Maximum, s32)
EACH("pmaxuw", Maximum, u16)
EACH("pmaxud", Maximum, u32)
TWO("packusdw", lanes::Pack<u16, s32>)
ONE("phminposuw", lanes::MinimumWord)
[[gnu::always_inline]] inline HostFlags host_apply(isa::lanes::Test, Vector a, Vector b) {
    u16 f;                        // OF, SF, AF and PF are cleared
    asm("ptest %[b], %[a]\n\tlahf" : "=a"(f) : [a] "x"(a), [b] "x"(b) : "cc");
    return HostFlags(u64(f & 0xff00));
}
// Blends by an immediate: each lane's bit, in a lane of its own, makes a mask.
[[gnu::always_inline]] inline Vector blended(Vector a, Vector b, Vector mask) { return host_apply(isa::lanes::BlendBySign<u8>{}, a, b, mask); }
[[gnu::always_inline]] inline Vector host_apply(isa::lanes::Blend<u16>, Vector a, Vector b, u8 which) {
    Vector bits = _mm_set_epi16(0x80, 0x40, 0x20, 0x10, 8, 4, 2, 1), chosen = _mm_and_si128(_mm_set1_epi16(which), bits);
    return blended(a, b, _mm_cmpeq_epi16(chosen, bits));
}
[[gnu::always_inline]] inline Vector host_apply(isa::lanes::Blend<u32>, Vector a, Vector b, u8 which) {
    Vector bits = _mm_set_epi32(8, 4, 2, 1), chosen = _mm_and_si128(_mm_set1_epi32(which), bits);
    return blended(a, b, _mm_cmpeq_epi32(chosen, bits));
}
[[gnu::always_inline]] inline Vector host_apply(isa::lanes::Blend<u64>, Vector a, Vector b, u8 which) {
    Vector bits = _mm_set_epi32(2, 2, 1, 1), chosen = _mm_and_si128(_mm_set1_epi32(which), bits);
    return blended(a, b, _mm_cmpeq_epi32(chosen, bits));
}
// Lanes by their number: read through memory; written where the number of the byte's lane, in each byte, is the one asked for.
template <class T> [[gnu::always_inline]] inline T host_apply_at(u8* place, isa::lanes::ExtractLane<T>, Vector v, u8 where) {
    T value;
    store_vector<16>(place, v);
    std::memcpy(&value, place + where % (16 / sizeof(T)) * sizeof(T), sizeof(T));
    return value;
}
constexpr u64 byte_numbers(unsigned first, unsigned mask) {
    u64 r = 0;
    for (unsigned n = 0; n < 8; n++) r |= u64{(first + n) & mask} << n * 8;
    return r;
}
template <class T> [[gnu::always_inline]] inline Vector host_apply(isa::lanes::InsertLane<T>, Vector a, T value, u8 where) {
    constexpr unsigned within = sizeof(T) - 1;
    Vector lane_of_byte = _mm_set_epi64x(s64(byte_numbers(8, 15 & ~within)), s64(byte_numbers(0, 15 & ~within)));
    Vector byte_of_lane = _mm_set1_epi64x(s64(byte_numbers(0, within)));
    Vector chosen = host_apply(isa::lanes::ShuffleBytes{}, _mm_cvtsi32_si128(int(where * sizeof(T) & 15)), _mm_setzero_si128());
    Vector there = _mm_cmpeq_epi8(chosen, lane_of_byte), all = host_apply(isa::lanes::ShuffleBytes{}, _mm_cvtsi64_si128(s64(value)), byte_of_lane);
    return _mm_or_si128(_mm_and_si128(there, all), _mm_andnot_si128(there, a));
}

// ---- CRC32
#define CRC(T, text, wide)                                                                                   \
    [[gnu::always_inline]] inline u32 host_apply(isa::Crc32c, u32 sum, T data) {                             \
        wide r = sum;                                                                                        \
        asm(text " %[data], %[r]" : [r] "+r"(r) : [data] "r"(data));                                         \
        return u32(r);                                                                                       \
    }
CRC(u8, "crc32b", u32)
CRC(u16, "crc32w", u32)
CRC(u32, "crc32l", u32)
CRC(u64, "crc32q", u64)
#undef CRC

// ---- AES, PCLMULQDQ, SHA
ONE("aesimc", aes::InverseMixColumns)
TWO("aesenc", aes::Round<false>)
TWO("aesenclast", aes::LastRound<false>)
TWO("aesdec", aes::Round<true>)
TWO("aesdeclast", aes::LastRound<true>)
// The halves in question go to the low end first.
[[gnu::always_inline]] inline Vector host_apply(isa::lanes::MultiplyCarryless, Vector a, Vector b, u8 halves) {
    if (halves & 1) a = _mm_unpackhi_epi64(a, a);
    if (halves & 0x10) b = _mm_unpackhi_epi64(b, b);
    asm("pclmulqdq $0, %[b], %[a]" : [a] "+x"(a) : [b] "x"(b));
    return a;
}
TWO("sha1nexte", sha::NextE)
TWO("sha1msg1", sha::Message1First)
TWO("sha1msg2", sha::Message1Second)
TWO("sha256msg1", sha::Message256First)
TWO("sha256msg2", sha::Message256Second)
THREE("sha256rnds2", sha::Rounds256)
[[gnu::always_inline]] inline Vector host_apply(isa::sha::Rounds1, Vector a, Vector b, u8 which) {
    which &= 3;
    if (which == 0) asm("sha1rnds4 $0, %[b], %[a]" : [a] "+x"(a) : [b] "x"(b));
    else if (which == 1) asm("sha1rnds4 $1, %[b], %[a]" : [a] "+x"(a) : [b] "x"(b));
    else if (which == 2) asm("sha1rnds4 $2, %[b], %[a]" : [a] "+x"(a) : [b] "x"(b));
    else asm("sha1rnds4 $3, %[b], %[a]" : [a] "+x"(a) : [b] "x"(b));
    return a;
}
#undef ONE
#undef TWO
#undef THREE
#undef EACH
#undef PAIRS
#undef EXTEND

}
#endif
