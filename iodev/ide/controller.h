// SPDX-License-Identifier: MIT
// The IDE function of the 82371SB (PIIX3), 8086:7010, after Intel's data sheet: two channels at
// their legacy ports, bus mastering by BAR 4. Left out: timing (IDETIM's and SIDETIM's other bits
// are kept and do nothing).
#pragma once
#include "iodev/ide/channel.h"
#include "iodev/pci.h"

namespace ide {

class Controller final : public PciFunction {
public:
    struct Wires {
        Line irq14, irq15;
        std::function<void(u16 base, bool on)> bus_master_mapped;          // 16 ports
        std::function<void(unsigned channel, bool on)> channel_mapped;     // its legacy ports
    };
    Controller(Clock&, BusMaster&, Wires);

    std::string_view name() const override { return "ide"; }
    void reset(Reset) override;
    u32 in(u16 offset, unsigned width) override;       // the bus-master registers
    void out(u16 offset, unsigned width, u32 value) override;
    void visit(Archive&) override;
    Channel& channel(unsigned n) { return n ? secondary : primary; }

private:
    void written(unsigned, unsigned) override { map_channels(); }
    void changed() override { map_channels(); }
    void map_channels();

    Wires wires;
    Channel primary, secondary;
    std::array<bool, 2> mapped{};         // what the board was last told; follows from config
};

}  // namespace ide
