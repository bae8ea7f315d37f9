// SPDX-License-Identifier: MIT
// A PIIX3's IDE function with its ports, memory for DMA and a clock, and a host that drives it.
#pragma once
#include "iodev/ide/controller.h"
#include "iodev/media/raw.h"
#include "iodev/ports.h"
#include "tests/archive_roundtrip.h"
#include "tests/iodev/media/memory_file.h"
#include "tests/iodev/run_clock.h"

namespace ide {

using Bytes = std::vector<u8>;

struct Bench {
    Clock clock;
    Ports ports;
    Bytes ram = Bytes(1 << 20);
    PhysicalMap memory;
    BusMaster bus{memory};
    std::array<bool, 2> irq{};
    std::array<::Disk, 4> disks;
    Controller ide{clock, bus,
                   {Line([this](bool on) { irq[0] = on; }), Line([this](bool on) { irq[1] = on; }),
                    [this](u16 base, bool on) { map(base, 16, ide, on); }, [this](unsigned n, bool on) { map_channel(n, on); }}};
    u16 base = 0x1f0, control = 0x3f6, master = 0xc000;

    Bench() {
        memory.map_ram(Physical(0), ram);
        ide.config_write(0x40, 4, 0x80008000), ide.config_write(0x20, 4, 0xc000), ide.config_write(4, 2, 5);
    }
    void map(u16 at, unsigned size, Device& device, bool on) { on ? ports.attach(at, size, device) : ports.detach(at, size, device); }
    void map_channel(unsigned n, bool on) {
        map(n ? 0x170 : 0x1f0, 8, ide.channel(n), on), map(n ? 0x376 : 0x3f6, 1, ide.channel(n).control_block, on);
    }
    // place: 0 and 1 on the primary channel, 2 and 3 on the secondary. Sector n is filled with n's low byte plus the place.
    void insert(unsigned place, Channel::Kind kind, u64 sectors, u64 sector_size = 512) {
        disks[place].contents.resize(sectors * sector_size);
        for (u64 i = 0; i < disks[place].contents.size(); i++) disks[place].contents[i] = u8(i / sector_size + place);
        Medium medium(std::make_unique<RawImage>(std::make_unique<MemoryFile>(disks[place]), RawImage::Because::named), kind == Channel::Kind::cd);
        ide.channel(place / 2).attach(place % 2, kind, std::move(medium), "TEST" + std::to_string(place));
    }
    void use(unsigned channel) { base = channel ? 0x170 : 0x1f0, control = channel ? 0x376 : 0x3f6, master = u16(0xc000 + channel * 8); }

    u8 get(unsigned n) { return u8(ports.in(u16(base + n), 1)); }
    void put(unsigned n, u8 value) { ports.out(u16(base + n), 1, value); }
    u8 alternate() { return u8(ports.in(control, 1)); }
    void put_control(u8 value) { ports.out(control, 1, value); }

    // Waits for the drive, as long as it takes by the clock.
    void wait() {
        for (int i = 0; i < 10000 && (alternate() & bsy) && clock.deadline() != Clock::never; i++) run_to(clock, clock.deadline());
    }
    void address28(u64 lba, u8 count, u8 device = 0) {
        put(6, u8(0xe0 | device | lba >> 24)), put(2, count), put(3, u8(lba)), put(4, u8(lba >> 8)), put(5, u8(lba >> 16));
    }
    void address48(u64 lba, u16 count, u8 device = 0) {
        put(6, u8(0xe0 | device)), put(2, u8(count >> 8)), put(3, u8(lba >> 24)), put(4, u8(lba >> 32)), put(5, u8(lba >> 40));
        put(2, u8(count)), put(3, u8(lba)), put(4, u8(lba >> 8)), put(5, u8(lba >> 16));
    }
    Bytes take(std::size_t bytes) {
        Bytes data;
        while (data.size() < bytes) {
            u32 word = ports.in(base, 2);
            data.push_back(u8(word)), data.push_back(u8(word >> 8));
        }
        return data;
    }
    void give(std::span<const u8> data) {
        for (std::size_t i = 0; i + 1 < data.size(); i += 2) ports.out(base, 2, u32(data[i] | data[i + 1] << 8));
    }
    u8 run(u8 command) { return put(7, command), wait(), get(7); }

    // Bus mastering: descriptors at 1000h.
    struct Region { u32 address, size; bool last; };
    void descriptors(std::initializer_list<Region> list, u32 at = 0x1000) {
        for (auto& region : list) {
            u32 words[2] = {region.address, (region.size & 0xffff) | u32(region.last) << 31};
            std::memcpy(&ram[at], words, 8), at += 8;
        }
        ports.out(u16(master + 4), 4, 0x1000);
    }
    void start_dma(bool to_memory) { ports.out(master, 1, u8(1 | to_memory << 3)); }
    u8 dma_status() { return u8(ports.in(u16(master + 2), 1)); }
    void visit(Archive& a) { a("ide", ide), a("clock", clock); }
};

}  // namespace ide
