// SPDX-License-Identifier: MIT
// nehalem-ep: Xeon X5570 of 2009.
#include "cpu/cpuid/models.h"

static constexpr Cache caches[] = {
    {1, 'd', 32, 8, 64, false}, {1, 'i', 32, 4, 64, false}, {2, 'u', 256, 8, 64, false}, {3, 'u', 8192, 16, 64, true, 2},
};

const CpuModel nehalem_ep{
    .name = "nehalem-ep",
    .text = "Intel Xeon X5570 (2009)",
    .vendor = Vendor::intel,
    .brand = "Intel(R) Xeon(R) CPU           X5570  @ 2.93GHz",
    .family = 6, .model = 0x1a, .stepping = 5,
    .microcode = 0x1d,
    .max_leaf = 0x0b, .max_extended = 0x80000008,
    .physical_bits = 40,
    .features = long_mode_features | sse4_features | FeatureSet{"monitor vmx ss popcnt rdtscp invtsc spec_ctrl stibp l1d_flush ssbd perfmon"},
    .caches = caches,
    .descriptors = {0x55035a01, 0x00f0b2e4, 0, 0x09ca212c},
    .l2 = {0, 0, 0x01006040, 0},
    .vmx = vmx::nehalem_capabilities,
    .mca_banks = 9,
    .perf_counters = 4,
    .apic_version = 0x15,
    .bus_mhz = 133,
    .lacks = "eist tm2 dtes64 ds-cpl ds acpi tm pbe xtpr pdcm dca perfmon-v3 aperfmperf",
};
