// SPDX-License-Identifier: MIT
// The PC's DMA controllers: two 8237A and the page registers, after Intel's 8237A data sheet and
// the 82371SB (PIIX3) one. Left out: memory-to-memory transfers and software requests, for which
// the PC has no use; command bits for timing; the cascade's own mask (channel 4 need not be
// unmasked for channels 0-3).
#pragma once
#include "iodev/bus_master.h"
#include "iodev/byte_device.h"

// One 8237A: registers 0-15, at a spacing of 1 (channels 0-3) or 2 (channels 4-7) ports.
class DmaController final : public ByteDevice {
public:
    explicit DmaController(unsigned spacing) : spacing(spacing) {}

    std::string_view name() const override { return spacing == 1 ? "dma-8" : "dma-16"; }
    void reset(Reset) override;
    u8 get(u16 offset) override;
    void put(u16 offset, u8 value) override;
    void visit(Archive&) override;

    enum class Kind : u8 { verify, to_memory, from_memory, none };
    struct Channel {
        u16 base_address = 0, base_count = 0, address = 0, count = 0;
        u8 mode = 0;
        Kind kind() const { return Kind(mode >> 2 & 3); }
        bool auto_initialize() const { return mode & 0x10; }
        bool decrements() const { return mode & 0x20; }
        bool cascades() const { return mode >> 6 == 3; }
        void visit(Archive&);
    };
    bool ready(unsigned channel) const;     // enabled, unmasked, not a cascade
    void step(unsigned channel, u32 units); // `units` (at most left()) have been transferred
    u32 left(unsigned channel) const { return channels[channel & 3].count + 1u; }
    bool terminal(unsigned channel) const { return status >> (channel & 3) & 1; }
    const Channel& channel(unsigned n) const { return channels[n & 3]; }
    void request(unsigned channel, bool on);

private:
    u8 get_register(unsigned index);
    void put_register(unsigned index, u8 value);
    void put_half(u16& base, u16& current, u8 value);
    u8 get_half(u16 current);
    void set_bit(u8& set, u8 value) {
        set = u8(value & 4 ? set | 1 << (value & 3) : set & ~(1 << (value & 3)));
    }

    const unsigned spacing;
    std::array<Channel, 4> channels;
    u8 command = 0, status = 0, masked = 0x0f, software_requests = 0;
    bool high_half = false;
};

// The page registers (ports 80h-8Fh): address bits 23:16 of each channel; the rest are plain
// latches.
class DmaPages final : public ByteDevice {
public:
    std::string_view name() const override { return "dma-pages"; }
    void reset(Reset) override { pages.fill(0); }
    u8 get(u16 offset) override { return offset < 16 ? pages[offset] : 0xff; }
    void put(u16 offset, u8 value) override {
        if (offset < 16) pages[offset] = value;
    }
    void visit(Archive& a) override { a("pages", pages); }
    u8 page(unsigned channel) const;

private:
    std::array<u8, 16> pages{};
};

class Dma {
public:
    explicit Dma(BusMaster& bus) : bus(bus) {}

    // What a device on a channel does: `data` into memory or out of it, as far as the channel has
    // been programmed for that direction. Channels 5-7 move 16-bit words.
    struct Moved { std::size_t bytes; bool terminal_count; };
    Moved to_memory(unsigned channel, std::span<const u8> data);
    Moved from_memory(unsigned channel, std::span<u8> data);
    void reset(Reset);
    void visit(Archive&);

    DmaController low{1}, high{2};          // ports 00h-0Fh and C0h-DFh
    DmaPages pages;                         // ports 80h-8Fh

private:
    template <class Run>
    Moved transfer(unsigned channel, DmaController::Kind, std::size_t bytes, Run);
    BusMaster& bus;
};
