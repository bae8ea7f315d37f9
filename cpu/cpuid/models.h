// SPDX-License-Identifier: MIT
// The models' tables, one file each in cpu/cpuid/models/, and the feature sets that several share.
#pragma once
#include "cpu/cpuid/model.h"

extern const CpuModel max_intel, max_amd, nehalem_ep, haswell, icelake, barcelona, zen2, zen3, zen4;

// What every 64-bit CPU has.
constexpr FeatureSet long_mode_features{
    "fpu vme de pse tsc msr pae mce cx8 apic sep mtrr pge mca cmov pat pse36 clfsh mmx fxsr sse sse2 htt cx16 lahf64 syscall nx lm"};
// What every one of them has since Nehalem and Bulldozer.
constexpr FeatureSet sse4_features{"sse3 ssse3 sse4_1 sse4_2"};
