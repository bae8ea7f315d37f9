// SPDX-License-Identifier: MIT
// Packed integer operations: pure functions over the lanes of 8 or 16 bytes (SDM vol. 2).
#pragma once
#include "cpu/isa/sse/vector.h"
#include <limits>

namespace isa::lanes {

// The lanes of a vector V, a Bytes<8> or Bytes<16>.
template <class T, class V> using Of = std::array<T, sizeof(V) / sizeof(T)>;
template <class T, class V> constexpr Of<T, V> split(const V& v) { return as<Of<T, V>>(v); }

// ---- one lane -----------------------------------------------------------------------------------
template <class T> constexpr T saturated(int v) {
    return T(std::clamp(v, int(std::numeric_limits<T>::min()), int(std::numeric_limits<T>::max())));
}
template <class T> constexpr T all(bool condition) { return condition ? T(-1) : T(0); }

struct Add { template <class T> constexpr T operator()(T a, T b) { return T(a + b); } };
struct Sub { template <class T> constexpr T operator()(T a, T b) { return T(a - b); } };
struct AddSaturated {
    template <class T> constexpr T operator()(T a, T b) { return saturated<T>(a + b); }
};
struct SubSaturated {
    template <class T> constexpr T operator()(T a, T b) { return saturated<T>(a - b); }
};
struct And { template <class T> constexpr T operator()(T a, T b) { return a & b; } };
struct AndNot { template <class T> constexpr T operator()(T a, T b) { return ~a & b; } };
struct Or { template <class T> constexpr T operator()(T a, T b) { return a | b; } };
struct Xor { template <class T> constexpr T operator()(T a, T b) { return a ^ b; } };
struct Equal { template <class T> constexpr T operator()(T a, T b) { return all<T>(a == b); } };
struct Greater { template <class T> constexpr T operator()(T a, T b) { return all<T>(a > b); } };
struct Minimum { template <class T> constexpr T operator()(T a, T b) { return std::min(a, b); } };
struct Maximum { template <class T> constexpr T operator()(T a, T b) { return std::max(a, b); } };
struct Average {
    template <class T> constexpr T operator()(T a, T b) { return T((a + b + 1) >> 1); }
};
// Products: the low half is the same for both kinds; s64 holds the products of 16-bit lanes of both.
struct MultiplyLow {
    template <class T> constexpr T operator()(T a, T b) { return T(u64(a) * u64(b)); }
};
struct MultiplyHigh {
    template <class T> constexpr T operator()(T a, T b) { return T((s64{a} * b) >> 16); }
};
// The low halves of 64-bit lanes.
struct MultiplyEven { constexpr u64 operator()(u64 a, u64 b) { return u64{u32(a)} * u32(b); } };
// Pairs of signed words, as 32-bit lanes: the sum of both products, modulo 2^32.
struct MultiplyAdd {
    constexpr u32 operator()(u32 a, u32 b) {
        return u32(s16(a) * s16(b)) + u32(s16(a >> 16) * s16(b >> 16));
    }
};
// Eight unsigned bytes, as 64-bit lanes: the sum of their absolute differences.
struct SumOfDifferences {
    constexpr u64 operator()(u64 a, u64 b) {
        u64 sum = 0;
        for (unsigned n = 0; n < 64; n += 8) {
            u64 x = a >> n & 0xff, y = b >> n & 0xff;
            sum += x > y ? x - y : y - x;
        }
        return sum;
    }
};

// ---- vectors ------------------------------------------------------------------------------------
// One operation on each pair of lanes.
template <class Lane, class T> struct Each {
    template <class V> constexpr V operator()(const V& a, const V& b) const {
        auto x = split<T>(a), y = split<T>(b);
        for (std::size_t n = 0; n < x.size(); n++) x[n] = Lane{}(x[n], y[n]);
        return as<V>(x);
    }
};

// The first operand's lanes, then the second's, each narrowed with saturation.
template <class To, class From> struct Pack {
    template <class V> constexpr V operator()(const V& a, const V& b) const {
        auto x = split<From>(a), y = split<From>(b);
        Of<To, V> r{};
        for (std::size_t n = 0; n < x.size(); n++) {
            r[n] = saturated<To>(x[n]);
            r[n + x.size()] = saturated<To>(y[n]);
        }
        return as<V>(r);
    }
};

// The low or high halves of both operands, their lanes interleaved.
template <class T, bool High> struct Unpack {
    template <class V> constexpr V operator()(const V& a, const V& b) const {
        auto x = split<T>(a), y = split<T>(b), r = x;
        std::size_t half = x.size() / 2, from = High ? half : 0;
        for (std::size_t n = 0; n < half; n++) r[2 * n] = x[from + n], r[2 * n + 1] = y[from + n];
        return as<V>(r);
    }
};
template <class T> using UnpackLow = Unpack<T, false>;
template <class T> using UnpackHigh = Unpack<T, true>;

// Shifts of each lane by one count; a signed lane is filled with its sign.
template <class T> struct Left {
    template <class V> constexpr V operator()(const V& a, u64 count) const {
        auto x = split<T>(a);
        for (auto& v : x) v = count < sizeof(T) * 8 ? T(v << count) : T(0);
        return as<V>(x);
    }
};
template <class T> struct Right {
    template <class V> constexpr V operator()(const V& a, u64 count) const {
        constexpr u64 last = sizeof(T) * 8 - 1;
        auto x = split<T>(a);
        for (auto& v : x) v = count <= last ? T(v >> count) : all<T>(v < T(0));
        return as<V>(x);
    }
};
// Shifts of the whole register by bytes.
struct LeftBytes {
    template <class V> constexpr V operator()(const V& a, u64 count) const {
        V r{};
        for (std::size_t n = count; n < r.size(); n++) r[n] = a[n - count];
        return r;
    }
};
struct RightBytes {
    template <class V> constexpr V operator()(const V& a, u64 count) const {
        V r{};
        for (std::size_t n = count; n < r.size(); n++) r[n - count] = a[n];
        return r;
    }
};

// PSHUFW, PSHUFD, PSHUFLW, PSHUFHW: the second operand with four of its lanes, those behind First,
// replaced: two bits of the order choose each of them among the four.
template <class T, unsigned First> struct Shuffle {
    template <class V> constexpr V operator()(const V&, const V& b, u8 order) const {
        auto y = split<T>(b), r = y;
        static_assert(sizeof y / sizeof(T) >= First + 4);
        for (unsigned n = 0; n < 4; n++) r[First + n] = y[First + (order >> 2 * n & 3)];
        return as<V>(r);
    }
};
// SHUFPS, SHUFPD: the lower half from the first operand, the upper one from the second, each lane
// chosen by two bits, or by one.
template <class T> struct Select {
    template <class V> constexpr V operator()(const V& a, const V& b, u8 order) const {
        auto x = split<T>(a), y = split<T>(b), r = x;
        constexpr unsigned lanes = sizeof(V) / sizeof(T), half = lanes / 2, width = half;
        for (unsigned n = 0; n < lanes; n++) {
            auto& from = n < half ? x : y;
            r[n] = from[order >> n * width & (lanes - 1)];
        }
        return as<V>(r);
    }
};

// PINSRW: the low word of the second operand; PEXTRW: the way back.
struct InsertWord {
    template <class V> constexpr V operator()(const V& a, const V& b, u8 where) const {
        auto x = split<u16>(a);
        x[where % x.size()] = split<u16>(b)[0];
        return as<V>(x);
    }
};
template <class V> constexpr u16 word(const V& v, u8 where) {
    auto x = split<u16>(v);
    return x[where % x.size()];
}

// PMOVMSKB, MOVMSKPS, MOVMSKPD: the top bit of each lane.
template <class T, class V> constexpr u32 signs(const V& v) {
    u32 r = 0;
    auto x = split<T>(v);
    for (std::size_t n = 0; n < x.size(); n++) r |= u32(x[n] >> (sizeof(T) * 8 - 1)) << n;
    return r;
}

// ---- whole XMM operands and parts of them
template <class T> struct Signs {
    constexpr u32 operator()(const Xmm& v) const { return signs<T>(v); }
};
struct ExtractWord {
    constexpr u32 operator()(const Xmm& v, u8 where) const { return word(v, where); }
};
template <class T, unsigned Lane> struct Part {
    constexpr T operator()(const Xmm& v) const { return split<T>(v)[Lane]; }
};
struct Widened {                  // zero-extended
    template <class T> constexpr Xmm operator()(T v) const { return resized<16>(as<Bytes<sizeof(T)>>(v)); }
};
// Width bytes at To of the first operand are replaced by those at From of the second.
template <unsigned To, unsigned From, unsigned Width> struct Merge {
    constexpr Xmm operator()(Xmm a, const Xmm& b) const {
        std::copy_n(b.begin() + From, Width, a.begin() + To);
        return a;
    }
};

static_assert(Each<AddSaturated, s8>{}(Mm{0x7f, 0x80}, Mm{1, 0xff}) == Mm{0x7f, 0x80});
static_assert(Each<AddSaturated, u8>{}(Mm{0xff, 0x80}, Mm{1, 0x7f}) == Mm{0xff, 0xff});
static_assert(Each<Average, u8>{}(Mm{0xff, 1}, Mm{0xff, 2}) == Mm{0xff, 2});
static_assert(MultiplyAdd{}(0x80008000, 0x80008000) == 0x80000000);
static_assert(Right<s16>{}(Mm{0x00, 0x80}, 99) == Mm{0xff, 0xff});
static_assert(Right<u16>{}(Mm{0x00, 0x80}, 16) == Mm{});

}
