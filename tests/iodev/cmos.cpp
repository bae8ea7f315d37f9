// SPDX-License-Identifier: MIT
// Tests of the real-time clock, from Motorola's MC146818 data sheet.
#include "iodev/cmos.h"
#include "tests/archive_roundtrip.h"
#include "tests/iodev/run_clock.h"

namespace {
constexpr s64 start = 1700000000;           // Tuesday 2023-11-14 22:13:20 UTC
constexpr u64 second = 1'000'000'000, microsecond = 1000;

struct CmosTest : testing::Test {
    Clock clock;
    bool irq8 = false, nmi_off = false;
    int interrupts = 0;
    Cmos cmos{clock, Line([this](bool level) { irq8 = level, interrupts += level; }),
              Line([this](bool off) { nmi_off = off; }), start};
    u8 get(u8 index) { return cmos.put(0, index), cmos.get(1); }
    void put(u8 index, u8 value) { cmos.put(0, index), cmos.put(1, value); }
};
}

TEST_F(CmosTest, it_shows_the_start_date_in_bcd) {
    EXPECT_EQ(get(0x00), 0x20);
    EXPECT_EQ(get(0x02), 0x13);
    EXPECT_EQ(get(0x04), 0x22);
    EXPECT_EQ(get(0x06), 0x03) << "Tuesday; Sunday is 1";
    EXPECT_EQ(get(0x07), 0x14);
    EXPECT_EQ(get(0x08), 0x11);
    EXPECT_EQ(get(0x09), 0x23);
    EXPECT_EQ(get(0x32), 0x20);
    EXPECT_EQ(get(0x0d), 0x80) << "valid RAM and time";
}

TEST_F(CmosTest, it_counts_with_the_clock) {
    run_for(clock, 50 * second);
    EXPECT_EQ(get(0x00), 0x10);
    EXPECT_EQ(get(0x02), 0x14);
    run_for(clock, 86400 * second);
    EXPECT_EQ(get(0x07), 0x15);
    EXPECT_EQ(get(0x06), 0x04);
}

TEST_F(CmosTest, binary_and_12_hour_formats) {
    put(0x0b, 0x06);
    EXPECT_EQ(get(0x04), 22);
    EXPECT_EQ(get(0x09), 23);
    put(0x0b, 0x04);
    EXPECT_EQ(get(0x04), 0x80 | 10) << "10 p.m.";
    put(0x0b, 0x00);
    EXPECT_EQ(get(0x04), 0x90);
}

TEST_F(CmosTest, the_update_flag_is_up_for_2228_microseconds_before_each_second) {
    EXPECT_EQ(get(0x0a), 0x26);
    run_to(clock, second - 2300 * microsecond);
    EXPECT_EQ(get(0x0a), 0x26);
    run_to(clock, second - 2200 * microsecond);
    EXPECT_EQ(get(0x0a), 0xa6);
    EXPECT_EQ(get(0x00), 0x20);
    run_to(clock, second);
    EXPECT_EQ(get(0x0a), 0x26);
    EXPECT_EQ(get(0x00), 0x21);
}

TEST_F(CmosTest, set_freezes_the_date_for_writing) {
    put(0x0b, 0x82);
    run_for(clock, 5 * second);
    EXPECT_EQ(get(0x00), 0x20);
    EXPECT_EQ(get(0x0a) & 0x80, 0);
    put(0x00, 0x58), put(0x02, 0x59), put(0x04, 0x23), put(0x06, 0x05), put(0x07, 0x28),
        put(0x08, 0x02);
    put(0x09, 0x24), put(0x32, 0x20);
    put(0x0b, 0x02);
    run_for(clock, 2 * second);
    EXPECT_EQ(get(0x00), 0x00);
    EXPECT_EQ(get(0x04), 0x00);
    EXPECT_EQ(get(0x07), 0x29) << "2024 is a leap year";
    EXPECT_EQ(get(0x06), 0x06) << "the weekday that was written counts on";
    run_for(clock, 86400 * second);
    EXPECT_EQ(get(0x07), 0x01);
    EXPECT_EQ(get(0x08), 0x03);
}

