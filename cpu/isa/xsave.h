// SPDX-License-Identifier: MIT
// The XSAVE area's components and where they lie (SDM vol. 1, 13.1 and 13.4): one truth for the instructions and CPUID.
#pragma once
#include "cpu/cpuid/features.h"
#include "cpu/state/control.h"

namespace xstate {

constexpr u64 x87_state = xcr0::x87, sse_state = xcr0::sse, avx_state = xcr0::avx, pkru_state = xcr0::pkru;
constexpr u32 legacy_size = 576;               // with the header

// The components behind the legacy region and the header; none is aligned in the compacted format.
struct Component {
    u64 state;
    u32 size, standard;                        // bytes; offset in the standard format
    Feature needs;
};
constexpr Component extended[] = {
    {avx_state,  256, 576, Feature::avx},      // bits 255:128 of YMM0 to YMM15
    {pkru_state, 8,   832, Feature::pku},
};

// Where a component lies in the compacted format whose components are `format`.
constexpr u32 compacted_offset(u64 state, u64 format) {
    u32 at = legacy_size;
    for (auto& c : extended)
        if (c.state < state && (format & c.state)) at += c.size;
    return at;
}
constexpr u32 standard_offset(u64 state) {
    for (auto& c : extended)
        if (c.state == state) return c.standard;
    return 0;
}

// What XCR0 may have.
constexpr u64 components(const FeatureSet& f) {
    u64 all = x87_state | (f.has(Feature::sse) ? sse_state : 0);
    for (auto& c : extended) all |= f.has(c.needs) ? c.state : 0;
    return all;
}
// What IA32_XSS may have: none of the supervisor's components is there.
constexpr u64 supervisor_components = 0;
constexpr u32 standard_size(u64 enabled) {
    u32 size = legacy_size;
    for (auto& c : extended) size = enabled & c.state ? c.standard + c.size : size;
    return size;
}
constexpr u32 compacted_size(u64 enabled) { return compacted_offset(~u64{0}, enabled); }
// Whether XCR0 may have this value: x87 is always on, and AVX not without SSE (SDM vol. 1, 13.3).
constexpr bool allowed(u64 value, u64 exist) { return (value & x87_state) && !(value & ~exist) && (!(value & avx_state) || (value & sse_state)); }

static_assert(compacted_offset(pkru_state, avx_state | pkru_state) == 832 && compacted_offset(pkru_state, pkru_state) == 576);

}
