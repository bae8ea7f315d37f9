// SPDX-License-Identifier: MIT
// The two devices on PS/2 cables: a keyboard (scan code sets 1 and 2) and a three-button wheel
// mouse (IntelliMouse), after IBM's PS/2 technical reference and Microsoft's mouse extension. Left
// out: set 3, typematic repeat (keys repeat when they are injected again).
#pragma once
#include "iodev/fifo.h"

// What both have: bytes to send, replies before the rest, and the last byte for "resend".
class Ps2Device {
public:
    bool pending() const { return !replies.empty() || !data.empty(); }
    u8 take();
    void visit(Archive&);

protected:
    void reply(u8 byte) { replies.push(byte); }
    Fifo<u8, 16> replies;
    Fifo<u8, 64> data;
    u8 last = 0;
    u8 expects = 0;                         // the command whose argument comes next; 0: none
};

class Ps2Keyboard : public Ps2Device {
public:
    void reset();
    void write(u8 byte);
    // A key by its USB usage. False when the queue has no room for it: try again later.
    bool key(u8 usage, bool down);
    u8 leds() const { return led_state; }
    void visit(Archive&);

private:
    void argument(u8 byte);
    u8 set = 2, led_state = 0;
    bool scanning = true;
};

class Ps2Mouse : public Ps2Device {
public:
    void reset();
    void write(u8 byte);
    // Motion in counts (right and up are positive), wheel in clicks (towards the user is positive),
    // buttons: bit 0 left, 1 right, 2 middle.
    void move(int dx, int dy, int wheel, u8 buttons);
    void refill();                          // sends what has gathered, as room permits
    void visit(Archive&);

private:
    void defaults();
    void argument(u8 byte);
    void rate(u8 per_second);
    void packet(bool stream);
    bool gathered() const { return dx || dy || wheel || button_state != sent_buttons; }
    s32 scaled(s32 counts) const;

    s32 dx = 0, dy = 0, wheel = 0;
    u8 button_state = 0, sent_buttons = 0;
    // knocks: rates 200, 100 and 80 seen in a row
    u8 id = 0, sample_rate = 100, resolution = 2, knocks = 0;
    bool reporting = false, remote = false, wrap = false, scaling = false;
};
