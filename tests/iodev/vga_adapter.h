// SPDX-License-Identifier: MIT
// A VGA without a board, for tests: its ports by their numbers, its legacy window by its addresses.
#pragma once
#include "iodev/vga/vga.h"
#include "tests/vga_modes.h"
#include <gtest/gtest.h>

struct Adapter {
    explicit Adapter(u32 memory_size = Vga::default_memory)
        : vga(clock, {log("frame buffer"), log("page"), log("rom")}, std::vector<u8>(0x9000, 0x55), memory_size) {}

    void out(u16 port, u8 value) { vga.registers.out(u16(port - VgaRegisters::first_port), 1, value); }
    u8 in(u16 port) { return u8(vga.registers.in(u16(port - VgaRegisters::first_port), 1)); }
    void index(u16 port, u8 n, u8 value) { out(port, n), out(u16(port + 1), value); }
    void sequencer(u8 n, u8 value) { index(0x3c4, n, value); }
    void graphics(u8 n, u8 value) { index(0x3ce, n, value); }
    void crtc(u8 n, u8 value) { index(0x3d4, n, value); }
    void attribute(u8 n, u8 value) { in(0x3da), out(0x3c0, n), out(0x3c0, value), out(0x3c0, 0x20); }
    void dispi(u16 n, u16 value) { vga.dispi.out(0, 2, n), vga.dispi.out(1, 2, value); }
    u16 dispi(u16 n) { return vga.dispi.out(0, 2, n), u16(vga.dispi.in(1, 2)); }
    void color(u8 n, u8 red, u8 green, u8 blue) { out(0x3c8, n), out(0x3c9, red), out(0x3c9, green), out(0x3c9, blue); }

    // Colour n is (n, 0, 63 - n) of 6 bits.
    void set(const VgaMode& mode) {
        set_vga_mode(mode, [this](u16 port, u8 value) { out(port, value); }, [this](u16 port) { return in(port); });
        for (unsigned n = 0; n < 64; n++) color(u8(n), u8(n), 0, u8(63 - n));
    }
    static u32 shown(unsigned n) { return (n << 2 | n >> 4) << 16 | ((63 - n) << 2 | (63 - n) >> 4); }

    void write(u64 at, u8 value) { vga.window.write(at - VgaWindow::base, 1, value); }
    u8 read(u64 at) { return u8(vga.window.read(at - VgaWindow::base, 1)); }
    u32 planes(u32 address) { return VideoMemory(vga.memory()).planes(address); }
    void set_planes(u32 address, u32 value) { VideoMemory(vga.memory()).set_planes(address, value); }
    Frame frame() { return render(vga.scanout()); }

    std::vector<std::string> maps;
    Clock clock;
    Vga vga;

private:
    PciFunction::Remap log(const char* what) {
        return [this, what](u64, bool on) { maps.push_back(what + std::string(on ? " on" : " off")); };
    }
};
