// SPDX-License-Identifier: MIT
// Virtual time and its timers; a machine has a few dozen, so a scan beats a heap.
#include "base/clock.h"
#include <algorithm>

void Clock::refresh() {
    earliest = never;
    for (auto* timer : timers) earliest = std::min(earliest, timer->when);
}

void Clock::run_due() {
    while (earliest <= ticks) {
        Timer* next = nullptr;
        for (auto* timer : timers)
            if (timer->when == earliest) {
                next = timer;
                break;
            }
        next->when = never;
        refresh();
        next->fire();
    }
}

Timer::Timer(Clock& clock, std::function<void()> fire) : clock(clock), fire(std::move(fire)) {
    clock.timers.push_back(this);
}

Timer::~Timer() {
    std::erase(clock.timers, this);
    clock.refresh();
}

void Timer::at(u64 tick) {
    u64 before = when;
    when = tick;
    if (tick <= clock.earliest) clock.earliest = tick;
    else if (before == clock.earliest) clock.refresh();      // it was the next one, or among them
}
