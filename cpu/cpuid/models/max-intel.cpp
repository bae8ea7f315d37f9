// SPDX-License-Identifier: MIT
// max-intel: all that the emulator can do of Intel's, under the signature of a Sapphire Rapids server.
#include "cpu/cpuid/models.h"

static constexpr Cache caches[] = {
    {1, 'd', 48, 12, 64, false}, {1, 'i', 32, 8, 64, false}, {2, 'u', 2048, 16, 64, false}, {3, 'u', 16384, 16, 64, true, 4},
};

const CpuModel max_intel{
    .name = "max-intel",
    .text = "everything implemented, as Intel has it (the default)",
    .vendor = Vendor::intel,
    .brand = "Slate virtual CPU, Intel model",
    .family = 6, .model = 0x8f, .stepping = 8,
    .microcode = 0x2b0005c0,
    .max_leaf = 0x1f, .max_extended = 0x80000008,
    .physical_bits = 46,
    .features = long_mode_features | sse4_features | FeatureSet{
        "pclmulqdq monitor vmx aes ss fma pcid x2apic movbe popcnt tsc_deadline xsave avx f16c rdrand "
        "arat fsgsbase tsc_adjust fdp_excptn_only bmi1 avx2 smep bmi2 erms invpcid zero_fcs_fds rdseed adx smap "
        "clflushopt clwb sha umip pku waitpkg gfni vaes vpclmulqdq la57 rdpid movdiri movdir64b md_clear serialize spec_ctrl stibp l1d_flush arch_capabilities ssbd "
        "xsaveopt xsavec xgetbv1 xsaves lzcnt prefetchw page1gb rdtscp invtsc perfmon pdcm"},
    .caches = caches,
    .descriptors = {0x76036301, 0x00f0b5ff, 0, 0x00c10000},
    .l2 = {0, 0, 0x08008040, 0},
    // RDCL_NO, IBRS_ALL, SKIP_L1DFL_VMENTRY, SSB_NO, MDS_NO, IF_PSCHANGE_MC_NO, TAA_NO, SBDR_SSDP_NO, FBSDP_NO, PSDP_NO, BHI_NO,
    // PBRSB_NO, GDS_NO, RFDS_NO, ITS_NO (SDM vol. 4, IA32_ARCH_CAPABILITIES): an emulator doesn't speculate.
    .arch_capabilities = bit(0) | bit(1) | bit(3) | bit(4) | bit(5) | bit(6) | bit(8) | bit(13) | bit(14) | bit(15) | bit(20) | bit(24) |
                         bit(26) | bit(27) | bit(62),
    .vmx = vmx::all_capabilities,
    .mca_banks = 4,
    .lacks = "",
};
