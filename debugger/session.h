// SPDX-License-Identifier: MIT
// Run control: lets the guest go on, and stops it at the exact instruction. Every face drives one of these.
#pragma once
#include "cpu/cpu.h"
#include "debugger/coverage.h"
#include "debugger/event_trace.h"
#include "debugger/looking.h"
#include "debugger/result.h"
#include "debugger/stops.h"
#include "debugger/symbols.h"
#include <functional>
#include <string>

class Pc;
class Turns;

namespace debugger {

enum class Why : u8 { reached, breakpoint, watchpoint, interrupted, ended, event };

// Why the guest stands where it does.
struct Stop {
    Why why = Why::reached;
    unsigned id = 0;              // of the stop point
    On on = On::execute;
    u64 address = 0;              // where it was met: of the code, or of the access ...
    unsigned width = 0;           // ... of so many bytes
    bool wrote = false;
    u64 instruction = 0;          // the linear address of the instruction that made the access
    std::string kind = {}, said = {};          // of an event: the row of the table, and what happened
};

// What to go on for.
struct Goal {
    u64 steps = 0;                             // instructions, iterations of a repeated one and events; 0: no end
    std::function<bool()> reached = {};        // asked before each instruction; null: never
    std::optional<u64> at = {};                // `reached` is asked only where this linear address comes next: at full speed
    unsigned level = 0;                        // 1, 2: only what the host or a guest does counts as steps; 0: both
    u32 notices = 0;                           // or where the CPU has told of one of these (notice::Kind, a bit each) ...
    std::function<bool(const notice::Event&)> told = {};               // ... if this says so; null: it does
    bool returns = false;                      // `reached` is asked in front of RET
    Cpu* of = nullptr;                         // whose steps and instructions; null: the CPU that is looked at
    u64 still = 0;                             // CPUs that stand still meanwhile, a bit each
};
// Instructions of the host (1) or of its guest (2): what the other does between them goes by.
Goal steps_in_level(u64 steps, unsigned level);

// What a session has besides the CPU it looks at.
struct SessionState {
    StopPoints stops;
    Looking looking;                           // what looks keep from one command to the next
    Symbols symbols;
    Pc* board = nullptr;                       // null: a CPU without one
    Stop last;
    bool over = false;                         // the run has ended; there is only the last state to look at
    bool quits = false;                        // the user has had enough
    bool may_use_files = true;                 // commands may read and write the host's
    u64 runs = 0;                              // how often the guest was let go on
    bool by_ticks = false;                     // a tick at a time whatever could be quicker: the stops are the same (a test)
    std::function<u64()> hash;                 // over the whole machine's state; null: nobody can tell
    std::function<bool()> interrupted = [] { return false; };      // asked between slices
    // A stop point's commands: true if the guest goes on behind them. Null: they aren't run.
    std::function<bool(const StopPoint&)> commands;
    Result said;                               // what they have said of the last run
    std::function<void()> start_anew;          // resets the machine; null: there is none around the CPU
    std::unique_ptr<Coverage> coverage;        // which instructions have begun; null: nobody has asked
    std::unique_ptr<EventTrace> trace;         // of what the CPUs tell while the guest runs; null: none is written

protected:
    using Drive = std::function<void(u64 until)>;
    std::function<bool(const Drive& drive)> slice;
    Turns* turns = nullptr;
    std::vector<Cpu*> cpus;
    const Goal* goal = nullptr;
    u64 steps = 0;
    bool stopped = false;
    std::vector<Cpu*> standing;                // those that haven't run yet: what stands at a stop is not stopped by it
    std::vector<Stop> owed;                    // those whose commands are to be done when their CPU can be looked at
    Cpu* turn_of = nullptr;                    // the CPU whose turn it is
    u64 least_stack = 0;                       // RSP, where the run began
    u64 running = 0;                           // the linear address of the instruction that runs
    std::vector<std::pair<Cpu*, notice::Event>> told;                  // since the last look
    std::vector<Stop> accesses;                // of the instruction that runs, one for each watchpoint at most
};

class Session : public SessionState {
public:
    // Runs the CPU until clock.ticks is what it is given, or less far.
    using Drive = SessionState::Drive;
    // Lets a slice of time pass, in which `drive` runs the CPU; false: the run is over.
    using Slice = std::function<bool(const Drive& drive)>;

    Session(Cpu& cpu, Slice slice);
    Session(std::span<Cpu* const> cpus, Turns& turns, Slice slice);
    Session(const Session&) = delete;
    Session& operator=(const Session&) = delete;
    ~Session();

    Stop resume(const Goal& goal = {});        // throws Error where it runs already
    // Where a step over ends: behind a call, an interrupt or a repeated instruction; false: it is a plain step.
    bool end_of_call(u64& linear);
    bool at_return() const;                    // RET comes next
    u64 code() const;                          // RIP's linear address
    void reset();                              // as by the machine's button; throws Error where there is no machine
    // Another CPU to look at. The session is the same object afterwards, with another `cpu`.
    void select(Cpu& other);
    std::span<Cpu* const> all_cpus() const { return cpus; }

    Cpu& running_cpu() const { return *turn_of; }      // while the guest runs: the one whose turn it is

    Cpu& cpu;

private:
    Session(SessionState&& state, Cpu& cpu) : SessionState(std::move(state)), cpu(cpu) {}

    void run();
    bool commands_go_on(Cpu& before);
    void stop_for_commands(Cpu&);
    void drive(u64 until);
    bool turn(Cpu&, u64 until);
    bool nothing_to_do() const;
    bool covers() const { return coverage && coverage->on; }
    bool asks(Cpu&, u64 linear);
    bool quick(const Cpu&) const;
    bool stands(const Cpu&) const;
    void place_marks(Cpu&);
    bool blocks(Cpu&, u64 until);
    bool one_tick(Cpu&, u64 until);
    void judge(Cpu&, bool begins);
    void judge_instruction(Cpu&);
    void judge_changes(Cpu&);
    void judge_notices(Cpu&);
    void notice(Cpu&, const notice::Event&);
    bool steps_done(const Cpu&) const;
    void judge_accesses(Cpu&);
    bool met(Cpu&, StopPoint&, Stop);
    void stop_at(Cpu&, const Stop& stop);
    void accessed(Cpu&, u64 linear, unsigned width, bool write);
    bool lies_at(const Cpu&, const StopPoint&, u64 linear, unsigned width);
    std::optional<Insn> next_instruction(Cpu&) const;
    friend struct Attached;
};

}
