// SPDX-License-Identifier: MIT
// Numbers as they are typed: 16, 0x10, registers, symbols, VMCS fields, memory, and what C's operators make of them.
#pragma once
#include "debugger/look.h"
#include <string_view>

namespace debugger {

class Symbols;

// A decimal or hexadecimal number and nothing else.
bool parse_number(std::string_view text, u64& value);

// Throws Error for what it can't read. 64 bits, without sign. Names: registers (rsp, cr3, fs.base), then fields of the current VMCS
// (exit_reason) or of the VMCB that was run last, then symbols, of the level that runs (0) or another. Memory: [rsp], [p:0x1000], byte[rip], word,
// dword, qword; as wide as the code's numbers where nothing is said. && and || leave out what doesn't matter.
u64 evaluate(const Cpu& cpu, std::string_view text, const Symbols* symbols = nullptr, unsigned level = 0);
// Only whether it can be read: throws Error too.
void check_expression(const Cpu& cpu, std::string_view text, const Symbols* symbols = nullptr);
// An address with its space: ADDR is linear, g:ADDR guest-physical, p:ADDR physical. Throws Error.
Place parse_place(const Cpu& cpu, std::string_view text, const Symbols* symbols = nullptr);

}
