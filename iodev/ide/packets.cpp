// SPDX-License-Identifier: MIT
// The packet commands of a CD drive, after MMC-3 and SPC-2.
#include "iodev/ide/cd.h"
#include <algorithm>
#include <cstring>

namespace ide {

struct Cd::Command {
    u8 code;
    const char* name;
    void (Cd::*run)(Packet);
    bool needs_medium,
        in_attention; // in_attention: is answered although there is something else to tell
};

const Cd::Command Cd::commands[] = {
    // code  name                            run                         medium  attention
    {0x00, "TEST UNIT READY",                &Cd::test_unit_ready,       true,   false},
    {0x03, "REQUEST SENSE",                  &Cd::request_sense,         false,  true},
    {0x12, "INQUIRY",                        &Cd::inquiry,               false,  true},
    {0x1b, "START STOP UNIT",                &Cd::start_stop,            false,  false},
    {0x1e, "PREVENT ALLOW MEDIUM REMOVAL",   &Cd::prevent_allow,         false,  false},
    {0x25, "READ CAPACITY",                  &Cd::read_capacity,         true,   false},
    {0x28, "READ(10)",                       &Cd::read_10,               true,   false},
    {0x2b, "SEEK(10)",                       &Cd::seek,                  true,   false},
    {0x43, "READ TOC/PMA/ATIP",              &Cd::read_toc,              true,   false},
    {0x46, "GET CONFIGURATION",              &Cd::get_configuration,     false,  true},
    {0x4a, "GET EVENT STATUS NOTIFICATION",  &Cd::get_event_status,      false,  true},
    {0x51, "READ DISC INFORMATION",          &Cd::read_disc_information, true,   false},
    {0x5a, "MODE SENSE(10)",                 &Cd::mode_sense,            false,  false},
    {0xa8, "READ(12)",                       &Cd::read_12,               true,   false},
    {0xbd, "MECHANISM STATUS",               &Cd::mechanism_status,      false,  false},
    {0xbe, "READ CD",                        &Cd::read_cd,               true,   false},
};

static u32 number(std::span<const u8, 12> packet, unsigned at, unsigned width) {
    u32 value = 0;
    for (unsigned i = 0; i < width; i++) value = value << 8 | packet[at + i];
    return value;
}
static void put(std::span<u8> reply, unsigned at, unsigned width, u64 value) {
    while (width--) reply[at + width] = u8(value), value >>= 8;
}
static void put(std::span<u8> reply, unsigned at, std::string_view text) {
    std::memcpy(&reply[at], text.data(), text.size());
}

void Cd::packet(Packet p) {
    auto* row = std::ranges::find(commands, p[0], &Command::code);
    if (row == std::end(commands)) return refuse({5, 0x20, 0}); // invalid operation code
    if (attention.key && !row->in_attention) return refuse(std::exchange(attention, {}));
    if (row->needs_medium && !loaded()) return refuse({2, 0x3a, 0}); // medium not present
    if (p[0] != 0x03) sense = {};
    (this->*row->run)(p);
}

void Cd::test_unit_ready(Packet) { complete(); }

void Cd::request_sense(Packet p) {
    std::array<u8, 18> r{};
    if (sense.key == 0) sense = std::exchange(attention, {});
    r[0] = 0x70, r[2] = sense.key, r[7] = 10, r[12] = sense.code, r[13] = sense.qualifier;
    sense = {};
    send(r, p[4]);
}

void Cd::inquiry(Packet p) {
    std::array<u8, 36> r{};
    if (p[1] & 1) return refuse({5, 0x24, 0});         // no vital product data
    r[0] = 5, r[1] = 0x80, r[3] = 0x21, r[4] = 31;     // CD, removable, ATAPI
    put(r, 8, "SLATE   CD-ROM          1.0 ");
    send(r, p[4]);
}

void Cd::start_stop(Packet p) {
    bool load_eject = p[4] & 2, start = p[4] & 1;
    if (load_eject && !start && locked) return refuse({5, 0x53, 2});            // removal prevented
    if (load_eject && tray_open == start) tray_open = !start, tray_moved = true;
    complete();
}

void Cd::prevent_allow(Packet p) {
    locked = p[4] & 1;
    complete();
}

void Cd::read_capacity(Packet) {
    std::array<u8, 8> r;
    put(r, 0, 4, std::min<u64>(blocks(), u64{1} << 32) - 1), put(r, 4, 4, block);
    send(r, 8);
}

void Cd::read_10(Packet p) { send_medium(number(p, 2, 4), number(p, 7, 2)); }
void Cd::read_12(Packet p) { send_medium(number(p, 2, 4), number(p, 6, 4)); }

// User data only; that is all that there is for a file system.
void Cd::read_cd(Packet p) {
    u8 wanted = p[9] & 0xf8;
    if (wanted == 0) return complete();
    if (wanted != 0x10) return refuse({5, 0x24, 0});   // invalid field in the packet
    send_medium(number(p, 2, 4), number(p, 6, 3));
}

void Cd::seek(Packet p) {
    if (number(p, 2, 4) >= blocks()) return refuse({5, 0x21, 0});
    complete();
}

// An address as a number or as minutes, seconds and frames, which begin two seconds before block 0.
static void put_address(std::span<u8> reply, unsigned at, u64 lba, bool msf) {
    if (!msf) return put(reply, at, 4, lba);
    u64 frames = lba + 150;
    reply[at + 1] = u8(frames / 4500), reply[at + 2] = u8(frames / 75 % 60),
               reply[at + 3] = u8(frames % 75);
}

void Cd::read_toc(Packet p) {
    std::array<u8, 20> r{};
    bool msf = p[1] & 2;
    u8 format = p[2] & 0x0f ? p[2] & 0x0f : p[9] >> 6, first = p[6];
    constexpr u8 data_track = 0x14, lead_out = 0xaa;
    r[2] = r[3] = 1;                                   // first and last track, or session
    unsigned at = 4;
    if (format > 1 || (format == 0 && first > 1 && first != lead_out)) return refuse({5, 0x24, 0});
    if (format == 1 || first <= 1)
        r[at + 1] = data_track, r[at + 2] = 1, put_address(r, at + 4, 0, msf), at += 8;
    if (format == 0)
        r[at + 1] = data_track, r[at + 2] = lead_out, put_address(r, at + 4, blocks(), msf),
               at += 8;
    put(r, 0, 2, at - 2);
    send(std::span(r).first(at), number(p, 7, 2));
}

void Cd::get_configuration(Packet p) {
    constexpr u8 cd_rom = 0x08, dvd_rom = 0x10, current = 1, persistent = 2;
    constexpr u64 largest_cd = 405'000;                // blocks: 90 minutes
    u8 profile = !loaded() ? 0 : blocks() > largest_cd ? dvd_rom : cd_rom;
    const std::initializer_list<u8> features[] = {
        {0, 0, persistent | current, 8, 0, dvd_rom, u8(profile == dvd_rom), 0, 0, cd_rom, u8(profile == cd_rom), 0},     // profiles
        {0, 1, 8 | persistent | current, 8, 0, 0, 0, 2, 1, 0, 0, 0},            // core: ATAPI
        {0, 3, persistent | current, 4, 0x29, 0, 0, 0},                         // removable medium: tray, eject, lock
        {0, 0x10, u8(profile != 0), 8, 0, 0, 8, 0, 0, 1, 0, 0},                 // random readable, 2048 bytes
        {0, 0x1e, u8(profile == cd_rom), 4, 0, 0, 0, 0},                        // CD read
    };
    std::array<u8, 64> r{};
    unsigned at = 8, type = p[1] & 3, from = number(p, 2, 2);
    for (auto& feature : features) {
        unsigned code = feature.begin()[0] << 8 | feature.begin()[1];
        bool wanted = type == 2 ? code == from
                                : code >= from && (type == 0 || (feature.begin()[2] & current));
        if (wanted) std::ranges::copy(feature, r.begin() + at), at += unsigned(feature.size());
    }
    put(r, 0, 4, at - 4), put(r, 6, 2, profile);
    send(std::span(r).first(at), number(p, 7, 2));
}

void Cd::get_event_status(Packet p) {
    constexpr u8 media = 4, none = 0x80, removal = 3, arrival = 2;
    std::array<u8, 8> r{};
    if (!(p[1] & 1)) return refuse({5, 0x24, 0});      // asynchronous: we only answer
    r[3] = bit(media);                                 // classes that there are
    if (!(p[4] & bit(media)))
        return r[1] = 2, r[2] = none, send(std::span(r).first(4), number(p, 7, 2));
    r[1] = 6, r[2] = media;
    if (tray_moved) r[4] = tray_open ? removal : arrival;
    tray_moved = false;
    r[5] = u8(tray_open | loaded() << 1);
    send(r, number(p, 7, 2));
}

void Cd::read_disc_information(Packet p) {
    std::array<u8, 34> r{};
    put(r, 0, 2, 32);
    r[2] = 0x0e;                                       // complete, last session complete
    r[3] = r[4] = r[5] = r[6] = 1, r[7] = 0x20;        // one track, one session; unrestricted use
    send(r, number(p, 7, 2));
}

void Cd::mode_sense(Packet p) {
    static constexpr u8 error_recovery[] = {0x01, 6, 0, 5, 0, 0, 0, 0};
    std::array<u8, 20> capabilities{0x2a, 18, 0, 0, 0, 0, 0x29, 0};             // tray, eject, lock
    put(capabilities, 8, 2, 5646), put(capabilities, 12, 2, 512),
        put(capabilities, 14, 2, 5646); // 32 x, 512 KiB
    if (locked) capabilities[6] |= 2;
    std::array<u8, 40> r{};
    unsigned at = 8, page = p[2] & 0x3f, which = p[2] >> 6;
    if (which == 3) return refuse({5, 0x39, 0});       // no saved values
    auto add = [&](std::span<const u8> bytes) {
        if (page != bytes[0] && page != 0x3f) return;
        std::ranges::copy(bytes, r.begin() + at);
        if (which == 1)
            std::fill_n(r.begin() + at + 2, bytes.size() - 2, u8(0)); // nothing can be changed
        at += unsigned(bytes.size());
    };
    add(error_recovery), add(capabilities);
    if (at == 8) return refuse({5, 0x24, 0});
    put(r, 0, 2, at - 2), r[2] = loaded() ? 0x01 : tray_open ? 0x71 : 0x70;
    send(std::span(r).first(at), number(p, 7, 2));
}

void Cd::mechanism_status(Packet p) {
    std::array<u8, 8> r{};
    if (tray_open) r[1] = 0x10;
    send(r, number(p, 8, 2));
}

}  // namespace ide
