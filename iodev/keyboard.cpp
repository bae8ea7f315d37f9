// SPDX-License-Identifier: MIT
// i8042: commands, output buffer, translation, and the two lines that reach beyond the keyboard.
#include "iodev/keyboard.h"
#include "iodev/scan_codes.h"

static constexpr u8 translates = 0x40;

Keyboard::Keyboard(Clock& clock, Wires wires)
    : wires(std::move(wires)), clock(clock), cable(clock, [this] { arrive(); }) {
    reset(Reset::power);
}

void Keyboard::reset(Reset) {
    keyboard.reset();
    mouse.reset();
    command_byte = 0x47, output_port = 0x03, buffer = expects = 0;
    full = from_mouse = last_was_command = release = false;
    cable.off();
    wires.a20.set(true);
    update();
}

void Keyboard::visit(Archive& a) {
    a("irq1", wires.irq1), a("irq12", wires.irq12), a("a20", wires.a20), a("cable", cable);
    a("keyboard", keyboard), a("mouse", mouse), a("command_byte", command_byte);
    a("output_port", output_port), a("buffer", buffer), a("expects", expects), a("full", full);
    a("from_mouse", from_mouse), a("last_was_command", last_was_command), a("release", release);
}

bool Keyboard::key(u8 usage, bool down) {
    bool taken = keyboard.key(usage, down);
    pump();
    return taken;
}

void Keyboard::move_mouse(int dx, int dy, int wheel, u8 buttons) {
    mouse.move(dx, dy, wheel, buttons);
    pump();
}

void Keyboard::update() {
    wires.irq1.set(full && !from_mouse && (command_byte & 1));
    wires.irq12.set(full && from_mouse && (command_byte & 2));
}

void Keyboard::pump() {
    mouse.refill();
    bool waiting =
        (keyboard.pending() && keyboard_enabled()) || (mouse.pending() && mouse_enabled());
    if (!full && waiting && !cable.armed()) cable.at(clock.ticks + clock.tick_of(20, 1'000'000));
}

// A byte comes in from a device, the keyboard first. Translation swallows F0h and marks the next
// byte.
void Keyboard::arrive() {
    while (!full && keyboard.pending() && keyboard_enabled()) {
        u8 byte = keyboard.take();
        bool translate = command_byte & translates;
        if (translate && byte == 0xf0) {
            release = true;
            continue;
        }
        answer(translate ? u8(translated(byte) | (release ? 0x80 : 0)) : byte);
        release = false;
    }
    if (!full && mouse.pending() && mouse_enabled()) answer(mouse.take(), true);
    pump();
}

void Keyboard::answer(u8 value, bool mouse_byte) {
    full = false;                           // a new byte is a new edge
    update();
    buffer = value, full = true, from_mouse = mouse_byte;
    update();
}

// 7:6 errors (none), 5 from the mouse, 4 not locked, 3 last write was a command, 2 system flag, 1
// busy (never), 0 full.
u8 Keyboard::status() const {
    return u8((full && from_mouse) << 5 | 0x10 | last_was_command << 3 | (command_byte & 4) | full);
}

u8 Keyboard::get(u16 offset) { return offset == 0 ? read_data() : offset == 4 ? status() : 0xff; }

void Keyboard::put(u16 offset, u8 value) {
    if (offset != 0 && offset != 4) return;
    last_was_command = offset == 4;
    if (offset == 4) command(value);
    else if (expects) argument(value);
    else write_data(value);
    pump();
    update();
}

u8 Keyboard::read_data() {
    full = false;
    update();
    pump();
    return buffer;
}

// Sending to a device starts its clock.
void Keyboard::write_data(u8 value) {
    command_byte &= ~0x10;
    keyboard.write(value);
}

void Keyboard::set_a20(bool open) {
    output_port = u8(open ? output_port | 2 : output_port & ~2);
    wires.a20.set(open);
}

void Keyboard::write_output_port(u8 value) {
    output_port = value;
    set_a20(value & 2);
    if (!(value & 1)) wires.reset_cpu();
}

void Keyboard::command(u8 value) {
    expects = 0;
    switch (value) {
    case 0x20: return answer(command_byte);
    case 0x60:
    case 0xd1:
    case 0xd2:
    case 0xd3:
    case 0xd4: expects = value; return;
    case 0xa7: command_byte |= 0x20; return;
    case 0xa8: command_byte &= ~0x20; return;
    case 0xa9: return answer(0);            // mouse cable: no error
    case 0xaa: command_byte |= 4; return answer(0x55);
    case 0xab: return answer(0);            // keyboard cable: no error
    case 0xad: command_byte |= 0x10; return;
    case 0xae: command_byte &= ~0x10; return;
    case 0xc0: return answer(0x80);         // input port: not locked
    case 0xd0:
        return answer(
            u8((output_port & 0xcf) | (full && !from_mouse) << 4 | (full && from_mouse) << 5));
    case 0xdd: return set_a20(false);
    case 0xdf: return set_a20(true);
    case 0xe0: return answer(0);            // test inputs
    default: break;
    }
    if (value >= 0xf0 && !(value & 1)) wires.reset_cpu();           // pulses output bit 0
}

void Keyboard::argument(u8 value) {
    u8 what = expects;
    expects = 0;
    switch (what) {
    case 0x60: command_byte = value & 0x77; return;
    case 0xd1: return write_output_port(value);
    case 0xd2: return answer(value);
    case 0xd3: return answer(value, true);
    case 0xd4:
        command_byte &= ~0x20;
        mouse.write(value);
        return;
    default: return;
    }
}
