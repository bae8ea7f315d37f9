// SPDX-License-Identifier: MIT
// The floppy commands that move data: a sector at a time, by DMA or through the data register.
#include "iodev/floppy/controller.h"
#include <algorithm>

namespace floppy {

static constexpr u64 sector_time = 500'000;

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
