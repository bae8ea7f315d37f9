// SPDX-License-Identifier: MIT
// The reference engine's context: operands with the width decided at run time.
#include "cpu/exec/slow.h"

u64 Slow::read_any(unsigned n) {
    auto& o = insn.operand[n];
    switch (o.place) {
    case Place::gpr: return cpu.gpr[o.number] & ones(o.width);
    case Place::high_byte: return cpu.gpr.high(o.number);
    case Place::immediate: return o.number ? insn.immediate2 : insn.immediate;
    case Place::segment: return cpu.seg[Seg(o.number)].selector;
    default: break;
    }
    switch (o.width) {
    case 1: return load<u8>();
    case 2: return load<u16>();
    case 4: return load<u32>();
    default: return load<u64>();
    }
}

void Slow::write_any_register(unsigned n, u64 value) {
    auto& o = insn.operand[n];
    if (o.place == Place::high_byte) return cpu.gpr.set_high(o.number, u8(value));
    switch (o.width) {
    case 1: return cpu.gpr.set(o.number, u8(value));
    case 2: return cpu.gpr.set(o.number, u16(value));
    case 4: return cpu.gpr.set(o.number, u32(value));
    default: return cpu.gpr.set(o.number, value);
    }
}
