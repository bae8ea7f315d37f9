// SPDX-License-Identifier: MIT
// Ticks and the host's nanoseconds.
#include "machine/pace.h"
#include <algorithm>

static constexpr u64 second = 1'000'000'000;

static Pace::Time time_of(u64 ticks, u64 rate) { return Pace::Time(s64(u128(ticks) * second / rate)); }

Pace::Time Pace::host_time() { return std::chrono::steady_clock::now().time_since_epoch(); }

Pace::Pace(Clock& clock, std::function<Time()> now) : clock(clock), now(std::move(now)) {
    origin = this->now() - time_of(clock.ticks, clock.rate);
}

u64 Pace::present() const { return u64(u128(std::max<s64>((now() - origin).count(), 0)) * clock.rate / second); }
Pace::Time Pace::until(u64 tick) const { return origin + time_of(tick, clock.rate) - now(); }

void Pace::leave_out_stalls() {
    Time behind = -until(clock.ticks);
    if (behind > stall) origin += behind;
}

void Pace::keep_up() {
    leave_out_stalls();
    clock.ticks = std::max(clock.ticks, std::min(present(), clock.deadline()));
}
