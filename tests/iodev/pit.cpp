// SPDX-License-Identifier: MIT
// Tests of the 8254 and of port 61h, from Intel's 8254 data sheet.
#include "iodev/pit.h"
#include "iodev/system_control.h"
#include "tests/archive_roundtrip.h"
#include "tests/iodev/run_clock.h"

namespace {
struct PitTest : testing::Test {
    Clock clock{1193182};                   // a tick is a count
    std::vector<u64> rises;
    bool out0 = false;
    Pit pit{clock, Line([this](bool level) {
                out0 = level;
                if (level) rises.push_back(clock.ticks);
            })};
    void program(unsigned counter, unsigned mode, u16 count, bool bcd = false) {
        pit.put(3, u8(counter << 6 | 0x30 | mode << 1 | bcd));
        pit.put(u16(counter), u8(count)), pit.put(u16(counter), u8(count >> 8));
    }
    u16 latched(unsigned counter) {
        pit.put(3, u8(counter << 6));
        u8 low = pit.get(u16(counter));
        return u16(low | pit.get(u16(counter)) << 8);
    }
    u8 status(unsigned counter) {
        pit.put(3, u8(0xe0 | 2 << counter));
        return pit.get(u16(counter));
    }
};
}

TEST_F(PitTest, mode_0_rises_n_plus_1_clocks_after_the_count_was_written) {
    program(0, 0, 100);
    EXPECT_FALSE(out0);
    rises.clear();
    run_to(clock, 1000);
    ASSERT_EQ(rises.size(), 1u);
    EXPECT_EQ(rises[0], 101u);
    EXPECT_EQ(latched(0), u16(100 - 999)) << "the counter wraps and goes on";
}

TEST_F(PitTest, mode_0_counts_down_by_one) {
    program(0, 0, 100);
    run_to(clock, 41);
    EXPECT_EQ(latched(0), 60);
}

TEST_F(PitTest, mode_0_counts_while_its_gate_is_high) {
    pit.set_gate2(true);
    program(2, 0, 100);
    run_to(clock, 11);                      // 10 counts done
    pit.set_gate2(false);
    run_to(clock, 500);
    EXPECT_EQ(latched(2), 90);
    pit.set_gate2(true);
    run_to(clock, 589);
    EXPECT_FALSE(pit.out2());
    run_to(clock, 590);
    EXPECT_TRUE(pit.out2());
}

TEST_F(PitTest, mode_0_loaded_with_its_gate_low_needs_n_clocks_after_the_gate_rises) {
    program(2, 0, 100);
    run_to(clock, 50);
    pit.set_gate2(true);
    run_to(clock, 149);
    EXPECT_FALSE(pit.out2());
    run_to(clock, 150);
    EXPECT_TRUE(pit.out2());
}

TEST_F(PitTest, mode_0_the_first_byte_of_a_new_count_stops_it) {
    program(0, 0, 50);
    pit.put(0, 10);
    run_to(clock, 200);
    EXPECT_FALSE(out0);
    pit.put(0, 0);
    run_to(clock, 210);
    EXPECT_FALSE(out0);
    run_to(clock, 211);
    EXPECT_TRUE(out0);
}

TEST_F(PitTest, mode_1_is_triggered_by_its_gate_and_again) {
    program(2, 1, 20);
    run_to(clock, 100);
    EXPECT_TRUE(pit.out2());
    pit.set_gate2(true);                    // triggered: low from the next clock for 20
    run_to(clock, 101);
    EXPECT_FALSE(pit.out2());
    run_to(clock, 110);
    pit.set_gate2(false), pit.set_gate2(true);
    run_to(clock, 130);
    EXPECT_FALSE(pit.out2());
    run_to(clock, 131);
    EXPECT_TRUE(pit.out2());
}

TEST_F(PitTest, mode_2_is_low_for_the_last_clock_of_each_n) {
    program(0, 2, 5);
    rises.clear();
    run_to(clock, 26);
    EXPECT_EQ(rises, (std::vector<u64>{6, 11, 16, 21, 26}));
    EXPECT_TRUE(out0);
    run_to(clock, 30);
    EXPECT_FALSE(out0) << "count 1";
    EXPECT_EQ(latched(0), 1);
    run_to(clock, 31);
    EXPECT_EQ(latched(0), 5);
}

TEST_F(PitTest, mode_2_takes_a_new_count_at_the_end_of_the_cycle) {
    program(0, 2, 10);
    run_to(clock, 5);
    rises.clear();
    pit.put(0, 4), pit.put(0, 0);
    EXPECT_EQ(status(0) & 0x40, 0x40) << "null count until it is loaded";
    run_to(clock, 20);
    EXPECT_EQ(rises, (std::vector<u64>{11, 15, 19}));
    EXPECT_EQ(status(0) & 0x40, 0);
}

