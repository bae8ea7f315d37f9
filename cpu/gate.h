// SPDX-License-Identifier: MIT
// The gate in front of every instruction that has conditions on the CPU's state.
#pragma once
#include "cpu/cpu.h"

// Outcome::next; changed: it is done already, by what a hypervisor has set up for it; or the fault (Insn::gated says whether there is anything to ask).
Outcome gate(Cpu& cpu, const Insn& insn);
