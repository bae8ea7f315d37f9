// SPDX-License-Identifier: MIT
// Packed integer operations as pure functions over lanes, for vectors of 8 and of 16 bytes (SDM vol. 2, MMX and SSE2 pages).
#pragma once
#include "cpu/isa/sse/operands.h"
#include <limits>

namespace isa::lanes {

template <class T, std::size_t Size> using Of = std::array<T, Size / sizeof(T)>;
template <class T, std::size_t Size> constexpr Of<T, Size> split(const Bytes<Size>& v) { return as<Of<T, Size>>(v); }
template <class T, std::size_t N> constexpr Bytes<N * sizeof(T)> joined(const std::array<T, N>& v) { return as<Bytes<N * sizeof(T)>>(v); }

// ---- one lane -------------------------------------------------------------------------------------------------------
template <class T> constexpr T saturated(int v) {
    return T(std::clamp(v, int(std::numeric_limits<T>::min()), int(std::numeric_limits<T>::max())));
}

struct Add { template <class T> constexpr T operator()(T a, T b) const { return T(a + b); } };
struct Sub { template <class T> constexpr T operator()(T a, T b) const { return T(a - b); } };
struct AddSaturated { template <class T> constexpr T operator()(T a, T b) const { return saturated<T>(a + b); } };
struct SubSaturated { template <class T> constexpr T operator()(T a, T b) const { return saturated<T>(a - b); } };
struct And { template <class T> constexpr T operator()(T a, T b) const { return a & b; } };
struct AndNot { template <class T> constexpr T operator()(T a, T b) const { return ~a & b; } };
struct Or { template <class T> constexpr T operator()(T a, T b) const { return a | b; } };
struct Xor { template <class T> constexpr T operator()(T a, T b) const { return a ^ b; } };
struct Equal { template <class T> constexpr T operator()(T a, T b) const { return a == b ? T(-1) : T(0); } };
struct Greater { template <class T> constexpr T operator()(T a, T b) const { return a > b ? T(-1) : T(0); } };
struct Minimum { template <class T> constexpr T operator()(T a, T b) const { return std::min(a, b); } };
struct Maximum { template <class T> constexpr T operator()(T a, T b) const { return std::max(a, b); } };
struct Average { template <class T> constexpr T operator()(T a, T b) const { return T((a + b + 1) >> 1); } };
// Products of 16-bit lanes; s64 holds both kinds.
struct MultiplyLow { template <class T> constexpr T operator()(T a, T b) const { return T(s64{a} * b); } };
struct MultiplyHigh { template <class T> constexpr T operator()(T a, T b) const { return T((s64{a} * b) >> 16); } };
// The low halves of 64-bit lanes.
struct MultiplyEven { constexpr u64 operator()(u64 a, u64 b) const { return u64{u32(a)} * u32(b); } };
// Pairs of signed words, as 32-bit lanes: both products' sum, modulo 2^32.
struct MultiplyAdd {
    constexpr u32 operator()(u32 a, u32 b) const { return u32(s16(a) * s16(b)) + u32(s16(a >> 16) * s16(b >> 16)); }
};
// Eight unsigned bytes, as 64-bit lanes: the sum of the absolute differences.
struct SumOfDifferences {
    constexpr u64 operator()(u64 a, u64 b) const {
        u64 sum = 0;
        for (unsigned n = 0; n < 64; n += 8) {
            int d = int(a >> n & 0xff) - int(b >> n & 0xff);
            sum += u64(d < 0 ? -d : d);
        }
        return sum;
    }
};

// ---- vectors --------------------------------------------------------------------------------------------------------
// One operation on each pair of lanes.
template <class Lane, class T> struct Each {
    template <std::size_t Size> constexpr Bytes<Size> operator()(const Bytes<Size>& a, const Bytes<Size>& b) const {
        auto x = split<T>(a), y = split<T>(b);
        for (std::size_t n = 0; n < x.size(); n++) x[n] = Lane{}(x[n], y[n]);
        return joined(x);
    }
};

// The first operand's lanes, then the second's, each narrowed with saturation.
template <class To, class From> struct Pack {
    template <std::size_t Size> constexpr Bytes<Size> operator()(const Bytes<Size>& a, const Bytes<Size>& b) const {
        auto x = split<From>(a), y = split<From>(b);
        Of<To, Size> r{};
        for (std::size_t n = 0; n < x.size(); n++) r[n] = saturated<To>(x[n]), r[n + x.size()] = saturated<To>(y[n]);
        return joined(r);
    }
};

// The low or high halves of both operands, their lanes interleaved.
template <class T, bool High> struct Unpack {
    template <std::size_t Size> constexpr Bytes<Size> operator()(const Bytes<Size>& a, const Bytes<Size>& b) const {
        auto x = split<T>(a), y = split<T>(b);
        Of<T, Size> r{};
        std::size_t from = High ? x.size() / 2 : 0;
        for (std::size_t n = 0; n < x.size() / 2; n++) r[2 * n] = x[from + n], r[2 * n + 1] = y[from + n];
        return joined(r);
    }
};
template <class T> using UnpackLow = Unpack<T, false>;
template <class T> using UnpackHigh = Unpack<T, true>;

// Shifts of each lane by one count; a signed lane fills with its sign.
template <class T> struct Left {
    template <std::size_t Size> constexpr Bytes<Size> operator()(const Bytes<Size>& a, u64 count) const {
        auto x = split<T>(a);
        for (auto& v : x) v = count < sizeof(T) * 8 ? T(v << count) : T(0);
        return joined(x);
    }
};
template <class T> struct Right {
    template <std::size_t Size> constexpr Bytes<Size> operator()(const Bytes<Size>& a, u64 count) const {
        auto x = split<T>(a);
        u64 last = sizeof(T) * 8 - 1;
        for (auto& v : x) v = count <= last ? T(v >> count) : std::is_signed_v<T> ? T(v >> last) : T(0);
        return joined(x);
    }
};
// Shifts of the whole register by bytes.
struct LeftBytes {
    template <std::size_t Size> constexpr Bytes<Size> operator()(const Bytes<Size>& a, u64 count) const {
        Bytes<Size> r{};
        for (std::size_t n = count; n < Size; n++) r[n] = a[n - count];
        return r;
    }
};
struct RightBytes {
    template <std::size_t Size> constexpr Bytes<Size> operator()(const Bytes<Size>& a, u64 count) const {
        Bytes<Size> r{};
        for (std::size_t n = count; n < Size; n++) r[n - count] = a[n];
        return r;
    }
};

// PSHUFW, PSHUFD, PSHUFLW, PSHUFHW: four lanes of the second operand, chosen by two bits each; the others stay.
template <class T, unsigned From> struct Shuffle {
    template <std::size_t Size> constexpr Bytes<Size> operator()(const Bytes<Size>&, const Bytes<Size>& b, u8 order) const {
        auto y = split<T>(b), r = y;
        for (unsigned n = 0; n < 4 && From + n < y.size(); n++) r[From + n] = y[From + (order >> 2 * n & 3)];
        return joined(r);
    }
};
// SHUFPS, SHUFPD: the lower half from the first operand, the upper from the second, chosen by one or two bits a lane.
template <class T> struct Select {
    template <std::size_t Size> constexpr Bytes<Size> operator()(const Bytes<Size>& a, const Bytes<Size>& b, u8 order) const {
        auto x = split<T>(a), y = split<T>(b), r = x;
        unsigned lanes = unsigned(x.size()), width = lanes / 2;
        for (unsigned n = 0; n < lanes; n++) r[n] = (n < width ? x : y)[order >> n * width & (lanes - 1)];
        return joined(r);
    }
};

// PINSRW: the low word of the second operand.
struct InsertWord {
    template <std::size_t Size> constexpr Bytes<Size> operator()(const Bytes<Size>& a, const Bytes<Size>& b, u8 where) const {
        auto x = split<u16>(a);
        x[where % x.size()] = split<u16>(b)[0];
        return joined(x);
    }
};
template <std::size_t Size> constexpr u16 word(const Bytes<Size>& v, u8 where) {
    auto x = split<u16>(v);
    return x[where % x.size()];
}

// PMOVMSKB, MOVMSKPS, MOVMSKPD: the top bit of each lane.
template <class T, std::size_t Size> constexpr u32 signs(const Bytes<Size>& v) {
    u32 r = 0;
    auto x = split<T>(v);
    for (std::size_t n = 0; n < x.size(); n++) r |= u32(x[n] >> (sizeof(T) * 8 - 1)) << n;
    return r;
}

static_assert(Each<AddSaturated, s8>{}(Mm{0x7f, 0x80}, Mm{1, 0xff}) == Mm{0x7f, 0x80});
static_assert(Each<AddSaturated, u8>{}(Mm{0xff, 0x80}, Mm{1, 0x7f}) == Mm{0xff, 0xff});
static_assert(Each<Average, u8>{}(Mm{0xff, 1}, Mm{0xff, 2}) == Mm{0xff, 2});
static_assert(MultiplyAdd{}(0x80008000, 0x80008000) == 0x80000000);
static_assert(Right<s16>{}(Mm{0x00, 0x80}, 99) == Mm{0xff, 0xff} && Right<u16>{}(Mm{0x00, 0x80}, 16) == Mm{});

}
