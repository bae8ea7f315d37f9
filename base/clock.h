// SPDX-License-Identifier: MIT
// Virtual time: a count of ticks that the CPU advances, and the timers that wait on it.
#pragma once
#include "base/archive.h"
#include <functional>
#include <vector>

class Timer;

class Clock {
public:
    static constexpr u64 never = ~u64{0};

    explicit Clock(u64 ticks_per_second = 1'000'000'000) : rate(ticks_per_second) {}

    // The CPU adds to `ticks` as it runs and stops to call run_due() when ticks >= deadline().
    u64 ticks = 0;
    const u64 rate;                       // ticks per second (--ips)

    u64 deadline() const { return earliest; }
    void run_due();                       // fires every timer whose tick has come, in order of (tick, registration)

    // Ticks of another frequency's counter since tick 0, and the first tick at which that count is reached.
    u64 count_at(u64 tick, u64 hertz) const { return u64(u128(tick) * hertz / rate); }
    u64 count(u64 hertz) const { return count_at(ticks, hertz); }
    u64 tick_of(u64 count, u64 hertz) const { return u64((u128(count) * rate + hertz - 1) / hertz); }

    void visit(Archive& a) { a("ticks", ticks); }

private:
    friend class Timer;
    void refresh();
    std::vector<Timer*> timers;
    u64 earliest = never;
};

// One alarm of a device. Disarmed until at() is called; fires once, then is disarmed again.
class Timer {
public:
    Timer(Clock& clock, std::function<void()> fire);
    ~Timer();
    Timer(const Timer&) = delete;
    Timer& operator=(const Timer&) = delete;

    void at(u64 tick);                    // a tick already past fires at the next run_due()
    void off() { at(Clock::never); }
    bool armed() const { return when != Clock::never; }
    u64 tick() const { return when; }
    void visit(Archive& a) {              // loading re-arms
        a("when", when);
        clock.refresh();
    }

private:
    friend class Clock;
    Clock& clock;
    std::function<void()> fire;
    u64 when = Clock::never;
};
