// SPDX-License-Identifier: MIT
// Packed integer operations that came with SSE4.1, SSE4.2 and SSE4A: pure functions over lanes (SDM vol. 2; APM vol. 4).
#pragma once
#include "cpu/isa/flags.h"
#include "cpu/isa/sse/lanes_ssse3.h"

namespace isa::lanes {

// ---- one lane -----------------------------------------------------------------------------------
// The low halves of signed 64-bit lanes.
struct MultiplyEvenSigned { constexpr u64 operator()(u64 a, u64 b) { return u64(s64{s32(u32(a))} * s32(u32(b))); } };

// ---- vectors ------------------------------------------------------------------------------------
// The second operand's lanes where the immediate has their bit, else the first one's.
template <class T> struct Blend {
    template <class V> constexpr V operator()(const V& a, const V& b, u8 which) const {
        auto x = split<T>(a), y = split<T>(b);
        for (std::size_t n = 0; n < x.size(); n++)
            if (which >> n % 8 & 1) x[n] = y[n];
        return as<V>(x);
    }
};
// The same by the top bits of a third operand's lanes.
template <class T> struct BlendBySign {
    template <class V> constexpr V operator()(const V& a, const V& b, const V& mask) const {
        auto x = split<T>(a), y = split<T>(b), m = split<T>(mask);
        for (std::size_t n = 0; n < x.size(); n++)
            if (m[n] >> (sizeof(T) * 8 - 1)) x[n] = y[n];
        return as<V>(x);
    }
};
// PMOVSX, PMOVZX: the low lanes, each widened.
template <class From, class To> struct Extend {
    template <class V> constexpr V operator()(const V& b) const {
        auto y = split<From>(b);
        Of<To, V> r{};
        for (std::size_t n = 0; n < r.size(); n++) r[n] = To(y[n]);
        return as<V>(r);
    }
};
// PHMINPOSUW: the smallest word and its place, the first one if there are several.
struct MinimumWord {
    constexpr Xmm operator()(const Xmm& b) const {
        auto y = split<u16>(b);
        auto least = std::min_element(y.begin(), y.end());
        Of<u16, Xmm> r{*least, u16(least - y.begin())};
        return as<Xmm>(r);
    }
};
// MPSADBW: four bytes of the second operand against four at each of eight places of the first: sums of absolute differences.
// Bits 1:0 of the immediate choose the second's block, bit 2 where the places of the first begin.
struct SumsOfDifferences {
    constexpr Xmm operator()(const Xmm& a, const Xmm& b, u8 where) const {
        unsigned from = where & 4, block = (where & 3) * 4;
        Of<u16, Xmm> r{};
        for (unsigned n = 0; n < 8; n++)
            for (unsigned k = 0; k < 4; k++) {
                int d = a[from + n + k] - b[block + k];
                r[n] = u16(r[n] + (d < 0 ? -d : d));
            }
        return as<Xmm>(r);
    }
};
// PTEST: ZF where no bit of the second operand is in the first, CF where none is outside of it.
struct Test {
    template <class V> constexpr Flags operator()(const V& a, const V& b) const {
        auto x = split<u64>(a), y = split<u64>(b);
        u64 inside = 0, outside = 0;
        for (std::size_t n = 0; n < x.size(); n++) inside |= x[n] & y[n], outside |= ~x[n] & y[n];
        return Flags{}.with(rflags::zf, !inside).with(rflags::cf, !outside);
    }
};
// PINSRB, PINSRD, PINSRQ, and PEXTRB to PEXTRQ.
template <class T> struct InsertLane {
    constexpr Xmm operator()(const Xmm& a, T value, u8 where) const {
        auto x = split<T>(a);
        x[where % x.size()] = value;
        return as<Xmm>(x);
    }
};
template <class T> struct ExtractLane {
    constexpr T operator()(const Xmm& v, u8 where) const {
        auto x = split<T>(v);
        return x[where % x.size()];
    }
};
// INSERTPS: immediate bits 7:6 choose the source's lane, 5:4 the destination's; 3:0 those that become zero.
struct InsertSingle {
    constexpr Xmm operator()(const Xmm& a, const Xmm& b, u8 how) const {
        auto x = split<u32>(a);
        x[how >> 4 & 3] = split<u32>(b)[how >> 6];
        for (unsigned n = 0; n < 4; n++)
            if (how >> n & 1) x[n] = 0;
        return as<Xmm>(x);
    }
};
// From memory there is only one lane.
struct InsertSingleLoaded {
    constexpr Xmm operator()(const Xmm& a, const Xmm& b, u8 how) const { return InsertSingle{}(a, b, how & 0x3f); }
};

// ---- SSE4A: bit fields of the low quadword; a length of 0 is 64. What is undefined is as Zen 5 has it: the upper half becomes
// zero, a field is cut off behind bit 63.
constexpr u64 field_mask(unsigned length) { return length & 63 ? bit(length & 63) - 1 : ~u64{0}; }
struct ExtractField {
    constexpr Xmm operator()(const Xmm& a, u8 length, u8 index) const {
        auto x = split<u64>(a);
        return as<Xmm>(Of<u64, Xmm>{x[0] >> (index & 63) & field_mask(length), 0});
    }
};
struct InsertField {
    constexpr Xmm operator()(const Xmm& a, const Xmm& b, u8 length, u8 index) const {
        u64 mask = field_mask(length) << (index & 63), from = split<u64>(b)[0] << (index & 63);
        return as<Xmm>(Of<u64, Xmm>{(split<u64>(a)[0] & ~mask) | (from & mask), 0});
    }
};

static_assert(Extend<s8, s16>{}(Mm{0x80, 1}) == Mm{0x80, 0xff, 1, 0} && Extend<u8, u32>{}(Mm{0x80, 1}) == Mm{0x80, 0, 0, 0, 1});
static_assert(MinimumWord{}(Xmm{9, 0, 3, 0, 3, 0, 9, 0, 9, 0, 9, 0, 9, 0, 9}) == Xmm{3, 0, 1});
static_assert(ExtractField{}(Xmm{0x34, 0x12}, 8, 4) == Xmm{0x23} && InsertField{}(Xmm{0x34, 0x12}, Xmm{0xff}, 4, 4) == Xmm{0xf4, 0x12});
static_assert(MultiplyEvenSigned{}(0xffffffff, 2) == ~u64{1});

}
