// SPDX-License-Identifier: MIT
// The standard VGA's PCI function and its page of registers.
#include "iodev/vga/vga.h"
#include <algorithm>
#include <bit>

namespace {
// The page of BAR 2: the VGA's ports from 3C0h as bytes, DISPI's registers as words, QEMU's own as dwords.
constexpr u64 vga_ports = 0x400, vga_ports_size = 0x20, dispi_words = 0x500, extension = 0x600;
constexpr u64 extension_registers = 0x1e1e1e1e'00000008;  // their size; the frame buffer is little-endian
constexpr u16 prefetchable = 8;
}  // namespace

Vga::Vga(Clock& clock, Maps maps, std::span<const u8> image, u32 memory_size)
    : PciFunction({.vendor = 0x1234, .device = 0x1111, .class_code = 0x030000, .revision = 2}),
      host_memory(memory_size),
      rom(image.begin(), image.end()),
      registers(clock),
      dispi(memory_size, {[this](u64 bytes) { std::ranges::fill(memory().first(std::min<u64>(bytes, memory().size())), u8(0)); },
                          [this](bool wide) { registers.dac.wide = wide; }}),
      window(registers, dispi, VideoMemory(memory())) {
    fix(0x2c, 4, 0x1100'1af4);                            // subsystem
    add_bar(0, Bar::memory, memory_size, std::move(maps.frame_buffer));
    fix(0x10, 4, prefetchable);
    add_bar(2, Bar::memory, page_size, std::move(maps.page));
    allow(0x04, 2, 1);                                    // I/O space: for the legacy ports
    rom.resize(rom_size(image), 0xff);
    if (!rom.empty()) add_rom(u32(rom.size()), std::move(maps.rom));
    reset(Reset::power);
}

u32 Vga::rom_size(std::span<const u8> image) {
    return image.empty() ? 0 : u32(std::bit_ceil(std::max<std::size_t>(image.size(), page_size)));
}

void Vga::reset(Reset why) {
    PciFunction::reset(why);
    registers.reset(why);
    dispi.reset(why);
    window.reset();
    host_memory.clear();
}

void Vga::visit(Archive& a) {
    PciFunction::visit(a);
    a("registers", registers), a("dispi", dispi), a("window", window);
    a.memory("memory", memory());
}

u64 Vga::read(u64 offset, unsigned width) {
    u64 value = 0;
    if (offset - vga_ports < vga_ports_size) return registers.in(u16(offset - vga_ports + 0x10), std::min(width, 4u));
    if (offset - dispi_words < 2 * Dispi::registers && offset % 2 == 0)
        for (unsigned i = 0; i < width; i += 2) value |= u64{dispi.get(unsigned(offset - dispi_words + i) / 2)} << i * 8;
    if (offset - extension < 8) value = extension_registers >> (offset - extension) * 8;
    return value & ones(width);
}

void Vga::write(u64 offset, unsigned width, u64 value) {
    if (offset - vga_ports < vga_ports_size) return registers.out(u16(offset - vga_ports + 0x10), std::min(width, 4u), u32(value));
    if (offset - dispi_words < 2 * Dispi::registers && offset % 2 == 0)
        for (unsigned i = 0; i < width; i += 2) dispi.set(unsigned(offset - dispi_words + i) / 2, u16(value >> i * 8));
}
