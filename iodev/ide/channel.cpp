// SPDX-License-Identifier: MIT
// The registers of a channel.
#include "iodev/ide/channel.h"
#include "iodev/ide/cd.h"
#include "iodev/ide/disk.h"

namespace ide {

static constexpr u8 nobody = 0x7f;

Channel::Channel(Clock& clock, BusMaster& bus, std::function<bool()> bus_master_allowed, Line irq)
    : bus_master(bus, std::move(bus_master_allowed),
                 [this] {
                     if (drive()) drive()->dma_started();
                 }),
      clock(clock),
      irq(std::move(irq)) {}

void Channel::attach(unsigned n, Kind kind, Medium medium, const std::string& serial) {
    auto& drive = drives[n & 1];
    auto changed = [this] { update(); };
    if (kind == Kind::disk)
        drive = std::make_unique<Disk>(clock, bus_master, std::move(medium), serial, changed);
    else drive = std::make_unique<Cd>(clock, bus_master, std::move(medium), serial, changed);
    drive->begin_reset(), drive->end_reset();
}

void Channel::reset(Reset) {
    selected = false, control = 0;
    bus_master.reset();
    for_each([](Drive& d) { d.registers = {}, d.begin_reset(), d.end_reset(); });
    update();
}

void Channel::visit(Archive& a) {
    a("irq", irq), a("selected", selected), a("control", control), a("bus_master", bus_master);
    for_each([&](Drive& d) { a("drive", d); });
}

// INTRQ is the selected drive's, unless nIEN keeps it off the cable.
void Channel::update() {
    bool level = drive() && drive()->interrupt() && !(control & nien);
    if (level && !irq.level()) bus_master.interrupt();
    irq.set(level);
}

// Nobody on the cable: the host's resistors pull all lines up but DD7, which is down, so that nobody seems busy (ATA/ATAPI-7,
// vol. 2). A drive 0 that is alone answers for drive 1 with a status of 0.
u8 Channel::status() const {
    if (drive()) return drive()->registers.status;
    return other() ? 0 : nobody;
}

u8 Channel::get(unsigned offset) {
    if (!drive() && !other()) return nobody;
    if (offset == 7) {
        if (drive()) drive()->acknowledge();
        return status();
    }
    auto& r = (drive() ? drive() : other())->registers;
    bool before = control & hob;
    auto half = [&](const Twice& twice) { return before ? twice.before : twice.now; };
    switch (offset) {
    case 1: return r.error;
    case 2: return half(r.count);
    case 3: return half(r.lba_low);
    case 4: return half(r.lba_mid);
    case 5: return half(r.lba_high);
    default: return u8(r.device | 0xa0);
    }
}

void Channel::put(unsigned offset, u8 value) {
    control &= u8(~hob);                               // any write to the command block
    if (offset == 6) selected = value & 0x10;
    for_each([&](Drive& d) {
        auto& r = d.registers;
        if (d.busy() && offset != 6) return;
        switch (offset) {
        case 1: r.features.write(value); break;
        case 2: r.count.write(value); break;
        case 3: r.lba_low.write(value); break;
        case 4: r.lba_mid.write(value); break;
        case 5: r.lba_high.write(value); break;
        case 6: r.device = value; break;
        }
    });
    if (offset == 6) update();
    if (offset == 7) put_command(value);
}

void Channel::put_command(u8 code) {
    constexpr u8 execute_device_diagnostic = 0x90, device_reset = 0x08;
    if (control & srst) return;
    if (code == execute_device_diagnostic) return diagnose();
    if (!drive() || (drive()->busy() && code != device_reset)) return;
    if (drive()->busy()) drive()->begin_reset();
    drive()->command(code);
}

// Both drives do it; drive 0 tells.
void Channel::diagnose() {
    for_each([](Drive& d) { d.begin_reset(), d.end_reset(); });
    put(6, 0xa0);
    if (drive()) drive()->end_diagnostic();
}

void Channel::put_control(u8 value) {
    bool rises = (value & srst) && !(control & srst), falls = !(value & srst) && (control & srst);
    control = value;
    if (rises) for_each([](Drive& d) { d.begin_reset(); });
    if (falls) selected = false, for_each([](Drive& d) { d.end_reset(); });
    update();
}

u32 Channel::in(u16 offset, unsigned width) {
    if (offset == 0) return drive() ? drive()->read_data(width) : u32(ones(width));
    u32 value = 0;
    for (unsigned i = 0; i < width; i++)
        value |= u32(offset + i < 8 ? get(offset + i) : 0xff) << i * 8;
    return value;
}

void Channel::out(u16 offset, unsigned width, u32 value) {
    if (offset == 0) return drive() ? drive()->write_data(width, value) : void();
    for (unsigned i = 0; i < width && offset + i < 8; i++) put(offset + i, u8(value >> i * 8));
}

}  // namespace ide
