// SPDX-License-Identifier: MIT
// Tests of the HPET, from the IA-PC HPET specification 1.0a.
#include "iodev/hpet.h"
#include "tests/archive_roundtrip.h"
#include "tests/iodev/run_clock.h"

namespace {
struct HpetTest : testing::Test {
    Clock clock;                            // ten ticks per count
    std::vector<std::pair<unsigned, u64>> edges;
    bool irq0 = false, legacy = false, pin16 = false;
    int irq0_edges = 0;
    Hpet hpet{clock,
              [this](unsigned pin, bool level) {
                  if (level) edges.push_back({pin, clock.ticks});
                  if (pin == 16) pin16 = level;
              },
              Line([this](bool level) { irq0 = level, irq0_edges += level; }), Line(),
              Line([this](bool on) { legacy = on; })};
    void put(u64 at, u64 value) { hpet.write(at, 8, value); }
    u64 get(u64 at) { return hpet.read(at, 8); }
};
}

TEST_F(HpetTest, capabilities) {
    EXPECT_EQ(get(0), 0x009896808086a201u) << "10 ns, Intel, legacy, 64 bits, 3 timers, revision 1";
    EXPECT_EQ(get(0x100) & 0x8030, 0x30u) << "periodic and 64-bit, no FSB";
    EXPECT_EQ(get(0x100) >> 32, 0x00ff0004u);
    EXPECT_EQ(get(0x160), 0u) << "there is no fourth timer";
}

TEST_F(HpetTest, the_counter_runs_only_while_enabled) {
    run_for(clock, 1000);
    EXPECT_EQ(get(0xf0), 0u);
    put(0x10, 1);
    run_for(clock, 1000);
    EXPECT_EQ(get(0xf0), 100u);
    put(0x10, 0);
    run_for(clock, 1000);
    EXPECT_EQ(get(0xf0), 100u);
    put(0xf0, 0x500000000);
    EXPECT_EQ(hpet.read(0xf4, 4), 5u);
    put(0x10, 1);
    run_for(clock, 10);
    EXPECT_EQ(get(0xf0), 0x500000001u);
}

TEST_F(HpetTest, a_one_shot_timer_fires_at_the_tick_its_count_is_reached) {
    put(0x100, 16 << 9 | 0x04);
    put(0x108, 12345);
    put(0x10, 1);
    run_for(clock, 10'000'000);
    ASSERT_EQ(edges.size(), 1u);
    EXPECT_EQ(edges[0], (std::pair<unsigned, u64>{16, 123450}));
    EXPECT_FALSE(pin16) << "an edge";
}

