// SPDX-License-Identifier: MIT
// CMPPS, VCMPPS and their kin: masks of the lanes for which a relation holds (SDM vol. 2, CMPPD).
#pragma once
#include "cpu/isa/sse/float.h"

namespace isa {

// Predicates 0 to 15 (SDM vol. 2, CMPPD): which relations they hold for, and whether a quiet NaN is invalid; 16 to 31 are the
// same with the latter turned round.
struct Predicate {
    u8 holds;
    bool signals;
};
constexpr u8 less = 1, equal = 2, greater = 4, unordered = 8;
constexpr Predicate predicates[16] = {
    {equal,                     false},   // EQ_OQ
    {less,                      true},    // LT_OS
    {less | equal,              true},    // LE_OS
    {unordered,                 false},   // UNORD_Q
    {less | greater | unordered, false},  // NEQ_UQ
    {equal | greater | unordered, true},  // NLT_US
    {greater | unordered,       true},    // NLE_US
    {less | equal | greater,    false},   // ORD_Q
    {equal | unordered,         false},   // EQ_UQ
    {less | unordered,          true},    // NGE_US
    {less | equal | unordered,  true},    // NGT_US
    {0,                         false},   // FALSE_OQ
    {less | greater,            false},   // NEQ_OQ
    {equal | greater,           true},    // GE_OS
    {greater,                   true},    // GT_OS
    {less | equal | greater | unordered, false},   // TRUE_UQ
};
// By SSE's signaling LT, quiet EQ and UNORD; scalars have Width bytes, the rest is the first operand's. SSE looks at three bits.
template <const fp::Operation& Less, const fp::Operation& Equal, const fp::Operation& Unordered, unsigned Width = 0, u8 Bits = 31> struct FloatCompare {
    template <class V> fp::Ran<V> operator()(const V& a, const V& b, u8 predicate, u32 mxcsr) const {
        auto [holds, signals] = predicates[predicate & Bits & 15];
        signals ^= (predicate & Bits) >> 4 & 1;
        auto lt = FloatHalves<Less>{}(a, b, mxcsr), eq = FloatHalves<Equal>{}(a, b, mxcsr), no = FloatHalves<Unordered>{}(a, b, mxcsr);
        V r = a;
        for (std::size_t n = 0; n < (Width ? Width : sizeof(V)); n++) {
            u8 other = u8(~(lt.value[n] | eq.value[n] | no.value[n]));
            r[n] = u8((holds & less ? lt.value[n] : 0) | (holds & equal ? eq.value[n] : 0) | (holds & unordered ? no.value[n] : 0) |
                      (holds & greater ? other : 0));
        }
        return {r, signals ? lt.raised : eq.raised};
    }
};

}
