// SPDX-License-Identifier: MIT
// Which of the features in features.def the host itself has, and its system lets programs use (SDM vol. 1, 14.3).
#pragma once
#include "cpu/cpuid/features.h"
#if defined(__x86_64__) && defined(__GNUC__)
#include <cpuid.h>
#endif

namespace fast {

// Registers of 256 bits are there for programs where XCR0 has the states of XMM and YMM.
constexpr bool is_vex(Feature f) {
    return f == Feature::avx || f == Feature::avx2 || f == Feature::fma || f == Feature::f16c;
}
inline bool host_keeps_ymm() {
#if defined(__x86_64__) && defined(__GNUC__)
    unsigned a = 0, b = 0, c = 0, d = 0;
    if (!__get_cpuid(1, &a, &b, &c, &d) || !(c >> 27 & 1)) return false;          // OSXSAVE
    asm("xgetbv" : "=a"(a), "=d"(d) : "c"(0));
    return (a & 6) == 6;
#else
    return false;
#endif
}

inline bool host_has(Feature feature) {
    if (is_vex(feature) && !host_keeps_ymm()) return false;
#if defined(__x86_64__) && defined(__GNUC__)
    for (auto& row : feature_rows) {
        unsigned r[4] = {};
        if (row.feature == feature && __get_cpuid_count(row.leaf, row.subleaf, &r[0], &r[1], &r[2], &r[3])) return r[unsigned(row.reg)] >> row.position & 1;
    }
#endif
    return feature == Feature::none;
}
inline bool host_has_sse4() {
    return host_has(Feature::sse3) && host_has(Feature::ssse3) && host_has(Feature::sse4_1) && host_has(Feature::sse4_2);
}

}
