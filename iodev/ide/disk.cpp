// SPDX-License-Identifier: MIT
// The commands of an ATA disk.
#include "iodev/ide/disk.h"
#include <algorithm>
#include <vector>

namespace ide {

struct Disk::Command {
    u8 code;
    const char* name;
    void (Disk::*run)(const Command&);
    bool ext = false;                     // 48-bit address
    Way way = Way::sector;
};

const Disk::Command Disk::commands[] = {
    // code  name                            run                           ext    way
    {0x10, "RECALIBRATE",                    &Disk::nothing,               false, Way::sector},
    {0x20, "READ SECTORS",                   &Disk::read,                  false, Way::sector},
    {0x21, "READ SECTORS without retry",     &Disk::read,                  false, Way::sector},
    {0x24, "READ SECTORS EXT",               &Disk::read,                  true,  Way::sector},
    {0x25, "READ DMA EXT",                   &Disk::read,                  true,  Way::dma},
    {0x27, "READ NATIVE MAX ADDRESS EXT",    &Disk::read_native_max,       true,  Way::sector},
    {0x29, "READ MULTIPLE EXT",              &Disk::read,                  true,  Way::multiple},
    {0x30, "WRITE SECTORS",                  &Disk::write,                 false, Way::sector},
    {0x31, "WRITE SECTORS without retry",    &Disk::write,                 false, Way::sector},
    {0x34, "WRITE SECTORS EXT",              &Disk::write,                 true,  Way::sector},
    {0x35, "WRITE DMA EXT",                  &Disk::write,                 true,  Way::dma},
    {0x39, "WRITE MULTIPLE EXT",             &Disk::write,                 true,  Way::multiple},
    {0x40, "READ VERIFY SECTORS",            &Disk::verify,                false, Way::sector},
    {0x41, "READ VERIFY without retry",      &Disk::verify,                false, Way::sector},
    {0x42, "READ VERIFY SECTORS EXT",        &Disk::verify,                true,  Way::sector},
    {0x70, "SEEK",                           &Disk::seek,                  false, Way::sector},
    {0x91, "INITIALIZE DEVICE PARAMETERS",   &Disk::initialize_parameters, false, Way::sector},
    {0x94, "STANDBY IMMEDIATE (old)",        &Disk::flush,                 false, Way::sector},
    {0x95, "IDLE IMMEDIATE (old)",           &Disk::nothing,               false, Way::sector},
    {0x96, "STANDBY (old)",                  &Disk::flush,                 false, Way::sector},
    {0x97, "IDLE (old)",                     &Disk::nothing,               false, Way::sector},
    {0x98, "CHECK POWER MODE (old)",         &Disk::check_power,           false, Way::sector},
    {0x99, "SLEEP (old)",                    &Disk::flush,                 false, Way::sector},
    {0xc4, "READ MULTIPLE",                  &Disk::read,                  false, Way::multiple},
    {0xc5, "WRITE MULTIPLE",                 &Disk::write,                 false, Way::multiple},
    {0xc6, "SET MULTIPLE MODE",              &Disk::set_multiple,          false, Way::sector},
    {0xc8, "READ DMA",                       &Disk::read,                  false, Way::dma},
    {0xc9, "READ DMA without retry",         &Disk::read,                  false, Way::dma},
    {0xca, "WRITE DMA",                      &Disk::write,                 false, Way::dma},
    {0xcb, "WRITE DMA without retry",        &Disk::write,                 false, Way::dma},
    {0xe0, "STANDBY IMMEDIATE",              &Disk::flush,                 false, Way::sector},
    {0xe1, "IDLE IMMEDIATE",                 &Disk::nothing,               false, Way::sector},
    {0xe2, "STANDBY",                        &Disk::flush,                 false, Way::sector},
    {0xe3, "IDLE",                           &Disk::nothing,               false, Way::sector},
    {0xe5, "CHECK POWER MODE",               &Disk::check_power,           false, Way::sector},
    {0xe6, "SLEEP",                          &Disk::flush,                 false, Way::sector},
    {0xe7, "FLUSH CACHE",                    &Disk::flush,                 false, Way::sector},
    {0xea, "FLUSH CACHE EXT",                &Disk::flush,                 true,  Way::sector},
    {0xec, "IDENTIFY DEVICE",                &Disk::identify,              false, Way::sector},
    {0xef, "SET FEATURES",                   &Disk::set_features,          false, Way::sector},
    {0xf8, "READ NATIVE MAX ADDRESS",        &Disk::read_native_max,       false, Way::sector},
};

Disk::Disk(Clock& clock, BusMasterRegisters& bus_master, Medium medium, std::string serial,
           std::function<void()> interrupt_changed)
    : Drive(clock, bus_master, std::move(medium), std::move(interrupt_changed)),
      serial(std::move(serial)) {}

void Disk::visit(Archive& a) {
    Drive::visit(a);
    a("position", position), a("start", start), a("count", count),
        a("sectors_in_block", sectors_in_block);
    a("multiple", multiple), a("heads", heads), a("spt", spt), a("mwdma", mwdma), a("udma", udma);
    a("write_cache", write_cache), a("look_ahead", look_ahead), a("address48", address48);
    a("identifying", identifying), a("writing", writing);
    sectors_in_block = std::clamp(sectors_in_block, 1u, most_multiple),
    multiple = std::min(multiple, most_multiple);
    heads = std::clamp(heads, 1u, 16u), spt = std::clamp(spt, 1u, 255u);
}

void Disk::execute(u8 code) {
    auto* row = std::ranges::find(commands, code, &Command::code);
    identifying = writing = false, sectors_in_block = 1;
    if (row == std::end(commands)) return fail(abrt);
    (this->*row->run)(*row);
}

void Disk::reset_state() {
    heads = default_heads, spt = default_spt, multiple = 0;
    write_cache = look_ahead = true, identifying = writing = false;
    position = start = 0, count = 0, sectors_in_block = 1;
    mwdma = 0x04, udma = 0;
}

void Disk::signature() {
    registers.count.now = registers.lba_low.now = 1;
    registers.lba_mid.clear(), registers.lba_high.clear();
    registers.device &= 0x10;
    registers.status = drdy | dsc;
}

// The range of the command, in `start` and `count`. False: the command has failed.
bool Disk::locate(const Command& command) {
    auto& r = registers;
    address48 = command.ext;
    count = command.ext ? r.count.both() : r.count.now;
    if (count == 0) count = command.ext ? 0x10000 : 0x100;
    u64 lba = command.ext ? r.lba48() : r.lba28();
    if (!command.ext && !r.lba()) {
        u32 cylinder = r.lba_high.now << 8 | r.lba_mid.now, sector = r.lba_low.now;
        if (sector == 0 || sector > spt || r.head() >= heads || cylinder >= cylinders())
            return fail(idnf), false;
        lba = (u64(cylinder) * heads + r.head()) * spt + sector - 1;
    }
    if (lba >= sectors() || count > sectors() - lba) return fail(idnf), false;
    start = position = lba * 512;
    return true;
}

// The registers after an error name the sector that it concerns.
void Disk::show_address(u64 lba) {
    auto& r = registers;
    if (!address48 && !r.lba()) {
        u64 track = lba / spt, cylinder = track / heads;
        r.lba_low.now = u8(lba % spt + 1), r.lba_mid.now = u8(cylinder),
        r.lba_high.now = u8(cylinder >> 8);
        r.device = u8((r.device & 0xf0) | track % heads);
        return;
    }
    r.lba_low = {u8(lba), u8(lba >> 24)}, r.lba_mid = {u8(lba >> 8), u8(lba >> 32)},
    r.lba_high = {u8(lba >> 16), u8(lba >> 40)};
    if (!address48) r.device = u8((r.device & 0xf0) | (lba >> 24 & 0x0f));
}

void Disk::read(const Command& command) {
    if (command.way == Way::multiple && multiple == 0) return fail(abrt);
    if (!locate(command)) return;
    sectors_in_block = command.way == Way::multiple ? multiple : 1;
    if (command.way == Way::dma) dma(u64{count} * 512, true);
    else pio_in(u64{count} * 512);
}

void Disk::write(const Command& command) {
    if (command.way == Way::multiple && multiple == 0) return fail(abrt);
    if (!locate(command)) return;
    writing = true;
    sectors_in_block = command.way == Way::multiple ? multiple : 1;
    if (command.way == Way::dma) dma(u64{count} * 512, false);
    else pio_out(u64{count} * 512);
}

bool Disk::fetch(std::span<u8> to) {
    if (identifying) {
        auto words = identity();
        for (std::size_t i = 0; i < to.size(); i++) to[i] = u8(words[i / 2 % 256] >> i % 2 * 8);
        return true;
    }
    if (!medium.read(position, to)) return show_address(position / 512), fail(unc), false;
    position += to.size();
    return true;
}

bool Disk::store(std::span<const u8> from) {
    if (!medium.write(position, from)) return show_address(position / 512), fail(abrt, df), false;
    position += from.size();
    return true;
}

// Data that the host reads by PIO need no interrupt after the last block.
void Disk::data_done() {
    if (writing && !write_cache && !medium.flush())
        return show_address(start / 512), fail(abrt, df);
    if (registers.status & drq) registers.status = drdy | dsc;
    else finish();
}

void Disk::verify(const Command& command) {
    if (locate(command)) work_later(std::min<u64>(u64{count} * 512, buffer_size));
}

void Disk::work() {
    std::vector<u8> piece(std::min<u64>(start + u64{count} * 512 - position, buffer_size));
    if (!medium.read(position, piece)) return show_address(position / 512), fail(unc);
    position += piece.size();
    if (u64 left = start + u64{count} * 512 - position) work_later(std::min<u64>(left, buffer_size));
    else finish();
}

void Disk::seek(const Command& command) {
    if (locate(command)) finish();
}

void Disk::flush(const Command&) {
    if (medium.flush()) finish();
    else fail(abrt, df);
}

void Disk::identify(const Command&) {
    identifying = true;
    pio_in(512);
}

void Disk::set_features(const Command&) {
    switch (registers.features.now) {
    case 0x02: write_cache = true; return finish();
    case 0x82: write_cache = false; return medium.flush() ? finish() : fail(abrt, df);
    case 0x55: look_ahead = false; return finish();
    case 0xaa: look_ahead = true; return finish();
    case 0x66: case 0xcc: return finish();             // what a reset brings back
    case 0x03: return set_transfer_mode(registers.count.now);
    default: return fail(abrt);
    }
}

// Bits 7:3 are the kind, 2:0 the mode.
void Disk::set_transfer_mode(u8 mode) {
    unsigned kind = mode >> 3, n = mode & 7;
    bool known =
        mode <= 1 || (kind == 1 && n <= 4) || (kind == 4 && n <= 2) || (kind == 8 && n <= 5);
    if (!known) return fail(abrt);
    if (kind == 4) mwdma = u8(1 << n), udma = 0;
    if (kind == 8) udma = u8(1 << n), mwdma = 0;
    finish();
}

void Disk::set_multiple(const Command&) {
    u8 n = registers.count.now;
    if (n > most_multiple || (n & (n - 1))) return multiple = 0, fail(abrt);
    multiple = n;
    finish();
}

void Disk::initialize_parameters(const Command&) {
    if (registers.count.now == 0) return fail(abrt);
    heads = registers.head() + 1, spt = registers.count.now;
    finish();
}

void Disk::check_power(const Command&) {
    registers.count.now = 0xff;                        // active or idle
    finish();
}

void Disk::read_native_max(const Command& command) {
    if (!registers.lba()) return fail(abrt);
    address48 = command.ext;
    show_address(command.ext ? sectors() - 1 : std::min<u64>(sectors(), 0x0fffffff) - 1);
    finish();
}

u32 Disk::default_cylinders() const {
    return u32(std::min<u64>(sectors() / (default_heads * default_spt), 16383));
}
u32 Disk::cylinders() const { return u32(std::min<u64>(sectors() / (heads * spt), 65535)); }

}  // namespace ide
