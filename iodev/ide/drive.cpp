// SPDX-License-Identifier: MIT
// The course of a command.
#include "iodev/ide/drive.h"
#include <algorithm>

namespace ide {

// A command takes 20 microseconds, and 5 nanoseconds for each byte that it moves.
static constexpr u64 command_nanoseconds = 20'000, byte_nanoseconds = 5;

Drive::Drive(Clock& clock, BusMasterRegisters& bus_master, Medium medium,
             std::function<void()> interrupt_changed)
    : medium(std::move(medium)),
      clock(clock),
      bus_master(bus_master),
      interrupt_changed(std::move(interrupt_changed)),
      timer(clock, [this] { fire(); }) {}

void Drive::visit(Archive& a) {
    a("registers", registers), a("timer", timer), a("buffer", buffer), a("filled", filled),
        a("passed", passed);
    a("left", left), a("next", next), a("host_reads", host_reads), a("takes_packet", takes_packet);
    a("waits_for_dma", waits_for_dma), a("pending", pending);
    filled = std::min(filled, buffer_size), passed = std::min(passed, filled);
    if (next >= Next::last) next = Next::nothing;
}

void Drive::acknowledge() { pending = false, interrupt_changed(); }

void Drive::begin_reset() {
    timer.off();
    next = Next::nothing, waits_for_dma = takes_packet = pending = false;
    filled = passed = 0, left = 0;
    registers.status = bsy;
    interrupt_changed();
}

void Drive::end_reset() {
    reset_state();
    registers.error = 1;                               // diagnostics: passed
    signature();
}

void Drive::end_diagnostic() {
    show(registers.status);
}

void Drive::command(u8 code) {
    pending = false, interrupt_changed();
    registers.error = 0, registers.status = bsy;
    left = 0, waits_for_dma = takes_packet = false;
    execute(code);
}

void Drive::later(Next what, u64 bytes) {
    next = what;
    registers.status = bsy;
    timer.at(clock.ticks +
             clock.tick_of(command_nanoseconds + bytes * byte_nanoseconds, 1'000'000'000));
}

void Drive::fire() {
    switch (std::exchange(next, Next::nothing)) {
    case Next::end: end_command(); break;
    case Next::fill: fill(); break;
    case Next::drain: drain(); break;
    case Next::packet: packet(std::span(buffer).first<packet_size>()); break;
    case Next::dma_in: case Next::dma_out: dma_step(); break;
    case Next::work: work(); break;
    default: break;
    }
}

void Drive::show(u8 status) {
    registers.status = status;
    pending = true;
    interrupt_changed();
}

void Drive::finish() { later(Next::end, 0); }
void Drive::end_command() { show(drdy | dsc); }

void Drive::fail(u8 error, u8 more_status) {
    timer.off();
    next = Next::nothing, left = 0, waits_for_dma = false;
    registers.error = error;
    show(u8(drdy | dsc | err | more_status));
}

void Drive::pio_in(u64 bytes) {
    left = bytes;
    later(Next::fill, block_size());
}

void Drive::fill() {
    u32 bytes = u32(std::min<u64>(block_size(), left));
    if (!fetch(std::span(buffer).first(bytes))) return;
    left -= bytes;
    host_reads = true;
    open_for_host(bytes);
    block_ready();
    show(drdy | dsc | drq);
}

// The first block is asked for without an interrupt.
void Drive::pio_out(u64 bytes) {
    left = bytes;
    host_reads = false;
    open_for_host(u32(std::min<u64>(block_size(), left)));
    block_ready();
    registers.status = drdy | dsc | drq;
}

void Drive::take_packet() {
    left = 0, host_reads = false, takes_packet = true;
    open_for_host(packet_size);
    registers.status = drdy | drq;
}

void Drive::work_later(u64 bytes) { later(Next::work, bytes); }

void Drive::open_for_host(u32 bytes) { filled = bytes, passed = 0; }

void Drive::drain() {
    if (!store(std::span(buffer).first(filled))) return;
    left -= std::min<u64>(left, filled);
    if (left == 0) return data_done();
    open_for_host(u32(std::min<u64>(block_size(), left)));
    block_ready();
    show(drdy | dsc | drq);
}

u32 Drive::read_data(unsigned width) {
    if (!(registers.status & drq) || !host_reads) return u32(ones(width));
    u32 value = 0;
    for (unsigned i = 0; i < width && passed < filled; i++) value |= u32(buffer[passed++]) << i * 8;
    if (passed < filled) return value;
    if (left) later(Next::fill, block_size());
    else data_done();
    return value;
}

void Drive::write_data(unsigned width, u32 value) {
    if (!(registers.status & drq) || host_reads) return;
    for (unsigned i = 0; i < width && passed < filled; i++) buffer[passed++] = u8(value >> i * 8);
    if (passed < filled) return;
    if (std::exchange(takes_packet, false)) later(Next::packet, 0);
    else later(Next::drain, filled);
}

void Drive::dma(u64 bytes, bool to_host) {
    left = bytes, filled = passed = 0;
    later(to_host ? Next::dma_in : Next::dma_out, std::min<u64>(bytes, buffer_size));
    host_reads = to_host;
}

void Drive::dma_started() {
    if (waits_for_dma) waits_for_dma = false, later(host_reads ? Next::dma_in : Next::dma_out, 0);
}

// A step of the transfer: a bufferful, or what of it the first descriptors have room for.
void Drive::dma_step() {
    if (!bus_master.running() || bus_master.to_memory() != host_reads)
        return void(waits_for_dma = true);
    if (!dma_move()) return;
    if (left)
        return later(host_reads ? Next::dma_in : Next::dma_out,
                     passed < filled ? 0 : std::min<u64>(left, buffer_size));
    bus_master.finished();
    data_done();
}

// What the descriptors have no room for waits until the host resets the drive.
bool Drive::dma_move() {
    if (passed == filled) {
        open_for_host(u32(std::min<u64>(left, buffer_size)));
        if (host_reads && !fetch(std::span(buffer).first(filled))) return false;
    }
    auto piece = std::span(buffer).first(filled).subspan(passed);
    auto moved = host_reads ? bus_master.write(piece) : bus_master.read(piece);
    if (!moved) return false;
    passed += u32(*moved);
    bool whole = passed == filled;
    if (whole && !host_reads && !store(std::span(buffer).first(filled))) return false;
    if (whole) left -= std::min<u64>(left, filled);
    return true;
}

}  // namespace ide
