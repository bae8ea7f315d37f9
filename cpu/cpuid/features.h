// SPDX-License-Identifier: MIT
// The features of features.def as an enumeration, and a set of them.
#pragma once
#include "base/bits.h"
#include <array>
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

// The feature of that name, or Feature::none.
constexpr Feature find_feature(std::string_view name) {
    for (auto& row : feature_rows)
        if (row.name == name) return row.feature;
    return Feature::none;
}

class FeatureSet {
public:
    constexpr FeatureSet() = default;
    // Names with spaces between them; one that is no row of features.def does not compile.
    consteval FeatureSet(const char* names) {
        std::string_view rest = names;
        while (!rest.empty()) {
            auto word = rest.substr(0, rest.find(' '));
            rest.remove_prefix(word.size() == rest.size() ? word.size() : word.size() + 1);
            if (word.empty()) continue;
            Feature f = find_feature(word);
            if (f == Feature::none) throw "not a row of features.def";
            add(f);
        }
    }
    constexpr bool has(Feature f) const { return f == Feature::none || word(f) & flag(f); }
    constexpr void add(Feature f) { word(f) |= flag(f); }
    constexpr void remove(Feature f) { word(f) &= ~flag(f); }
    constexpr FeatureSet operator|(const FeatureSet& other) const {
        FeatureSet both = *this;
        for (unsigned i = 0; i < words.size(); i++) both.words[i] |= other.words[i];
        return both;
    }
    bool operator==(const FeatureSet&) const = default;

private:
    static constexpr u64 flag(Feature f) { return bit(unsigned(f) % 64); }
    constexpr u64& word(Feature f) { return words[unsigned(f) / 64]; }
    constexpr const u64& word(Feature f) const { return words[unsigned(f) / 64]; }
    std::array<u64, 4> words{};
};
static_assert(unsigned(Feature::count) <= 256);
