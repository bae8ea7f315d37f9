// SPDX-License-Identifier: MIT
// Tests of the ports for programs under test, and of the test device.
#include "iodev/debug_ports.h"
#include "iodev/test_device.h"
#include "tests/archive_roundtrip.h"
#include "tests/iodev/run_clock.h"

TEST(DebugPort, it_writes_bytes_and_reads_its_signature) {
    std::string out;
    DebugPort port([&](u8 byte) { out += char(byte); });
    port.out(0, 1, 'a'), port.out(0, 2, 'b' | 'c' << 8);
    EXPECT_EQ(out, "abc");
    EXPECT_EQ(port.in(0, 1), 0xe9u);
}

TEST(DebugExit, it_passes_the_value_of_any_width) {
    std::vector<u32> values;
    DebugExit port([&](u32 value) { values.push_back(value); });
    port.out(0, 1, 0x12), port.out(0, 4, 0xdeadbeef), port.out(1, 1, 5);
    EXPECT_EQ(values, (std::vector<u32>{0x12, 0xdeadbeef}));
}

TEST(ShutdownPort, only_the_whole_word_powers_off) {
    int offs = 0;
    ShutdownPort port([&] { offs++; });
    for (char c : std::string("Shutdow Shutdonn SShutdown")) port.out(0, 1, u8(c));
    EXPECT_EQ(offs, 1);
    for (char c : std::string("Shut")) port.out(0, 1, u8(c));
    ShutdownPort other([] {});
    expect_roundtrip(port, other);
}

TEST(PostPort, it_keeps_the_last_code) {
    PostPort port;
    port.out(0, 1, 0x5a);
    EXPECT_EQ(port.in(0, 1), 0x5au);
}

namespace {
struct TestDeviceTest : testing::Test {
    Clock clock;
    bool irq = false;
    TestDevice device{clock, Line([this](bool level) { irq = level; })};
};
}

TEST_F(TestDeviceTest, software_drives_the_line) {
    device.out(0, 4, 1);
    EXPECT_TRUE(irq);
    EXPECT_EQ(device.in(0, 4), 1u);
    EXPECT_EQ(device.read(0, 4), 1u);
    device.write(0, 4, 0);
    EXPECT_FALSE(irq);
}

TEST_F(TestDeviceTest, the_line_rises_after_the_nanoseconds_asked_for) {
    device.out(4, 4, 5000);
    run_for(clock, 4999);
    EXPECT_FALSE(irq);
    run_for(clock, 1);
    EXPECT_TRUE(irq);
    EXPECT_EQ(device.in(4, 4), 1u);
    device.out(0, 4, 0), device.out(4, 4, 5000), device.out(4, 4, 0);
    run_for(clock, 10000);
    EXPECT_FALSE(irq);
}

TEST_F(TestDeviceTest, the_page_keeps_bytes) {
    device.write(8, 8, 0x1122334455667788);
    EXPECT_EQ(device.read(9, 2), 0x6677u);
    device.write(0xfff, 1, 0x99);
    EXPECT_EQ(device.read(0xffe, 2), 0x9900u);
    EXPECT_EQ(device.read(0xffc, 8), 0x99000000u) << "nothing beyond the page";
    device.write(0x1000, 8, 1), device.read(~u64{0}, 8);
}

TEST_F(TestDeviceTest, state_survives_saving) {
    device.write(100, 4, 7), device.out(4, 4, 1000), device.out(0, 4, 1);
    TestDevice other(clock, Line());
    expect_roundtrip(device, other);
}
