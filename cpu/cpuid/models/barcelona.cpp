// SPDX-License-Identifier: MIT
// barcelona: Opteron 2356 of 2008, the first with nested paging.
#include "cpu/cpuid/models.h"

static constexpr Cache caches[] = {
    {1, 'd', 64, 2, 64, false}, {1, 'i', 64, 2, 64, false}, {2, 'u', 512, 16, 64, false}, {3, 'u', 2048, 32, 64, true},
};

const CpuModel barcelona{
    .name = "barcelona",
    .text = "Quad-Core AMD Opteron 2356 (2008)",
    .vendor = Vendor::amd,
    .brand = "Quad-Core AMD Opteron(tm) Processor 2356",
    .family = 0x10, .model = 2, .stepping = 3,
    .microcode = 0x01000095,
    .max_leaf = 5, .max_extended = 0x8000001a,
    .physical_bits = 48,
    .features = long_mode_features | FeatureSet{
        "sse3 monitor popcnt cmp_legacy cr8_legacy lzcnt sse4a prefetchw osvw mmxext ffxsr page1gb rdtscp amd3dnowext amd3dnow invtsc "
        "svm npt lbrv svm_lock nrip_save skinit"},
    .caches = caches,
    .l1 = {0xff30ff10, 0xff30ff20, 0x40020140, 0x40020140},
    .l2 = {0x20800000, 0x42004200, 0x02008140, 0x0010a140},
    .mca_banks = 6,
    .apic_version = 0x10,
    .asids = 64,
    .lacks = "misalignsse ibs wdt extapic hw-pstate ts ttp tm stc aperfmperf",
};