TEST_F(CmosTest, a_running_clock_can_be_written) {
    put(0x02, 0x45);
    EXPECT_EQ(get(0x02), 0x45);
    run_for(clock, 60 * second);
    EXPECT_EQ(get(0x02), 0x46);
    EXPECT_EQ(get(0x04), 0x22);
}

TEST_F(CmosTest, the_century_turns) {
    put(0x0b, 0x82);
    put(0x00, 0x59), put(0x02, 0x59), put(0x04, 0x23), put(0x07, 0x31), put(0x08, 0x12),
        put(0x09, 0x99), put(0x32, 0x20);
    put(0x0b, 0x02);
    run_for(clock, second);
    EXPECT_EQ(get(0x09), 0x00);
    EXPECT_EQ(get(0x32), 0x21);
    EXPECT_EQ(get(0x08), 0x01);
}

TEST_F(CmosTest, the_update_interrupt_comes_each_second_once_acknowledged) {
    put(0x0b, 0x12);
    run_to(clock, second - 1);
    EXPECT_FALSE(irq8);
    run_to(clock, second);
    EXPECT_TRUE(irq8);
    run_for(clock, 3 * second);
    EXPECT_EQ(interrupts, 1);
    EXPECT_EQ(get(0x0c), 0xd0) << "the periodic flag is set too, though not enabled";
    EXPECT_FALSE(irq8);
    EXPECT_EQ(get(0x0c), 0x00);
    run_for(clock, second);
    EXPECT_EQ(interrupts, 2);
}

TEST_F(CmosTest, flags_are_set_without_interrupts_enabled) {
    run_for(clock, second);
    EXPECT_EQ(get(0x0c) & 0xd0, 0x50) << "update and periodic, no interrupt request";
    EXPECT_FALSE(irq8);
}

TEST_F(CmosTest, enabling_a_set_flag_interrupts_at_once) {
    run_for(clock, second);
    put(0x0b, 0x12);
    EXPECT_TRUE(irq8);
}

TEST_F(CmosTest, the_periodic_interrupt_has_the_rate_of_register_a) {
    put(0x0a, 0x26);                        // 1024 Hz
    put(0x0b, 0x42);
    get(0x0c);
    int taken = 0;
    u64 end = clock.ticks + second;
    while (clock.deadline() <= end) {
        clock.ticks = clock.deadline();
        clock.run_due();
        taken += (get(0x0c) & 0xc0) == 0xc0;
    }
    EXPECT_EQ(taken, 1024);
}

TEST_F(CmosTest, rates_1_and_2_are_256_and_128_hertz) {
    for (auto [rate, hertz] : {std::pair{1, 256}, {2, 128}, {3, 8192}, {15, 2}}) {
        put(0x0a, u8(0x20 | rate)), put(0x0b, 0x42);
        get(0x0c);
        u64 before = clock.ticks;
        int taken = 0;
        while (clock.deadline() <= before + second) {
            clock.ticks = clock.deadline();
            clock.run_due();
            taken += get(0x0c) >> 7;
        }
        EXPECT_NEAR(taken, hertz, 1);
        put(0x0b, 0x02);
    }
}

TEST_F(CmosTest, the_alarm_rings_at_its_time) {
    put(0x01, 0x30), put(0x03, 0x15), put(0x05, 0x22);
    put(0x0b, 0x22);
    run_to(clock, 130 * second - 1);
    EXPECT_FALSE(irq8);
    run_to(clock, 130 * second);            // 22:15:30
    EXPECT_TRUE(irq8);
    EXPECT_EQ(get(0x0c) & 0xa0, 0xa0);
    run_for(clock, 86399 * second);
    EXPECT_FALSE(irq8);
    run_for(clock, second);
    EXPECT_TRUE(irq8);
}

