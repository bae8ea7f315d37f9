// SPDX-License-Identifier: MIT
// The ROM as a boot needs it: memory map and tables filled in; interrupt vectors and BIOS data area in RAM.
#include "base/error.h"
#include "bios/rom/image.h"
#include <algorithm>

Rom::Rom(const MemoryMap& map) : bytes(rom_image().begin(), rom_image().end()) {
    u64 top = map.tables(), at = rom::e820;
    constexpr u64 mib = 1 << 20;
    patch(bytes, rom::e820_count, std::min<u64>(map.ranges.size(), rom::e820_max), 2);
    patch(bytes, rom::kib_above_1m, (std::min(top, 16 * mib) - mib) >> 10, 2);
    patch(bytes, rom::blocks_above_16m, (std::max(top, 16 * mib) - 16 * mib) >> 16, 2);
    patch(bytes, rom::kib_extended, std::min<u64>((top - mib) >> 10, 0xfc00), 2);
    for (auto& r : map.ranges) {
        if (at == rom::e820 + 20 * rom::e820_max) break;
        patch(bytes, at, r.base, 8), patch(bytes, at + 8, r.size, 8), patch(bytes, at + 16, u32(r.type), 4);
        at += 20;
    }
}

u64 Rom::add(std::span<const u8> table) {
    if (table.size() > rom::tables_end - cursor)
        throw Error("internal error: the ROM has no room for the tables of so many CPUs; use fewer with --smp", 4);
    u64 at = cursor;
    std::copy(table.begin(), table.end(), bytes.begin() + std::ptrdiff_t(at));
    cursor = align_up(cursor + table.size(), 16);
    return rom::base + at;
}

namespace {

struct Datum { u16 at; u8 width; u32 value; };

// The BIOS data area, offsets from 400h; everything else in it is 0.
constexpr Datum data_area[] = {
    // at    width  value
    {0x0e,   2,     MemoryMap::ebda >> 4},         // segment of the EBDA
    {0x13,   2,     MemoryMap::ebda >> 10},        // KiB of low memory
    {0x1a,   2,     0x1e},                         // keyboard queue: head,
    {0x1c,   2,     0x1e},                         // tail,
    {0x80,   2,     0x1e},                         // start,
    {0x82,   2,     0x3e},                         // end
    {0x49,   1,     0x03},                         // video mode, columns, CRTC port, rows - 1
    {0x4a,   2,     80},
    {0x63,   2,     0x3d4},
    {0x84,   1,     24},
    {0x7c,   4,     0x01010101},                   // timeouts of the serial ports
};
constexpr u16 serial_bases[] = {0x3f8, 0x2f8, 0x3e8, 0x2e8};

Bytes interrupt_vectors() {
    Bytes ivt;
    for (unsigned n = 0; n < 256; n++) {
        put16(ivt, number_at<u16>(rom_image(), rom::vectors + 2 * n));
        put16(ivt, rom::segment);
    }
    return ivt;
}

Bytes bios_data(const AcpiParameters& board) {
    Bytes b(0x100);
    for (auto& d : data_area) patch(b, d.at, d.value, d.width);
    unsigned serial = std::min(board.serial_ports, 4u);
    for (unsigned i = 0; i < serial; i++) patch(b, 2 * i, serial_bases[i], 2);
    patch(b, 0x10, serial << 9 | (board.keyboard ? 4 : 0) | 2, 2);   // serial ports, mouse, coprocessor
    return b;
}

}  // namespace

std::vector<Placement> firmware_data(const AcpiParameters& board) {
    return {{0, interrupt_vectors(), 0, "interrupt vectors"},
            {0x400, bios_data(board), 0, "BIOS data area"},
            {MemoryMap::ebda, Bytes{1}, 0x3ff, "extended BIOS data area"}};      // its first byte: KiB
}
