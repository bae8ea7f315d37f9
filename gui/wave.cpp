// SPDX-License-Identifier: MIT
// The square wave.
#include "gui/wave.h"
#include "iodev/pit.h"

namespace gui {

static constexpr s16 loudness = 3000;

u32 step_of(u32 period) {
    bool audible = period >= 2 * Pit::hertz / samples_per_second;
    return audible ? u32((Pit::hertz << 32) / (u64{period} * samples_per_second)) : 0;
}

void fill(std::span<s16> samples, u32& phase, u32 step) {
    for (s16& sample : samples) {
        sample = step == 0 ? s16(0) : phase >> 31 ? loudness : s16(-loudness);
        phase += step;
    }
}

}
