// SPDX-License-Identifier: MIT
// Which of the features in features.def the host itself has.
#pragma once
#include "cpu/cpuid/features.h"
#if defined(__x86_64__) && defined(__GNUC__)
#include <cpuid.h>
#endif

namespace fast {

inline bool host_has(Feature feature) {
#if defined(__x86_64__) && defined(__GNUC__)
    for (auto& row : feature_rows) {
        unsigned r[4] = {};
        if (row.feature == feature && __get_cpuid_count(row.leaf, row.subleaf, &r[0], &r[1], &r[2], &r[3])) return r[unsigned(row.reg)] >> row.position & 1;
    }
#endif
    return feature == Feature::none;
}

}
