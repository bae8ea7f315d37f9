// SPDX-License-Identifier: MIT
// AVIC's tables: the permissions of a guest's accesses to its APIC, entries of the tables of APIC ids, reasons of incomplete IPIs
// (APM vol. 2, 15.29).
#pragma once
#include "base/bits.h"
#include <string_view>

namespace svm::avic {

enum class Permission : u8 { allowed, trap, fault, accelerated };

struct RegisterRow {
    u16 offset;
    u8 count;
    std::string_view text;
    Permission read, write;
};

constexpr RegisterRow registers[] = {
#define REGISTER(offset, count, text, read, write) {offset, count, text, Permission::read, Permission::write},
#include "cpu/svm/avic_registers.def"
};

// Of an access to so many bytes of the page. Only a register's four bytes are there, and they are written together.
constexpr Permission permission(unsigned offset, unsigned width, bool write) {
    unsigned within = offset & 15;
    if (within + width > 4 || (write && width != 4)) return Permission::fault;
    for (auto& r : registers)
        if (unsigned at = (offset & ~15u) - r.offset; at < r.count * 16u) return write ? r.write : r.read;
    return Permission::fault;
}

// An entry of the table of physical APIC ids ...
struct PhysicalEntry {
    u64 raw;
    constexpr u32 host_apic() const { return u8(raw); }
    constexpr u64 backing_page() const { return raw & mask(51, 12); }
    constexpr bool running() const { return raw & bit(62); }
    constexpr bool valid() const { return raw >> 63; }
};
// ... and one of the table of logical ids.
struct LogicalEntry {
    u32 raw;
    constexpr u8 physical_id() const { return u8(raw); }
    constexpr bool valid() const { return raw >> 31; }
};

// EXITINFO2[63:32] of an incomplete IPI.
enum class Incomplete : u8 { invalid_type, not_running, invalid_target, invalid_page, invalid_vector };

}
