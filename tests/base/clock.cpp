// SPDX-License-Identifier: MIT
// Tests of base/clock.h: virtual time, and timers in the order of their ticks.
#include "base/clock.h"
#include "base/hash.h"
#include <gtest/gtest.h>

TEST(Clock, HasNoDeadlineWithoutAnArmedTimer) {
    Clock clock;
    EXPECT_EQ(clock.deadline(), Clock::never);
    Timer idle(clock, [] { FAIL() << "fired without being armed"; });
    EXPECT_EQ(clock.deadline(), Clock::never);
    clock.ticks = 1000;
    clock.run_due();
}

TEST(Clock, FiresTimersInTheOrderOfTheirTicksAndThenOfTheirRegistration) {
    Clock clock;
    std::string order;
    Timer a(clock, [&] { order += 'a'; }), b(clock, [&] { order += 'b'; }), c(clock, [&] { order += 'c'; });
    c.at(10), b.at(20), a.at(20);
    EXPECT_EQ(clock.deadline(), 10u);
    clock.ticks = 20;
    clock.run_due();
    EXPECT_EQ(order, "cab");
    EXPECT_EQ(clock.deadline(), Clock::never);
}

TEST(Clock, DoesNotFireATimerBeforeItsTickNorAfterItIsOff) {
    Clock clock;
    int fired = 0;
    Timer timer(clock, [&] { fired++; });
    timer.at(100);
    clock.ticks = 99;
    clock.run_due();
    EXPECT_EQ(fired, 0);
    timer.off();
    EXPECT_FALSE(timer.armed());
    clock.ticks = 200;
    clock.run_due();
    EXPECT_EQ(fired, 0);
}

TEST(Clock, ATimerMayArmItselfAgainWhenItFires) {
    Clock clock;
    int fired = 0;
    Timer* self = nullptr;
    Timer timer(clock, [&] {
        if (++fired < 3) self->at(u64(fired) * 10 + 10);
    });
    self = &timer;
    timer.at(10);
    clock.ticks = 100;
    clock.run_due();
    EXPECT_EQ(fired, 3);
    EXPECT_FALSE(timer.armed());
}

TEST(Clock, ADestroyedTimerLeavesNoDeadline) {
    Clock clock;
    {
        Timer timer(clock, [] {});
        timer.at(5);
        EXPECT_EQ(clock.deadline(), 5u);
    }
    EXPECT_EQ(clock.deadline(), Clock::never);
}

TEST(Clock, CountsOfAnotherFrequencyDoNotDrift) {
    Clock clock(1'000'000'000);                    // a PIT at 1193182 Hz beside a clock of 1 GHz
    EXPECT_EQ(clock.count_at(1'000'000'000, 1'193'182), 1'193'182u);
    EXPECT_EQ(clock.count_at(3600 * u64{1'000'000'000}, 1'193'182), 3600 * u64{1'193'182});
    EXPECT_EQ(clock.count_at(838, 1'193'182), 0u);
    EXPECT_EQ(clock.count_at(839, 1'193'182), 1u);
}

TEST(Clock, TheTickOfACountIsTheFirstAtWhichTheCountIsReached) {
    Clock clock(1'000'000'000);
    for (u64 count : {u64{1}, u64{2}, u64{65535}, u64{1'193'182}, u64{1} << 40}) {
        u64 tick = clock.tick_of(count, 1'193'182);
        EXPECT_GE(clock.count_at(tick, 1'193'182), count);
        EXPECT_LT(clock.count_at(tick - 1, 1'193'182), count);
    }
}

TEST(Clock, AnArmedTimerIsPartOfTheState) {
    Clock clock;
    Timer timer(clock, [] {});
    u64 before = hash_of(timer);
    timer.at(7);
    EXPECT_NE(hash_of(timer), before);
    timer.off();
    EXPECT_EQ(hash_of(timer), before);
}
