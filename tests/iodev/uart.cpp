// SPDX-License-Identifier: MIT
// Tests of the UART, from National Semiconductor's PC16550D data sheet.
#include "iodev/uart.h"
#include "tests/archive_roundtrip.h"
#include "tests/iodev/run_clock.h"

namespace {
struct UartTest : testing::Test {
    Clock clock;
    bool irq = false;
    int interrupts = 0;
    std::string sent;
    Uart uart{clock, Line([this](bool level) { irq = level, interrupts += level; }),
              [this](u8 byte) { sent += char(byte); }};
    UartTest() { uart.put(4, 0x08); }       // OUT2 lets the interrupt out
    u8 get(u16 at) { return uart.get(at); }
    void put(u16 at, u8 value) { uart.put(at, value); }
};
}

TEST_F(UartTest, what_is_written_is_sent_at_once) {
    put(0, 'h'), put(0, 'i');
    EXPECT_EQ(sent, "hi");
    EXPECT_EQ(get(5), 0x60);
}

TEST_F(UartTest, the_divisor_hides_behind_dlab) {
    put(3, 0x83);
    put(0, 0x01), put(1, 0x02);
    EXPECT_EQ(get(0), 1);
    EXPECT_EQ(get(1), 2);
    put(3, 0x03);
    EXPECT_EQ(get(1), 0);
    EXPECT_EQ(get(3), 3);
    EXPECT_EQ(sent, "");
}

TEST_F(UartTest, scratch_keeps_a_byte_and_enables_four_bits) {
    put(7, 0xa5), put(1, 0xff);
    EXPECT_EQ(get(7), 0xa5);
    EXPECT_EQ(get(1), 0x0f);
}

TEST_F(UartTest, a_received_byte_interrupts_until_it_is_read) {
    put(1, 1);
    EXPECT_TRUE(uart.can_receive());
    uart.receive('x');
    EXPECT_FALSE(uart.can_receive()) << "one byte without FIFOs";
    EXPECT_TRUE(irq);
    EXPECT_EQ(get(2), 0x04);
    EXPECT_EQ(get(5), 0x61);
    EXPECT_EQ(get(0), 'x');
    EXPECT_FALSE(irq);
    EXPECT_EQ(get(2), 0x01);
}

TEST_F(UartTest, an_overrun_is_reported_once) {
    put(1, 4);
    uart.receive('a'), uart.receive('b');
    EXPECT_EQ(get(2), 0x06);
    EXPECT_EQ(get(5), 0x63);
    EXPECT_EQ(get(5), 0x61);
    EXPECT_EQ(get(0), 'b') << "the new byte has replaced the old one";
}

TEST_F(UartTest, fifos_hold_sixteen_bytes_and_interrupt_at_the_trigger) {
    put(2, 0x81);                           // trigger 8
    put(1, 1);
    for (int i = 0; i < 7; i++) uart.receive(u8(i));
    EXPECT_FALSE(irq);
    uart.receive(7);
    EXPECT_TRUE(irq);
    EXPECT_EQ(get(2), 0xc4);
    for (int i = 8; i < 16; i++) uart.receive(u8(i));
    EXPECT_FALSE(uart.can_receive());
    uart.receive(99);
    EXPECT_EQ(get(5) & 0x02, 0x02);
    for (int i = 0; i < 16; i++) EXPECT_EQ(get(0), i) << "an overrun loses the new byte";
    EXPECT_EQ(get(5), 0x60);
}

