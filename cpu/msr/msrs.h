// SPDX-License-Identifier: MIT
// The values behind the model-specific registers (cpu/msr/table.cpp names them).
#pragma once
#include "base/archive.h"
#include <array>

struct Msrs {
    u64 star = 0, lstar = 0, cstar = 0, fmask = 0, kernel_gs_base = 0, tsc_aux = 0;
    u64 sysenter_cs = 0, sysenter_esp = 0, sysenter_eip = 0;
    u64 tsc_offset = 0;           // TSC = clock.ticks + tsc_offset; WRMSR TSC changes it
    u64 tsc_adjust = 0;
    u64 mperf_offset = 0, aperf_offset = 0;   // from the count of retired instructions
    u64 pat = 0x0007040600070406;
    u64 mtrr_def_type = 0;
    std::array<u64, 11> mtrr_fixed{};
    std::array<u64, 16> mtrr_variable{};      // base and mask of each
    u64 misc_enable = 0, feature_control = 0, debugctl = 0, spec_ctrl = 0;
    u64 xss = 0, umwait_control = 0;
    u64 mcg_status = 0;
    std::array<u64, 32> mc_ctl{};             // of each machine-check bank
    // AMD
    u64 syscfg = 0, hwcr = 0, top_mem = 0, top_mem2 = 0, nb_cfg = 0, int_pending = 0, osvw_length = 0, osvw_status = 0;
    u64 vm_cr = 0, vm_hsave_pa = 0, svm_key = 0;
    u64 smm_addr = 0, smm_mask = 0;
    std::array<u64, 4> last_branch{};         // the last branch, from and to; the one before the last event, from and to
    u64 tsc_ratio = bit(32);      // 8 bits before the point, 32 behind
    std::array<u64, 16> chicken{};            // C001_1020h to C001_102Fh: LS_CFG, IC_CFG, DC_CFG ... DE_CFG, BU_CFG2

    void visit(Archive& a) {
        a("star", star), a("lstar", lstar), a("cstar", cstar), a("fmask", fmask);
        a("kernel_gs_base", kernel_gs_base), a("tsc_aux", tsc_aux);
        a("sysenter_cs", sysenter_cs), a("sysenter_esp", sysenter_esp), a("sysenter_eip", sysenter_eip);
        a("tsc_offset", tsc_offset), a("tsc_adjust", tsc_adjust), a("mperf_offset", mperf_offset), a("aperf_offset", aperf_offset);
        a("pat", pat), a("mtrr_def_type", mtrr_def_type), a("mtrr_fixed", mtrr_fixed), a("mtrr_variable", mtrr_variable);
        a("misc_enable", misc_enable), a("feature_control", feature_control), a("debugctl", debugctl), a("spec_ctrl", spec_ctrl), a("xss", xss);
        a("umwait_control", umwait_control);
        a("mcg_status", mcg_status), a("mc_ctl", mc_ctl);
        a("syscfg", syscfg), a("hwcr", hwcr), a("top_mem", top_mem), a("top_mem2", top_mem2), a("nb_cfg", nb_cfg);
        a("int_pending", int_pending), a("osvw_length", osvw_length), a("osvw_status", osvw_status);
        a("vm_cr", vm_cr), a("vm_hsave_pa", vm_hsave_pa), a("svm_key", svm_key), a("smm_addr", smm_addr), a("smm_mask", smm_mask), a("tsc_ratio", tsc_ratio), a("last_branch", last_branch);
        a("chicken", chicken);
    }
};
