// SPDX-License-Identifier: MIT
// Without Zydis: the decoder knows lengths and names, and operands aren't shown.
#include "cpu/isa/row.h"
#include "debugger/disassemble.h"

namespace debugger {

Disassembled disassemble(std::span<const u8> bytes, u64, decode::CodeSize size) {
    Insn insn;
    bool good = decode::decode(bytes, {.size = size}, insn) == decode::Result::ok;
    return good ? Disassembled{insn.length, std::string(insn.row->name) + " (operands need Zydis)"} : Disassembled{};
}

}
