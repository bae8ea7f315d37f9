// SPDX-License-Identifier: MIT
// The XSAVE area's components and where they lie (SDM vol. 1, 13.1 and 13.4): one truth for the instructions and CPUID.
#pragma once
#include "cpu/cpuid/features.h"

namespace xstate {

constexpr u64 x87_state = bit(0), sse_state = bit(1), pkru_state = bit(9);
constexpr u32 legacy_size = 576;               // with the header

// In the standard format PKRU lies behind the room for AVX, in the compacted one behind what else is there.
constexpr u32 pkru_size = 8, pkru_standard = 832;
constexpr u32 pkru_offset(bool compacted) { return compacted ? legacy_size : pkru_standard; }

// What XCR0 may have.
constexpr u64 components(const FeatureSet& f) {
    return x87_state | (f.has(Feature::sse) ? sse_state : 0) | (f.has(Feature::pku) ? pkru_state : 0);
}
// What IA32_XSS may have: none of the supervisor's components is there.
constexpr u64 supervisor_components = 0;
constexpr u32 standard_size(u64 enabled) { return enabled & pkru_state ? pkru_standard + pkru_size : legacy_size; }
constexpr u32 compacted_size(u64 enabled) { return enabled & pkru_state ? legacy_size + pkru_size : legacy_size; }

}
