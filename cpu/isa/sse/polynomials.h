// SPDX-License-Identifier: MIT
// Polynomials over GF(2): PCLMULQDQ, GFNI, and the field of AES (SDM vol. 2; FIPS 197, 4).
#pragma once
#include "cpu/isa/sse/lanes.h"

namespace isa::lanes {

// PCLMULQDQ: immediate bit 0 chooses the first operand's half, bit 4 the second's.
struct MultiplyCarryless {
    constexpr Xmm operator()(const Xmm& a, const Xmm& b, u8 halves) const {
        u64 x = split<u64>(a)[halves & 1], y = split<u64>(b)[halves >> 4 & 1];
        u128 r = 0;
        for (unsigned n = 0; n < 64; n++)
            if (y >> n & 1) r ^= u128{x} << n;
        return as<Xmm>(Of<u64, Xmm>{u64(r), u64(r >> 64)});
    }
};

// The field of 256 elements modulo x^8 + x^4 + x^3 + x + 1.
constexpr u8 times_x(u8 a) { return u8(a << 1 ^ (a & 0x80 ? 0x1b : 0)); }
struct MultiplyInField {
    constexpr u8 operator()(u8 a, u8 b) const {
        u8 r = 0;
        for (; b; b >>= 1, a = times_x(a))
            if (b & 1) r ^= a;
        return r;
    }
};
// a^254: the inverse, and 0 for 0.
constexpr u8 inverse_in_field(u8 a) {
    u8 r = 1;
    for (unsigned n = 1; n < 8; n++) a = MultiplyInField{}(a, a), r = MultiplyInField{}(r, a);
    return r;
}
constexpr auto field_inverses = [] {
    std::array<u8, 256> table{};
    for (unsigned n = 0; n < 256; n++) table[n] = inverse_in_field(u8(n));
    return table;
}();

// A matrix of eight rows, the first one in the top byte, times a column of bits.
constexpr u8 times_matrix(u64 matrix, u8 column) {
    u8 r = 0;
    for (unsigned n = 0; n < 8; n++) r |= u8((std::popcount(u8(matrix >> (7 - n) * 8 & column)) & 1) << n);
    return r;
}
// GF2P8AFFINEQB, GF2P8AFFINEINVQB: each byte (its inverse) times the matrix in the same quadword of the second operand, plus a constant.
template <bool Inverse> struct Affine {
    template <class V> constexpr V operator()(const V& a, const V& b, u8 constant) const {
        auto matrix = split<u64>(b);
        V r{};
        for (std::size_t n = 0; n < r.size(); n++) r[n] = times_matrix(matrix[n / 8], Inverse ? field_inverses[a[n]] : a[n]) ^ constant;
        return r;
    }
};

static_assert(MultiplyInField{}(0x57, 0x83) == 0xc1 && MultiplyInField{}(0x57, 0x13) == 0xfe);       // FIPS 197, 4.2
static_assert(MultiplyInField{}(0x53, field_inverses[0x53]) == 1 && field_inverses[0] == 0);
static_assert(times_matrix(0x0102040810204080, 0xa5) == 0xa5);                                      // the identity

}
