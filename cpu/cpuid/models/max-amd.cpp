// SPDX-License-Identifier: MIT
// max-amd: all that the emulator can do of AMD's, under the signature of a Milan (Zen 3) server.
#include "cpu/cpuid/models.h"

static constexpr Cache caches[] = {
    {1, 'd', 32, 8, 64, false}, {1, 'i', 32, 8, 64, false}, {2, 'u', 512, 8, 64, false, 2}, {3, 'u', 16384, 16, 64, true, 1},
};

const CpuModel max_amd{
    .name = "max-amd",
    .text = "everything implemented, as AMD has it",
    .vendor = Vendor::amd,
    .brand = "Slate virtual CPU, AMD model",
    .family = 0x19, .model = 0x01, .stepping = 1,
    .microcode = 0x0a0011de,
    .max_leaf = 0x10, .max_extended = 0x80000021,
    .physical_bits = 48,
    .features = long_mode_features | sse4_features | FeatureSet{
        "pclmulqdq monitor aes fma pcid x2apic movbe popcnt tsc_deadline xsave avx f16c rdrand "
        "arat fsgsbase bmi1 avx2 smep bmi2 erms invpcid rdseed adx smap "
        "clflushopt clwb sha umip pku gfni vaes vpclmulqdq la57 rdpid movdiri movdir64b xsaveopt xsavec xgetbv1 xsaves cmp_legacy cr8_legacy lzcnt sse4a prefetchw osvw topoext monitorx mmxext "
        "ffxsr page1gb rdtscp invtsc clzero xsaveerptr ibpb ibrs amd_stibp no_lmsle amd_ssbd ssb_no btc_no lfence_rdtsc null_sel_clr_base auto_ibrs srso_no "
        "tsa_sq_no tsa_l1_no svm npt lbrv svm_lock nrip_save vmcb_clean flushbyasid decodeassists pausefilter pfthreshold v_vmsave_vmload vgif skinit tsc_scale gmet vnmi avic perfctr_core"},
    .caches = caches,
    .l1 = {0xff48ff40, 0xff48ff40, 0x20080140, 0x20080140},
    .l2 = {0x48002200, 0x68004200, 0x02006140, 0x00808140},
    .mca_banks = 16,
    .apic_version = 0x10,
    .asids = 0x8000,
    .lacks = "",
};
