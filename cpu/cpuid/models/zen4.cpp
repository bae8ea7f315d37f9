// SPDX-License-Identifier: MIT
// zen4: EPYC 9654 of 2022.
#include "cpu/cpuid/models.h"

static constexpr Cache caches[] = {
    {1, 'd', 32, 8, 64, false}, {1, 'i', 32, 8, 64, false}, {2, 'u', 1024, 8, 64, false, 2}, {3, 'u', 32768, 16, 64, true, 1},
};

const CpuModel zen4{
    .name = "zen4",
    .text = "AMD EPYC 9654 (2022)",
    .vendor = Vendor::amd,
    .brand = "AMD EPYC 9654 96-Core Processor",
    .family = 0x19, .model = 0x11, .stepping = 1,
    .microcode = 0x0a101148,
    .max_leaf = 0x10, .max_extended = 0x80000028,
    .physical_bits = 52,
    .features = long_mode_features | sse4_features | FeatureSet{
        "pclmulqdq monitor aes fma pcid x2apic movbe popcnt xsave avx f16c rdrand "
        "arat fsgsbase bmi1 avx2 smep bmi2 erms invpcid rdseed adx smap clflushopt clwb sha "
        "umip pku gfni vaes vpclmulqdq la57 rdpid xsaveopt xsavec xgetbv1 cmp_legacy cr8_legacy lzcnt sse4a prefetchw osvw topoext monitorx mmxext ffxsr page1gb rdtscp invtsc "
        "clzero xsaveerptr ibpb ibrs amd_stibp no_lmsle amd_ssbd btc_no lfence_rdtsc null_sel_clr_base auto_ibrs svm skinit npt lbrv svm_lock "
        "nrip_save tsc_scale vmcb_clean flushbyasid decodeassists pausefilter pfthreshold avic v_vmsave_vmload vgif gmet vnmi perfctr_core"},
    .caches = caches,
    .l1 = {0xff48ff40, 0xff48ff40, 0x20080140, 0x20080140},
    .l2 = {0x5c002200, 0x6c004200, 0x04006140, 0x01008140},
    .mca_banks = 32,
    .apic_version = 0x10,
    .asids = 0x8000,
    .lacks = "avx512 avx512-bf16 fsrm "
             "misalignsse ibs wdt extapic perfctr-nb perfctr-llc perfmon-v2 lbr-v2 xsaves pqm pqe cqm smca succor hw-pstate "
             "cpb cppc rapl aperfmperf irperf wbnoinvd invlpgb psfd shstk sme sev sev-es sev-snp x2avic sss v_spec_ctrl rogpt tlbictl ibs-virt",
};
