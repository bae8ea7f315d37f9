// SPDX-License-Identifier: MIT
// The soft-float with MXCSR's modes and flags (SDM vol. 1, 11.5.2): multiply-adds with one rounding, conversions to and from half
// precision (14.5 and 14.4), rounding to an integral number (vol. 2, table 4-18).
#pragma once
#include "cpu/fp/host_sse.h"
#include "cpu/fp/soft/convert.h"

namespace fp {

// The operands' exceptions end nothing: the caller has to look at all lanes.
constexpr soft::Context context_of(u32 mxcsr) {
    soft::Context c;
    c.rounding = soft::Rounding(mxcsr >> 13 & 3);
    c.masked = u8((mxcsr >> 7 & 0x3f) | soft::ie | soft::de | soft::ze);
    c.daz = mxcsr & mxcsr::daz, c.ftz = mxcsr & mxcsr::ftz;
    return c;
}
template <class F> using RanIn = Ran<typename F::Raw>;

// Which signs a multiply-add changes.
struct Signs {
    bool product = false, addend = false;
};
// x * y + z. A NaN operand is the result, made quiet, the first of x, y and z that is one; signs don't change it.
template <class F> constexpr RanIn<F> multiply_add(typename F::Raw x, typename F::Raw y, typename F::Raw z, Signs change, u32 mxcsr) {
    auto c = context_of(mxcsr);
    auto changed = [&](typename F::Raw raw, bool change) {
        auto u = soft::operand<F>(c, raw);
        return change ? soft::negated(u) : u;
    };
    auto value = soft::fma<F>(c, changed(x, change.product), changed(y, false), changed(z, change.addend));
    return {value, c.raised};
}

// VCVTPH2PS: denormals are exact, whatever MXCSR.DAZ says, and raise nothing.
constexpr RanIn<soft::Single> single_of_half(u16 raw) {
    soft::Context c;
    u32 value = soft::convert<soft::Single>(c, soft::Half::unpack(raw), soft::Denormals::silent);
    return {value, c.raised};
}
// VCVTPS2PH: FTZ has no effect; a NaN keeps the upper part of its fraction.
constexpr RanIn<soft::Half> half_of_single(u32 raw, u32 mxcsr) {
    auto c = context_of(mxcsr & ~mxcsr::ftz);
    u16 value = soft::convert<soft::Half>(c, soft::operand<soft::Single>(c, raw));
    return {value, c.raised};
}

// ROUNDPS and its kin. `how`: bits 1:0 the rounding, bit 2 set: MXCSR's instead; bit 3: no PE. Denormal operands raise nothing.
template <class F> constexpr RanIn<F> round_to_integral(typename F::Raw raw, u8 how, u32 mxcsr) {
    auto c = context_of(mxcsr);
    auto mode = how & 4 ? c.rounding : soft::Rounding(how & 3);
    auto value = soft::round_to_integral<F>(c, soft::operand<F>(c, raw), mode, soft::Denormals::silent);
    return {value, c.raised & ~(how & 8 ? mxcsr::pe : 0u)};
}

static_assert(multiply_add<soft::Single>(0x40000000, 0x40400000, 0x3f800000, {}, 0x1f80).value == 0x40e00000);          // 2 * 3 + 1
static_assert(multiply_add<soft::Single>(0x3f800001, 0x3f800001, 0xbf800002, {}, 0x1f80).value == 0x28800000);          // 2^-46: a product
static_assert(half_of_single(0x3f800000, 0x1f80).value == 0x3c00 && single_of_half(0x0001).value == 0x33800000);
static_assert(round_to_integral<soft::Single>(0x40200000, 0, 0).value == 0x40000000 && round_to_integral<soft::Single>(0x40600000, 0, 0).value == 0x40800000);
static_assert(round_to_integral<soft::Single>(0x3f000000, 0, 0).value == 0 && round_to_integral<soft::Single>(0x3f000001, 0, 0).value == 0x3f800000);
static_assert(round_to_integral<soft::Double>(0xbff8000000000000, 1, 0).value == 0xc000000000000000);
static_assert(round_to_integral<soft::Double>(0xbff8000000000000, 2, 0).raised == mxcsr::pe);
static_assert(round_to_integral<soft::Single>(0x3fc00000, 4, 0x4000).value == 0x40000000 && round_to_integral<soft::Single>(1, 2, mxcsr::daz).value == 0);

}
