// SPDX-License-Identifier: MIT
// AES: one round of the cipher on a state of 16 bytes, column by column (FIPS 197, 5; SDM vol. 1, 12.13).
#pragma once
#include "cpu/isa/sse/polynomials.h"

namespace isa::aes {

using Table = std::array<u8, 256>;
using lanes::MultiplyInField;

// FIPS 197, 5.1.1: the inverse, each bit plus four others', plus 63h.
constexpr Table substitution = [] {
    Table t{};
    for (unsigned n = 0; n < 256; n++) {
        u8 b = lanes::field_inverses[n];
        t[n] = u8(b ^ std::rotl(b, 1) ^ std::rotl(b, 2) ^ std::rotl(b, 3) ^ std::rotl(b, 4) ^ 0x63);
    }
    return t;
}();
constexpr Table inverse_substitution = [] {
    Table t{};
    for (unsigned n = 0; n < 256; n++) t[substitution[n]] = u8(n);
    return t;
}();

// SubBytes and ShiftRows: row r goes r columns to the left, or back to the right.
template <bool Inverse> constexpr Xmm substitute_and_shift(const Xmm& s) {
    Xmm r{};
    for (unsigned n = 0; n < 16; n++) {
        unsigned row = n % 4, column = Inverse ? n / 4 + 4 - row : n / 4 + row;
        u8 from = s[column % 4 * 4 + row];
        r[n] = Inverse ? inverse_substitution[from] : substitution[from];
    }
    return r;
}
constexpr Table multiples(u8 by) {
    Table t{};
    for (unsigned n = 0; n < 256; n++) t[n] = MultiplyInField{}(u8(n), by);
    return t;
}
// What a column is multiplied with: {03}x^3 + {01}x^2 + {01}x + {02}, or its inverse.
template <bool Inverse> constexpr std::array<Table, 4> factors =
    Inverse ? std::array{multiples(0x0e), multiples(0x0b), multiples(0x0d), multiples(0x09)}
            : std::array{multiples(2), multiples(3), multiples(1), multiples(1)};
template <bool Inverse> constexpr Xmm mix_columns(const Xmm& s) {
    Xmm r{};
    for (unsigned n = 0; n < 16; n++)
        for (unsigned k = 0; k < 4; k++) r[n] ^= factors<Inverse>[k][s[(n & 12) + (n + k) % 4]];
    return r;
}
constexpr Xmm add(Xmm a, const Xmm& b) {
    for (unsigned n = 0; n < 16; n++) a[n] ^= b[n];
    return a;
}

// AESENC and AESDEC, and their last rounds, which mix nothing.
template <bool Inverse> struct Round {
    constexpr Xmm operator()(const Xmm& state, const Xmm& key) const { return add(mix_columns<Inverse>(substitute_and_shift<Inverse>(state)), key); }
};
template <bool Inverse> struct LastRound {
    constexpr Xmm operator()(const Xmm& state, const Xmm& key) const { return add(substitute_and_shift<Inverse>(state), key); }
};
// AESIMC.
struct InverseMixColumns {
    constexpr Xmm operator()(const Xmm& b) const { return mix_columns<true>(b); }
};
constexpr u32 substitute(u32 word) {
    auto b = as<Bytes<4>>(word);
    for (auto& v : b) v = substitution[v];
    return as<u32>(b);
}
// AESKEYGENASSIST: SubWord of the second and fourth word, each also rotated and with the round's constant.
struct KeyAssist {
    constexpr Xmm operator()(const Xmm& b, u8 constant) const {
        auto y = lanes::split<u32>(b);
        u32 one = substitute(y[1]), three = substitute(y[3]);
        return as<Xmm>(std::array<u32, 4>{one, std::rotr(one, 8) ^ constant, three, std::rotr(three, 8) ^ constant});
    }
};

static_assert(substitution[0x53] == 0xed && inverse_substitution[0xed] == 0x53);                       // FIPS 197, 5.1.1
static_assert(mix_columns<false>(Xmm{0xd4, 0xbf, 0x5d, 0x30}) == Xmm{0x04, 0x66, 0x81, 0xe5});         // FIPS 197, appendix B, round 1

}
