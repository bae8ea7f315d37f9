// SPDX-License-Identifier: MIT
// The registers that gdb sees: one layout, that of 64-bit mode, whatever the mode is.
#pragma once
#include "cpu/cpu.h"
#include "debugger/viewpoint.h"
#include <optional>
#include <string>

namespace debugger::gdb {

unsigned register_count();
unsigned register_bytes(unsigned number);
// Little-endian bytes of register `number`, which must be below register_count().
std::string read_register(Cpu& cpu, unsigned number);
// Of a guest level that doesn't run; nothing where it is saved nowhere. Registers that both levels share are the CPU's.
std::optional<std::string> read_register_at(const Viewpoint& view, Cpu& cpu, unsigned number);
// False: refused. Writing what a register holds already is always granted.
bool write_register(Cpu& cpu, unsigned number, std::string_view bytes);

const std::string& target_description();       // target.xml (GDB manual, appendix G)
const std::string& memory_map();               // every linear address is RAM to gdb: the guest's tables decide

}
