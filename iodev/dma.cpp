// SPDX-License-Identifier: MIT
// 8237A: channel programming, and transfers in runs that stay within 64 Ki units.
#include "iodev/dma.h"
#include <algorithm>

void DmaController::reset(Reset) {
    command = status = software_requests = 0;
    masked = 0x0f;
    high_half = false;
}

void DmaController::Channel::visit(Archive& a) {
    a("base_address", base_address), a("base_count", base_count), a("address", address),
        a("count", count);
    a("mode", mode);
}

void DmaController::visit(Archive& a) {
    a("channels", channels), a("command", command), a("status", status), a("masked", masked);
    a("software_requests", software_requests), a("high_half", high_half);
    masked &= 0x0f, software_requests &= 0x0f;
}

u8 DmaController::get(u16 offset) {
    unsigned index = offset / spacing;
    return index < 16 && offset % spacing == 0 ? get_register(index) : 0xff;
}
void DmaController::put(u16 offset, u8 value) {
    unsigned index = offset / spacing;
    if (index < 16 && offset % spacing == 0) put_register(index, value);
}

u8 DmaController::get_half(u16 current) {
    high_half = !high_half;
    return u8(high_half ? current : current >> 8);
}
void DmaController::put_half(u16& base, u16& current, u8 value) {
    high_half = !high_half;
    base = high_half ? u16((base & 0xff00) | value) : u16((base & 0x00ff) | value << 8);
    current = base;
}

u8 DmaController::get_register(unsigned index) {
    if (index < 8)
        return get_half(index & 1 ? channels[index / 2].count : channels[index / 2].address);
    if (index == 8) {                       // reading the status clears the terminal counts
        u8 value = status;
        status &= 0xf0;
        return value;
    }
    return index == 15 ? u8(masked | 0xf0) : 0;
}

void DmaController::put_register(unsigned index, u8 value) {
    switch (index) {
    case 8: command = value; break;
    case 9: set_bit(software_requests, value); break;
    case 10: set_bit(masked, value); break;
    case 11: channels[value & 3].mode = value; break;
    case 12: high_half = false; break;
    case 13: reset(Reset::warm); break;     // master clear
    case 14: masked = 0; break;
    case 15: masked = value & 0x0f; break;
    default: {
        auto& channel = channels[index / 2];
        if (index & 1) put_half(channel.base_count, channel.count, value);
        else put_half(channel.base_address, channel.address, value);
    }
    }
}

bool DmaController::ready(unsigned n) const {
    return !(command & 4) && !(masked >> (n & 3) & 1) && !channels[n & 3].cascades();
}

void DmaController::request(unsigned n, bool on) {
    status = u8(on ? status | 0x10 << (n & 3) : status & ~(0x10 << (n & 3)));
}

// Past the last unit: terminal count; the channel reloads itself or is masked.
void DmaController::step(unsigned n, u32 units) {
    auto& channel = channels[n & 3];
    bool done = units >= left(n);
    channel.address = u16(channel.decrements() ? channel.address - units : channel.address + units);
    channel.count = u16(channel.count - units);
    if (!done) return;
    status |= u8(1 << (n & 3));
    if (channel.auto_initialize())
        channel.address = channel.base_address, channel.count = channel.base_count;
    else masked |= u8(1 << (n & 3));
}

u8 DmaPages::page(unsigned channel) const {
    constexpr u8 where[8] = {7, 3, 1, 2, 15, 11, 9, 10};
    return pages[where[channel & 7]];
}

// Addresses count within 64 KiB (or 64 Ki words): the page register does not move.
template <class Run>
Dma::Moved Dma::transfer(unsigned channel, DmaController::Kind kind, std::size_t bytes, Run run) {
    auto& chip = channel < 4 ? low : high;
    unsigned unit = channel < 4 ? 1 : 2;
    auto& c = chip.channel(channel);
    if (channel > 7 || channel == 4 || !chip.ready(channel) || c.kind() != kind) return {0, false};
    u32 units = std::min<u64>(bytes / unit, chip.left(channel));
    bool terminal = units == chip.left(channel);
    u64 page = u64(pages.page(channel) & (unit == 2 ? 0xfe : 0xff)) << 16;
    u16 address = c.address;
    for (u32 done = 0; done < units;) {
        u32 count = c.decrements() ? 1 : std::min<u32>(units - done, 0x10000 - address);
        run(Physical(page + u64(address) * unit), done * unit, count * unit);
        address = u16(c.decrements() ? address - count : address + count);
        done += count;
    }
    chip.step(channel, units);
    return {units * unit, terminal};
}

Dma::Moved Dma::to_memory(unsigned channel, std::span<const u8> data) {
    return transfer(
        channel, DmaController::Kind::to_memory, data.size(),
        [&](Physical at, u32 from, u32 size) { bus.write(at, data.subspan(from, size)); });
}
Dma::Moved Dma::from_memory(unsigned channel, std::span<u8> data) {
    return transfer(channel, DmaController::Kind::from_memory, data.size(),
                    [&](Physical at, u32 to, u32 size) { bus.read(at, data.subspan(to, size)); });
}

void Dma::reset(Reset kind) { low.reset(kind), high.reset(kind), pages.reset(kind); }

void Dma::visit(Archive& a) { a("low", low), a("high", high), a("pages", pages); }
