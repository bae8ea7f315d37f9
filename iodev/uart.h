// SPDX-License-Identifier: MIT
// A serial port: the 16550A, after National Semiconductor's PC16550D data sheet. What is sent
// leaves at once (no pacing by the divisor; only the receive time-out takes time). The interrupt
// passes OUT2, as on PCs. Left out: DMA modes (FCR.3 is ignored), parity and framing errors, which
// nothing on the other side can cause.
#pragma once
#include "base/clock.h"
#include "iodev/byte_device.h"
#include "iodev/fifo.h"

class Uart final : public ByteDevice {
public:
    Uart(Clock&, Line interrupt, std::function<void(u8)> output);

    std::string_view name() const override { return "uart"; }
    void reset(Reset) override;
    u8 get(u16 offset) override;            // 8 ports
    void put(u16 offset, u8 value) override;
    void visit(Archive&) override;

    // From outside. A byte for which there is no room is an overrun, so ask first.
    bool can_receive() const { return !loopback() && room() > 0; }
    void receive(u8 byte);
    void receive_break();
    enum Modem : u8 { cts = 0x10, dsr = 0x20, ri = 0x40, dcd = 0x80 };
    void set_modem(u8 lines);               // a set of Modem; CTS, DSR and DCD at power-on
    u8 modem_outputs() const { return modem_control; }          // bit 0 DTR, bit 1 RTS

private:
    struct Received {
        u8 byte = 0, errors = 0;            // errors as in the line status register
        void visit(Archive& a) { a("byte", byte), a("errors", errors); }
    };
    bool fifos() const { return fifo_control & 1; }
    bool loopback() const { return modem_control & 0x10; }
    bool dlab() const { return line_control & 0x80; }
    unsigned room() const { return fifos() ? received.room() : received.empty() ? 1 : 0; }
    unsigned trigger() const;
    u8 modem_inputs() const;
    u8 interrupt_id() const;
    void update();
    void enqueue(Received);
    void reveal();                          // the errors of the byte that is now at the front
    void changed_modem(u8 before);
    u64 four_characters() const;
    void start_timeout();
    u8 read_data();
    u8 read_line_status();
    void send(u8 byte);
    void write_enables(u8 value);
    void write_fifo_control(u8 value);

    Line interrupt;
    std::function<void(u8)> output;
    Clock& clock;
    Timer timeout;
    Fifo<Received, 16> received;
    u8 enables = 0, fifo_control = 0, line_control = 0, modem_control = 0, scratch = 0;
    u8 line_errors = 0;                     // OE, PE, FE, BI of the line status, until it is read
    u8 modem_deltas = 0, modem_lines = cts | dsr | dcd;
    u16 divisor = 12;
    bool sender_empty = false;              // THRE interrupt pending
    bool timed_out = false;
};
