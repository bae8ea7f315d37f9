// SPDX-License-Identifier: MIT
// Memory in each address space, looked at without a trace: no flag is set, nothing is cached, no device is asked.
#pragma once
#include "cpu/cpu.h"
#include "debugger/viewpoint.h"
#include "memory/walk.h"
#include <optional>
#include <span>

namespace debugger {

enum class Space : u8 { linear, guest_physical, physical };

struct Place {
    Space space = Space::linear;
    u64 address = 0;
};

// Tables as a look reads them: plain memory; what a device answers for reads as all ones.
struct QuietTables {
    const Cpu& cpu;
    bool plain(Physical at) const { return !cpu.apic.claims(at) && cpu.memory.page_for_read(at); }
    u64 load(Physical at, unsigned width) const { return plain(at) ? cpu.memory.read(at, width) : ~u64{0}; }
};

// Where a place is, whatever protection says; nothing where no translation leads on.
std::optional<Physical> physical_of(const Viewpoint& view, Place place);
std::optional<Physical> physical_of(const Cpu& cpu, Place place);
// A linear address as the mode makes it: 32 bits outside long mode.
u64 linear_in_mode(const Cpu& cpu, u64 address);
// RIP's linear address.
u64 code_address(Cpu& cpu);

// Reads what is plain memory, as far as it goes from the start: the number of bytes.
u64 read_memory(const Viewpoint& view, Place place, std::span<u8> to);
u64 read_memory(const Cpu& cpu, Place place, std::span<u8> to);
// Writes RAM: true where all of it is RAM and has been written, false with nothing changed. Whoever keeps something
// about the bytes is told.
bool write_memory(Cpu& cpu, Place place, std::span<const u8> from);

}
