// SPDX-License-Identifier: MIT
// How the reference engine runs an instruction, for the two loops that have no call to spare.
#pragma once
#include "cpu/cpu.h"
#include "cpu/gate.h"

[[gnu::always_inline]] inline Outcome Cpu::execute_inline(const Insn& insn) {
    Outcome outcome = insn.gated ? gate(*this, insn) : Outcome::next;
    if (outcome == Outcome::next) outcome = insn.run(*this, insn);
    switch (outcome) {
    case Outcome::next: case Outcome::changed:
        gpr[rip_reg] = bits64() ? gpr[rip_reg] + insn.length : u32(gpr[rip_reg] + insn.length);
        [[fallthrough]];
    case Outcome::taken:
        retired++;
        return outcome;
    default:
        return outcome;
    }
}
