// SPDX-License-Identifier: MIT
// The speaker's wave: as many rises in a second as the 8254's 1193182 Hz divided by its count.
#include "gui/wave.h"
#include <gtest/gtest.h>
#include <vector>

static int rises_in_a_second(u32 period) {
    std::vector<s16> samples(gui::samples_per_second);
    u32 phase = 0;
    gui::fill(samples, phase, gui::step_of(period));
    int rises = 0;
    for (std::size_t n = 1; n < samples.size(); n++) rises += samples[n - 1] < 0 && samples[n] > 0;
    return rises;
}

TEST(Wave, has_the_counters_frequency) {
    EXPECT_NEAR(rises_in_a_second(1193), 1000, 1);
    EXPECT_NEAR(rises_in_a_second(2712), 440, 1);
    EXPECT_NEAR(rises_in_a_second(65536), 18, 1);
}

TEST(Wave, is_silent_without_a_period_that_can_be_heard) {
    for (u32 period : {0u, 1u, 40u}) {
        std::vector<s16> samples(100, 1);
        u32 phase = 0;
        gui::fill(samples, phase, gui::step_of(period));
        EXPECT_EQ(samples, std::vector<s16>(100)) << period;
    }
}
