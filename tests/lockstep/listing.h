// SPDX-License-Identifier: MIT
// Instructions as text, for complaints.
#pragma once
#include "cpu/cpu.h"
#include <string>

namespace lockstep {

// The instruction's text by a disassembler that isn't ours; empty where there is none.
std::string disassemble(std::span<const u8> bytes, u64 address, const decode::Mode& mode);

// The instruction that comes next: address, bytes and text.
std::string next_instruction(Cpu& cpu);

}
