// SPDX-License-Identifier: MIT
// Bytes to Insn, by the opcode table alone (SDM vol. 2, ch. 2 and appendix A).
#pragma once
#include "cpu/decode/insn.h"

namespace decode {

enum class CodeSize : u8 { bits16, bits32, bits64 };

// What besides the bytes decides about an instruction.
struct Mode {
    CodeSize size = CodeSize::bits64;
    bool protected_mode = true;         // false in real and virtual-8086 mode: no VEX there
    bool amd = false;                   // near branches obey 66 in 64-bit mode; MOV CR8 by LOCK MOV CR0
    const FeatureSet* features = nullptr;   // null: all
    bool operator==(const Mode&) const = default;
};

enum class Result : u8 {
    ok,                                 // insn.row is the instruction
    undefined,                          // no row: #UD. insn.length counts the bytes looked at
    truncated,                          // the bytes end before the instruction does
    too_long,                           // more than 15 bytes: #GP(0)
};

Result decode(std::span<const u8> code, Mode mode, Insn& insn);

// The row for given bytes of opcode, or null (tests and listings).
std::span<const isa::Row* const> rows_at(bool vex, u8 map, u8 opcode);

}
