// SPDX-License-Identifier: MIT
// --clock realtime: the machine's time follows the host's. Where the guest is ahead, the emulator sleeps; where it is behind, the
// clock is set forward, so that an instruction takes more than its tick. A stall of the host's (a stopped process, a debugger's
// prompt) is left out of the machine's time.
#pragma once
#include "base/clock.h"
#include <chrono>

class Pace {
public:
    using Time = std::chrono::nanoseconds;
    static constexpr Time stall = std::chrono::seconds(1);
    static Time host_time();

    explicit Pace(Clock& clock, std::function<Time()> now = host_time);

    // Sets the clock to the present where it is behind, but over no timer: a guest on a slow host sees each, and its time is late.
    void keep_up();
    void leave_out_stalls();              // what is more than a stall behind is no time of the machine's
    u64 present() const;                  // the tick that it is on the host
    Time until(u64 tick) const;           // from now; negative where it is past

private:
    Clock& clock;
    std::function<Time()> now;
    Time origin{};                        // the host's time at tick 0
};
