// SPDX-License-Identifier: MIT
// PS/2 keyboard and mouse: commands, scan codes, packets.
#include "iodev/ps2.h"
#include "iodev/scan_codes.h"
#include <algorithm>

static constexpr u8 ack = 0xfa, resend = 0xfe, passed = 0xaa;

u8 Ps2Device::take() {
    last = replies.empty() ? data.pop() : replies.pop();
    return last;
}

void Ps2Device::visit(Archive& a) {
    a("replies", replies), a("data", data), a("last", last), a("expects", expects);
}

void Ps2Keyboard::reset() {
    replies.clear(), data.clear();
    expects = 0, set = 2, led_state = 0, scanning = true;
}

void Ps2Keyboard::visit(Archive& a) {
    Ps2Device::visit(a);
    a("set", set), a("leds", led_state), a("scanning", scanning);
    if (set != 1) set = 2;
    led_state &= 7;
}

bool Ps2Keyboard::key(u8 usage, bool down) {
    if (!scanning) return true;
    auto codes = scan_codes(usage, down, set);
    if (data.room() < codes.size) return false;
    for (unsigned i = 0; i < codes.size; i++) data.push(codes.bytes[i]);
    return true;
}

void Ps2Keyboard::write(u8 byte) {
    if (expects && byte < 0xed) return argument(byte);
    expects = 0;
    switch (byte) {
    case 0xed:
    case 0xf0:
    case 0xf3: expects = byte; return reply(ack);
    case 0xee: return reply(0xee);
    case 0xf2: reply(ack), reply(0xab); return reply(0x83);
    case 0xf4: scanning = true, data.clear(); return reply(ack);
    case 0xf5:
    case 0xf6:                              // defaults; F5h also stops scanning
        set = 2, scanning = byte == 0xf6;
        data.clear();
        return reply(ack);
    case 0xfe: return reply(last);
    case 0xff:
        reset();
        reply(ack);
        return reply(passed);
    default: return reply(byte >= 0xf7 && byte <= 0xfa ? ack : resend);
    }
}

void Ps2Keyboard::argument(u8 byte) {
    u8 command = expects;
    expects = 0;
    if (command == 0xed) led_state = byte & 7;
    if (command == 0xf0 && byte > 2) return reply(resend);
    reply(ack);
    if (command == 0xf0 && byte == 0) reply(set);
    if (command == 0xf0 && byte) set = byte;
}

void Ps2Mouse::defaults() {
    sample_rate = 100, resolution = 2;
    reporting = remote = wrap = scaling = false;
    dx = dy = wheel = 0;
    data.clear();
}

void Ps2Mouse::reset() {
    defaults();
    replies.clear();
    expects = id = knocks = 0;
}

void Ps2Mouse::visit(Archive& a) {
    Ps2Device::visit(a);
    a("dx", dx), a("dy", dy), a("wheel", wheel), a("buttons", button_state),
        a("sent_buttons", sent_buttons);
    a("id", id), a("sample_rate", sample_rate), a("resolution", resolution), a("knocks", knocks);
    a("reporting", reporting), a("remote", remote), a("wrap", wrap), a("scaling", scaling);
    constexpr s32 most = 1 << 20;
    for (s32* sum : {&dx, &dy, &wheel}) *sum = std::clamp(*sum, -most, most);
    id = id == 3 ? 3 : 0, button_state &= 7, sent_buttons &= 7, knocks = std::min<u8>(knocks, 2);
}

void Ps2Mouse::move(int right, int up, int towards, u8 buttons) {
    constexpr s32 most = 1 << 20;           // what a slow guest has not asked for is cut off there
    auto add = [](s32& sum, int n) { sum = s32(std::clamp<s64>(s64(sum) + n, -most, most)); };
    add(dx, right), add(dy, up), add(wheel, towards);
    button_state = buttons & 7;
    refill();
}

void Ps2Mouse::refill() {
    constexpr unsigned largest = 4;
    while (reporting && !remote && !wrap && gathered() && data.room() >= largest) packet(true);
}

// Scaling 2:1 (PS/2 technical reference): 0, 1, 1, 3, 6, 9, then twice.
s32 Ps2Mouse::scaled(s32 counts) const {
    constexpr s32 small[] = {0, 1, 1, 3, 6, 9};
    s32 size = std::abs(counts), more = size < 6 ? small[size] : std::min(size * 2, 255);
    return counts < 0 ? -more : more;
}

// Takes up to 255 counts each way from what has gathered.
void Ps2Mouse::packet(bool stream) {
    s32 x = std::clamp(dx, -255, 255), y = std::clamp(dy, -255, 255), z = std::clamp(wheel, -8, 7);
    dx -= x, dy -= y, wheel -= z;
    if (stream && scaling) x = scaled(x), y = scaled(y);
    sent_buttons = button_state;
    u8 head = u8(8 | button_state | (x < 0 ? 0x10 : 0) | (y < 0 ? 0x20 : 0));
    auto send = [&](u8 byte) { stream ? data.push(byte) : replies.push(byte); };
    send(head), send(u8(x)), send(u8(y));
    if (id == 3) send(u8(z));
    else wheel = 0;
}

// Rates 200, 100, 80 in a row turn the wheel on (Microsoft's IntelliMouse knock).
void Ps2Mouse::rate(u8 per_second) {
    constexpr u8 knock[] = {200, 100, 80};
    sample_rate = per_second;
    knocks = per_second == knock[knocks] ? knocks + 1 : per_second == knock[0] ? 1 : 0;
    if (knocks < 3) return;
    knocks = 0, id = 3;
}

void Ps2Mouse::argument(u8 byte) {
    if (expects == 0xe8) resolution = byte & 3;
    if (expects == 0xf3) rate(byte);
    expects = 0;
    reply(ack);
}

void Ps2Mouse::write(u8 byte) {
    if (wrap && byte != 0xec && byte != 0xff) return reply(byte);
    if (expects) return argument(byte);
    switch (byte) {
    case 0xe6: scaling = false; return reply(ack);
    case 0xe7: scaling = true; return reply(ack);
    case 0xe8:
    case 0xf3: expects = byte; return reply(ack);
    case 0xe9:
        reply(ack);
        reply(u8(remote << 6 | reporting << 5 | scaling << 4 | (button_state & 1) << 2 |
                 (button_state & 4) >> 1 | (button_state & 2) >> 1));
        reply(resolution);
        return reply(sample_rate);
    case 0xea: remote = false; return reply(ack);
    case 0xeb: reply(ack); return packet(false);
    case 0xec: wrap = false; return reply(ack);
    case 0xee: wrap = true; return reply(ack);
    case 0xf0: remote = true; return reply(ack);
    case 0xf2: reply(ack); return reply(id);
    case 0xf4: reporting = true; return reply(ack);
    case 0xf5: reporting = false; data.clear(); return reply(ack);
    case 0xf6: defaults(); return reply(ack);
    case 0xfe: return reply(last);
    case 0xff:
        reset();
        reply(ack), reply(passed);
        return reply(0);
    default: return reply(resend);
    }
}
