// SPDX-License-Identifier: MIT
// The ATA side of an ATAPI drive, and how packets are answered.
#include "iodev/ide/cd.h"
#include <algorithm>

namespace ide {

Cd::Cd(Clock& clock, BusMasterRegisters& bus_master, Medium medium, std::string serial,
       std::function<void()> interrupt_changed)
    : Drive(clock, bus_master, std::move(medium), std::move(interrupt_changed)),
      serial(std::move(serial)) {}

void Cd::visit(Archive& a) {
    Drive::visit(a);
    for (auto* s : {&sense, &attention})
        a("key", s->key), a("code", s->code), a("qualifier", s->qualifier);
    a("reply", reply), a("position", position), a("byte_limit", byte_limit), a("mwdma", mwdma),
        a("udma", udma);
    a("from_medium", from_medium), a("by_dma", by_dma), a("identifying", identifying),
        a("tray_open", tray_open);
    a("locked", locked), a("tray_moved", tray_moved);
    byte_limit = std::clamp(byte_limit, 2u, 0xfffeu);
}

void Cd::execute(u8 code) {
    identifying = false;
    switch (code) {
    case 0x08: return signature(), void(registers.error = 1); // DEVICE RESET: no interrupt
    case 0xa0:                                                                  // PACKET
        by_dma = registers.features.now & 1;
        registers.count.now = Reason::cd;
        return take_packet();
    case 0xa1: return identify(); // IDENTIFY PACKET DEVICE
    case 0xef: return set_features();
    case 0xe0: case 0xe1: case 0xe2: case 0xe3: case 0xe6: return finish();     // power management
    case 0xe5: return registers.count.now = 0xff, finish();
    case 0xec:
    case 0x20: return signature(), fail(abrt); // the host learns what it is
    default: return fail(abrt);
    }
}

void Cd::reset_state() {
    sense = {}, attention = {6, 0x29, 0};              // power on, reset
    from_medium = by_dma = identifying = locked = false;
    mwdma = 0x04, udma = 0, position = 0, byte_limit = 0xfffe;
}

void Cd::signature() {
    registers.count.now = registers.lba_low.now = 1, registers.lba_mid.now = 0x14,
    registers.lba_high.now = 0xeb;
    registers.device &= 0x10;
    registers.status = 0;                              // not DRDY before the first command
}

void Cd::identify() {
    identifying = true, position = 0;
    auto words = identity();
    for (std::size_t i = 0; i < reply.size(); i++) reply[i] = u8(words[i / 2] >> i % 2 * 8);
    from_medium = false;
    pio_in(512);
}

void Cd::set_features() {
    u8 mode = registers.count.now;
    if (registers.features.now != 3) return fail(abrt);
    if (mode >> 3 == 4 && (mode & 7) <= 2) mwdma = u8(1 << (mode & 7)), udma = 0;
    else if (mode >> 3 == 8 && (mode & 7) <= 5) udma = u8(1 << (mode & 7)), mwdma = 0;
    else if (mode > 1 && (mode >> 3 != 1 || (mode & 7) > 4)) return fail(abrt);
    finish();
}

void Cd::complete() {
    registers.count.now = Reason::cd | Reason::io;
    finish();
}

void Cd::refuse(Sense why) {
    sense = why;
    registers.count.now = Reason::cd | Reason::io;
    fail(u8(why.key << 4 | abrt));
}

// At most what the host has room for.
void Cd::send(std::span<const u8> bytes, u32 allocation_length) {
    reply.fill(0);
    u64 size = std::min<u64>({bytes.size(), allocation_length, reply.size()});
    std::copy_n(bytes.begin(), size, reply.begin());
    from_medium = false, position = 0;
    start_data(size);
}

void Cd::send_medium(u64 lba, u64 count) {
    if (lba > blocks() || count > blocks() - lba) return refuse({5, 0x21, 0});
    from_medium = true, position = lba * block;
    start_data(count * block);
}

// The byte count limit that came with PACKET: even, unless all fits.
void Cd::start_data(u64 bytes) {
    if (bytes == 0) return complete();
    if (by_dma) return dma(bytes, true);
    u32 limit = registers.lba_high.now << 8 | registers.lba_mid.now;
    byte_limit = limit < 2 || limit == 0xffff ? 0xfffe : limit & ~1u;
    pio_in(bytes);
}

void Cd::block_ready() {
    if (identifying) return;
    u32 bytes = bytes_in_block();
    registers.count.now = Reason::io;
    registers.lba_mid.now = u8(bytes), registers.lba_high.now = u8(bytes >> 8);
}

bool Cd::fetch(std::span<u8> to) {
    if (from_medium) {
        if (!loaded()) return refuse({2, 0x3a, 0}), false;
        if (!medium.read(position, to)) return refuse({3, 0x11, 0}), false;
    } else {
        u64 from = std::min<u64>(position, reply.size()),
            some = std::min<u64>(to.size(), reply.size() - from);
        std::copy_n(reply.begin() + std::ptrdiff_t(from), some, to.begin());
        std::ranges::fill(to.subspan(some), 0);
    }
    position += to.size();
    return true;
}

// The status comes after the data, with an interrupt of its own.
void Cd::data_done() {
    if (identifying) return void(registers.status = drdy | dsc);
    complete();
}

}  // namespace ide
