// SPDX-License-Identifier: MIT
// edu: its registers, and the two things that take time.
#include "iodev/edu.h"

static constexpr u32 identification = 0x010000ed, busy = 1, interrupt_when_done = 0x80;
static constexpr u32 by_factorial = 1, by_dma = 0x100;
static constexpr u64 start = 1, from_device = 2, interrupt_behind = 4;
static constexpr u64 nanoseconds = 1'000'000'000;

Edu::Edu(Clock& clock, BusMaster& bus, Remap remap)
    : MessagingFunction({.vendor = 0x1234, .device = 0x11e8, .class_code = 0xff0000, .revision = 0x10, .pin = 1},
                        [&bus](u64 address, u32 data) { bus.write_dword(address, data); }),
      clock(clock), bus(bus), calculation(clock, [this] { calculate(); }), dma(clock, [this] { transfer(); }) {
    add_bar(0, Bar::memory, bar_size, std::move(remap));
    add_msi(1);
}

void Edu::reset(Reset kind) {
    calculation.off(), dma.off();
    dma_registers.fill(0), buffer.fill(0);
    complement = factorial = wanted = status = interrupts = 0;
    MessagingFunction::reset(kind);
}

void Edu::visit(Archive& a) {
    a("calculation", calculation), a("dma", dma), a("dma_registers", dma_registers), a("buffer", buffer);
    a("complement", complement), a("factorial", factorial), a("wanted", wanted), a("status", status), a("interrupts", interrupts);
    status &= busy | interrupt_when_done;
    MessagingFunction::visit(a);
}

// From 34 on a factorial has no bit left in 32.
void Edu::calculate() {
    factorial = 1;
    for (u32 n = 2; n <= wanted && factorial; n++) factorial *= n;
    status &= ~busy;
    if (status & interrupt_when_done) raise(by_factorial);
}

void Edu::raise(u32 bits) {
    interrupts |= bits;
    if (interrupts && !signal(0)) set_interrupt(true);
}
void Edu::acknowledge(u32 bits) {
    interrupts &= ~bits;
    if (!interrupts) set_interrupt(false);
}

// Where the device's end lies within its buffer; nothing moves when it doesn't.
void Edu::transfer() {
    u64 command_now = dma_registers[command], size = dma_registers[count];
    bool out = command_now & from_device;
    u64 at = dma_registers[out ? source : destination] - buffer_at, memory = dma_registers[out ? destination : source] & reach;
    if (at < buffer_size && size <= buffer_size - at && bus_master()) {
        auto bytes = std::span(buffer).subspan(at, size);
        out ? bus.write(Physical(memory), bytes) : bus.read(Physical(memory), bytes);
    } else log_once("edu: a DMA beyond its buffer, or without bus mastering, does nothing");
    dma_registers[command] &= ~start;
    if (command_now & interrupt_behind) raise(by_dma);
}

u64 Edu::read(u64 offset, unsigned width) {
    if (width != 4 && (width != 8 || offset < 0x80)) return ones(width);
    if (offset >= 0x80 && offset < 0xa0) return dma_registers[(offset - 0x80) / 8] >> (offset & 4) * 8 & ones(width);
    switch (offset) {
    case 0x00: return identification;
    case 0x04: return complement;
    case 0x08: return factorial;
    case 0x20: return status;
    case 0x24: return interrupts;
    default: return ones(width);
    }
}

// While a DMA runs its registers stay as they are.
void Edu::write_dma(Index n, u64 value) {
    if (dma_registers[command] & start) return;
    dma_registers[n] = value;
    if (n != command) return;
    dma_registers[command] &= start | from_device | interrupt_behind;
    if (value & start) dma.at(clock.ticks + clock.tick_of(std::min<u64>(dma_registers[count], buffer_size) + 1, nanoseconds));
}

void Edu::write(u64 offset, unsigned width, u64 value) {
    if (width != 4 && (width != 8 || offset < 0x80)) return;
    if (offset >= 0x80 && offset < 0xa0) {
        auto n = Index((offset - 0x80) / 8);
        u64 old = dma_registers[n];
        if (width == 4) value = offset & 4 ? (old & mask(31, 0)) | value << 32 : (old & mask(63, 32)) | u32(value);
        return write_dma(n, value);
    }
    switch (offset) {
    case 0x04: complement = ~u32(value); break;
    case 0x08:
        if (status & busy) break;
        wanted = u32(value), status |= busy;
        calculation.at(clock.ticks + clock.tick_of(std::min<u64>(wanted, 64) + 1, nanoseconds));
        break;
    case 0x20: status = (status & busy) | (u32(value) & interrupt_when_done); break;
    case 0x60: raise(u32(value)); break;
    case 0x64: acknowledge(u32(value)); break;
    default: break;
    }
}