TEST_F(HpetTest, a_comparator_in_the_past_waits_for_the_counter_to_wrap) {
    put(0x10, 1);
    run_for(clock, 1000);
    put(0x100, 16 << 9 | 0x104);            // 32-bit
    put(0x108, 50);
    run_for(clock, 1'000'000'000);
    EXPECT_TRUE(edges.empty());
    run_to(clock, (bit(32) + 50) * 10);
    ASSERT_EQ(edges.size(), 1u);
    EXPECT_EQ(edges[0].second, (bit(32) + 50) * 10);
}

TEST_F(HpetTest, a_periodic_timer_keeps_its_period) {
    put(0x100, 16 << 9 | 0x4c);             // periodic, enabled, value set
    put(0x108, 1000);                       // the first match
    put(0x108, 300);                        // the period
    put(0x10, 1);
    run_for(clock, 16999);
    ASSERT_EQ(edges.size(), 3u);
    EXPECT_EQ(edges[0].second, 10000u);
    EXPECT_EQ(edges[1].second, 13000u);
    EXPECT_EQ(edges[2].second, 16000u);
    EXPECT_EQ(get(0x108), 1900u);
}

TEST_F(HpetTest, a_level_triggered_timer_stays_until_its_status_is_cleared) {
    put(0x100, 16 << 9 | 0x06);
    put(0x108, 10);
    put(0x10, 1);
    run_for(clock, 100);
    EXPECT_TRUE(pin16);
    EXPECT_EQ(get(0x20), 1u);
    put(0x20, 2);
    EXPECT_TRUE(pin16);
    put(0x20, 1);
    EXPECT_FALSE(pin16);
    EXPECT_EQ(get(0x20), 0u);
}

TEST_F(HpetTest, legacy_replacement_sends_timer_0_to_irq0) {
    put(0x100, 16 << 9 | 0x04);
    put(0x108, 10);
    put(0x10, 3);
    EXPECT_TRUE(legacy);
    run_for(clock, 100);
    EXPECT_EQ(irq0_edges, 1);
    EXPECT_TRUE(edges.empty());
    put(0x10, 0);
    EXPECT_FALSE(legacy);
}

TEST_F(HpetTest, a_disabled_timer_is_silent_but_sets_its_status) {
    put(0x100, 16 << 9 | 0x02);
    put(0x108, 10);
    put(0x10, 1);
    run_for(clock, 100);
    EXPECT_TRUE(edges.empty());
    EXPECT_EQ(get(0x20), 1u);
}

TEST_F(HpetTest, halves_can_be_written_apart) {
    hpet.write(0x108, 4, 0x11111111);
    hpet.write(0x10c, 4, 0x22222222);
    EXPECT_EQ(get(0x108), 0x2222222211111111u);
    hpet.write(0x109, 1, 0xff);
    EXPECT_EQ(get(0x108), 0x2222222211111111u);
}

TEST_F(HpetTest, a_long_sleep_is_one_interrupt_not_a_loop) {
    put(0x100, 16 << 9 | 0x4c);
    put(0x108, 1), put(0x108, 1);
    put(0x10, 1);
    clock.ticks += u64{1} << 45;
    clock.run_due();
    EXPECT_LE(edges.size(), 2u);
}

TEST_F(HpetTest, state_survives_saving) {
    put(0x100, 16 << 9 | 0x4e), put(0x108, 100), put(0x120, 0x104), put(0x10, 1);
    run_for(clock, 5000);
    Hpet other{clock, [](unsigned, bool) {}, Line(), Line(), Line()};
    expect_roundtrip(hpet, other);
    EXPECT_EQ(other.read(0xf0, 8), get(0xf0));
}

TEST_F(HpetTest, a_disabled_periodic_timer_goes_on_unseen_and_is_exact_when_enabled) {
    constexpr u64 config = 16 << 9 | 0x08, period = 400'000;
    put(0x10, 1);
    put(0x100, config | 0x40);
    put(0x108, 1000);                       // the first match
    put(0x108, period);
    EXPECT_GT(clock.deadline(), clock.ticks + 10 * 50 * period) << "no alarm for each of its matches";
    run_for(clock, 10 * (1000 + 7 * period) + 50);
    EXPECT_EQ(get(0x108), 1000 + 8 * period);
    run_for(clock, 10 * 1000 * period);
    EXPECT_EQ(get(0x108), 1000 + 1008 * period);
    put(0x100, config | 0x04);
    run_for(clock, 10 * 2 * period);
    ASSERT_EQ(edges.size(), 2u);
    EXPECT_EQ(edges[0].second, 10 * (1000 + 1008 * period));
    EXPECT_EQ(edges[1].second, 10 * (1000 + 1009 * period));
}

TEST_F(HpetTest, a_disabled_periodic_timer_halts_with_the_counter) {
    put(0x10, 1);
    put(0x100, 16 << 9 | 0x48);
    put(0x108, 500);
    put(0x108, 1000);
    run_for(clock, 10 * 2700);
    put(0x10, 0);
    run_for(clock, 10 * 100'000);
    EXPECT_EQ(get(0x108), 3500u);
    put(0x10, 1);
    run_for(clock, 10 * 1000);
    EXPECT_EQ(get(0x108), 4500u);
}
