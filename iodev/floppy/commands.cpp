// SPDX-License-Identifier: MIT
// The commands of the 82077AA (data sheet, chapters 5 and 6).
#include "iodev/floppy/controller.h"
#include <algorithm>

namespace floppy {

// MT, MFM and SK are the command's upper bits where it has them.
struct Controller::Command {
    u8 code, mask;
    const char* name;
    u8 bytes;                             // with the command itself
    void (Controller::*run)();
    bool selects = true;                  // the second byte names head and drive
    Data data = Data::read;
};

const Controller::Command Controller::commands[] = {
    // code  mask  name                    bytes  run                              selects  data
    {0x02,   0x9f, "READ TRACK",           9,     &Controller::transfer,           true,    Data::read},
    {0x03,   0xff, "SPECIFY",              3,     &Controller::specify,            false},
    {0x04,   0xff, "SENSE DRIVE STATUS",   2,     &Controller::sense_drive_status},
    {0x05,   0x3f, "WRITE DATA",           9,     &Controller::transfer,           true,    Data::write},
    {0x06,   0x1f, "READ DATA",            9,     &Controller::transfer,           true,    Data::read},
    {0x07,   0xff, "RECALIBRATE",          2,     &Controller::recalibrate},
    {0x08,   0xff, "SENSE INTERRUPT",      1,     &Controller::sense_interrupt,    false},
    {0x09,   0x3f, "WRITE DELETED DATA",   9,     &Controller::transfer,           true,    Data::write},
    {0x0a,   0xbf, "READ ID",              2,     &Controller::read_id},
    {0x0c,   0x1f, "READ DELETED DATA",    9,     &Controller::transfer,           true,    Data::read},
    {0x0d,   0xbf, "FORMAT TRACK",         6,     &Controller::format_track,       true,    Data::format},
    {0x0e,   0xff, "DUMPREG",              1,     &Controller::dumpreg,            false},
    {0x0f,   0xff, "SEEK",                 3,     &Controller::seek},
    {0x10,   0xff, "VERSION",              1,     &Controller::version,            false},
    {0x11,   0x1f, "SCAN EQUAL",           9,     &Controller::transfer,           true,    Data::scan},
    {0x12,   0xff, "PERPENDICULAR MODE",   2,     &Controller::perpendicular,      false},
    {0x13,   0xff, "CONFIGURE",            4,     &Controller::configure,          false},
    {0x14,   0x7f, "LOCK",                 1,     &Controller::lock,               false},
    {0x16,   0x1f, "VERIFY",               9,     &Controller::transfer,           true,    Data::verify},
    {0x19,   0x1f, "SCAN LOW OR EQUAL",    9,     &Controller::transfer,           true,    Data::scan},
    {0x1d,   0x1f, "SCAN HIGH OR EQUAL",   9,     &Controller::transfer,           true,    Data::scan},
    {0x8f,   0xbf, "RELATIVE SEEK",        3,     &Controller::relative_seek},
};

static constexpr u64 step_time = 3'000'000, sector_time = 500'000, id_time = 1'000'000;

static auto find(auto& commands, u8 code) {
    return std::ranges::find_if(commands, [&](auto& row) { return (code & row.mask) == row.code; });
}

unsigned Controller::length_of(u8 code) {
    auto row = find(commands, code);
    return row == std::end(commands) ? 1 : row->bytes;
}

void Controller::begin_command() {
    auto row = find(commands, parameter(0));
    if (row == std::end(commands)) return finish({0x80});       // invalid
    if (row->selects) selected = parameter(1) & 3, head = parameter(1) >> 2 & 1;
    data = row->data;
    (this->*row->run)();
}

// ---- control commands

void Controller::specify() { specified = {parameter(1), parameter(2)}, finish({}); }
void Controller::configure() {
    configured = {parameter(1), parameter(2), parameter(3)}, finish({});
}
void Controller::version() { finish({0x90}); }          // an enhanced controller

void Controller::perpendicular() {
    u8 value = parameter(1);
    perpendicular_mode =
        value & 0x80 ? value & 0x3f : u8((perpendicular_mode & 0x3c) | (value & 3));
    finish({});
}

void Controller::lock() {
    locked = parameter(0) & 0x80;
    finish({u8(locked << 4)});
}

void Controller::dumpreg() {
    finish({drives[0].cylinder, drives[1].cylinder, drives[2].cylinder, drives[3].cylinder,
            specified[0], specified[1], last_sector, u8(locked << 7 | (perpendicular_mode & 0x3f)),
            configured[1], configured[2]});
}

// ST3: drive, head, two-sided (1), track 0, ready (1), write protected.
void Controller::sense_drive_status() {
    u8 st3 = u8(selected | head << 2 | 0x28);
    if (drive().cylinder == 0) st3 |= 0x10;
    if (drive().medium.write_protected()) st3 |= 0x40;
    finish({st3});
}

// After a reset each of four drives tells that it may have changed; after a seek, that it has
// ended.
void Controller::sense_interrupt() {
    wires.irq.set(false);
    if (reset_senses) {
        u8 n = u8(4 - reset_senses--);
        return finish({u8(0xc0 | n), drives[n & 3].cylinder});
    }
    if (!std::exchange(seek_done, false)) return finish({0x80});
    finish({seek_st0, drives[seek_st0 & 3].cylinder});
}

void Controller::move_head(unsigned to) {
    constexpr u8 seek_end = 0x20;
    auto& d = drive();
    unsigned steps = to > d.cylinder ? to - d.cylinder : d.cylinder - to;
    d.cylinder = u8(to);
    if (d.ready() && steps) d.changed = false;           // a step pulse with a disk in the drive
    seek_st0 = u8(seek_end | head << 2 | selected);
    seeking = u8(1 << selected);
    later(Work::seek, steps * step_time + 1000);
    finish({});
}

void Controller::recalibrate() {
    head = 0;
    // The line tells of a change until a step: at track 0 already, the drive steps out and back.
    if (drive().ready()) drive().changed = false;
    move_head(0);
}
void Controller::seek() { move_head(parameter(2)); }
void Controller::relative_seek() {
    unsigned at = drive().cylinder, by = parameter(2);
    move_head(parameter(0) & 0x40 ? std::min(at + by, 255u) : at - std::min(at, by));
}

void Controller::read_id() {
    phase = Phase::execution, parameters.clear(), wanted = passed = 0;
    c = drive().cylinder, h = head, r = 1, n = 2, st2 = 0;
    if (!drive().ready() || c >= drive().geometry->cylinders)
        return end_transfer(0x40, 0x01, 0); // no address mark
    later(Work::read_id, id_time);
}

// ---- data: a sector at a time, by DMA or through the data register

static constexpr u8 read_track = 0x02;

void Controller::transfer() {
    u8 code = parameter(0) & 0x1f;
    multi_track = (parameter(0) & 0x80) && code != read_track;
    scan_code = code;
    c = parameter(2), h = parameter(3), r = code == read_track ? 1 : parameter(4), n = parameter(5),
    last_sector = parameter(6);
    start_sectors();
}

// For each sector four bytes come: cylinder, head, sector and size.
void Controller::format_track() {
    c = drive().cylinder, h = head, r = 1, n = parameter(2), last_sector = parameter(3),
    filler = parameter(5);
    multi_track = false;
    start_sectors();
}

void Controller::start_sectors() {
    constexpr u8 implied_seek = 0x40;
    phase = Phase::execution;
    parameters.clear();
    wanted = passed = 0, st2 = 0;
    if ((configured[1] & implied_seek) && data != Data::format) drive().cylinder = c;
    later(Work::sector, sector_time);
}

// What the head meets on the track; ends the command when it isn't there.
bool Controller::find_sector() {
    auto& d = drive();
    constexpr u8 abnormal = 0x40, no_address_mark = 0x01, not_writable = 0x02, no_data = 0x04,
                 wrong_cylinder = 0x10;
    bool writes = data == Data::write || data == Data::format;
    if (!d.ready() || d.cylinder >= d.geometry->cylinders || head >= d.geometry->heads)
        return end_transfer(abnormal, no_address_mark, 0), false;
    if (writes && d.medium.write_protected()) return end_transfer(abnormal, not_writable, 0), false;
    if (c != d.cylinder) return end_transfer(abnormal, no_data, wrong_cylinder), false;
    if (h != head || n != 2 || r == 0 || r > d.geometry->sectors)
        return end_transfer(abnormal, no_data, 0), false;
    return true;
}

void Controller::sector() {
    if (!find_sector()) return;
    if (data == Data::read || data == Data::verify) {
        if (!drive().medium.read(drive().offset(c, head, r), buffer)) return data_error();
        if (data == Data::verify) return sector_done(false);
    }
    u16 size = data == Data::format ? 4 : 512;
    if (without_dma()) return passed = 0, wanted = size, interrupt();
    auto bytes = std::span(buffer).first(size);
    if (data != Data::read) std::ranges::fill(bytes, 0);
    Moved moved = data == Data::read ? wires.to_memory(bytes) : wires.from_memory(bytes);
    constexpr u8 overrun = 0x10;
    if (moved.bytes == 0) return end_transfer(0x40, overrun, 0);
    if (data == Data::read) sector_done(moved.terminal_count);
    else store_sector(moved.terminal_count);
}

void Controller::data_error() { end_transfer(0x40, 0x20, 0x20); }

// The buffer has come from the host.
void Controller::store_sector(bool terminal_count) {
    if (data == Data::scan) return scan_sector(terminal_count);
    if (data == Data::format) r = buffer[2], buffer.fill(filler);
    if (!find_sector()) return;
    if (!drive().medium.write(drive().offset(c, head, r), buffer)) return data_error();
    sector_done(terminal_count);
}

// The host's FFh matches any byte.
void Controller::scan_sector(bool terminal_count) {
    constexpr u8 equal = 0x11, low_or_equal = 0x19, hit = 0x08, not_satisfied = 0x04;
    std::array<u8, 512> there;
    if (!find_sector()) return;
    if (!drive().medium.read(drive().offset(c, head, r), there)) return data_error();
    bool same = true, low = true, high = true;
    for (unsigned i = 0; i < there.size(); i++) {
        if (buffer[i] == 0xff || buffer[i] == there[i]) continue;
        same = false, low &= there[i] < buffer[i], high &= there[i] > buffer[i];
    }
    bool satisfied = same || (scan_code == equal ? false : scan_code == low_or_equal ? low : high);
    st2 = satisfied ? (same ? hit : 0) : not_satisfied;
    if (satisfied) next_sector(), end_transfer(0, 0, st2);
    else sector_done(terminal_count);
}

// At the last sector without a terminal count, the host wanted more than there is: "end of
// cylinder".
void Controller::sector_done(bool terminal_count) {
    constexpr u8 abnormal = 0x40, end_of_cylinder = 0x80;
    bool more = next_sector();
    if (terminal_count || (!more && (data == Data::verify || data == Data::format)))
        return end_transfer(0, 0, st2);
    if (more) later(Work::sector, sector_time);
    else end_transfer(abnormal, end_of_cylinder, st2);
}

// To the sector behind; false after the last one.
bool Controller::next_sector() {
    if (data == Data::format) return r == 0xff || --last_sector == 0 ? false : (r++, true);
    if (r != last_sector) return r++, true;
    r = 1;
    if (multi_track && head == 0 && drive().ready() && drive().geometry->heads == 2)
        return head = 1, h ^= 1, true;
    c++;
    if (multi_track) h ^= 1;
    return false;
}

void Controller::end_transfer(u8 st0, u8 st1, u8 more_st2) {
    wanted = passed = 0;
    finish({u8(st0 | head << 2 | selected), st1, more_st2, c, h, r, n});
    interrupt();
}

}  // namespace floppy
