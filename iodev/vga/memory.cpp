// SPDX-License-Identifier: MIT
// The graphics controller's data path. All four planes are worked on at once, a byte of a dword each.
#include "iodev/vga/memory.h"
#include <bit>

namespace {

// Four bits as four bytes of all ones or zeros.
constexpr u32 spread(unsigned planes) {
    u32 value = 0;
    for (unsigned plane = 0; plane < 4; plane++)
        if (planes >> plane & 1) value |= u32{0xff} << plane * 8;
    return value;
}
constexpr u32 repeated(u8 byte) { return byte * 0x01010101u; }
static_assert(spread(0x5) == 0x00ff00ff && repeated(0x12) == 0x12121212);

constexpr struct { u32 base, size; } maps[] = {           // memory map, graphics register 06h bits 3:2
    {0x00000, 0x20000}, {0x00000, 0x10000}, {0x10000, 0x08000}, {0x18000, 0x08000}};

}  // namespace

// Makes `offset` one from the start of the map chosen; false where this window does not answer.
bool VgaWindow::inside(u64& offset) const {
    auto& map = maps[registers.graphics[6] >> 2 & 3];
    bool enabled = registers.miscellaneous & 2;
    if (!enabled || offset < map.base || offset - map.base >= map.size) return false;
    offset -= map.base;
    return true;
}

// Chain-4 and odd/even take the plane from the address's low bits, and leave those out of the address.
VgaWindow::Place VgaWindow::place(u32 offset) const {
    u8 mask = registers.sequencer[2], read_map = registers.graphics[4];
    u32 bank = dispi.bank() << 16;
    if (registers.sequencer[4] & 8) return {(offset & 0xfffc) + bank, u8(mask & 1 << (offset & 3)), u8(offset & 3)};
    bool odd = offset & 1;
    if (!(registers.sequencer[4] & 4)) mask &= odd ? 0x0a : 0x05;
    if (registers.graphics[5] & 0x10) read_map = u8((read_map & 2) | odd);
    if (registers.graphics[6] & 2) offset &= ~1u;
    return {(offset & 0xffff) + bank, mask, read_map};
}

u8 VgaWindow::read_byte(u64 offset) {
    if (!inside(offset)) return 0xff;
    if (dispi.linear()) return memory.byte((u64{dispi.bank()} << 16) + offset);
    Place at = place(u32(offset));
    latches = memory.planes(at.address);
    if (!(registers.graphics[5] & 8)) return u8(latches >> at.plane * 8);
    u32 differs = (latches ^ spread(registers.graphics[2])) & spread(registers.graphics[7]);
    return u8(~(differs | differs >> 8 | differs >> 16 | differs >> 24));
}

// Write modes 0, 2 and 3: the data of each plane, combined with the latches by function and bit mask.
u32 VgaWindow::combined(u8 value) const {
    auto& g = registers.graphics;
    u8 rotated = std::rotr(value, g[3] & 7), bit_mask = g[8];
    u32 data = 0, set_reset = spread(g[0]), enabled = spread(g[1]);
    switch (g[5] & 3) {
    case 0: data = (repeated(rotated) & ~enabled) | (set_reset & enabled); break;
    case 2: data = spread(value); break;
    default: data = set_reset, bit_mask &= rotated; break;
    }
    switch (g[3] >> 3 & 3) {
    case 1: data &= latches; break;
    case 2: data |= latches; break;
    case 3: data ^= latches; break;
    default: break;
    }
    u32 mask = repeated(bit_mask);
    return (data & mask) | (latches & ~mask);
}

void VgaWindow::write_byte(u64 offset, u8 value) {
    if (!inside(offset)) return;
    if (dispi.linear()) {
        memory.byte((u64{dispi.bank()} << 16) + offset) = value;
        return;
    }
    Place at = place(u32(offset));
    u32 data = (registers.graphics[5] & 3) == 1 ? latches : combined(value), planes = spread(at.planes);
    memory.set_planes(at.address, (memory.planes(at.address) & ~planes) | (data & planes));
}

u64 VgaWindow::read(u64 offset, unsigned width) {
    u64 value = 0;
    for (unsigned i = 0; i < width; i++) value |= u64{read_byte(offset + i)} << i * 8;
    return value;
}

void VgaWindow::write(u64 offset, unsigned width, u64 value) {
    for (unsigned i = 0; i < width; i++) write_byte(offset + i, u8(value >> i * 8));
}
