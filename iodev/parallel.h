// SPDX-License-Identifier: MIT
// A parallel port with a printer that is always ready, after the IBM PC's printer adapter: data, status, control. The printer
// takes the data at the rise of the strobe. Left out: input modes, EPP, ECP.
#pragma once
#include "iodev/byte_device.h"

class ParallelPort final : public ByteDevice {
public:
    ParallelPort(Line irq, std::function<void(u8)> printed) : irq(std::move(irq)), printed(std::move(printed)) {}
    std::string_view name() const override { return "parallel"; }
    void reset(Reset) override { data = 0, control = initialized; }
    u8 get(u16 offset) override {
        constexpr u8 ready = 0xdf;              // not busy, acknowledged, paper, selected, no error
        return offset == 0 ? data : offset == 1 ? ready : offset == 2 ? u8(control | 0xe0) : 0xff;
    }
    void put(u16 offset, u8 value) override {
        if (offset == 0) data = value;
        if (offset != 2) return;
        bool strobes = value & ~control & 1;
        control = value & 0x1f;
        if (!strobes) return;
        printed(data);
        if (control & interrupts) irq.pulse();
    }
    void visit(Archive& a) override { a("irq", irq), a("data", data), a("control", control), control &= 0x1f; }

private:
    static constexpr u8 initialized = 4, interrupts = 0x10;
    Line irq;
    std::function<void(u8)> printed;
    u8 data = 0, control = initialized;
};
