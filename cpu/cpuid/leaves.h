// SPDX-License-Identifier: MIT
// What CPUID returns: a pure function of the model, its features and the few bits of state that show in it.
#pragma once
#include "cpu/cpuid/model.h"

struct Cpu;

struct CpuidLeaf {
    u32 eax = 0, ebx = 0, ecx = 0, edx = 0;
    bool operator==(const CpuidLeaf&) const = default;
};

struct CpuidState {
    u64 cr4 = 0, xcr0 = 1;
    u32 apic_id = 0;              // initial
    bool apic_enabled = true;     // IA32_APIC_BASE[11]
    bool bits64 = true;           // Intel shows SYSCALL in 64-bit mode only
    bool limit_leaves = false;    // IA32_MISC_ENABLE[22]
    u64 rate = 1'000'000'000;     // of the TSC, per second
};

CpuidLeaf cpuid(const CpuModel& model, const FeatureSet& features, const CpuidState& state, u32 leaf, u32 subleaf);
CpuidLeaf cpuid(const Cpu& cpu, u32 leaf, u32 subleaf);

// The frequency that the APIC timer counts and leaf 15h calls the crystal's.
constexpr u64 crystal_rate(u64 rate) { return rate % 25'000'000 == 0 ? 25'000'000 : rate; }
