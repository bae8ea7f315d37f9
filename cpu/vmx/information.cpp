// SPDX-License-Identifier: MIT
// VM-exit instruction information, built from decoded instructions.
#include "cpu/vmx/information.h"

namespace vmx {

namespace {

// 0, 1, 2 for 2, 4, 8 bytes.
u64 width_code(unsigned bytes) { return u64(std::countr_zero(bytes)) - 1; }

// Bits 1:0, 9:7 and 27:15 of a memory operand; RIP counts as no base.
u64 addressing(const Insn& insn) {
    bool index = insn.index != no_reg, base = insn.base != no_reg && insn.base != rip_reg;
    return (index ? insn.scale : 0) | width_code(insn.address_size) << 7 | u64(insn.segment) << 15 |
           (index ? u64{insn.index} << 18 : bit(22)) | (base ? u64{insn.base} << 23 : bit(27));
}

// Bits 6:3 and 10 of a register operand, else the memory operand's.
u64 operand(const Insn& insn, unsigned n) {
    if (insn.is_memory(n)) return addressing(insn);
    return u64{insn.operand[n].number} << 3 | bit(10);
}

}

u64 displacement(const Cpu& cpu, const Insn& insn) {
    return insn.displacement + (insn.base == rip_reg ? cpu.gpr[rip_reg] : 0);
}

u64 debug_register_access(const Cpu&, const Insn& insn) {
    bool from = insn.operand[1].place == Place::debug;
    auto &dr = insn.operand[from ? 1 : 0], &gpr = insn.operand[from ? 0 : 1];
    return dr.number | (from ? bit(4) : 0) | u64{gpr.number} << 8;
}

u64 memory_information(const Cpu&, const Insn& insn) {
    bool second = insn.is_memory(1) || (!insn.is_memory(0) && insn.opcode == 0x79);
    unsigned n = second ? 1 : 0, other = 1 - n;
    u64 info = operand(insn, n);
    return insn.row->operands.count > 1 ? info | u64{insn.operand[other].number} << 28 : info;
}

u64 table_information(const Cpu&, const Insn& insn) {
    auto name = insn.row->name;
    static constexpr std::string_view tables[] = {"sgdt", "sidt", "lgdt", "lidt"}, tasks[] = {"sldt", "str", "lldt", "ltr"};
    for (unsigned i = 0; i < 4; i++) {
        if (name == tables[i]) return addressing(insn) | (insn.operand_size == 2 ? 0 : bit(11)) | u64{i} << 28;
        if (name == tasks[i]) return operand(insn, 0) | u64{i} << 28;
    }
    return 0;
}

u64 random_information(const Cpu&, const Insn& insn) {
    return u64{insn.operand[0].number} << 3 | width_code(insn.operand_size) << 11;
}

// The operand has 32 bits.
u64 wait_information(const Cpu&, const Insn& insn) { return u64{insn.operand[0].number} << 3 | 1 << 11; }

u64 string_information(const Insn& insn) {
    bool out = insn.operand[1].place == Place::string;
    return width_code(insn.address_size) << 7 | (out ? u64(insn.segment) << 15 : 0);
}

bool is_string(const Insn& insn) { return insn.operand[0].place == Place::string || insn.operand[1].place == Place::string; }

}
