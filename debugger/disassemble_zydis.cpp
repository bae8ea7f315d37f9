// SPDX-License-Identifier: MIT
// Disassembly by Zydis, in Intel's syntax.
#include "debugger/disassemble.h"
#include <Zydis/Zydis.h>

namespace debugger {

static bool whole_address(const ZydisDecodedOperandMem& m) {
    bool flat = m.segment != ZYDIS_REGISTER_FS && m.segment != ZYDIS_REGISTER_GS && m.index == ZYDIS_REGISTER_NONE;
    return flat && (m.base == ZYDIS_REGISTER_NONE || m.base == ZYDIS_REGISTER_RIP || m.base == ZYDIS_REGISTER_EIP);
}

// Of an operand without registers, or relative to RIP.
static std::optional<u64> target_of(const ZydisDisassembledInstruction& i, u64 address) {
    for (unsigned n = 0; n < i.info.operand_count_visible; n++) {
        auto& o = i.operands[n];
        bool says_it = o.type == ZYDIS_OPERAND_TYPE_IMMEDIATE ? bool(o.imm.is_relative) : o.type == ZYDIS_OPERAND_TYPE_MEMORY && whole_address(o.mem);
        u64 target;
        if (says_it && ZYAN_SUCCESS(ZydisCalcAbsoluteAddress(&i.info, &o, address, &target))) return target;
    }
    return {};
}

Disassembled disassemble(std::span<const u8> bytes, u64 address, decode::CodeSize size) {
    static constexpr ZydisMachineMode modes[] = {ZYDIS_MACHINE_MODE_LEGACY_16, ZYDIS_MACHINE_MODE_LEGACY_32, ZYDIS_MACHINE_MODE_LONG_64};
    ZydisDisassembledInstruction instruction;
    if (!ZYAN_SUCCESS(ZydisDisassembleIntel(modes[unsigned(size)], address, bytes.data(), bytes.size(), &instruction))) return {};
    return {instruction.info.length, instruction.text, target_of(instruction, address)};
}

}
