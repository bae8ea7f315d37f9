// SPDX-License-Identifier: MIT
// The Bochs VBE display interface (DISPI), version B0C5h: an index and a data register of 16 bits that set a mode
// of 4 to 32 bits per pixel, after Bochs's "VBE Display API". Left out: banks of 32 KiB, access by bytes.
#pragma once
#include "iodev/device.h"
#include <array>

class Dispi final : public Device {
public:
    static constexpr unsigned max_width = 2560, max_height = 1600, max_bits = 32;
    enum Register : u8 { id, xres, yres, bpp, enable, bank_register, virt_width, virt_height, x_offset, y_offset, memory_64k, registers };
    struct Wires {
        std::function<void(u64 bytes)> clear;             // of video memory, from its start
        std::function<void(bool wide)> dac_width;         // components of 8 bits
    };

    Dispi(u64 memory_size, Wires wires) : memory_size(memory_size), wires(std::move(wires)) {}
    std::string_view name() const override { return "vga-dispi"; }
    void reset(Reset) override;
    u32 in(u16 offset, unsigned width) override;          // ports from 1CEh: 0 the index, 1 and 2 data
    void out(u16 offset, unsigned width, u32 value) override;
    void visit(Archive&) override;

    u16 get(unsigned index) const;
    void set(unsigned index, u16 value);

    bool enabled() const { return values[enable] & 1; }
    bool linear() const { return enabled() && bits() >= 8; }         // else planes
    u32 bank() const { return enabled() ? values[bank_register] & 0xffu : 0; }
    // ---- the mode, within bounds while it is enabled
    unsigned bits() const { return values[bpp]; }
    unsigned width() const { return values[xres]; }
    unsigned height() const { return values[yres]; }
    u32 pitch() const { return values[virt_width] * bits_in_memory() / 8; }       // bytes
    u64 start() const { return u64{values[y_offset]} * pitch() + values[x_offset] * bits_in_memory() / 8; }

private:
    u32 bits_in_memory() const { return bits() == 15 ? 16 : bits(); }
    void write_enable(u16 value);
    void keep_in_bounds();

    u64 memory_size;
    Wires wires;
    u16 index = 0;
    std::array<u16, registers> values{};
};
