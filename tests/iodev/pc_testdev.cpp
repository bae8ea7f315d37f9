// SPDX-License-Identifier: MIT
// Tests of the PC test device and of the parallel port.
#include "iodev/parallel.h"
#include "iodev/pc_testdev.h"
#include "tests/archive_roundtrip.h"

namespace {
struct TestdevTest : testing::Test {
    std::array<bool, PcTestdev::pins> levels{};
    PcTestdev device{[this](unsigned pin) { return Line([this, pin](bool level) { levels[pin] = level; }); }};
};
}  // namespace

TEST_F(TestdevTest, four_bytes_are_kept_by_any_width) {
    device.out(0, 4, 0x11223344), device.out(1, 2, 0xaabb), device.out(8 + 3, 1, 0xcc);
    EXPECT_EQ(device.in(0, 4), 0xccaabb44u); EXPECT_EQ(device.in(8, 4), 0xccaabb44u); EXPECT_EQ(device.in(2, 1), 0xaau);
    device.out(4, 4, 0x12345000);
    EXPECT_EQ(device.in(4, 4), 0xffffffffu) << "nothing is read of the page that was flushed";
    EXPECT_EQ(device.in(2, 4), 0xffffccaau);
}

TEST_F(TestdevTest, a_port_for_each_line) {
    device.input_lines.out(14, 1, 1), device.input_lines.out(23, 4, 0x100), device.input_lines.out(24, 1, 1);
    EXPECT_TRUE(levels[14]); EXPECT_TRUE(levels[23]); EXPECT_FALSE(levels[15]);
    PcTestdev other{[](unsigned) { return Line(); }};
    expect_roundtrip(device, other);
    device.input_lines.out(14, 1, 0);
    EXPECT_FALSE(levels[14]);
    device.reset(Reset::power);
    EXPECT_FALSE(levels[23]);
}

TEST_F(TestdevTest, its_memory_keeps_what_is_written) {
    device.write(0xfff8, 8, 0x1122334455667788), device.write(0, 1, 0x99), device.write(0xffff, 4, 0xaabbccdd);
    EXPECT_EQ(device.read(0xfffc, 4), 0xdd223344u); EXPECT_EQ(device.read(0, 2), 0x99u); EXPECT_EQ(device.read(0xffff, 8), 0xddu);
}

// The rise of the strobe takes the byte; bit 4 of the control register lets the acknowledge interrupt.
TEST(ParallelPort, the_strobes_rise_prints_the_data) {
    std::string printed;
    unsigned interrupts = 0;
    ParallelPort port(Line([&](bool level) { interrupts += level; }), [&](u8 byte) { printed += char(byte); });
    EXPECT_EQ(port.get(1) & 0xf8, 0xd8) << "ready: not busy, no acknowledge, paper, selected, no error";
    port.put(0, 'a'), port.put(2, 0x0d), port.put(2, 0x0d), port.put(0, 'b');
    EXPECT_EQ(printed, "a");
    port.put(2, 0x0c), port.put(2, 0x1d);
    EXPECT_EQ(printed, "ab"); EXPECT_EQ(interrupts, 1u);
    EXPECT_EQ(port.get(0), 'b'); EXPECT_EQ(port.get(2) & 0x1f, 0x1d);
    ParallelPort other(Line(), [](u8) {});
    expect_roundtrip(port, other);
}
