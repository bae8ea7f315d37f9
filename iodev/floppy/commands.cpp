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

static constexpr u64 step_time = 3'000'000, id_time = 1'000'000;

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

}  // namespace floppy