TEST_F(CmosTest, alarm_bytes_above_bf_match_anything) {
    put(0x01, 0xff), put(0x03, 0xff), put(0x05, 0xc0);
    put(0x0b, 0x22);
    run_to(clock, second);
    EXPECT_TRUE(irq8);
    get(0x0c);
    run_for(clock, second);
    EXPECT_TRUE(irq8);
    get(0x0c);
    put(0x01, 0x00);                        // each full minute: 22:14:00 is 40 s after the start
    run_to(clock, 40 * second - 1);
    EXPECT_FALSE(irq8);
    run_to(clock, 40 * second);
    EXPECT_TRUE(irq8);
}

TEST_F(CmosTest, an_impossible_alarm_never_rings) {
    put(0x01, 0x77), put(0x03, 0x00), put(0x05, 0x00);
    put(0x0b, 0x22);
    run_for(clock, 3 * 86400 * second);
    EXPECT_FALSE(irq8);
    EXPECT_EQ(get(0x0c) & 0x20, 0);
}

TEST_F(CmosTest, set_clears_the_update_interrupt_enable) {
    put(0x0b, 0x92);
    EXPECT_EQ(get(0x0b), 0x82);
}

TEST_F(CmosTest, after_a_divider_reset_the_first_update_comes_in_half_a_second) {
    put(0x0a, 0x66);
    run_for(clock, 10 * second);
    EXPECT_EQ(get(0x00), 0x20);
    put(0x0a, 0x26);
    run_for(clock, second / 2 - microsecond * 100);
    EXPECT_EQ(get(0x00), 0x20);
    run_for(clock, microsecond * 200);
    EXPECT_EQ(get(0x00), 0x21);
}

TEST_F(CmosTest, ram_keeps_bytes_and_bit_7_of_port_70h_masks_nmis) {
    put(0x0f, 0x0a);
    EXPECT_EQ(get(0x8f), 0x0a);
    EXPECT_TRUE(nmi_off);
    cmos.put(0, 0x0f);
    EXPECT_FALSE(nmi_off);
    cmos.reset(Reset::warm);
    EXPECT_EQ(get(0x0f), 0x0a) << "the shutdown byte survives a reset";
}

TEST_F(CmosTest, memory_sizes_for_firmware) {
    cmos.set_memory(0xc0000000, u64{5} << 30);
    EXPECT_EQ(get(0x15) | get(0x16) << 8, 640);
    EXPECT_EQ(get(0x30) | get(0x31) << 8, 0xffff);
    EXPECT_EQ(get(0x34) | get(0x35) << 8, 0xbf00) << "64-KiB units above 16 MiB";
    EXPECT_EQ(get(0x5b) | get(0x5c) << 8 | get(0x5d) << 16, 0x14000);
    cmos.set_memory(8 << 20, 0);
    EXPECT_EQ(get(0x17) | get(0x18) << 8, 7168);
    EXPECT_EQ(get(0x34) | get(0x35) << 8, 0);
}

TEST_F(CmosTest, floppy_drives_for_firmware) {
    cmos.set_floppies(0x40);
    EXPECT_EQ(get(0x10), 0x40);
    EXPECT_EQ(get(0x14), 0x07);
    cmos.set_floppies(0x45);
    EXPECT_EQ(get(0x14), 0x47);
    cmos.set_floppies(0);
    EXPECT_EQ(get(0x14), 0x06);
}

TEST_F(CmosTest, state_survives_saving) {
    put(0x0b, 0x72), put(0x01, 0x33), put(0x06, 0x01);
    run_for(clock, 12345678901);
    Cmos other{clock, Line(), Line(), 0};
    expect_roundtrip(cmos, other);
    other.put(0, 0x00);
    EXPECT_EQ(other.get(1), get(0x00));
}