TEST_F(PitTest, mode_2_starts_anew_when_its_gate_rises) {
    pit.set_gate2(true);
    program(2, 2, 10);
    run_to(clock, 5);
    pit.set_gate2(false);
    EXPECT_TRUE(pit.out2());
    run_to(clock, 100);
    pit.set_gate2(true);
    run_to(clock, 101);
    EXPECT_EQ(latched(2), 10);
    run_to(clock, 110);
    EXPECT_FALSE(pit.out2());
}

TEST_F(PitTest, mode_3_is_a_square_wave_counted_by_twos) {
    program(0, 3, 6);
    rises.clear();
    std::vector<u16> counts;
    std::vector<int> levels;
    for (u64 tick = 1; tick <= 6; tick++) {
        run_to(clock, tick);
        counts.push_back(latched(0)), levels.push_back(out0);
    }
    EXPECT_EQ(counts, (std::vector<u16>{6, 4, 2, 6, 4, 2}));
    EXPECT_EQ(levels, (std::vector<int>{1, 1, 1, 0, 0, 0}));
}

TEST_F(PitTest, mode_3_with_an_odd_count_is_high_one_clock_longer) {
    program(0, 3, 5);
    std::vector<u16> counts;
    std::vector<int> levels;
    for (u64 tick = 1; tick <= 5; tick++) {
        run_to(clock, tick);
        counts.push_back(latched(0)), levels.push_back(out0);
    }
    EXPECT_EQ(counts, (std::vector<u16>{4, 2, 0, 4, 2}));
    EXPECT_EQ(levels, (std::vector<int>{1, 1, 1, 0, 0}));
}

TEST_F(PitTest, mode_3_takes_a_new_count_at_the_end_of_the_half) {
    program(0, 3, 20);                      // high 1-10, low 11-20
    run_to(clock, 5);
    rises.clear();
    pit.put(0, 8), pit.put(0, 0);           // low 11-14, high 15-18, ...
    run_to(clock, 30);
    EXPECT_EQ(rises, (std::vector<u64>{15, 23}));
}

TEST_F(PitTest, mode_4_strobes_once) {
    program(0, 4, 10);
    EXPECT_TRUE(out0);
    run_to(clock, 10);
    EXPECT_TRUE(out0);
    run_to(clock, 11);
    EXPECT_FALSE(out0);
    run_to(clock, 12);
    EXPECT_TRUE(out0);
    run_to(clock, 100000);
    EXPECT_TRUE(out0);
}

TEST_F(PitTest, mode_5_strobes_after_its_trigger) {
    program(2, 5, 10);
    run_to(clock, 50);
    EXPECT_TRUE(pit.out2());
    pit.set_gate2(true);
    run_to(clock, 60);
    EXPECT_TRUE(pit.out2());
    run_to(clock, 61);
    EXPECT_FALSE(pit.out2());
    run_to(clock, 62);
    EXPECT_TRUE(pit.out2());
}

TEST_F(PitTest, modes_6_and_7_are_2_and_3) {
    program(0, 6, 5);
    rises.clear();
    run_to(clock, 11);
    EXPECT_EQ(rises, (std::vector<u64>{6, 11}));
    EXPECT_EQ(status(0) & 0x0e, 0x0c) << "but the status shows what was written";
}

TEST_F(PitTest, bcd_counts_in_decimal) {
    program(0, 0, 0x1000, true);
    run_to(clock, 2);
    EXPECT_EQ(latched(0), 0x0999);
    rises.clear();
    run_to(clock, 2000);
    EXPECT_EQ(rises, (std::vector<u64>{1001}));
}

TEST_F(PitTest, count_0_is_the_largest) {
    program(0, 2, 0);
    rises.clear();
    run_to(clock, 65537);
    EXPECT_EQ(rises, (std::vector<u64>{65537}));
    program(0, 2, 0, true);
    rises.clear();
    run_to(clock, 65537 + 10001);
    EXPECT_EQ(rises, (std::vector<u64>{65537 + 10001}));
}

TEST_F(PitTest, a_latched_count_stays_until_it_is_read) {
    program(0, 2, 1000);
    run_to(clock, 101);
    pit.put(3, 0x00);
    run_to(clock, 201);
    pit.put(3, 0x00);                       // ignored: still latched
    EXPECT_EQ(pit.get(0), u8(900));
    EXPECT_EQ(pit.get(0), 900 >> 8);
    EXPECT_EQ(pit.get(0), u8(800));
}

