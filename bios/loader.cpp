// SPDX-License-Identifier: MIT
// What every boot protocol uses while it plans: the kernel's bytes, free memory, the modules, the plan so far.
#include "bios/loader.h"
#include "base/error.h"
#include <algorithm>

std::string in_hex(u64 value) {
    std::string s;
    do s.insert(s.begin(), "0123456789abcdef"[value & 15]);
    while (value >>= 4);
    return "0x" + s;
}

void Loader::refuse(const std::string& reason, const std::string& advice) const {
    throw Error("kernel '" + request.kernel + "': " + reason + "; " + advice);
}

void Loader::place_at(u64 address, Bytes bytes, u64 zeros, const std::string& what) {
    u64 size = bytes.size() + zeros;
    if (size < zeros || !map.is_ram(address, size))
        refuse("its " + what + " of " + in_mib(size) + " at " + in_hex(address) + " is not in RAM of " + in_mib(map.ram),
               "give more with --memory or link it elsewhere");
    if (!space.take(address, size))
        refuse("its " + what + " at " + in_hex(address) + " overlaps another part of it", "get it again or link it again");
    plan.placements.push_back({address, std::move(bytes), zeros, what});
}

u64 Loader::place_low(Bytes bytes, u64 alignment, u64 from, u64 to, const std::string& what) {
    auto address = space.lowest(bytes.size(), alignment, from, to);
    if (!address)
        refuse("no RAM is left for the " + what + " of " + in_mib(bytes.size()), "give more with --memory");
    plan.placements.push_back({*address, std::move(bytes), 0, what});
    return *address;
}

u64 Loader::place_information(Bytes bytes, u64 alignment, const std::string& what) {
    auto address = space.lowest(bytes.size(), alignment, 0x9000, MemoryMap::ebda);
    if (!address) return place_low(std::move(bytes), alignment, 0x100000, MemoryMap::four_gib, what);
    plan.placements.push_back({*address, std::move(bytes), 0, what});
    return *address;
}

void Loader::place_modules(u64 kernel_end) {
    u64 from = std::max<u64>(kernel_end, 0x100000);
    for (auto& m : modules) {
        m.address = place_low(std::move(m.bytes), 0x1000, from, MemoryMap::four_gib, "module '" + m.file + "'");
        from = m.address;
    }
}

u64 Loader::place_segments(const Elf& elf) {
    u64 end = 0;
    for (auto& s : elf.segments) {
        auto from = kernel.begin() + std::ptrdiff_t(s.offset);
        if (!map.is_ram(s.physical_address, s.memory_size))         // before anything is copied
            place_at(s.physical_address, {}, s.memory_size, "segment");
        place_at(s.physical_address, Bytes(from, from + std::ptrdiff_t(s.file_size)), s.memory_size - s.file_size, "segment");
        end = std::max(end, s.physical_address + s.memory_size);
    }
    return end;
}

static std::string joined(const std::string& file, const std::string& rest) {
    return rest.empty() ? file : file + " " + rest;
}
std::string Loader::command_line() const { return joined(request.kernel, request.append); }
std::string Loader::command_line(const Module& m) { return joined(m.file, m.arguments); }
