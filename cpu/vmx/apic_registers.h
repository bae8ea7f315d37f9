// SPDX-License-Identifier: MIT
// The registers of a guest's local APIC: what of an access is virtualized, and by which controls.
#pragma once
#include "base/bits.h"
#include <iterator>
#include <string_view>

namespace vmx::apic {

enum class With : u8 { shadow, delivery, registers, never };
enum class Write : u8 { task_priority, end, command, destination, exit };

struct RegisterRow {
    u16 offset;
    u8 count;
    std::string_view text;
    With read, write;
    Write comes_to;
};

constexpr RegisterRow registers[] = {
#define REGISTER(offset, count, text, read, write, comes_to) {offset, count, text, With::read, With::write, Write::comes_to},
#include "cpu/vmx/apic_registers.def"
};

// The register whose four bytes the access lies in, or null.
constexpr const RegisterRow* find(unsigned offset, unsigned width) {
    if (offset % 16 + width > 4) return nullptr;
    for (auto& r : registers)
        if (offset / 16 - r.offset / 16 < r.count) return &r;
    return nullptr;
}

}
