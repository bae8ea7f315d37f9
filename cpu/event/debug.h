// SPDX-License-Identifier: MIT
// Breakpoints in DR0 to DR7 and the single-step trap (SDM vol. 3, 18.2 and 18.3).
#pragma once
#include "cpu/cpu.h"

namespace debug {

// DR6.
constexpr u64 bd = bit(13), bs = bit(14), bt = bit(15);
// DR7: general detect.
constexpr u64 gd = bit(13);

// DEBUGCTL.
constexpr u64 lbr = bit(0), btf = bit(1), freeze_lbrs_on_pmi = bit(11), freeze_perfmon_on_pmi = bit(12), freeze_while_smm = bit(14);

// #DB with the DR6 bits that it sets.
constexpr Fault db(u64 dr6) { return {db_vector, false, 0, dr6}; }

// What #DB does to the debug registers before its handler runs.
void entered(Cpu& cpu, u64 dr6);

// What DEBUGCTL.LBR keeps (APM vol. 2, 13.1.6): of a branch that has been taken to RIP ...
void record_branch(Cpu& cpu, u64 from);
// ... and of an event whose handler is at RIP: the branch before it is kept too.
void record_event(Cpu& cpu, u64 from);

}
