// SPDX-License-Identifier: MIT
// The speaker's tone as samples: a square wave of the period of the 8254's counter 2.
#pragma once
#include "base/bits.h"
#include <span>

namespace gui {

constexpr u32 samples_per_second = 48000;

// How far the wave moves per sample, a period being 2^32; 0, silence, for a period of 0 or one too short to be heard.
u32 step_of(u32 period);
void fill(std::span<s16> samples, u32& phase, u32 step);

}
