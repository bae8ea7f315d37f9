// SPDX-License-Identifier: MIT
// The local APIC's timer: one-shot, periodic and TSC-deadline mode (SDM vol. 3, 11.5.4).
#include "cpu/cpu.h"
#include "cpu/cpuid/leaves.h"
#include "cpu/msr/access.h"

static constexpr unsigned periodic = 1, by_deadline = 2;

u64 LocalApic::bus_count() const { return clock.count(crystal_rate(clock.rate)); }

// Figure 11-10: divide by 2, 4, ... 128, and 111b by 1.
u64 LocalApic::divider() const { return bit((((divide & 3) | (divide >> 1 & 4)) + 1) & 7); }

u32 LocalApic::current_count() const {
    if (!remaining || timer_mode() >= by_deadline) return 0;
    u64 gone = (bus_count() - origin) / divider();
    return gone < remaining ? remaining - u32(gone) : 0;
}

void LocalApic::start_count(u32 from) {
    remaining = from;
    origin = bus_count();
    arm_count();
}

void LocalApic::arm_count() {
    if (remaining) alarm.at(clock.tick_of(origin + remaining * divider(), crystal_rate(clock.rate)));
    else alarm.off();
}

void LocalApic::stop_timer() {
    alarm.off();
    initial = remaining = 0;
    deadline = 0;
}

// In periodic mode the next period starts where this one ended; whole periods that have passed meanwhile are one interrupt.
void LocalApic::timer_expired() {
    if (timer_mode() == by_deadline) {
        deadline = 0;
    } else if (timer_mode() == periodic && initial) {
        u64 period = initial * divider(), passed = origin + remaining * divider();
        remaining = initial;
        origin = passed + (bus_count() - passed) / period * period;
        arm_count();
    } else {
        remaining = 0;
    }
    fire(timer);
}

// 11.5.4.1: in other modes a write is ignored; a deadline that has passed fires at once.
void LocalApic::write_tsc_deadline(u64 value) {
    if (timer_mode() != by_deadline) return;
    deadline = value;
    arm_deadline();
}

void LocalApic::arm_deadline() {
    u64 now = read_tsc(cpu), left = deadline > now ? deadline - now : 0;
    if (!deadline || left > Clock::never - clock.ticks) alarm.off();
    else alarm.at(clock.ticks + left);
}

void LocalApic::tsc_changed() {
    if (timer_mode() == by_deadline && deadline) arm_deadline();
}
