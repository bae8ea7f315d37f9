// SPDX-License-Identifier: MIT
// CPUID's leaves and the --cpu option.
#include "base/error.h"
#include "cpu/cpuid/leaves.h"
#include "cpu/state/control.h"
#include <cstring>
#include <gtest/gtest.h>

namespace {

const CpuModel& model(const char* name) { return *find_model(name); }
CpuidLeaf leaf(const CpuModel& m, u32 n, u32 sub = 0, CpuidState state = {}) { return cpuid(m, m.features, state, n, sub); }
std::string letters(std::initializer_list<u32> words) {
    std::string s;
    for (u32 w : words) s.append(reinterpret_cast<const char*>(&w), 4);
    return s;
}

TEST(Cpuid, vendors_and_highest_leaves) {
    auto intel = leaf(model("max-intel"), 0), amd = leaf(model("zen2"), 0);
    EXPECT_EQ(letters({intel.ebx, intel.edx, intel.ecx}), "GenuineIntel");
    EXPECT_EQ(letters({amd.ebx, amd.edx, amd.ecx}), "AuthenticAMD");
    EXPECT_EQ(intel.eax, 0x1fu);
    EXPECT_EQ(leaf(model("haswell"), 0).eax, 0x0du);
    auto extended = leaf(model("zen2"), 0x80000000);
    EXPECT_EQ(letters({extended.ebx, extended.edx, extended.ecx}), "AuthenticAMD");
    EXPECT_EQ(leaf(model("max-intel"), 0x80000000).eax, 0x80000008u);
}

TEST(Cpuid, signatures_are_the_silicons) {
    EXPECT_EQ(leaf(model("nehalem-ep"), 1).eax, 0x000106a5u);
    EXPECT_EQ(leaf(model("haswell"), 1).eax, 0x000306c3u);
    EXPECT_EQ(leaf(model("barcelona"), 1).eax, 0x00100f23u);
    EXPECT_EQ(leaf(model("zen2"), 1).eax, 0x00830f10u);
    EXPECT_EQ(leaf(model("zen3"), 1).eax, 0x00a00f11u);
    EXPECT_EQ(leaf(model("zen4"), 1).eax, 0x00a10f11u);
}

TEST(Cpuid, only_some_leaves_look_at_ecx) {
    auto& m = model("max-intel");
    for (u32 n : {0u, 1u, 6u, 0x16u, 0x80000001u, 0x80000007u, 0x80000008u}) EXPECT_EQ(leaf(m, n, 0x12345), leaf(m, n)) << n;
    EXPECT_TRUE(leaf(m, 1, 7).edx & 1);
    EXPECT_EQ(leaf(m, 7, 1), CpuidLeaf{});
}

TEST(Cpuid, what_state_shows) {
    auto& m = model("max-intel");
    EXPECT_FALSE(leaf(m, 1).ecx & bit(27));
    CpuidState s;
    s.cr4 = cr4::osxsave | cr4::pke, s.apic_enabled = false, s.apic_id = 5;
    EXPECT_TRUE(leaf(m, 1, 0, s).ecx & bit(27));
    EXPECT_TRUE(leaf(m, 7, 0, s).ecx & bit(4));
    EXPECT_FALSE(leaf(m, 1, 0, s).edx & bit(9));
    EXPECT_EQ(leaf(m, 1, 0, s).ebx >> 24, 5u);
    s.bits64 = false;
    EXPECT_TRUE(leaf(m, 0x80000001).edx & bit(11));
    EXPECT_FALSE(leaf(m, 0x80000001, 0, s).edx & bit(11));
    EXPECT_TRUE(leaf(model("max-amd"), 0x80000001, 0, s).edx & bit(11));
}

TEST(Cpuid, no_model_claims_a_hypervisor_or_what_is_missing) {
    for (auto name : model_names()) {
        auto& m = *find_model(name);
        EXPECT_FALSE(leaf(m, 1).ecx & bit(31)) << name;
        EXPECT_FALSE(leaf(m, 7).ebx & bit(16)) << name;      // AVX-512
        EXPECT_EQ(bool(leaf(m, 1).ecx & bit(5)), m.vendor == Vendor::intel) << name;          // VMX
        EXPECT_EQ(bool(leaf(m, 0x80000001).ecx & bit(2)), m.vendor == Vendor::amd) << name;   // SVM
        EXPECT_TRUE(leaf(m, 0x80000001).edx & bit(29)) << name;
    }
}

TEST(Cpuid, beyond_the_last_leaf_intel_repeats_it_and_amd_gives_nothing) {
    auto& intel = model("max-intel");
    EXPECT_EQ(leaf(intel, 0x40000000), leaf(intel, 0x1f));
    EXPECT_EQ(leaf(intel, 0x80000009), leaf(intel, 0x1f));
    EXPECT_EQ(leaf(model("zen2"), 0x40000000), CpuidLeaf{});
}

TEST(Cpuid, the_time_stamp_counter_runs_at_the_clocks_rate) {
    auto& m = model("max-intel");
    auto l = leaf(m, 0x15);
    EXPECT_EQ(l.ecx, 25'000'000u);
    EXPECT_EQ(u64{l.ecx} * l.ebx / l.eax, 1'000'000'000u);
    CpuidState odd;
    odd.rate = 123'456'789;
    l = leaf(m, 0x15, 0, odd);
    EXPECT_EQ(u64{l.ecx} * l.ebx / l.eax, odd.rate);
    EXPECT_EQ(leaf(m, 0x16).eax, 1000u);
}

TEST(Cpuid, the_brand_string_is_spelled_over_three_leaves) {
    std::string s;
    for (u32 n : {0x80000002, 0x80000003, 0x80000004}) {
        auto l = leaf(model("haswell"), n);
        s += letters({l.eax, l.ebx, l.ecx, l.edx});
    }
    EXPECT_STREQ(s.c_str(), "Intel(R) Core(TM) i7-4770 CPU @ 3.40GHz");
    for (auto name : model_names()) EXPECT_LE(find_model(name)->brand.size(), 47u);
}

TEST(Cpuid, caches_are_as_large_as_their_geometry_says) {
    for (auto name : model_names()) {
        auto& m = *find_model(name);
        u32 n = m.intel() ? 4 : 0x8000001d;
        if (!m.intel() && !m.features.has(Feature::topoext)) continue;
        for (u32 i = 0; i < m.caches.size(); i++) {
            auto l = leaf(m, n, i);
            u64 bytes = u64{(l.ebx >> 22) + 1} * ((l.ebx & 0xfff) + 1) * (l.ecx + 1);
            EXPECT_EQ(bytes, m.caches[i].kib * 1024u) << name << " cache " << i;
        }
        EXPECT_EQ(leaf(m, n, u32(m.caches.size())).eax & 31, 0u);
    }
}

TEST(Cpuid, topology_of_four_cpus_agrees_in_every_leaf) {
    auto intel = model("max-intel"), amd = model("max-amd");
    intel.processors = amd.processors = 4;
    CpuidState s;
    s.apic_id = 3;
    EXPECT_EQ(leaf(intel, 1, 0, s).ebx >> 16 & 0xff, 4u);
    EXPECT_TRUE(leaf(intel, 1, 0, s).edx & bit(28));
    EXPECT_EQ(leaf(intel, 4, 0, s).eax >> 26, 3u);
    EXPECT_EQ(leaf(intel, 0x0b, 0, s), (CpuidLeaf{0, 1, 0x100, 3}));
    EXPECT_EQ(leaf(intel, 0x0b, 1, s), (CpuidLeaf{2, 4, 0x201, 3}));
    EXPECT_EQ(leaf(intel, 0x0b, 2, s), (CpuidLeaf{0, 0, 2, 3}));
    EXPECT_EQ(leaf(amd, 0x80000008, 0, s).ecx, 0x2003u);
    EXPECT_EQ(leaf(amd, 0x8000001e, 0, s).eax, 3u);
    EXPECT_FALSE(leaf(model("max-intel"), 1).edx & bit(28));
}

TEST(Cpuid, the_extended_state_area_has_room_for_what_xcr0_enables) {
    auto& m = model("max-intel");
    CpuidState all;
    all.xcr0 = 0x203;
    EXPECT_EQ(leaf(m, 0x0d, 0), (CpuidLeaf{0x207, 576, 840, 0}));
    EXPECT_EQ(leaf(m, 0x0d, 0, all), (CpuidLeaf{0x207, 840, 840, 0}));
    EXPECT_EQ(leaf(m, 0x0d, 1, all), (CpuidLeaf{15, 584, 0, 0}));
    all.xcr0 = 0x207;
    EXPECT_EQ(leaf(m, 0x0d, 1, all), (CpuidLeaf{15, 840, 0, 0}));
    EXPECT_EQ(leaf(m, 0x0d, 9), (CpuidLeaf{8, 832, 0, 0}));
    EXPECT_EQ(leaf(m, 0x0d, 2), (CpuidLeaf{256, 576, 0, 0}));
    EXPECT_EQ(leaf(m, 0x0d, 3), CpuidLeaf{});
    EXPECT_EQ(leaf(model("haswell"), 0x0d, 0), (CpuidLeaf{7, 576, 832, 0}));
    EXPECT_EQ(leaf(model("haswell"), 0x0d, 2), (CpuidLeaf{256, 576, 0, 0}));
    EXPECT_EQ(leaf(model("haswell"), 0x0d, 1), (CpuidLeaf{1, 0, 0, 0}));
    EXPECT_EQ(leaf(model("haswell"), 0x0d, 9), CpuidLeaf{});
}

TEST(CpuOption, a_model_with_features_added_and_removed) {
    auto chosen = parse_cpu("haswell,+la57,-smep");
    EXPECT_EQ(chosen.model.name, "haswell");
    EXPECT_TRUE(chosen.features.has(Feature::la57));
    EXPECT_FALSE(chosen.features.has(Feature::smep));
    EXPECT_TRUE(chosen.features.has(Feature::pcid));
    EXPECT_EQ(chosen.features, chosen.model.features);
}

TEST(CpuOption, what_depends_on_a_removed_feature_goes_too) {
    auto f = parse_cpu("max-intel,-apic,-xsave").features;
    for (auto gone : {Feature::x2apic, Feature::tsc_deadline, Feature::xsaveopt, Feature::xsavec}) EXPECT_FALSE(f.has(gone));
}

TEST(CpuOption, what_is_wrong_is_named_in_one_line) {
    for (auto text : {"", "486sx", "haswell,", "haswell,smep", "haswell,+avx512", "haswell,+", "haswell,-none", ",", "haswell,,+nx"}) {
        if (std::string_view(text) == "haswell,") continue;  // an empty end is no change
        try {
            parse_cpu(text);
            ADD_FAILURE() << "'" << text << "' was taken";
        } catch (const Error& e) {
            EXPECT_EQ(e.status, 2);
            EXPECT_EQ(std::string(e.what()).find('\n'), std::string::npos);
        }
    }
}

TEST(CpuOption, the_list_names_every_model_and_what_it_lacks) {
    auto list = list_cpus();
    for (auto name : model_names()) EXPECT_NE(list.find(std::string(name) + ":"), std::string::npos);
    EXPECT_NE(list.find("avx2"), std::string::npos);
}

}
