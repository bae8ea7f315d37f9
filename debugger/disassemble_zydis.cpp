// SPDX-License-Identifier: MIT
// Disassembly by Zydis, in Intel's syntax.
#include "debugger/disassemble.h"
#include <Zydis/Zydis.h>

namespace debugger {

Disassembled disassemble(std::span<const u8> bytes, u64 address, decode::CodeSize size) {
    static constexpr ZydisMachineMode modes[] = {ZYDIS_MACHINE_MODE_LEGACY_16, ZYDIS_MACHINE_MODE_LEGACY_32, ZYDIS_MACHINE_MODE_LONG_64};
    ZydisDisassembledInstruction instruction;
    if (!ZYAN_SUCCESS(ZydisDisassembleIntel(modes[unsigned(size)], address, bytes.data(), bytes.size(), &instruction))) return {};
    return {instruction.info.length, instruction.text};
}

}
