// SPDX-License-Identifier: MIT
// Tests of the I/O APIC, from Intel's 82093AA data sheet.
#include "iodev/ioapic.h"
#include "tests/archive_roundtrip.h"

namespace {
struct IoApicTest : testing::Test {
    std::vector<ApicMessage> sent;
    IoApic apic{[this](const ApicMessage& message) { sent.push_back(message); }};
    u32 get(u8 index) { return apic.write(0, 4, index), u32(apic.read(0x10, 4)); }
    void put(u8 index, u32 value) { apic.write(0, 4, index), apic.write(0x10, 4, value); }
    void entry(unsigned pin, u32 low, u32 high = 0) {
        put(u8(0x11 + pin * 2), high);
        put(u8(0x10 + pin * 2), low);
    }
};
}

TEST_F(IoApicTest, identification_and_version) {
    EXPECT_EQ(get(1), 0x00170020u);
    put(0, 0xff000000);
    EXPECT_EQ(get(0), 0x0f000000u);
    EXPECT_EQ(get(2), 0x0f000000u);
    EXPECT_EQ(get(0x10), 0x00010000u) << "masked at reset";
}

TEST_F(IoApicTest, an_edge_is_one_message) {
    entry(4, 0x00000931, 0x03000000);       // lowest priority, logical, vector 31h
    apic.set(4, true), apic.set(4, true);
    ASSERT_EQ(sent.size(), 1u);
    EXPECT_EQ(sent[0].vector, 0x31);
    EXPECT_EQ(sent[0].destination, 3u);
    EXPECT_TRUE(sent[0].logical);
    EXPECT_EQ(sent[0].mode, DeliveryMode::lowest);
    EXPECT_FALSE(sent[0].level);
    apic.set(4, false), apic.set(4, true);
    EXPECT_EQ(sent.size(), 2u);
}

TEST_F(IoApicTest, edges_on_a_masked_input_are_lost) {
    apic.set(4, true);
    entry(4, 0x31);
    EXPECT_TRUE(sent.empty());
}

TEST_F(IoApicTest, a_level_waits_for_its_eoi) {
    entry(10, 0x0000a055);
    apic.set(10, true);
    ASSERT_EQ(sent.size(), 1u);
    EXPECT_TRUE(sent[0].level);
    EXPECT_EQ(get(0x24) & 0x4000, 0x4000u) << "remote IRR";
    apic.set(10, false), apic.set(10, true);
    EXPECT_EQ(sent.size(), 1u);
    apic.eoi(0x54);
    EXPECT_EQ(sent.size(), 1u);
    apic.eoi(0x55);
    EXPECT_EQ(sent.size(), 2u) << "still asserted";
    apic.set(10, false);
    apic.eoi(0x55);
    EXPECT_EQ(sent.size(), 2u);
    EXPECT_EQ(get(0x24) & 0x4000, 0u);
}

TEST_F(IoApicTest, a_level_that_is_unmasked_while_asserted_is_sent) {
    entry(10, 0x00018055);
    apic.set(10, true);
    EXPECT_TRUE(sent.empty());
    entry(10, 0x00008055);
    EXPECT_EQ(sent.size(), 1u);
}

TEST_F(IoApicTest, the_eoi_register_ends_a_level_interrupt) {
    entry(10, 0x00008055);
    apic.set(10, true);
    apic.write(0x40, 4, 0x55);
    EXPECT_EQ(sent.size(), 2u);
}

TEST_F(IoApicTest, making_an_input_edge_triggered_clears_remote_irr) {
    entry(10, 0x00008055);
    apic.set(10, true);
    put(0x24, 0x00010055);
    EXPECT_EQ(get(0x24), 0x00010055u);
    put(0x24, 0x00008055);
    EXPECT_EQ(sent.size(), 2u);
}

TEST_F(IoApicTest, read_only_bits_stay) {
    put(0x10, 0xffffffff), put(0x11, 0xffffffff);
    EXPECT_EQ(get(0x10), 0x0001afffu);
    EXPECT_EQ(get(0x11), 0xff000000u);
    put(0x40, 0xffffffff);
    EXPECT_EQ(get(0x40), 0xffffffffu) << "there is no such register";
    apic.set(24, true), apic.set(1000, true);
}

TEST_F(IoApicTest, state_survives_saving) {
    entry(10, 0x00008055, 0x12000000);
    apic.set(10, true);
    IoApic other{[](const ApicMessage&) {}};
    expect_roundtrip(apic, other);
}
