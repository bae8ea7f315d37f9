// SPDX-License-Identifier: MIT
// 3DNow!'s arithmetic on two singles (AMD, "3DNow! Technology Manual"): nearest, without exceptions, infinities and denormal numbers: what is
// too small is zero, what is too large the largest number. Operands that are infinite or no number are undefined there.
#pragma once
#include "cpu/fp/host_sse.h"
#include "cpu/isa/sse/lanes_ssse3.h"

namespace isa::now {

using Singles = std::array<u32, 2>;
constexpr u32 sign = bit(31), largest = 0x7f7fffff, one = 0x3f800000;

constexpr u32 flushed(u32 v) { return v & 0x7f800000 ? v : v & sign; }
constexpr u32 limited(u32 v) { return (v & ~sign) > largest ? (v & sign) | largest : v; }

// cpu/fp/'s operation on singles, denormal numbers being zeros on both sides.
template <const fp::Operation& Op> Singles compute(Singles a, Singles b, u32 rounding = 0) {
    auto r = Op({as<u64>(a), 0}, {as<u64>(b), 0}, mxcsr::masks | mxcsr::daz | mxcsr::ftz | rounding);
    auto value = as<Singles>(r.value[0]);
    for (auto& v : value) v = limited(v);
    return value;
}
template <const fp::Operation& Op> struct Compute {
    Mm operator()(const Mm& a, const Mm& b) const { return as<Mm>(compute<Op>(as<Singles>(a), as<Singles>(b))); }
};
template <class Op> struct Reversed {
    Mm operator()(const Mm& a, const Mm& b) const { return Op{}(b, a); }
};
// PFACC, PFNACC, PFPNACC: the first operand's pair to the low lane, the second's to the high one.
template <const fp::Operation& Low, const fp::Operation& High> struct Accumulate {
    Mm operator()(const Mm& a, const Mm& b) const {
        auto x = as<Singles>(a), y = as<Singles>(b);
        Singles left{x[0], y[0]}, right{x[1], y[1]};
        return as<Mm>(Singles{compute<Low>(left, right)[0], compute<High>(left, right)[1]});
    }
};

// Numbers in their order, zeros being equal.
constexpr s64 order(u32 v) {
    s64 magnitude = flushed(v) & ~sign;
    return v & sign ? -magnitude : magnitude;
}
struct Equal { constexpr u32 operator()(u32 a, u32 b) { return lanes::all<u32>(order(a) == order(b)); } };
struct GreaterOrEqual { constexpr u32 operator()(u32 a, u32 b) { return lanes::all<u32>(order(a) >= order(b)); } };
struct Greater { constexpr u32 operator()(u32 a, u32 b) { return lanes::all<u32>(order(a) > order(b)); } };
constexpr u32 unsigned_zero(u32 v) { return flushed(v) & ~sign ? v : 0; }
struct Maximum { constexpr u32 operator()(u32 a, u32 b) { return unsigned_zero(order(a) > order(b) ? a : b); } };
struct Minimum { constexpr u32 operator()(u32 a, u32 b) { return unsigned_zero(order(a) < order(b) ? a : b); } };

// PF2ID, PF2IW: truncated to an integer of so many bits, or the nearest that it holds.
template <unsigned Width> struct ToInteger {
    constexpr u32 operator()(u32 v) {
        int exponent = int(v >> 23 & 0xff) - 127;
        u64 fraction = (v & 0x7fffff) | 0x800000, limit = bit(Width - 1);
        if (exponent < 0) return 0;
        u64 magnitude = exponent >= int(Width) - 1 ? limit : fraction << exponent >> 23;
        if (v & sign) return u32(0 - magnitude);
        return u32(std::min(magnitude, limit - 1));
    }
};
// PI2FD: truncated. PI2FW: the low words, exact.
template <class T> struct FromInteger {
    Mm operator()(const Mm& b) const {
        auto y = as<Singles>(b);
        for (auto& v : y) v = u32(s32(T(v)));
        return as<Mm>(compute<fp::cvtdq2ps>({}, y, mxcsr::rc));
    }
};

// PFRCP, PFRSQRT: estimates that are exact here, so the steps which refine them (PFRCPIT1, PFRSQIT1, PFRCPIT2) hand them on.
struct Reciprocal {
    Mm operator()(const Mm& b) const {
        u32 r = compute<fp::divps>({one, one}, as<Singles>(b))[0];
        return as<Mm>(Singles{r, r});
    }
};
struct ReciprocalRoot {
    Mm operator()(const Mm& b) const {
        u32 v = as<Singles>(b)[0], root = compute<fp::sqrtps>({}, {v & ~sign, 0})[0];
        u32 r = compute<fp::divps>({one, one}, {root, root})[0] | (v & sign);
        return as<Mm>(Singles{r, r});
    }
};
struct Second {
    constexpr Mm operator()(const Mm&, const Mm& b) const { return b; }
};

struct MultiplyHighRounded { constexpr s16 operator()(s16 a, s16 b) { return s16((a * b + 0x8000) >> 16); } };
struct Swap {
    constexpr Mm operator()(const Mm& b) const {
        auto y = as<Singles>(b);
        return as<Mm>(Singles{y[1], y[0]});
    }
};

static_assert(ToInteger<32>{}(0xbfc00000) == u32(-1) && ToInteger<32>{}(0x4f000000) == 0x7fffffff && ToInteger<32>{}(0xcf000000) == 0x80000000);
static_assert(ToInteger<16>{}(0x47000000) == 0x7fff && ToInteger<16>{}(0xc7800000) == 0xffff8000 && ToInteger<16>{}(0x42fe0000) == 127);
static_assert(Maximum{}(0x80000000, 0xbf800000) == 0 && Minimum{}(0x80000000, 0x3f800000) == 0 && Equal{}(0x80000000, 1));

}
