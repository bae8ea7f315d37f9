// SPDX-License-Identifier: MIT
// Disassembly by Zydis.
#include "tests/lockstep/listing.h"
#include <Zydis/Zydis.h>

namespace lockstep {

std::string disassemble(std::span<const u8> bytes, u64 address, const decode::Mode& mode) {
    static constexpr ZydisMachineMode modes[] = {ZYDIS_MACHINE_MODE_LEGACY_16, ZYDIS_MACHINE_MODE_LEGACY_32, ZYDIS_MACHINE_MODE_LONG_64};
    ZydisDisassembledInstruction instruction;
    bool good = ZYAN_SUCCESS(ZydisDisassembleIntel(modes[unsigned(mode.size)], address, bytes.data(), bytes.size(), &instruction));
    return good ? instruction.text : "";
}

}
