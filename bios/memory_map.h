// SPDX-License-Identifier: MIT
// Where RAM lies and what firmware keeps of it (the E820 map), and a book of what a loader has given out.
#pragma once
#include "base/bits.h"
#include <optional>
#include <vector>

// The numbers of INT 15h AX=E820h (ACPI 6, table 15.1), the same in every boot protocol.
enum class MemoryType : u32 { usable = 1, reserved = 2, acpi_tables = 3, acpi_nvs = 4 };

struct MemoryRange {
    u64 base = 0, size = 0;
    MemoryType type = MemoryType::usable;
    u64 end() const { return base + size; }
    bool operator==(const MemoryRange&) const = default;
};

//  0            9FC00   A0000        F0000   100000                 low_top   C0000000      4 GiB     high_top
//  | IVT, BDA, usable | EBDA | no RAM | ROM |  usable  | ACPI | NVS |  no RAM  | PCI window |  usable  |
struct MemoryMap {
    static constexpr u64 minimum = 2 << 20;
    static constexpr u64 ebda = 0x9fc00;             // 1 KiB
    static constexpr u64 hole = 0xc000'0000;         // RAM does not reach beyond this below 4 GiB
    static constexpr u64 four_gib = 0x1'0000'0000;
    static constexpr u64 kept = 0x20000;             // the last 128 KiB of low RAM: ACPI tables and
    static constexpr u64 nvs_size = 0x2000;          // of these the FACS's 8 KiB

    u64 ram = 0;                                     // bytes
    u64 low_top = 0;                                 // end of RAM below 4 GiB
    u64 high_top = four_gib;                         // end of RAM above it
    std::vector<MemoryRange> ranges;                 // ascending, disjoint

    u64 tables() const { return low_top - kept; }    // where ACPI tables go
    u64 tables_size() const { return kept - nvs_size; }
    u64 nvs() const { return low_top - nvs_size; }
    bool is_ram(u64 base, u64 size) const;           // all of it RAM that a kernel may use
};

// Throws Error when no PC can be made of that size (not a multiple of 4 KiB, under 2 MiB, beyond 2^40).
MemoryMap memory_map(u64 ram);

// What is still free of the usable ranges.
class Space {
public:
    explicit Space(const MemoryMap&);
    bool take(u64 base, u64 size);                   // false: some of it is not free; nothing is taken then
    // The lowest or highest free place in [from, to), aligned to a power of two; taken at once.
    std::optional<u64> lowest(u64 size, u64 alignment, u64 from, u64 to);
    std::optional<u64> highest(u64 size, u64 alignment, u64 from, u64 to);

private:
    struct Range { u64 base, end; };
    std::vector<Range> free;
};
