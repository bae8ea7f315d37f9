// SPDX-License-Identifier: MIT
// Several CPUs on one thread of the host: they take turns of so many instructions, in the order of their numbers. Time is one for
// all: while a CPU runs, the others' time passes too, so that no CPU ever sees the clock go back.
//
// A turn ends early when the CPU waits (HLT, MWAIT, a start-up IPI) or says that it only spins (PAUSE). Where a turn ends
// depends on nothing but the guest, so that the same start gives the same run.
#pragma once
#include "base/archive.h"
#include "base/clock.h"
#include <functional>
#include <span>

struct Cpu;

class Turns {
public:
    static constexpr u64 length = 20'000;          // ticks; a locked section of a kernel is seldom longer

    Turns(Clock& clock, std::span<Cpu* const> cpus) : clock(&clock), cpus(cpus) {}

    // Until clock.ticks reaches `until`, or stop(): when all wait, the clock jumps ahead.
    void run(u64 until);
    // The same with another Cpu::run_turn(), a debugger's.
    void run(u64 until, const std::function<bool(Cpu&, u64 until)>& turn);
    void stop();
    // Whose turn it is.
    Cpu& current() const { return *cpus[number]; }
    void reset() { number = 0, end = 0, waiting = 0; }
    void visit(Archive& a);

private:
    void next();

    Clock* clock;
    std::span<Cpu* const> cpus;
    u32 number = 0;
    u64 end = 0;                  // of its turn
    u32 waiting = 0;              // how many turns in a row did nothing
};
