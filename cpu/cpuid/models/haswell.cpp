// SPDX-License-Identifier: MIT
// haswell: Core i7-4770 of 2013, with its last microcode.
#include "cpu/cpuid/models.h"

static constexpr Cache caches[] = {
    {1, 'd', 32, 8, 64, false}, {1, 'i', 32, 8, 64, false}, {2, 'u', 256, 8, 64, false}, {3, 'u', 8192, 16, 64, true, 6},
};

const CpuModel haswell{
    .name = "haswell",
    .text = "Intel Core i7-4770 (2013)",
    .vendor = Vendor::intel,
    .brand = "Intel(R) Core(TM) i7-4770 CPU @ 3.40GHz",
    .family = 6, .model = 0x3c, .stepping = 3,
    .microcode = 0x28,
    .max_leaf = 0x0d, .max_extended = 0x80000008,
    .physical_bits = 39,
    .features = long_mode_features | sse4_features | FeatureSet{
        "pclmulqdq monitor vmx aes ss fma pcid x2apic movbe popcnt tsc_deadline xsave avx f16c rdrand "
        "arat fsgsbase tsc_adjust fdp_excptn_only bmi1 avx2 smep bmi2 erms invpcid zero_fcs_fds "
        "md_clear spec_ctrl stibp l1d_flush ssbd xsaveopt lzcnt page1gb rdtscp invtsc perfmon pdcm"},
    .caches = caches,
    .descriptors = {0x76036301, 0x00f0b5ff, 0, 0x00c10000},
    .l2 = {0, 0, 0x01006040, 0},
    .vmx = vmx::haswell_capabilities,
    .mca_banks = 9,
    .perf_counters = 4,
    .apic_version = 0x15,
    .lacks = "smx eist tm2 dtes64 ds-cpl ds acpi tm pbe xtpr sdbg "
             "perfmon-v3 aperfmperf epb dts pln pts",
};
