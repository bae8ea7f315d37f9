// SPDX-License-Identifier: MIT
// The features of features.def as an enumeration, and a set of them.
#pragma once
#include "base/bits.h"
#include <bitset>
#include <string_view>

enum class Feature : u8 {
    none,                         // every CPU has it
#define FEATURE(name, leaf, sub, reg, position) name,
#include "cpu/cpuid/features.def"
    count
};

enum class CpuidRegister : u8 { eax, ebx, ecx, edx };

struct FeatureRow {
    Feature feature;
    std::string_view name;
    u32 leaf, subleaf;
    CpuidRegister reg;
    u8 position;
};

constexpr FeatureRow feature_rows[] = {
#define FEATURE(name, leaf, sub, reg, position) {Feature::name, #name, leaf, sub, CpuidRegister::reg, position},
#include "cpu/cpuid/features.def"
};

class FeatureSet {
public:
    bool has(Feature f) const { return f == Feature::none || set[unsigned(f)]; }
    void add(Feature f) { set[unsigned(f)] = true; }
    void remove(Feature f) { set[unsigned(f)] = false; }

private:
    std::bitset<unsigned(Feature::count)> set;
};
