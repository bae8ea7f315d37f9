// SPDX-License-Identifier: MIT
// The machine's time beside a host's clock that the test moves.
#include "machine/pace.h"
#include <gtest/gtest.h>

using namespace std::chrono_literals;

namespace {

struct Paced : testing::Test {
    Pace::Time host = 5s;
    Clock clock{2'000'000'000};               // two ticks a nanosecond
    Pace pace{clock, [this] { return host; }};
};

}

TEST_F(Paced, ABusyGuestThatIsBehindIsSetForward) {
    clock.ticks = 1000, host += 3000ns;
    pace.keep_up();
    EXPECT_EQ(clock.ticks, 6000u);
}

TEST_F(Paced, NoTimerIsJumpedOver) {
    int fired = 0;
    Timer timer(clock, [&] { fired++; });
    timer.at(4000);
    clock.ticks = 1000, host += 3000ns;
    pace.keep_up();
    EXPECT_EQ(clock.ticks, 4000u);
    pace.keep_up();
    EXPECT_EQ(clock.ticks, 4000u) << "until it has fired";
    clock.run_due();
    pace.keep_up();
    EXPECT_EQ(fired, 1);
    EXPECT_EQ(clock.ticks, 6000u);
}

TEST_F(Paced, AGuestThatIsAheadIsLeftThere) {
    clock.ticks = 6'000'000, host += 1ms;
    pace.keep_up();
    EXPECT_EQ(clock.ticks, 6'000'000u);
    EXPECT_EQ(pace.until(clock.ticks), 2ms);
    EXPECT_EQ(pace.until(0), -1ms);
}

TEST_F(Paced, AStallIsNoTimeOfTheMachines) {
    clock.ticks = 1000, host += 1h;
    pace.keep_up();
    EXPECT_EQ(clock.ticks, 1000u);
    host += 500ms;
    pace.keep_up();
    EXPECT_EQ(clock.ticks, 1'000'001'000u);
}

TEST_F(Paced, ItStartsAtAnyTick) {
    clock.ticks = 40'000'000'000;
    Pace late{clock, [this] { return host; }};
    EXPECT_EQ(late.present(), 40'000'000'000u);
    host += 1ns;
    EXPECT_EQ(late.present(), 40'000'000'002u);
}

TEST_F(Paced, AReset) {
    clock.ticks = 8'000'000'000, host += 4s;
    pace.keep_up();
    clock.ticks = 0;
    pace.leave_out_stalls();
    EXPECT_EQ(pace.until(0), 0ns);
    EXPECT_EQ(pace.present(), 0u);
}
