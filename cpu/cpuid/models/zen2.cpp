// SPDX-License-Identifier: MIT
// zen2: EPYC 7742 of 2019.
#include "cpu/cpuid/models.h"

static constexpr Cache caches[] = {
    {1, 'd', 32, 8, 64, false}, {1, 'i', 32, 8, 64, false}, {2, 'u', 512, 8, 64, false, 2}, {3, 'u', 16384, 16, 64, true, 1},
};

const CpuModel zen2{
    .name = "zen2",
    .text = "AMD EPYC 7742 (2019)",
    .vendor = Vendor::amd,
    .brand = "AMD EPYC 7742 64-Core Processor",
    .family = 0x17, .model = 0x31, .stepping = 0,
    .microcode = 0x0830107c,
    .max_leaf = 0x10, .max_extended = 0x80000020,
    .physical_bits = 48,
    .features = long_mode_features | sse4_features | FeatureSet{
        "pclmulqdq monitor aes fma movbe popcnt xsave avx f16c rdrand "
        "arat fsgsbase bmi1 avx2 smep bmi2 rdseed adx smap clflushopt clwb sha umip rdpid xsaveopt xsavec "
        "xgetbv1 xsaves cmp_legacy cr8_legacy lzcnt sse4a prefetchw osvw topoext monitorx mmxext ffxsr page1gb rdtscp invtsc clzero xsaveerptr ibpb ibrs "
        "amd_stibp amd_ssbd svm npt lbrv svm_lock nrip_save vmcb_clean flushbyasid decodeassists pausefilter pfthreshold v_vmsave_vmload "
        "vgif skinit tsc_scale gmet avic perfctr_core"},
    .caches = caches,
    .l1 = {0xff40ff40, 0xff40ff40, 0x20080140, 0x20080140},
    .l2 = {0x48002200, 0x68004200, 0x02006140, 0x00808140},
    .mca_banks = 16,
    .apic_version = 0x10,
    .asids = 0x8000,
    .lacks = "misalignsse ibs wdt "
             "extapic perfctr-nb perfctr-llc pqm pqe cqm smca succor hw-pstate cpb rapl aperfmperf irperf wbnoinvd "
             "sme sev sev-es",
};
