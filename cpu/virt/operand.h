// SPDX-License-Identifier: MIT
// Where an instruction's memory operand lies: both vendors' exits tell it.
#pragma once
#include "cpu/cpu.h"

namespace virt {

// Its linear address, no check made.
inline u64 operand_address(const Cpu& cpu, const Insn& insn) {
    auto& r = cpu.gpr;
    u64 offset = (r[insn.base] + (r[insn.index] << insn.scale) + insn.displacement) & ones(insn.address_size);
    bool based = !cpu.bits64() || insn.segment == Seg::fs || insn.segment == Seg::gs;
    u64 linear = offset + (based ? cpu.seg[insn.segment].base : 0);
    return cpu.bits64() ? linear : u32(linear);
}

}
