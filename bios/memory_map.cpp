// SPDX-License-Identifier: MIT
// Where RAM lies and what firmware keeps of it (the E820 map), and a book of what a loader has given out.
#include "bios/memory_map.h"
#include "base/error.h"
#include <algorithm>
#include <string>

bool MemoryMap::is_ram(u64 base, u64 size) const {
    return std::any_of(ranges.begin(), ranges.end(), [&](const MemoryRange& r) {
        return r.type == MemoryType::usable && base >= r.base && base <= r.end() && size <= r.end() - base;
    });
}

MemoryMap memory_map(u64 ram) {
    if (ram < MemoryMap::minimum || ram % 4096 || ram > bit(40) - MemoryMap::four_gib)
        throw Error("--memory: " + std::to_string(ram) + " bytes cannot be the RAM of a PC; give a multiple of "
                    "4 KiB from 2 MiB to 1020 GiB");
    MemoryMap m;
    m.ram = ram;
    m.low_top = std::min(ram, MemoryMap::hole);
    m.high_top = MemoryMap::four_gib + (ram - m.low_top);
    using enum MemoryType;
    m.ranges = {
        {0,               MemoryMap::ebda,                   usable},
        {MemoryMap::ebda, 0xa0000 - MemoryMap::ebda,         reserved},
        {0xf0000,         0x10000,                           reserved},
        {0x100000,        m.tables() - 0x100000,             usable},
        {m.tables(),      m.tables_size(),                   acpi_tables},
        {m.nvs(),         MemoryMap::nvs_size,               acpi_nvs},
        {0xfffc0000,      0x40000,                           reserved},
    };
    if (m.high_top > MemoryMap::four_gib)
        m.ranges.push_back({MemoryMap::four_gib, m.high_top - MemoryMap::four_gib, usable});
    return m;
}

Space::Space(const MemoryMap& map) {
    for (auto& r : map.ranges)
        if (r.type == MemoryType::usable) free.push_back({r.base, r.end()});
}

bool Space::take(u64 base, u64 size) {
    if (size == 0) return true;
    auto holds = [&](const Range& r) { return base >= r.base && base < r.end && size <= r.end - base; };
    auto found = std::find_if(free.begin(), free.end(), holds);
    if (found == free.end()) return false;
    Range after{base + size, found->end};
    found->end = base;
    if (after.base < after.end) found = free.insert(found + 1, after) - 1;
    if (found->base == found->end) free.erase(found);
    return true;
}

std::optional<u64> Space::lowest(u64 size, u64 alignment, u64 from, u64 to) {
    for (auto& r : free) {
        u64 base = align_up(std::max(r.base, from), alignment), end = std::min(r.end, to);
        if (base <= end && size <= end - base) return take(base, size), base;
    }
    return {};
}

std::optional<u64> Space::highest(u64 size, u64 alignment, u64 from, u64 to) {
    for (auto r = free.rbegin(); r != free.rend(); ++r) {
        u64 low = std::max(r->base, from), end = std::min(r->end, to);
        if (end < low || size > end - low) continue;
        u64 base = (end - size) & ~(alignment - 1);
        if (base >= low) return take(base, size), base;
    }
    return {};
}
