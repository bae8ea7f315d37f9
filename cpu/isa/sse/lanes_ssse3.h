// SPDX-License-Identifier: MIT
// Packed integer operations that came with SSE3 and SSSE3: pure functions over the lanes of 8 or 16 bytes (SDM vol. 2).
#pragma once
#include "cpu/isa/sse/lanes.h"

namespace isa::lanes {

// ---- one lane -----------------------------------------------------------------------------------
template <class T> constexpr T negated(T a) { return T(0 - std::make_unsigned_t<T>(a)); }          // of the lowest: itself
struct Absolute { template <class T> constexpr T operator()(T a) { return a < 0 ? negated(a) : a; } };
struct Negate {                   // PSIGN: by the second operand's sign, zero where that is zero
    template <class T> constexpr T operator()(T a, T b) { return b < 0 ? negated(a) : b == 0 ? T(0) : a; }
};
struct MultiplyHighRounded {      // PMULHRSW: bits 30:15 of the product, rounded
    constexpr s16 operator()(s16 a, s16 b) { return s16(((a * b >> 14) + 1) >> 1); }
};
// PMADDUBSW: pairs of unsigned bytes times signed ones, as 16-bit lanes: the sum of both products, saturated.
struct MultiplyAddBytes {
    constexpr u16 operator()(u16 a, u16 b) { return u16(saturated<s16>(u8(a) * s8(u8(b)) + u8(a >> 8) * s8(u8(b >> 8)))); }
};

// ---- vectors ------------------------------------------------------------------------------------
// One operation on each lane of one operand.
template <class Lane, class T> struct Map {
    template <class V> constexpr V operator()(const V& b) const {
        auto y = split<T>(b);
        for (auto& v : y) v = Lane{}(v);
        return as<V>(y);
    }
};
// One operation on each pair of neighbours: the first operand's pairs, then the second's.
template <class Lane, class T> struct Neighbours {
    template <class V> constexpr V operator()(const V& a, const V& b) const {
        auto x = split<T>(a), y = split<T>(b), r = x;
        std::size_t half = x.size() / 2;
        for (std::size_t n = 0; n < half; n++) r[n] = Lane{}(x[2 * n], x[2 * n + 1]), r[half + n] = Lane{}(y[2 * n], y[2 * n + 1]);
        return as<V>(r);
    }
};
// MOVSLDUP, MOVSHDUP, MOVDDUP: of each pair of lanes the first or the second one, twice.
template <class T, bool Second> struct Duplicate {
    template <class V> constexpr V operator()(const V& b) const {
        auto y = split<T>(b), r = y;
        for (std::size_t n = 0; n < y.size(); n++) r[n] = y[(n & ~std::size_t{1}) + Second];
        return as<V>(r);
    }
};
// PSHUFB: bytes of the first operand, each chosen by a byte of the second; zero where that has its top bit set.
struct ShuffleBytes {
    template <class V> constexpr V operator()(const V& a, const V& b) const {
        V r{};
        for (std::size_t n = 0; n < r.size(); n++) r[n] = b[n] & 0x80 ? u8(0) : a[b[n] % r.size()];
        return r;
    }
};
// PALIGNR: the second operand, the first one above it, shifted right by so many bytes.
struct Align {
    template <class V> constexpr V operator()(const V& a, const V& b, u8 bytes) const {
        V r{};
        for (std::size_t n = 0; n < r.size(); n++) {
            std::size_t from = n + bytes;
            r[n] = from < r.size() ? b[from] : from < 2 * r.size() ? a[from - r.size()] : u8(0);
        }
        return r;
    }
};

static_assert(Map<Absolute, s8>{}(Mm{0x80, 0xff, 1}) == Mm{0x80, 1, 1});
static_assert(Each<Negate, s8>{}(Mm{0x80, 5, 5, 5}, Mm{0xff, 0xff, 1, 0}) == Mm{0x80, 0xfb, 5, 0});
static_assert(MultiplyHighRounded{}(s16(-0x8000), s16(-0x8000)) == s16(-0x8000));
static_assert(MultiplyAddBytes{}(0xffff, 0x8080) == 0x8000 && MultiplyAddBytes{}(0xffff, 0x7f7f) == 0x7fff);
static_assert(ShuffleBytes{}(Mm{1, 2, 3, 4, 5, 6, 7, 8}, Mm{7, 0x80, 8, 0x7f}) == Mm{8, 0, 1, 8, 1, 1, 1, 1});
static_assert(Align{}(Mm{9}, Mm{1, 2, 3, 4, 5, 6, 7, 8}, 7) == Mm{8, 9} && Align{}(Mm{9}, Mm{1}, 16) == Mm{});

}
