// SPDX-License-Identifier: MIT
// Tests of port dispatch.
#include "iodev/ports.h"
#include "iodev/byte_device.h"
#include <gtest/gtest.h>

namespace {
// Answers with its base value plus the offset, and remembers the last write.
struct Probe final : Device {
    explicit Probe(u32 base) : base(base) {}
    std::string_view name() const override { return "probe"; }
    void reset(Reset) override {}
    u32 in(u16 offset, unsigned) override { return base + offset; }
    void out(u16 offset, unsigned width, u32 value) override {
        at = offset, wide = width, last = value;
    }
    void visit(Archive&) override {}
    u32 base, at = 0, wide = 0, last = 0;
};
struct Bytes final : ByteDevice {
    std::string_view name() const override { return "bytes"; }
    void reset(Reset) override {}
    u8 get(u16 offset) override { return cells[offset & 7]; }
    void put(u16 offset, u8 value) override { cells[offset & 7] = value; }
    void visit(Archive&) override {}
    u8 cells[8] = {};
};
}

TEST(Ports, nobody_answers_all_ones) {
    Ports ports;
    EXPECT_EQ(ports.in(0x1234, 1), 0xffu);
    EXPECT_EQ(ports.in(0x1234, 2), 0xffffu);
    EXPECT_EQ(ports.in(0x1234, 4), 0xffffffffu);
    ports.out(0x1234, 4, 1);
}

TEST(Ports, a_device_sees_offsets_and_whole_accesses) {
    Ports ports;
    Probe probe(0x10);
    ports.attach(0x300, 4, probe);
    EXPECT_EQ(ports.in(0x302, 2), 0x12u);
    ports.out(0x301, 1, 0xab);
    EXPECT_EQ(probe.at, 1u);
    EXPECT_EQ(probe.wide, 1u);
    EXPECT_EQ(probe.last, 0xabu);
}

TEST(Ports, an_access_beyond_the_claim_is_split_into_bytes) {
    Ports ports;
    Probe one(0x10), two(0x20);
    ports.attach(0x300, 2, one);
    ports.attach(0x302, 1, two);
    EXPECT_EQ(ports.in(0x301, 4), 0xffff2011u);
    ports.out(0x301, 2, 0xbbaa);
    EXPECT_EQ(one.last, 0xaau);
    EXPECT_EQ(two.last, 0xbbu);
}

TEST(Ports, a_byte_claim_inside_a_dword_register_leaves_the_dword_whole) {
    Ports ports;
    Probe pci(0x80), reset(0x40);
    ports.attach(0xcf8, 8, pci);
    ports.attach(0xcf9, 1, reset);
    EXPECT_EQ(ports.in(0xcf9, 1), 0x40u);
    EXPECT_EQ(ports.in(0xcf8, 4), 0x80u);
    ports.out(0xcf8, 4, 0x80000000);
    EXPECT_EQ(pci.wide, 4u);
}

TEST(Ports, detaching_uncovers_what_was_hidden) {
    Ports ports;
    Probe below(1), above(2);
    ports.attach(0x300, 1, below);
    ports.attach(0x300, 1, above);
    EXPECT_EQ(ports.in(0x300, 1), 2u);
    ports.detach(0x300, 1, above);
    EXPECT_EQ(ports.in(0x300, 1), 1u);
    ports.detach(0x300, 1, above);
    EXPECT_EQ(ports.in(0x300, 1), 1u);
    EXPECT_EQ(ports.ranges().size(), 1u);
}

TEST(Ports, the_last_ports_do_not_wrap) {
    Ports ports;
    Probe last(7);
    ports.attach(0xffff, 4, last);
    EXPECT_EQ(ports.ranges()[0].size, 1u);
    EXPECT_EQ(ports.in(0xffff, 4), 0xffffff07u);
    ports.out(0xffff, 4, 0x11223344);
    EXPECT_EQ(last.last, 0x44u);
}

TEST(ByteDevice, wide_accesses_are_bytes_in_order) {
    Bytes bytes;
    bytes.out(2, 4, 0x44332211);
    EXPECT_EQ(bytes.cells[2], 0x11);
    EXPECT_EQ(bytes.cells[5], 0x44);
    EXPECT_EQ(bytes.in(3, 2), 0x3322u);
}

TEST(WiredOr, the_wire_is_high_while_anyone_drives_it) {
    int changes = 0;
    bool level = false;
    WiredOr wire(Line([&](bool now) { level = now, changes++; }));
    Line a = wire.input(0), b = wire.input(63);
    a.set(true), b.set(true), a.set(false);
    EXPECT_TRUE(level);
    b.set(false);
    EXPECT_FALSE(level);
    EXPECT_EQ(changes, 2);
}
