// SPDX-License-Identifier: MIT
// Instructions as text, by Zydis where it is installed.
#pragma once
#include "cpu/decode/decoder.h"
#include <optional>
#include <string>

namespace debugger {

struct Disassembled {
    unsigned length = 0;          // 0: the bytes are no instruction, or there is no disassembler
    std::string text;
    std::optional<u64> target = {};        // where it jumps, or the operand whose address it says whole
};
Disassembled disassemble(std::span<const u8> bytes, u64 address, decode::CodeSize size);

}
