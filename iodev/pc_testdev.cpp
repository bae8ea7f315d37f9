// SPDX-License-Identifier: MIT
// pc-testdev: scratch bytes, input lines, memory behind the bus.
#include "iodev/pc_testdev.h"

PcTestdev::PcTestdev(std::function<Line(unsigned)> line) {
    for (unsigned pin = 0; pin < pins; pin++) lines[pin] = line(pin);
}

void PcTestdev::reset(Reset) {
    for (auto& line : lines) line.set(false);
    scratch.fill(0), page.fill(0);
}

void PcTestdev::visit(Archive& a) {
    for (unsigned pin = 0; pin < pins; pin++) a("line" + std::to_string(pin), lines[pin]);
    a("scratch", scratch), a("page", page);
}

static bool is_scratch(unsigned offset) { return (offset & 4) == 0 && offset < PcTestdev::scratch_ports; }

u32 PcTestdev::in(u16 offset, unsigned width) {
    u32 value = 0;
    for (unsigned i = 0; i < width; i++) value |= u32(is_scratch(offset + i) ? scratch[(offset + i) & 3] : 0xff) << i * 8;
    return value;
}

void PcTestdev::out(u16 offset, unsigned width, u32 value) {
    for (unsigned i = 0; i < width; i++)
        if (is_scratch(offset + i)) scratch[(offset + i) & 3] = u8(value >> i * 8);
}

void PcTestdev::Lines::out(u16 offset, unsigned width, u32 value) {
    if (offset < pins) device.lines[offset].set(value & ones(width));
}

u64 PcTestdev::read(u64 offset, unsigned width) {
    u64 value = 0;
    for (unsigned i = 0; i < width && offset + i < size; i++) value |= u64(page[offset + i]) << i * 8;
    return value;
}

void PcTestdev::write(u64 offset, unsigned width, u64 value) {
    for (unsigned i = 0; i < width && offset + i < size; i++) page[offset + i] = u8(value >> i * 8);
}
