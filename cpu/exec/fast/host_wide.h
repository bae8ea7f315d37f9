// SPDX-License-Identifier: MIT
// The host's own instructions for the functions of VEX-encoded instructions, beside those that SSE has too: YMM values are two XMM ones.
// Comes before context.h, which finds them by their names. Shards of keys_vex.def that need more than SSE2 are left out elsewhere.
#pragma once
#include "cpu/exec/fast/host_float.h"
#include "cpu/exec/fast/host_sse4.h"
#include "cpu/isa/sse/fma.h"
#include "cpu/isa/sse/permute.h"

#if defined(__x86_64__) && defined(__SSE2__) && defined(__GNUC__)
namespace fast {

// ---- halves and quadwords of YMM values
[[gnu::always_inline]] inline Vectors host_apply(isa::lanes::Twice, Vector v) { return {v, v}; }
[[gnu::always_inline]] inline Vectors host_apply(isa::lanes::ReplaceHalf, Vectors a, Vector b, u8 which) {
    if (which & 1) a.high = b;
    else a.low = b;
    return a;
}
[[gnu::always_inline]] inline Vector host_apply(isa::lanes::TakeHalf, const Vectors& a, u8 which) { return which & 1 ? a.high : a.low; }
// The half with the number that is asked for; bit 3 asks for none.
[[gnu::always_inline]] inline Vector chosen_half(const Vectors& a, const Vectors& b, unsigned by) {
    Vector wanted = _mm_set1_epi32(int(by & 11)), r = _mm_and_si128(a.low, _mm_cmpeq_epi32(wanted, _mm_setzero_si128()));
    r = _mm_or_si128(r, _mm_and_si128(a.high, _mm_cmpeq_epi32(wanted, _mm_set1_epi32(1))));
    r = _mm_or_si128(r, _mm_and_si128(b.low, _mm_cmpeq_epi32(wanted, _mm_set1_epi32(2))));
    return _mm_or_si128(r, _mm_and_si128(b.high, _mm_cmpeq_epi32(wanted, _mm_set1_epi32(3))));
}
[[gnu::always_inline]] inline Vectors host_apply(isa::lanes::PermuteHalves, const Vectors& a, const Vectors& b, u8 order) {
    return {chosen_half(a, b, order), chosen_half(a, b, order >> 4)};
}
[[gnu::always_inline]] inline Vectors host_apply_at(u8* place, isa::lanes::PermuteQuads, const Vectors&, const Vectors& b, u8 order) {
    store_wide<32>(place, b);
    auto lane = [&](unsigned n) { return load_vector<8>(place + (order >> 2 * n & 3) * 8); };
    return {_mm_unpacklo_epi64(lane(0), lane(1)), _mm_unpacklo_epi64(lane(2), lane(3))};
}
[[gnu::always_inline]] inline Vector host_apply_at(u8* place, isa::lanes::PermutePairs, Vector, Vector b, u8 order) {
    return host_apply_at(place, isa::lanes::Select<u64>{}, b, b, order);
}

// ---- SSSE3, SSE4.1
// Lanes by their number in each lane of `by`, as numbers of bytes.
[[gnu::always_inline]] inline Vector bytes_of_lanes32(Vector by, int mask) {
    Vector first = _mm_slli_epi32(_mm_and_si128(by, _mm_set1_epi32(mask)), 2);
    first = host_apply(isa::lanes::ShuffleBytes{}, first, _mm_set_epi64x(0x0c0c0c0c08080808, 0x0404040400000000));
    return _mm_add_epi8(first, _mm_set1_epi32(0x03020100));
}
[[gnu::always_inline]] inline Vector host_apply(isa::lanes::PermuteBy<u32>, Vector a, Vector by) {
    return host_apply(isa::lanes::ShuffleBytes{}, a, bytes_of_lanes32(by, 3));
}
[[gnu::always_inline]] inline Vector host_apply(isa::lanes::PermuteBy<u64>, Vector a, Vector by) {
    Vector first = _mm_slli_epi64(_mm_and_si128(by, _mm_set1_epi64x(2)), 2);
    first = host_apply(isa::lanes::ShuffleBytes{}, first, _mm_set_epi64x(0x0808080808080808, 0));
    return host_apply(isa::lanes::ShuffleBytes{}, a, _mm_add_epi8(first, _mm_set1_epi64x(0x0706050403020100)));
}
[[gnu::always_inline]] inline Vectors host_apply(isa::lanes::PermuteAll, const Vectors& by, const Vectors& b) {
    return {bytes_of_both(b.low, b.high, bytes_of_lanes32(by.low, 7)), bytes_of_both(b.low, b.high, bytes_of_lanes32(by.high, 7))};
}
template <class From, class To, class V> [[gnu::always_inline]] inline auto host_apply(isa::lanes::Extended<isa::lanes::Extend<From, To>, V>, const Vector& b) {
    isa::lanes::Extend<From, To> op;
    Vector low = host_apply(op, b);
    if constexpr (sizeof(V) == 32) return Vectors{low, host_apply(op, _mm_srli_si128(b, 16 * sizeof(From) / sizeof(To)))};
    else return low;
}
// ZF and CF, and nothing else that could differ: of both halves.
[[gnu::always_inline]] inline HostFlags host_apply(isa::lanes::Test t, const Vectors& a, const Vectors& b) {
    return HostFlags(host_apply(t, a.low, b.low).value & host_apply(t, a.high, b.high).value);
}

// ---- AVX2: shifts lane by lane
#define EACH(text, lane, type)                                                                                     \
    [[gnu::always_inline]] inline Vector host_apply(isa::lanes::Each<isa::lanes::lane, type>, Vector a, Vector b) { \
        Vector r;                                                                                                  \
        asm(text " %[b], %[a], %[r]" : [r] "=x"(r) : [a] "x"(a), [b] "x"(b));                                      \
        return r;                                                                                                  \
    }
EACH("vpsllvd", LeftBy, u32)
EACH("vpsllvq", LeftBy, u64)
EACH("vpsrlvd", RightBy, u32)
EACH("vpsrlvq", RightBy, u64)
EACH("vpsravd", RightSignedBy, u32)
#undef EACH

// ---- multiply-adds, where the host has FMA
enum class Multiply { add, sub, negated_add, negated_sub };
template <const isa::Kind& How> constexpr Multiply multiply = How.even.product ? How.even.addend ? Multiply::negated_sub : Multiply::negated_add
                                                              : How.even.addend ? Multiply::sub : Multiply::add;
#define FUSED(kind, name, suffix, T, lanes)                                                                         \
    if constexpr (M == Multiply::kind && sizeof(N) == sizeof(T) && Lanes == lanes)                                 \
        asm volatile(WITH_MXCSR(name #suffix " %[y], %[x], %[z]") : [z] "+x"(z), [csr] "+m"(csr) : [x] "x"(x), [y] "x"(y));
#define FUSED4(kind, name) FUSED(kind, name, ps, u32, 0) FUSED(kind, name, pd, u64, 0) FUSED(kind, name, ss, u32, 1) FUSED(kind, name, sd, u64, 1)
template <class N, const isa::Order& By, const isa::Kind& How, std::size_t Lanes>
[[gnu::always_inline]] inline TriedVector host_float(isa::Fused<N, By, How, Lanes>, u32& csr, Vector a, Vector b, Vector c) {
    if (!plain_modes(csr)) return {a, false};
    constexpr Multiply M = multiply<How>;
    const Vector operands[] = {a, b, c};
    Vector x = operands[By.x], y = operands[By.y], z = operands[By.z];
    FUSED4(add, "vfmadd231") FUSED4(sub, "vfmsub231") FUSED4(negated_add, "vfnmadd231") FUSED4(negated_sub, "vfnmsub231")
    if constexpr (Lanes == 1) z = host_apply(isa::lanes::Merge<0, 0, sizeof(N)>{}, a, z);
    return {z, true};
}
#undef FUSED4
#undef FUSED

}
#endif
