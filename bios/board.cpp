// SPDX-License-Identifier: MIT
// What firmware programs before it starts a system, as lists of writes: PICs, timer, PCI routing, PM block, display, MTRRs.
#include "bios/board.h"

namespace board {

namespace {

// Configuration address of bus 0 (PCI 2.1, 3.2.2.3.2).
constexpr u32 config(u32 slot, u32 function, u32 at) { return 0x8000'0000 | slot << 11 | function << 8 | at; }

constexpr PortWrite fixed[] = {
    // port   width  value
    {0x92,    1,     0x02},                        // A20 open
    {0x20,    1,     0x11},                        // 8259: edge, cascade, ICW4; vectors 8 and 70h, 8086 mode
    {0x21,    1,     0x08},
    {0x21,    1,     0x04},
    {0x21,    1,     0x01},
    {0xa0,    1,     0x11},
    {0xa1,    1,     0x70},
    {0xa1,    1,     0x02},
    {0xa1,    1,     0x01},
    {0x21,    1,     0xf8},                        // timer, keyboard and cascade are let through
    {0xa1,    1,     0xff},
    {0x4d0,   1,     0x00},                        // level: IRQ 9 (SCI), 10 and 11 (PCI)
    {0x4d1,   1,     0x0e},
    {0x43,    1,     0x34},                        // 8254 channel 0: mode 2, 18.2 Hz
    {0x40,    1,     0x00},
    {0x40,    1,     0x00},
    {0x70,    1,     0x0a},                        // RTC: 32768 Hz, 24 hours, BCD
    {0x71,    1,     0x26},
    {0x70,    1,     0x0b},
    {0x71,    1,     0x02},
    {0x70,    1,     0x0d},
    {0xcf8,   4,     config(1, 0, 0x60)},          // PIIX3: PIRQA-D
    {0xcfc,   4,     pirq_routes[0] | pirq_routes[1] << 8 | pirq_routes[2] << 16 | pirq_routes[3] << 24},
};

}  // namespace

std::vector<PortWrite> port_writes(const AcpiParameters& p) {
    std::vector<PortWrite> writes(std::begin(fixed), std::end(fixed));
    const PortWrite power[] = {                    // PIIX4 function 3
        {0xcf8, 4, config(1, 3, 0x40)}, {0xcfc, 4, p.pm_base | 1u},              // PMBA
        {0xcf8, 4, config(1, 3, 0x80)}, {0xcfc, 1, 1},                           // PMREGMISC: its ports answer
        {0xcf8, 4, config(1, 3, 0x3c)}, {0xcfc, 1, p.sci_irq},                   // interrupt line
        {0xcf8, 4, config(1, 3, 0x04)}, {0xcfc, 2, 1},                           // command: I/O
    };
    const PortWrite display[] = {                  // the VGA at slot 2
        {0xcf8, 4, config(2, 0, 0x10)}, {0xcfc, 4, p.vga_memory},
        {0xcf8, 4, config(2, 0, 0x18)}, {0xcfc, 4, p.vga_registers},
        {0xcf8, 4, config(2, 0, 0x04)}, {0xcfc, 2, 3},                           // command: I/O, memory
    };
    const PortWrite ide[] = {                      // PIIX3 function 1
        {0xcf8, 4, config(1, 1, 0x40)}, {0xcfc, 4, 0x8000'8000},                 // IDETIM: both channels answer
        {0xcf8, 4, config(1, 1, 0x20)}, {0xcfc, 4, p.ide_bus_master | 1u},       // BMIBA
        {0xcf8, 4, config(1, 1, 0x04)}, {0xcfc, 2, 5},                           // command: I/O, bus master
    };
    writes.insert(writes.end(), std::begin(power), std::end(power));
    if (p.vga) writes.insert(writes.end(), std::begin(display), std::end(display));
    if (p.ide) writes.insert(writes.end(), std::begin(ide), std::end(ide));
    for (auto& bar : p.bars) {
        const PortWrite card[] = {
            {0xcf8, 4, config(bar.slot, 0, 0x10 + bar.number * 4u)}, {0xcfc, 4, bar.base},
            {0xcf8, 4, config(bar.slot, 0, 0x3c)}, {0xcfc, 1, pirq_routes[(bar.slot + 3) % 4]},
            {0xcf8, 4, config(bar.slot, 0, 0x04)}, {0xcfc, 2, 6},                // command: memory, bus master
        };
        writes.insert(writes.end(), std::begin(card), std::end(card));
    }
    return writes;
}

// SDM vol. 3, 12.11.2: fixed ranges, one variable range from 3 GiB to 4 GiB, the default type; 24.7: feature control.
std::vector<MsrWrite> msr_writes(unsigned physical_bits) {
    constexpr u64 write_back = 0x0606'0606'0606'0606, write_protected = 0x0505'0505'0505'0505;
    std::vector<MsrWrite> writes{
        {0x250, write_back}, {0x258, write_back}, {0x259, 0},
        {0x200, 0xc000'0000}, {0x201, (mask(physical_bits - 1, 30)) | bit(11)},
        {0x2ff, bit(11) | bit(10) | 6},
        {0x3a, bit(2) | bit(0)},
    };
    for (u32 index = 0x268; index <= 0x26f; index++) writes.insert(writes.end() - 2, {index, write_protected});
    return writes;
}

std::vector<ApicWrite> apic_writes() {
    return {{0xf0, 0x1ff}, {0x350, 0x8700}, {0x360, 0x400}};
}

}  // namespace board
