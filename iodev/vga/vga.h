// SPDX-License-Identifier: MIT
// The display adapter as the board sees it: QEMU's standard VGA (its docs/specs/standard-vga), a PCI function with
// video memory in BAR 0, a page of registers in BAR 2, and an expansion ROM where it is given one. The legacy ports
// and window answer whatever the command register says. Left out: EDID.
#pragma once
#include "base/host_memory.h"
#include "iodev/pci.h"
#include "iodev/vga/memory.h"
#include "iodev/vga/renderer.h"
#include <vector>

class Vga final : public PciFunction {
public:
    static constexpr u32 default_memory = 16 << 20, page_size = 0x1000;
    struct Maps {                          // where the BARs lie, or that they are off
        Remap frame_buffer, page, rom;
    };
    Vga(Clock&, Maps, std::span<const u8> image = {}, u32 memory_size = default_memory);

    std::string_view name() const override { return "vga-pci"; }
    void reset(Reset) override;
    void visit(Archive&) override;
    u64 read(u64 offset, unsigned width) override;        // the page of BAR 2
    void write(u64 offset, unsigned width, u64 value) override;

    std::span<u8> memory() const { return host_memory.all(); }
    static u32 rom_size(std::span<const u8> image);       // as its BAR decodes it: a power of two
    Scanout scanout() const { return {registers, dispi, VideoMemory(memory()), registers.frame()}; }

    HostMemory host_memory;
    std::vector<u8> rom;                   // filled up to a power of two; empty: none
    VgaRegisters registers;
    Dispi dispi;
    VgaWindow window;
};
