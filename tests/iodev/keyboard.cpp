// SPDX-License-Identifier: MIT
// Tests of the i8042 with keyboard and mouse, from IBM's PS/2 technical reference.
#include "iodev/keyboard.h"
#include "iodev/scan_codes.h"
#include "tests/archive_roundtrip.h"
#include "tests/iodev/run_clock.h"

namespace {
using Bytes = std::vector<int>;
constexpr u8 key_a = 0x04, key_right = 0x4f, key_pause = 0x48;

struct KeyboardTest : testing::Test {
    Clock clock;
    bool irq1 = false, irq12 = false, a20 = false;
    int resets = 0, edges1 = 0;
    Keyboard kbd{clock,
                 {Line([this](bool level) { irq1 = level, edges1 += level; }),
                  Line([this](bool level) { irq12 = level; }),
                  Line([this](bool open) { a20 = open; }), [this] { resets++; }}};
    void wait() { run_for(clock, 100'000); }
    u8 status() { return kbd.get(4); }
    void command(u8 byte) { kbd.put(4, byte); }
    void data(u8 byte) { kbd.put(0, byte); }
    void mouse(u8 byte) { command(0xd4), data(byte); }
    // Everything that comes, as a polling guest sees it.
    Bytes all() {
        Bytes bytes;
        for (wait(); status() & 1; wait()) bytes.push_back(kbd.get(0));
        return bytes;
    }
};
}

TEST_F(KeyboardTest, the_controller_tests_itself) {
    command(0xaa);
    EXPECT_EQ(status() & 1, 1);
    EXPECT_EQ(all(), Bytes{0x55});
    command(0xab);
    EXPECT_EQ(all(), Bytes{0x00});
    command(0xa9);
    EXPECT_EQ(all(), Bytes{0x00});
    EXPECT_EQ(status(), 0x1c);
}

TEST_F(KeyboardTest, the_command_byte_can_be_written_and_read) {
    command(0x60), data(0x65);
    command(0x20);
    EXPECT_EQ(all(), Bytes{0x65});
    command(0xa8), command(0x20);
    EXPECT_EQ(all(), Bytes{0x45});
    command(0xad), command(0x20);
    EXPECT_EQ(all(), Bytes{0x55});
}

TEST_F(KeyboardTest, keys_arrive_as_set_1_when_translated) {
    kbd.key(key_a, true);
    EXPECT_FALSE(irq1) << "the cable takes its time";
    wait();
    EXPECT_TRUE(irq1);
    EXPECT_EQ(kbd.get(0), 0x1e);
    EXPECT_FALSE(irq1);
    EXPECT_EQ(kbd.get(0), 0x1e) << "reading again gives the same byte";
    kbd.key(key_a, false), kbd.key(key_right, true), kbd.key(key_right, false);
    EXPECT_EQ(all(), (Bytes{0x9e, 0xe0, 0x4d, 0xe0, 0xcd}));
}

TEST_F(KeyboardTest, and_as_set_2_when_not) {
    command(0x60), data(0x01);
    kbd.key(key_a, true), kbd.key(key_a, false), kbd.key(key_right, false);
    EXPECT_EQ(all(), (Bytes{0x1c, 0xf0, 0x1c, 0xe0, 0xf0, 0x74}));
}

TEST_F(KeyboardTest, each_byte_is_an_edge) {
    kbd.key(key_right, true);
    wait();
    EXPECT_EQ(edges1, 1);
    kbd.get(0);
    wait();
    EXPECT_EQ(edges1, 2);
}

TEST_F(KeyboardTest, the_keyboard_answers_commands) {
    data(0xff);
    EXPECT_EQ(all(), (Bytes{0xfa, 0xaa}));
    data(0xee);
    EXPECT_EQ(all(), Bytes{0xee});
    data(0xf2);
    EXPECT_EQ(all(), (Bytes{0xfa, 0xab, 0x41})) << "83h is translated, too";
    data(0xed), data(0x02);
    EXPECT_EQ(all(), (Bytes{0xfa, 0xfa}));
    data(0x77);
    EXPECT_EQ(all(), Bytes{0xfe});
}

TEST_F(KeyboardTest, the_keyboard_can_send_set_1_itself) {
    command(0x60), data(0x01);
    data(0xf0), data(0x01);
    EXPECT_EQ(all(), (Bytes{0xfa, 0xfa}));
    kbd.key(key_a, true), kbd.key(key_a, false);
    EXPECT_EQ(all(), (Bytes{0x1e, 0x9e}));
    data(0xf0), data(0x00);
    EXPECT_EQ(all(), (Bytes{0xfa, 0xfa, 0x01}));
    data(0xf0), data(0x03);
    EXPECT_EQ(all(), (Bytes{0xfa, 0xfe})) << "set 3 is left out";
}

TEST_F(KeyboardTest, a_disabled_keyboard_says_nothing) {
    data(0xf5);
    EXPECT_EQ(all(), Bytes{0xfa});
    kbd.key(key_a, true);
    EXPECT_EQ(all(), Bytes{});
    data(0xf4), kbd.key(key_a, true);
    EXPECT_EQ(all(), (Bytes{0xfa, 0x1e}));
    command(0xad);
    kbd.key(key_a, false);
    EXPECT_EQ(all(), Bytes{});
    command(0xae);
    EXPECT_EQ(all(), Bytes{0x9e});
}

TEST_F(KeyboardTest, a_full_queue_refuses_whole_keys) {
    int taken = 0;
    while (taken < 1000 && kbd.key(key_right, true)) taken++;
    EXPECT_EQ(taken, 32);
    EXPECT_EQ(all().size(), 64u);
}

TEST_F(KeyboardTest, pause_and_print_screen_are_sequences) {
    kbd.key(key_pause, true), kbd.key(key_pause, false);
    EXPECT_EQ(all(), (Bytes{0xe1, 0x1d, 0x45, 0xe1, 0x9d, 0xc5}));
    kbd.key(0x46, true), kbd.key(0x46, false);
    EXPECT_EQ(all(), (Bytes{0xe0, 0x2a, 0xe0, 0x37, 0xe0, 0xb7, 0xe0, 0xaa}));
}

TEST_F(KeyboardTest, the_output_port_drives_a20_and_reset) {
    EXPECT_TRUE(a20);
    command(0xd1), data(0xdd);
    EXPECT_FALSE(a20);
    EXPECT_EQ(resets, 0);
    command(0xd0);
    EXPECT_EQ(all(), Bytes{0xcd}) << "the output buffer was empty when the port was read";
    command(0xdf);
    EXPECT_TRUE(a20);
    command(0xdd);
    EXPECT_FALSE(a20);
    command(0xff);
    EXPECT_EQ(resets, 0);
    command(0xfe);
    EXPECT_EQ(resets, 1);
    command(0xd1), data(0x02);
    EXPECT_EQ(resets, 2);
}

TEST_F(KeyboardTest, bytes_can_be_put_into_the_output_buffer) {
    command(0xd2), data(0x42);
    EXPECT_EQ(status() & 0x21, 0x01);
    EXPECT_TRUE(irq1);
    EXPECT_EQ(kbd.get(0), 0x42);
    command(0xd3), data(0x43);
    EXPECT_EQ(status() & 0x21, 0x21);
    EXPECT_TRUE(irq12);
    EXPECT_EQ(kbd.get(0), 0x43);
}

TEST_F(KeyboardTest, the_mouse_resets_and_identifies_itself) {
    mouse(0xff);
    EXPECT_EQ(all(), (Bytes{0xfa, 0xaa, 0x00}));
    mouse(0xf2);
    EXPECT_EQ(all(), (Bytes{0xfa, 0x00}));
    mouse(0xe9);
    EXPECT_EQ(all(), (Bytes{0xfa, 0x00, 0x02, 100}));
}

TEST_F(KeyboardTest, packets_are_sent_once_reporting_is_on) {
    kbd.move_mouse(5, -3, 0, 1);
    EXPECT_EQ(all(), Bytes{});
    mouse(0xf6), mouse(0xf4);
    EXPECT_EQ(all(), (Bytes{0xfa, 0xfa, 0x09, 0x00, 0x00})) << "the button was not yet reported";
    kbd.move_mouse(5, -3, 0, 1);
    wait();
    EXPECT_TRUE(irq12);
    EXPECT_FALSE(irq1);
    EXPECT_EQ(status() & 0x21, 0x21);
    EXPECT_EQ(all(), (Bytes{0x29, 0x05, 0xfd}));
}

TEST_F(KeyboardTest, motion_beyond_a_packet_is_sent_in_several) {
    mouse(0xf4);
    all();
    kbd.move_mouse(600, 0, 0, 0);
    EXPECT_EQ(all(), (Bytes{0x08, 255, 0, 0x08, 255, 0, 0x08, 90, 0}));
}

TEST_F(KeyboardTest, the_knock_turns_the_wheel_on) {
    for (int rate : {200, 100, 80}) mouse(0xf3), mouse(u8(rate));
    all();
    mouse(0xf2);
    EXPECT_EQ(all(), (Bytes{0xfa, 0x03}));
    mouse(0xf4);
    all();
    kbd.move_mouse(0, 0, -1, 4);
    EXPECT_EQ(all(), (Bytes{0x0c, 0x00, 0x00, 0xff}));
}

TEST_F(KeyboardTest, remote_mode_sends_on_request) {
    mouse(0xf0), mouse(0xf4);
    all();
    kbd.move_mouse(7, 8, 0, 2);
    EXPECT_EQ(all(), Bytes{});
    mouse(0xeb);
    EXPECT_EQ(all(), (Bytes{0xfa, 0x0a, 7, 8}));
}

TEST_F(KeyboardTest, wrap_mode_echoes) {
    mouse(0xee), mouse(0x12), mouse(0xec);
    EXPECT_EQ(all(), (Bytes{0xfa, 0x12, 0xfa}));
}

TEST_F(KeyboardTest, state_survives_saving) {
    kbd.key(key_right, true);
    mouse(0xf4);
    kbd.move_mouse(1000, -1000, 3, 2);
    run_for(clock, 30'000);
    Keyboard other(clock, {Line(), Line(), Line(), [] {}});
    expect_roundtrip(kbd, other);
    Bytes from_other;
    for (run_for(clock, 100'000); other.get(4) & 1; run_for(clock, 100'000))
        from_other.push_back(other.get(0));
    EXPECT_EQ(from_other, all());
}

TEST(ScanCodes, a_selection_by_hand) {
    auto set1 = [](u8 usage, bool down) {
        auto codes = scan_codes(usage, down, 1);
        return Bytes(codes.bytes, codes.bytes + codes.size);
    };
    EXPECT_EQ(set1(0x1d, true), Bytes{0x2c});           // z
    EXPECT_EQ(set1(0x27, true), Bytes{0x0b});           // 0
    EXPECT_EQ(set1(0x28, false), Bytes{0x9c});          // enter
    EXPECT_EQ(set1(0x29, true), Bytes{0x01});           // escape
    EXPECT_EQ(set1(0x40, true), Bytes{0x41});           // F7
    EXPECT_EQ(set1(0x45, true), Bytes{0x58});           // F12
    EXPECT_EQ(set1(0x4c, false), (Bytes{0xe0, 0xd3}));  // delete
    EXPECT_EQ(set1(0x62, true), Bytes{0x52});           // keypad 0
    EXPECT_EQ(set1(0xe4, true), (Bytes{0xe0, 0x1d}));   // right control
    EXPECT_EQ(set1(0xe7, true), (Bytes{0xe0, 0x5c}));   // right GUI
    EXPECT_EQ(set1(0x00, true), Bytes{});
    EXPECT_EQ(set1(0xff, true), Bytes{});
}
