// SPDX-License-Identifier: MIT
// The PC test device of QEMU's kind (pc-testdev), which conformance programs use. It follows no chip. Ports:
//   E0h    4 bytes that keep what is written, by any width; E8h-EBh are the same bytes
//   E4h    a write names a page whose translation the machine shall forget: nothing to do, what is kept for speed is never stale
//   2000h  24 input lines of the interrupt controllers: a write of 0 lowers line n, any other raises it
// Memory: 64 KiB at FF000000h that keep what is written.
#pragma once
#include "iodev/device.h"
#include <array>

class PcTestdev final : public Device {
public:
    static constexpr u64 base = 0xff000000, size = 0x10000;
    static constexpr u16 scratch_port = 0xe0, lines_port = 0x2000;
    static constexpr unsigned scratch_ports = 12, pins = 24;
    explicit PcTestdev(std::function<Line(unsigned pin)> line);

    std::string_view name() const override { return "pc-testdev"; }
    void reset(Reset) override;
    u32 in(u16 offset, unsigned width) override;             // from E0h
    void out(u16 offset, unsigned width, u32 value) override;
    u64 read(u64 offset, unsigned width) override;
    void write(u64 offset, unsigned width, u64 value) override;
    void visit(Archive&) override;

    class Lines final : public Device {                      // from 2000h
    public:
        explicit Lines(PcTestdev& device) : device(device) {}
        std::string_view name() const override { return "pc-testdev-lines"; }
        void reset(Reset) override {}
        void out(u16 offset, unsigned width, u32 value) override;
        void visit(Archive&) override {}    // the device holds them
    private:
        PcTestdev& device;
    } input_lines{*this};

private:
    std::array<Line, pins> lines;
    std::array<u8, 4> scratch{};
    std::array<u8, size> page{};
};
