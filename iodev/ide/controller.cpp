// SPDX-License-Identifier: MIT
// The PIIX3's IDE function: configuration, and the ports that it maps.
#include "iodev/ide/controller.h"

namespace ide {

static constexpr unsigned idetim = 0x40, sidetim = 0x44;

Controller::Controller(Clock& clock, BusMaster& bus, Wires given)
    : PciFunction({.vendor = 0x8086, .device = 0x7010, .class_code = 0x010180}),
      wires(std::move(given)),
      primary(
          clock, bus, [this] { return bus_master(); }, wires.irq14),
      secondary(
          clock, bus, [this] { return bus_master(); }, wires.irq15) {
    add_bar(4, Bar::io, 16, [this](u64 base, bool on) { wires.bus_master_mapped(u16(base), on); });
    fix(0x06, 2, 0x0280);                              // fast back-to-back, medium DEVSEL
    fix(idetim, 4, 0x80008000);                        // decoded from power-on, as on QEMU's board: OVMF doesn't set it
    allow(idetim, 4, 0xffffffff), allow(sidetim, 1, 0xff);
}

void Controller::reset(Reset kind) {
    PciFunction::reset(kind);
    primary.reset(kind), secondary.reset(kind);
}

void Controller::visit(Archive& a) {
    PciFunction::visit(a);
    a("primary", primary), a("secondary", secondary);
}

// IDETIM bit 15 of each channel, below the command register's I/O enable.
void Controller::map_channels() {
    for (unsigned n = 0; n < 2; n++) {
        bool on = (config[4] & 1) && (config[idetim + n * 2 + 1] & 0x80);
        if (on != mapped[n]) wires.channel_mapped(n, mapped[n] = on);
    }
}

u32 Controller::in(u16 offset, unsigned width) {
    u32 value = 0;
    for (unsigned i = 0; i < width; i++)
        value |= u32(channel(bits(offset + i, 3, 3)).bus_master.get((offset + i) & 7)) << i * 8;
    return value;
}

void Controller::out(u16 offset, unsigned width, u32 value) {
    for (unsigned i = 0; i < width; i++)
        channel(bits(offset + i, 3, 3)).bus_master.put((offset + i) & 7, u8(value >> i * 8));
}

}  // namespace ide
