// SPDX-License-Identifier: MIT
// Whose turn it is.
#include "machine/turns.h"
#include "cpu/cpu.h"
#include <algorithm>
#include <functional>

void Turns::next() {
    number = (number + 1) % u32(cpus.size());
    end = clock->ticks + length;
}

// A CPU for which a turn is nothing but a look at this.
static bool rests(const Cpu& cpu) { return cpu.activity != Activity::active && !cpu.mwaiting && !cpu.due(); }

void Turns::run(u64 until) {
    if (cpus.size() == 1) return current().run(until);
    run(until, [](Cpu& cpu, u64 end) { return cpu.run_turn(end); });
}

void Turns::run(u64 until, const std::function<bool(Cpu&, u64)>& turn) {
    bool stopped = false;
    while (clock->ticks < until && !stopped) {
        if (clock->ticks >= clock->deadline()) clock->run_due();
        Cpu& cpu = current();
        if (clock->ticks >= end) end = clock->ticks + length;               // the first turn; or the clock has jumped
        bool ran = !rests(cpu) && turn(cpu, std::min(until, end));
        stopped = cpu.pending & pending::stop;
        waiting = ran ? 0 : waiting + 1;
        bool cut_short = stopped || (clock->ticks >= until && clock->ticks < end);
        if (!cut_short) next();
        if (waiting < cpus.size()) continue;
        clock->ticks = std::max(clock->ticks, std::min(until, clock->deadline()));
        waiting = 0;
    }
}

void Turns::stop() { current().stop(); }

void Turns::visit(Archive& a) {
    a("number", number), a("end", end), a("waiting", waiting);
    number %= u32(cpus.size());
}
