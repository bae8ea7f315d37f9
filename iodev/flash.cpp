// SPDX-License-Identifier: MIT
// The command state machine of the flash chip.
#include "iodev/flash.h"
#include <algorithm>
#include <bit>

// Status register; sequence: an erase confirmed by another code than D0h sets both error bits.
static constexpr u8 ready = 0x80, erase_error = 0x20, program_error = 0x10, sequence_error = erase_error | program_error;
static constexpr u8 confirmed = 0xd0;

Flash::Flash(Wires wires, std::vector<u8> contents) : wires(std::move(wires)), bytes(std::move(contents)) {
    bytes.resize(align_up(bytes.size(), block_size), 0xff);
}

bool Flash::insert(Medium given) {
    if (given.size() != bytes.size() || !given.read(0, bytes)) return false;
    medium = std::move(given);
    return true;
}

void Flash::reset(Reset) {
    next = Next::command, status = ready;
    buffer = {}, buffer_start = 0, expected = taken = 0;
    show(Mode::array);
}

void Flash::visit(Archive& a) {
    Mode shown = mode;
    a("mode", shown), a("next", next), a("status", status), a("buffer", buffer), a("buffer_start", buffer_start);
    a("expected", expected), a("taken", taken);
    if (!bytes.empty()) a.memory("array", bytes);
    expected = std::min<u16>(expected, buffer_size), taken = std::min(taken, expected);
    if (next > Next::confirm) next = Next::command;
    if (next == Next::data && taken == expected) next = Next::command;
    show(shown > Mode::query ? Mode::array : shown);
}

void Flash::show(Mode now) {
    bool was_array = mode == Mode::array, is_array = now == Mode::array;
    mode = now;
    if (was_array != is_array) wires.array(is_array);
}

// The geometry is the only part that depends on the size: 27h is the power of two that holds it, 2Dh the number of blocks less one.
static u8 query(u64 at, u64 size) {
    struct Field { u8 at; u32 value; u8 width; };
    u64 blocks = size / Flash::block_size;
    const Field table[] = {
        {0x10, 'Q' | 'R' << 8 | 'Y' << 16, 3},
        {0x13, 0x0001, 2}, {0x15, 0x31, 2},                  // Intel's command set; where its own table is
        {0x1b, 0x45, 1}, {0x1c, 0x55, 1},                    // 4.5 to 5.5 V
        {0x1f, 7, 1}, {0x20, 7, 1}, {0x21, 10, 1},           // typical: 2^7 us a byte, 2^7 us a buffer, 2^10 ms a block
        {0x23, 4, 1}, {0x24, 4, 1}, {0x25, 4, 1},            // at most 2^4 times that
        {0x27, u32(std::bit_width(size - 1)), 1}, {0x28, 0, 2},   // 8 bits wide
        {0x2a, u32(std::bit_width(Flash::buffer_size - 1)), 2},
        {0x2c, 1, 1}, {0x2d, u32(blocks - 1), 2}, {0x2f, Flash::block_size / 256, 2},
        {0x31, 'P' | 'R' << 8 | 'I' << 16, 3}, {0x34, '1' | '0' << 8, 2},
    };
    for (auto& f : table)
        if (at >= f.at && at < u64(f.at + f.width)) return u8(f.value >> (at - f.at) * 8);
    return 0;
}

static u8 identifier(u64 at) { return at == 0 ? 0x89 : at == 1 ? 0x18 : 0; }      // Intel, 128 Mbit

u8 Flash::get(u64 offset) const {
    switch (mode) {
    case Mode::array: return bytes[offset];
    case Mode::status: return status;
    case Mode::identifier: return identifier(offset % block_size);
    case Mode::query: return query(offset % block_size, bytes.size());
    }
    return 0xff;
}

u64 Flash::read(u64 offset, unsigned width) {
    u64 value = 0;
    for (unsigned n = 0; n < width; n++) value |= u64{offset + n < bytes.size() ? get(offset + n) : u8(0xff)} << n * 8;
    return value;
}

void Flash::write(u64 offset, unsigned width, u64 value) {
    for (unsigned n = 0; n < width && offset + n < bytes.size(); n++) put(offset + n, u8(value >> n * 8));
}

void Flash::put(u64 offset, u8 value) {
    switch (next) {
    case Next::command: return command(offset, value);
    case Next::program: return program(offset, std::span(&value, 1));
    case Next::erase_confirm: return value == confirmed ? erase(offset) : finish(sequence_error);
    case Next::count: return begin_buffer(value);
    case Next::data: return take(offset, value);
    case Next::confirm: return write_buffer(value);
    }
}

void Flash::command(u64, u8 code) {
    auto wait_for = [&](Next what) { next = what, status |= ready, show(Mode::status); };
    switch (code) {
    case 0x10:
    case 0x40: return wait_for(Next::program);
    case 0x20: return wait_for(Next::erase_confirm);
    case 0x50: status = 0; return;                           // also the ready bit, as on QEMU's chip: OVMF knows the flash by that
    case 0x70: return show(Mode::status);
    case 0x90: return show(Mode::identifier);
    case 0x98: return show(Mode::query);
    case 0xe8: return wait_for(Next::count);
    default: return show(Mode::array);                       // FFh; the others are reserved
    }
}

void Flash::finish(u8 problems) {
    next = Next::command, status |= ready | problems;
    show(Mode::status);
}

// The host's file first: what could not be kept has not happened.
bool Flash::store(u64 offset, std::span<const u8> values) {
    if (medium.present() && !medium.write(offset, values)) return false;
    std::ranges::copy(values, bytes.begin() + std::ptrdiff_t(offset));
    wires.changed(std::span(bytes).subspan(offset, values.size()));
    return true;
}

// Programming turns ones into zeros only.
void Flash::program(u64 offset, std::span<const u8> values) {
    std::array<u8, buffer_size> left;
    for (u64 n = 0; n < values.size(); n++) left[n] = bytes[offset + n] & values[n];
    finish(store(offset, std::span(left).first(values.size())) ? 0 : program_error);
}

void Flash::erase(u64 offset) {
    std::array<u8, block_size> blank;
    blank.fill(0xff);
    finish(store(offset & ~(block_size - 1), blank) ? 0 : erase_error);
}

void Flash::begin_buffer(u8 count) {
    expected = u16(count + 1), taken = 0;
    buffer.fill(0xff);
    next = Next::data;
}

// The first byte's address is where the buffer starts; all lie in one block.
void Flash::take(u64 offset, u8 value) {
    if (taken == 0) buffer_start = offset;
    u64 at = offset - buffer_start;
    if (offset < buffer_start || at >= buffer_size || offset / block_size != buffer_start / block_size) return finish(program_error);
    buffer[at] = value;
    if (++taken == expected) next = Next::confirm;
}

void Flash::write_buffer(u8 code) {
    if (code != confirmed) return finish(sequence_error);
    u64 start = std::min<u64>(buffer_start, bytes.size() - 1), to_end = block_size - start % block_size;
    program(start, std::span(buffer).first(std::min<u64>(buffer_size, to_end)));
}
