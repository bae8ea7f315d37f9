// SPDX-License-Identifier: MIT
// Numbers as they are typed: 0x10, 16, a register, or a sum of those.
#pragma once
#include "debugger/look.h"
#include <string_view>

namespace debugger {

// A plain number, decimal or with 0x; false for anything else.
bool parse_number(std::string_view text, u64& value);
// "rsp+8", "0x1000", "$rip-2", "cs.base+rip". Throws Error.
u64 evaluate(const Cpu& cpu, std::string_view text);
// An address with its space: ADDR is linear, g:ADDR guest-physical, p:ADDR physical. Throws Error.
Place parse_place(const Cpu& cpu, std::string_view text);

}
