// SPDX-License-Identifier: MIT
// Which source line the code at an address is of, from an ELF file's .debug_line (DWARF 2 to 5, "Line Number Information").
#pragma once
#include "base/bits.h"
#include <functional>
#include <span>
#include <string>

namespace debugger {

// A piece of code that one line has become: [low, high).
struct LineRow {
    const std::string& file;              // with its folder, as far as the table says it
    u64 line;
    u64 low, high;
};

// Each row of a file, in the table's order; their number, 0 where the file has no lines. Throws Error for a table that makes no sense.
u64 each_line(std::span<const u8> elf, const std::function<void(const LineRow&)>& see);

}
