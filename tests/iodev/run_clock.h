// SPDX-License-Identifier: MIT
// Moves a clock as the CPU does: stopping at each deadline.
#pragma once
#include "base/clock.h"

inline void run_to(Clock& clock, u64 tick) {
    while (clock.deadline() <= tick) {
        if (clock.deadline() > clock.ticks) clock.ticks = clock.deadline();
        clock.run_due();
    }
    if (tick > clock.ticks) clock.ticks = tick;
}
inline void run_for(Clock& clock, u64 ticks) { run_to(clock, clock.ticks + ticks); }
