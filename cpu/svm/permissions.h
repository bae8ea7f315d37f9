// SPDX-License-Identifier: MIT
// The I/O and MSR permissions maps: which bits an access asks for, and whether one of them is set (APM vol. 2, 15.10, 15.11).
#pragma once
#include "memory/address.h"
#include <concepts>
#include <optional>

namespace svm {

constexpr u64 iopm_bytes = 0x3000, msrpm_bytes = 0x2000;

// Where a map's bits for an access begin: a byte of the map, and the first bit in it.
struct MapBits {
    u64 byte;
    unsigned bit;
    bool operator==(const MapBits&) const = default;
};

// A bit for each port; a wide access at the end of the port space asks for bits of the map's third page.
constexpr MapBits io_bits(u16 port) { return {port / 8u, port % 8u}; }
// Two bits for each MSR, read and write, in three ranges; none for other MSRs, whose accesses always exit.
std::optional<MapBits> msr_bits(u32 index, bool write);

// Read gives the byte at a physical address. The low 12 bits of a map's base are ignored.
template <std::invocable<Physical> Read> bool io_intercepted(u64 map, u16 port, unsigned width, Read&& read) {
    auto [byte, first] = io_bits(port);
    Physical at((map & ~u64{0xfff}) + byte);
    u64 word = read(at);
    if (first + width > 8) word |= u64{read(at + 1)} << 8;
    return word >> first & (bit(width) - 1);
}
template <std::invocable<Physical> Read> bool msr_intercepted(u64 map, u32 index, bool write, Read&& read) {
    auto where = msr_bits(index, write);
    if (!where) return true;
    return read(Physical((map & ~u64{0xfff}) + where->byte)) >> where->bit & 1;
}

}
