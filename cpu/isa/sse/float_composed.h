// SPDX-License-Identifier: MIT
// Floating-point instructions made of several of cpu/fp/'s operations: ADDSUBPS, HADDPS, DPPS, ROUNDPS and their kin, as functions
// of values and MXCSR (SDM vol. 2). Lanes that an operation is not to look at are zeros, which raise nothing.
#pragma once
#include "cpu/fp/soft/sse.h"
#include "cpu/isa/sse/float.h"
#include "cpu/isa/sse/lanes_sse4.h"

namespace isa {

using FloatFunction = fp::Ran<Xmm>;
// The soft-float's format of singles or doubles.
template <class T> using SoftFormat = std::conditional_t<sizeof(T) == 4, fp::soft::Single, fp::soft::Double>;
// Of several steps: what those before the last one raised, all masked.
struct FloatSteps {
    Xmm value;
    u32 raised = 0, before = 0;
};

template <class T> constexpr Xmm keep_lanes(const Xmm& v, unsigned which) {
    auto x = lanes::split<T>(v);
    for (std::size_t n = 0; n < x.size(); n++)
        if (!(which >> n & 1)) x[n] = 0;
    return as<Xmm>(x);
}

// ADDSUBPS, ADDSUBPD: differences of the even lanes, sums of the odd ones.
template <class T, const fp::Operation& Sub, const fp::Operation& Add> struct FloatAlternating {
    FloatFunction operator()(const Xmm& a, const Xmm& b, u32 mxcsr) const {
        constexpr unsigned even = 5, odd = 10;
        auto low = Float<Sub>{}(keep_lanes<T>(a, even), keep_lanes<T>(b, even), mxcsr);
        auto high = Float<Add>{}(keep_lanes<T>(a, odd), keep_lanes<T>(b, odd), mxcsr);
        return {lanes::Blend<T>{}(low.value, high.value, odd), low.raised | high.raised};
    }
};

// HADDPS, HSUBPS and the double ones: each pair of neighbours, the first operand's and then the second's.
template <class T, const fp::Operation& Op> struct FloatNeighbours {
    FloatFunction operator()(const Xmm& a, const Xmm& b, u32 mxcsr) const {
        auto x = lanes::split<T>(a), y = lanes::split<T>(b), low = x, high = x;
        constexpr std::size_t half = sizeof(Xmm) / sizeof(T) / 2;
        for (std::size_t n = 0; n < half; n++) {
            low[n] = x[2 * n], high[n] = x[2 * n + 1];
            low[half + n] = y[2 * n], high[half + n] = y[2 * n + 1];
        }
        return Float<Op>{}(as<Xmm>(low), as<Xmm>(high), mxcsr);
    }
};

// What the steps of a dot product add, of lanes in groups of 16 bytes: neighbours, then neighbours' sums, until each group has one. Which
// of several NaNs is the result tells AMD, whose first lane has the sum (Zen 5), from Intel, where each lane makes its own: in the
// last step it comes first, before that behind the other (Emerald Rapids).
template <class T, bool intel, std::size_t Lanes> struct Addends {
    static constexpr std::size_t count = 16 / sizeof(T);
    std::array<T, Lanes> first{}, second{};
    Addends(const std::array<T, Lanes>& terms, std::size_t sums) {
        std::size_t distance = count / 2 / sums;
        for (std::size_t n = 0; n < Lanes; n++) {
            std::size_t in_group = n % count, group = n - in_group;
            if (!intel && in_group < sums) first[n] = terms[group + 2 * in_group], second[n] = terms[group + 2 * in_group + 1];
            if (intel) first[n] = terms[sums == 1 ? n : n ^ distance], second[n] = terms[sums == 1 ? n ^ distance : n];
        }
    }
};
// The sum in every lane of its group.
template <class T, bool intel, std::size_t Lanes> std::array<T, Lanes> spread_sums(std::array<T, Lanes> sums) {
    constexpr std::size_t count = 16 / sizeof(T);
    for (std::size_t n = 0; !intel && n < Lanes; n++) sums[n] = sums[n - n % count];
    return sums;
}

// DPPS, DPPD: immediate bits 7:4 choose the products, 3:0 the lanes that their sum goes to. An unmasked exception keeps what is
// behind it from being computed.
template <class T, const fp::Operation& Mul, const fp::Operation& Add, bool intel> struct FloatDotProduct {
    FloatSteps operator()(const Xmm& a, const Xmm& b, u8 which, u32 mxcsr) const {
        constexpr std::size_t count = sizeof(Xmm) / sizeof(T);
        auto products = Float<Mul>{}(keep_lanes<T>(a, which >> 4), keep_lanes<T>(b, which >> 4), mxcsr);
        FloatSteps r{products.value, products.raised};
        for (std::size_t sums = count / 2; sums; sums /= 2) {
            if (mxcsr::unmasked(mxcsr, r.raised)) return r;
            Addends<T, intel, count> addends(lanes::split<T>(r.value), sums);
            auto sum = Float<Add>{}(as<Xmm>(addends.first), as<Xmm>(addends.second), mxcsr);
            r = {sum.value, sum.raised, r.before | r.raised};
        }
        return {keep_lanes<T>(as<Xmm>(spread_sums<T, intel>(lanes::split<T>(r.value))), which), r.raised, r.before};
    }
};

// A semantics of which the vendors have one each.
template <class Intel, class Amd> struct ByVendor {
    template <class X> static Outcome run(X& x) { return x.cpu.intel() ? Intel::run(x) : Amd::run(x); }
};

// ROUNDPS, ROUNDPD; of one lane alone, ROUNDSS and ROUNDSD.
template <class T, unsigned Lanes> struct FloatIntegral {
    FloatFunction operator()(const Xmm& a, const Xmm& b, u8 how, u32 mxcsr) const {
        auto x = lanes::split<T>(a), y = lanes::split<T>(b);
        u32 raised = 0;
        for (unsigned n = 0; n < Lanes; n++) {
            auto r = fp::round_to_integral<SoftFormat<T>>(y[n], how, mxcsr);
            x[n] = r.value, raised |= r.raised;
        }
        return {as<Xmm>(x), raised};
    }
};

}