TEST_F(PitTest, read_back_latches_status_and_counts_of_several_counters) {
    program(0, 2, 1000);
    program(2, 3, 500);
    run_to(clock, 11);
    pit.put(3, 0xca);                       // status and count of counters 0 and 2
    EXPECT_EQ(pit.get(0) & 0x3f, 0x34);
    EXPECT_EQ(pit.get(0), u8(990));
    EXPECT_EQ(pit.get(0), 990 >> 8);
    EXPECT_EQ(pit.get(2) & 0x3f, 0x36);
}

TEST_F(PitTest, the_status_shows_the_output) {
    program(0, 0, 10);
    EXPECT_EQ(status(0), 0x70) << "low, null count, both bytes, mode 0";
    run_to(clock, 5);
    EXPECT_EQ(status(0), 0x30);
    run_to(clock, 11);
    EXPECT_EQ(status(0), 0xb0);
}

TEST_F(PitTest, single_byte_access_modes) {
    pit.put(3, 0x14);                       // low byte only, mode 2
    pit.put(0, 50);
    run_to(clock, 11);
    EXPECT_EQ(pit.get(0), 40);
    EXPECT_EQ(pit.get(0), 40);
    pit.put(3, 0x24);                       // high byte only
    pit.put(0, 2);
    run_to(clock, 12);
    EXPECT_EQ(pit.get(0), 2);
}

TEST_F(PitTest, at_a_billion_ticks_a_second_the_edge_is_exact) {
    Clock fast(1'000'000'000);
    u64 at = 0;
    Pit other(fast, Line([&](bool level) { at = level ? fast.ticks : at; }));
    other.put(3, 0x30), other.put(0, 0x9b), other.put(0, 0x2e);      // 11931: 10 ms
    run_for(fast, 20'000'000);
    EXPECT_EQ(at, fast.tick_of(11932, Pit::hertz));
}

TEST_F(PitTest, a_long_sleep_is_one_edge_not_a_loop) {
    program(0, 2, 2);
    rises.clear();
    clock.ticks += (u64{1} << 40) + 1;        // output 0 is high then, too
    clock.run_due();
    EXPECT_LE(rises.size(), 2u);
    EXPECT_GE(rises.size(), 1u);
}

TEST_F(PitTest, port_61h_gates_counter_2_and_shows_its_output) {
    SystemControlB control(
        clock, [&](bool level) { pit.set_gate2(level); }, [&] { return pit.out2(); });
    program(2, 0, 100);
    control.put(0, 0x01);
    EXPECT_EQ(control.get(0) & 0x21, 0x01);
    run_for(clock, 101);
    EXPECT_EQ(control.get(0) & 0x21, 0x21);
}

TEST_F(PitTest, port_61h_bit_4_toggles_every_18_counts) {
    SystemControlB control(clock, [](bool) {}, [] { return false; });
    EXPECT_EQ(control.get(0) & 0x10, 0);
    run_to(clock, 18);
    EXPECT_EQ(control.get(0) & 0x10, 0x10);
    run_to(clock, 36);
    EXPECT_EQ(control.get(0) & 0x10, 0);
}

TEST_F(PitTest, counter_2_has_a_period_while_it_makes_a_wave) {
    program(2, 3, 1193);
    EXPECT_EQ(pit.period2(), 0u);           // its gate is low
    pit.set_gate2(true);
    EXPECT_EQ(pit.period2(), 1193u);
    program(2, 2, 0);
    EXPECT_EQ(pit.period2(), 65536u);
    program(2, 0, 1193);
    EXPECT_EQ(pit.period2(), 0u);
}

TEST_F(PitTest, state_survives_saving) {
    program(0, 2, 1000), program(2, 1, 77);
    run_to(clock, 333);
    pit.put(3, 0xc2);
    Pit other{clock, Line()};
    expect_roundtrip(pit, other);
    EXPECT_EQ(other.get(0), pit.get(0));
}

TEST(SystemControlA, port_92h_opens_a20_and_resets_on_a_rising_bit_0) {
    bool a20 = false;
    int resets = 0;
    SystemControlA control(Line([&](bool open) { a20 = open; }), [&] { resets++; });
    control.put(0, 0x02);
    EXPECT_TRUE(a20);
    EXPECT_EQ(control.get(0), 0x02);
    control.put(0, 0x03), control.put(0, 0x03);
    EXPECT_EQ(resets, 1);
    SystemControlA other(Line(), [] {});
    expect_roundtrip(control, other);
}

TEST(ResetControl, cf9_resets_when_bit_2_rises) {
    std::vector<bool> resets;
    ResetControl control([&](bool hard) { resets.push_back(hard); });
    control.put(0, 0x02);
    EXPECT_TRUE(resets.empty());
    control.put(0, 0x06);
    control.put(0, 0x00), control.put(0, 0x04);
    EXPECT_EQ(resets, (std::vector<bool>{true, false}));
}
