// SPDX-License-Identifier: MIT
// A decoded instruction: its row and what its bytes said.
#pragma once
#include "cpu/isa/row.h"
#include "cpu/state/gpr.h"
#include "cpu/state/segment.h"

// Where an operand of a decoded instruction is.
enum class Place : u8 { none, gpr, high_byte, memory, immediate, segment, control, debug, mmx, xmm, st, string };     // xmm: YMM too, by the width

struct DecodedOperand {
    Place place = Place::none;
    u8 number = 0;                // of the register; 1 for a second immediate; of VSIB memory the vector register with the indexes
    u8 width = 0;                 // in bytes; 0 where the row gives none
};

struct Insn {
    const isa::Row* row = nullptr;    // null: the bytes are no instruction (#UD)
    isa::Handler run = nullptr;       // the row's handler for this operand width
    u8 length = 0;
    u8 word = 0;                      // log2 of the handler's operand width in bytes; of vectors whose length VEX.L tells, of a quarter of it
    u8 operand_size = 4;              // bytes: 2, 4, 8
    u8 address_size = 4;              // bytes: 2, 4, 8
    bool gated = false;               // the row has a condition that only the CPU's state answers, or an event
    bool lock = false;
    u8 rep = 0;                       // 0, F2 or F3: the last of them
    bool p66 = false;
    u8 rex = 0;                       // 40..4F, or 0
    bool vex = false;
    u8 vvvv = 0;
    u8 opcode = 0, modrm = 0;
    Seg segment = Seg::ds;            // of the memory operand, overrides and defaults applied
    u8 base = no_reg, index = no_reg, scale = 0;
    std::array<DecodedOperand, 4> operand;
    u64 displacement = 0;             // sign-extended; RIP-relative ones count from the instruction's start
    u64 immediate = 0;                // sign-extended; of far pointers the offset
    u64 immediate2 = 0;               // of far pointers the selector; of ENTER the level

    bool is_memory(unsigned n) const { return operand[n].place == Place::memory; }
    bool rex_w() const { return rex & 8; }
};
