// SPDX-License-Identifier: MIT
// One channel's bus-master registers and its walk through the table of physical region descriptors,
// after Intel's 82371SB (PIIX3) data sheet and "Programming Interface for Bus Master IDE
// Controller".
#pragma once
#include "iodev/bus_master.h"
#include "iodev/byte_device.h"
#include <optional>

namespace ide {

class BusMasterRegisters {
public:
    // `started` is called when the host sets the start bit; `allowed` is the function's bus-master
    // enable.
    BusMasterRegisters(BusMaster& bus, std::function<bool()> allowed, std::function<void()> started)
        : bus(bus), allowed(std::move(allowed)), when_started(std::move(started)) {}

    void reset();
    u8 get(unsigned offset) const;        // 8 registers
    void put(unsigned offset, u8 value);
    void visit(Archive&);

    bool running() const { return (command & start) && (status & active) && allowed(); }
    bool to_memory() const { return command & to_memory_bit; }
    // `data` to or from the regions, or as much of it as one step may take; nothing when they end before it, or can't be
    // read.
    using Moved = std::optional<std::size_t>;
    Moved write(std::span<const u8> data);
    Moved read(std::span<u8> data);
    void finished();                      // the drive has nothing more to move
    void interrupt() { status |= interrupt_bit; }

private:
    enum : u8 { start = 0x01, to_memory_bit = 0x08 };                       // command
    enum : u8 { active = 0x01, error = 0x02, interrupt_bit = 0x04, capable = 0x60 };       // status
    static constexpr unsigned most_descriptors = 0x10000 / 8;       // a table lies within 64 KiB
    // How much a step may cost: a descriptor 1, and one that leads to no memory (a device's registers) more.
    static constexpr unsigned step_budget = 64, device_cost = 32;
    template <class Run> Moved move(std::size_t bytes, Run run);
    bool next_region();
    void begin();

    BusMaster& bus;
    std::function<bool()> allowed;
    std::function<void()> when_started;
    u8 command = 0, status = 0;
    u32 table = 0;
    // The region that is being filled or emptied.
    u32 next = 0, address = 0, left = 0, descriptors = 0;
    bool last = false;
};

}  // namespace ide
