// SPDX-License-Identifier: MIT
// A device for guest tests: a page of memory behind MMIO, and an interrupt line raised at once or
// after a while. It follows no chip. Registers, all dwords, are both ports (8, from its base) and
// the first bytes of the page:
//   0  interrupt: bit 0 is the line's level; reads give it back
//   4  a write of n raises the line n nanoseconds from now (0: cancels); reads count those times
// The rest of the page is bytes that keep what is written, by any width.
#pragma once
#include "base/clock.h"
#include "iodev/device.h"
#include <array>

class TestDevice final : public Device {
public:
    static constexpr unsigned page_size = 4096, ports = 8;
    TestDevice(Clock&, Line interrupt);

    std::string_view name() const override { return "test-device"; }
    void reset(Reset) override;
    u32 in(u16 offset, unsigned width) override;
    void out(u16 offset, unsigned width, u32 value) override;
    u64 read(u64 offset, unsigned width) override;
    void write(u64 offset, unsigned width, u64 value) override;
    void visit(Archive&) override;

private:
    u32 read_register(unsigned index) const { return index ? raised : interrupt.level(); }
    void write_register(unsigned index, u32 value);

    Clock& clock;
    Line interrupt;
    Timer timer;
    u32 raised = 0;
    std::array<u8, page_size> page{};
};