TEST_F(UartTest, a_few_bytes_time_out_after_four_characters) {
    // 115200 baud: 4 characters of 10 bits last 347 us
    put(3, 0x83), put(0, 1), put(1, 0), put(3, 3);
    put(2, 0xc1), put(1, 1);
    uart.receive('a');
    run_for(clock, 340'000);
    EXPECT_FALSE(irq);
    run_for(clock, 10'000);
    EXPECT_TRUE(irq);
    EXPECT_EQ(get(2), 0xcc);
    EXPECT_EQ(get(0), 'a');
    EXPECT_EQ(get(2), 0xc1);
    run_for(clock, 1'000'000);
    EXPECT_FALSE(irq);
}

TEST_F(UartTest, the_senders_interrupt_is_acknowledged_by_reading_its_cause) {
    put(1, 2);
    EXPECT_TRUE(irq);
    EXPECT_EQ(get(2), 0x02);
    EXPECT_FALSE(irq);
    EXPECT_EQ(get(2), 0x01);
    put(0, 'x');
    EXPECT_EQ(interrupts, 2) << "empty again: a new edge";
    put(0, 'y');
    EXPECT_EQ(interrupts, 3);
    put(1, 0);
    EXPECT_FALSE(irq);
    get(2);
    put(1, 2);
    EXPECT_EQ(get(2), 0x02) << "enabling raises it again";
}

TEST_F(UartTest, causes_come_by_priority) {
    put(1, 0x0f);
    uart.set_modem(0);
    uart.receive('a'), uart.receive('b');
    EXPECT_EQ(get(2), 0x06);
    get(5);
    EXPECT_EQ(get(2), 0x04);
    get(0);
    EXPECT_EQ(get(2), 0x02);
    EXPECT_EQ(get(2), 0x00);
    get(6);
    EXPECT_EQ(get(2), 0x01);
}

TEST_F(UartTest, modem_changes_are_remembered_until_read) {
    EXPECT_EQ(get(6), 0xb0) << "CTS, DSR, DCD";
    uart.set_modem(Uart::dcd | Uart::ri);
    EXPECT_EQ(get(6), 0xc3) << "CTS and DSR have changed; RI counts when it falls";
    EXPECT_EQ(get(6), 0xc0);
    uart.set_modem(Uart::dcd);
    EXPECT_EQ(get(6), 0x84);
}

TEST_F(UartTest, loopback_returns_bytes_and_modem_outputs) {
    put(4, 0x1a);                           // loop, RTS, OUT2
    EXPECT_EQ(get(6) & 0xf0, 0x90) << "CTS from RTS, DCD from OUT2";
    put(0, 'z');
    EXPECT_EQ(sent, "");
    EXPECT_EQ(get(5) & 1, 1);
    EXPECT_EQ(get(0), 'z');
    EXPECT_FALSE(uart.can_receive());
    uart.receive('q');
    EXPECT_EQ(get(5) & 1, 0);
    put(4, 0x15);
    EXPECT_EQ(get(6) & 0xf0, 0x60) << "DSR from DTR, RI from OUT1";
}

TEST_F(UartTest, the_interrupt_needs_out2) {
    put(4, 0), put(1, 1);
    uart.receive('x');
    EXPECT_FALSE(irq);
    EXPECT_EQ(get(2), 0x04);
    put(4, 8);
    EXPECT_TRUE(irq);
}

TEST_F(UartTest, a_break_is_a_zero_with_its_flag_when_it_comes_to_the_front) {
    put(2, 0x01), put(1, 4);
    uart.receive('a');
    uart.receive_break();
    EXPECT_EQ(get(5), 0xe1) << "an error somewhere in the FIFO";
    EXPECT_FALSE(irq);
    EXPECT_EQ(get(0), 'a');
    EXPECT_TRUE(irq);
    EXPECT_EQ(get(5), 0xf1);
    EXPECT_EQ(get(0), 0);
    EXPECT_EQ(get(5), 0x60);
}

TEST_F(UartTest, clearing_the_receive_fifo_empties_it) {
    put(2, 1);
    uart.receive('a'), uart.receive('b');
    put(2, 3);
    EXPECT_EQ(get(5), 0x60);
    uart.receive('c');
    put(2, 0);
    EXPECT_EQ(get(5), 0x60) << "turning FIFOs off empties them too";
    EXPECT_EQ(get(2), 0x01);
}

TEST_F(UartTest, state_survives_saving) {
    put(2, 0xc1), put(1, 0x0f), put(3, 0x1b), put(7, 9);
    uart.receive('a');
    uart.receive_break();
    Uart other(clock, Line(), [](u8) {});
    expect_roundtrip(uart, other);
    EXPECT_EQ(other.get(0), 'a');
}
