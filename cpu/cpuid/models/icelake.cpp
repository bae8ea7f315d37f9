// SPDX-License-Identifier: MIT
// icelake: Xeon Platinum 8380 of 2021.
#include "cpu/cpuid/models.h"

static constexpr Cache caches[] = {
    {1, 'd', 48, 12, 64, false}, {1, 'i', 32, 8, 64, false}, {2, 'u', 1280, 20, 64, false}, {3, 'u', 61440, 12, 64, true, 4},
};

const CpuModel icelake{
    .name = "icelake",
    .text = "Intel Xeon Platinum 8380 (2021)",
    .vendor = Vendor::intel,
    .brand = "Intel(R) Xeon(R) Platinum 8380 CPU @ 2.30GHz",
    .family = 6, .model = 0x6a, .stepping = 6,
    .microcode = 0x0d0003f5,
    .max_leaf = 0x1b, .max_extended = 0x80000008,
    .physical_bits = 46,
    .features = long_mode_features | sse4_features | FeatureSet{
        "pclmulqdq monitor vmx aes ss fma pcid x2apic movbe popcnt tsc_deadline xsave avx f16c rdrand "
        "arat fsgsbase tsc_adjust fdp_excptn_only bmi1 avx2 smep bmi2 erms invpcid zero_fcs_fds rdseed adx smap "
        "clflushopt clwb sha umip pku gfni vaes vpclmulqdq la57 rdpid md_clear spec_ctrl stibp l1d_flush arch_capabilities ssbd xsaveopt xsavec xgetbv1 xsaves "
        "lzcnt prefetchw page1gb rdtscp invtsc perfmon pdcm"},
    .caches = caches,
    .descriptors = {0x00feff01, 0x000000f0, 0, 0},
    .l2 = {0, 0, 0x05007040, 0},
    // RDCL_NO, IBRS_ALL, SKIP_L1DFL_VMENTRY, MDS_NO, IF_PSCHANGE_MC_NO, TAA_NO (SDM vol. 4, IA32_ARCH_CAPABILITIES).
    .arch_capabilities = bit(0) | bit(1) | bit(3) | bit(5) | bit(6) | bit(8),
    .vmx = vmx::icelake_capabilities,
    .mca_banks = 29,
    .apic_version = 0x15,
    .lacks = "avx512 smx eist tm2 dtes64 ds-cpl ds acpi tm "
             "pbe xtpr dca sdbg perfmon-v3 aperfmperf hwp epb dts pln pts intel-pt sgx tme pconfig pqm pqe fsrm wbnoinvd",
};
