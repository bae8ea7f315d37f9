// SPDX-License-Identifier: MIT
// zen3: EPYC 7763 of 2021.
#include "cpu/cpuid/models.h"

static constexpr Cache caches[] = {
    {1, 'd', 32, 8, 64, false}, {1, 'i', 32, 8, 64, false}, {2, 'u', 512, 8, 64, false, 2}, {3, 'u', 32768, 16, 64, true, 1},
};

const CpuModel zen3{
    .name = "zen3",
    .text = "AMD EPYC 7763 (2021)",
    .vendor = Vendor::amd,
    .brand = "AMD EPYC 7763 64-Core Processor",
    .family = 0x19, .model = 0x01, .stepping = 1,
    .microcode = 0x0a0011de,
    .max_leaf = 0x10, .max_extended = 0x80000023,
    .physical_bits = 48,
    .features = long_mode_features | sse4_features | FeatureSet{
        "pclmulqdq monitor aes fma pcid x2apic movbe popcnt xsave avx f16c rdrand "
        "arat fsgsbase bmi1 avx2 smep bmi2 erms invpcid rdseed adx smap clflushopt clwb sha "
        "umip pku vaes vpclmulqdq rdpid xsaveopt xsavec xgetbv1 cmp_legacy cr8_legacy lzcnt sse4a prefetchw osvw topoext monitorx mmxext ffxsr page1gb rdtscp invtsc clzero "
        "xsaveerptr ibpb ibrs amd_stibp no_lmsle amd_ssbd btc_no lfence_rdtsc null_sel_clr_base svm skinit npt lbrv svm_lock nrip_save tsc_scale vmcb_clean "
        "flushbyasid decodeassists pausefilter pfthreshold avic v_vmsave_vmload vgif gmet perfctr_core"},
    .caches = caches,
    .l1 = {0xff48ff40, 0xff48ff40, 0x20080140, 0x20080140},
    .l2 = {0x48002200, 0x68004200, 0x02006140, 0x01008140},
    .mca_banks = 23,
    .apic_version = 0x10,
    .asids = 0x8000,
    .lacks = "fsrm misalignsse ibs wdt extapic "
             "perfctr-nb perfctr-llc xsaves pqm pqe cqm smca succor hw-pstate cpb rapl aperfmperf irperf wbnoinvd invlpgb "
             "psfd shstk sme sev sev-es sev-snp sss v_spec_ctrl",
};
