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
    u64 pat = 0x0007040600070406;
    u64 mtrr_def_type = 0;
    std::array<u64, 11> mtrr_fixed{};
    std::array<u64, 16> mtrr_variable{};      // base and mask of each
    u64 misc_enable = 0, feature_control = 0, debugctl = 0;

    void visit(Archive& a) {
        a("star", star), a("lstar", lstar), a("cstar", cstar), a("fmask", fmask);
        a("kernel_gs_base", kernel_gs_base), a("tsc_aux", tsc_aux);
        a("sysenter_cs", sysenter_cs), a("sysenter_esp", sysenter_esp), a("sysenter_eip", sysenter_eip);
        a("tsc_offset", tsc_offset), a("tsc_adjust", tsc_adjust), a("pat", pat);
        a("mtrr_def_type", mtrr_def_type), a("mtrr_fixed", mtrr_fixed), a("mtrr_variable", mtrr_variable);
        a("misc_enable", misc_enable), a("feature_control", feature_control), a("debugctl", debugctl);
    }
};
