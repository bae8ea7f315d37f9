// SPDX-License-Identifier: MIT
// Run control: lets the guest go on, and stops it at the exact instruction. Every face drives one of these.
#pragma once
#include "cpu/cpu.h"
#include "debugger/looking.h"
#include "debugger/stops.h"
#include <functional>
#include <string>

namespace debugger {

enum class Why : u8 { reached, breakpoint, watchpoint, interrupted, ended };

// Why the guest stands where it does.
struct Stop {
    Why why = Why::reached;
    unsigned id = 0;              // of the breakpoint or watchpoint
    On on = On::execute;
    u64 address = 0;              // where it was met: of the code, or of the access ...
    unsigned width = 0;           // ... of so many bytes
    bool wrote = false;
    u64 instruction = 0;          // the linear address of the instruction that made the access
};

// What to go on for.
struct Goal {
    u64 steps = 0;                             // instructions, iterations of a repeated one and events; 0: no end
    std::function<bool()> reached = {};        // asked before each instruction; null: never
};

class Session {
public:
    // Runs the CPU until clock.ticks is what it is given, or less far.
    using Drive = std::function<void(u64 until)>;
    // Lets a slice of time pass, in which `drive` runs the CPU; false: the run is over.
    using Slice = std::function<bool(const Drive& drive)>;

    Session(Cpu& cpu, Slice slice) : cpu(cpu), slice(std::move(slice)) {}

    Stop resume(const Goal& goal = {});        // throws Error where it runs already
    // Where a step over ends: behind a call, an interrupt or a repeated instruction; false: it is a plain step.
    bool end_of_call(u64& linear);
    u64 code() const;                          // RIP's linear address

    Cpu& cpu;
    StopPoints stops;
    Looking looking;                           // what looks keep from one command to the next
    Stop last;
    bool over = false;                         // the run has ended; there is only the last state to look at
    bool quits = false;                        // the user has had enough
    bool may_use_files = true;                 // commands may read and write the host's
    u64 runs = 0;                              // how often the guest was let go on
    std::function<bool()> interrupted = [] { return false; };      // asked between slices

private:
    void drive(u64 until);
    void one_tick(u64 until);
    void judge(bool begins);
    void stop_at(const Stop& stop) { if (!stopped) last = stop, stopped = true; }
    void accessed(u64 linear, unsigned width, bool write);

    Slice slice;
    const Goal* goal = nullptr;
    u64 steps = 0;
    bool stopped = false;
    u64 running = 0;                           // the linear address of the instruction that runs
};

}
