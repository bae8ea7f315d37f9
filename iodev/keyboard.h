// SPDX-License-Identifier: MIT
// The i8042 keyboard controller with its two PS/2 devices, after Intel's UPI-41/42 and IBM's PS/2
// technical reference. A byte from a device takes 20 microseconds (a real cable: about a
// millisecond). Left out: password commands, the controller's RAM beyond the command byte, the
// input port's switches.
#pragma once
#include "base/clock.h"
#include "iodev/byte_device.h"
#include "iodev/ps2.h"

class Keyboard final : public ByteDevice {
public:
    struct Wires {
        Line irq1, irq12, a20;
        std::function<void()> reset_cpu;
    };
    Keyboard(Clock&, Wires);

    std::string_view name() const override { return "i8042"; }
    void reset(Reset) override;
    u8 get(u16 offset) override;            // 5 ports from 60h; 0 is data, 4 status and command
    void put(u16 offset, u8 value) override;
    void visit(Archive&) override;

    // From outside: a key by its USB usage (false: no room, try again later), and the mouse (see
    // Ps2Mouse).
    bool key(u8 usage, bool down);
    void move_mouse(int dx, int dy, int wheel, u8 buttons);

private:
    bool keyboard_enabled() const { return !(command_byte & 0x10); }
    bool mouse_enabled() const { return !(command_byte & 0x20); }
    u8 status() const;
    u8 read_data();
    void write_data(u8 value);
    void command(u8 value);
    void argument(u8 value);
    void answer(u8 value, bool mouse = false);          // into the output buffer, at once
    void write_output_port(u8 value);
    void set_a20(bool open);
    void pump();                            // has a device something to send? then it arrives soon
    void arrive();
    void update();

    Wires wires;
    Clock& clock;
    Timer cable;
    Ps2Keyboard keyboard;
    Ps2Mouse mouse;
    u8 command_byte = 0x47;      // translation, system flag, both interrupts: as firmware leaves it
    u8 output_port = 0x03;
    u8 buffer = 0, expects = 0;             // expects: the command whose argument comes next
    bool full = false, from_mouse = false, last_was_command = false;
    bool release = false;                   // translating: F0h has been seen
};
