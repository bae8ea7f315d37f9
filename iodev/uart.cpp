// SPDX-License-Identifier: MIT
// 16550A: registers, the receive FIFO, and the four kinds of interrupt by priority.
#include "iodev/uart.h"

static constexpr u8 data_ready = 0x01, overrun = 0x02, break_seen = 0x10, sender_idle = 0x60,
                    fifo_error = 0x80;
static constexpr u8 errors_mask = 0x1e, out2 = 0x08;

Uart::Uart(Clock& clock, Line interrupt, std::function<void(u8)> output)
    : interrupt(std::move(interrupt)),
      output(std::move(output)),
      clock(clock),
      timeout(clock, [this] {
          timed_out = true;
          update();
      }) {
    reset(Reset::power);
}

// Master reset; scratch, divisor and receiver are not touched by it, but are here.
void Uart::reset(Reset) {
    received.clear();
    enables = fifo_control = line_control = modem_control = scratch = line_errors = modem_deltas =
        0;
    divisor = 12;
    sender_empty = timed_out = false;
    timeout.off();
    update();
}

void Uart::visit(Archive& a) {
    a("interrupt", interrupt), a("timeout", timeout), a("received", received),
        a("enables", enables);
    a("fifo_control", fifo_control), a("line_control", line_control),
        a("modem_control", modem_control);
    a("scratch", scratch), a("line_errors", line_errors), a("modem_deltas", modem_deltas);
    a("modem_lines", modem_lines), a("divisor", divisor), a("sender_empty", sender_empty);
    a("timed_out", timed_out);
    enables &= 0x0f, fifo_control &= 0xc9, modem_control &= 0x1f, line_errors &= errors_mask;
    modem_deltas &= 0x0f, modem_lines &= 0xf0;
}

unsigned Uart::trigger() const {
    constexpr u8 levels[4] = {1, 4, 8, 14};
    return fifos() ? levels[fifo_control >> 6] : 1;
}

// In loopback DTR, RTS, OUT1 and OUT2 are seen as DSR, CTS, RI and DCD.
u8 Uart::modem_inputs() const {
    if (!loopback()) return modem_lines;
    u8 m = modem_control;
    return u8((m & 1 ? dsr : 0) | (m & 2 ? cts : 0) | (m & 4 ? ri : 0) | (m & 8 ? dcd : 0));
}

// By priority: line status, data, time-out, sender, modem status.
u8 Uart::interrupt_id() const {
    if (enables & 4 && line_errors) return 0x06;
    if (enables & 1 && received.size() >= trigger()) return 0x04;
    if (enables & 1 && timed_out && !received.empty()) return 0x0c;
    if (enables & 2 && sender_empty) return 0x02;
    if (enables & 8 && modem_deltas) return 0x00;
    return 0x01;
}

void Uart::update() { interrupt.set(interrupt_id() != 1 && modem_control & out2 && !loopback()); }

// Four characters of ten bits, 16 clocks of 1.8432 MHz / divisor each.
u64 Uart::four_characters() const {
    return clock.tick_of(4 * 10 * 16 * u64(divisor ? divisor : 65536), 1843200);
}

void Uart::start_timeout() {
    timed_out = false;
    if (fifos() && !received.empty()) timeout.at(clock.ticks + four_characters());
    else timeout.off();
}

void Uart::reveal() { line_errors |= received.front().errors & errors_mask; }

void Uart::enqueue(Received item) {
    if (room() == 0) {                      // without FIFOs the new byte replaces the old one
        line_errors |= overrun;
        if (!fifos()) received.clear(), received.push(item);
    } else {
        received.push(item);
    }
    if (received.size() == 1) reveal();
    start_timeout();
    update();
}

void Uart::receive(u8 byte) {
    if (!loopback()) enqueue({byte, 0});
}
void Uart::receive_break() {
    if (!loopback()) enqueue({0, break_seen});
}

void Uart::changed_modem(u8 before) {
    u8 after = modem_inputs(), changed = before ^ after;
    if (changed & cts) modem_deltas |= 1;
    if (changed & dsr) modem_deltas |= 2;
    if (before & ~after & ri) modem_deltas |= 4;         // trailing edge
    if (changed & dcd) modem_deltas |= 8;
    update();
}

void Uart::set_modem(u8 lines) {
    u8 before = modem_inputs();
    modem_lines = lines & 0xf0;
    changed_modem(before);
}

u8 Uart::read_data() {
    u8 byte = received.pop().byte;
    reveal();
    start_timeout();
    update();
    return byte;
}

u8 Uart::read_line_status() {
    bool error_queued = false;
    for (unsigned i = 0; i < received.size(); i++) error_queued |= received.peek(i).errors != 0;
    u8 value = u8((received.empty() ? 0 : data_ready) | line_errors | sender_idle);
    if (fifos() && error_queued) value |= fifo_error;
    line_errors = 0;
    update();
    return value;
}

u8 Uart::get(u16 offset) {
    switch (offset) {
    case 0: return dlab() ? u8(divisor) : read_data();
    case 1: return dlab() ? u8(divisor >> 8) : enables;
    case 2: {
        u8 id = interrupt_id();
        if (id == 0x02) sender_empty = false;            // reading the cause acknowledges this one
        update();
        return u8(id | (fifos() ? 0xc0 : 0));
    }
    case 3: return line_control;
    case 4: return modem_control;
    case 5: return read_line_status();
    case 6: {
        u8 value = modem_inputs() | modem_deltas;
        modem_deltas = 0;
        update();
        return value;
    }
    case 7: return scratch;
    default: return 0xff;
    }
}

// The holding register is full for no time at all: its interrupt goes away and comes again.
void Uart::send(u8 byte) {
    sender_empty = false;
    update();
    if (!loopback()) output(byte);
    else enqueue({byte, 0});
    sender_empty = true;
    update();
}

void Uart::write_enables(u8 value) {
    // enabling the sender's interrupt while it is idle raises it
    if (value & ~enables & 2) sender_empty = true;
    enables = value & 0x0f;
    update();
}

// Changing bit 0 empties the FIFOs; the other bits count only when it is set.
void Uart::write_fifo_control(u8 value) {
    bool toggled = (value ^ fifo_control) & 1;
    if (toggled || ((value & 1) && (value & 2))) {
        received.clear();
        start_timeout();
    }
    if (toggled || ((value & 1) && (value & 4))) sender_empty = true;
    fifo_control = value & 1 ? value & 0xc9 : 0;
    update();
}

void Uart::put(u16 offset, u8 value) {
    switch (offset) {
    case 0:
        if (dlab()) divisor = u16((divisor & 0xff00) | value);
        else send(value);
        break;
    case 1:
        if (dlab()) divisor = u16((divisor & 0x00ff) | value << 8);
        else write_enables(value);
        break;
    case 2: write_fifo_control(value); break;
    case 3: {
        bool breaks = value & ~line_control & 0x40;
        line_control = value;
        if (breaks && loopback()) enqueue({0, break_seen});
        break;
    }
    case 4: {
        u8 before = modem_inputs();
        modem_control = value & 0x1f;
        changed_modem(before);
        break;
    }
    case 7: scratch = value; break;
    default: break;
    }
}
