// SPDX-License-Identifier: MIT
// Performance counters: Intel's architectural performance monitoring, version 2, and AMD's core counters (SDM vol. 3, ch.
// "Performance Monitoring"; APM vol. 2, 13.2).
//
// A counter of instructions or cycles in all rings costs nothing: it is the difference of two counts that are kept anyway, and a
// timer looks for its overflow. All others are told of each instruction (`watching`), which runs in the reference engine.
#pragma once
#include "base/clock.h"
#include <array>

struct Cpu;
struct Insn;
enum class Outcome : u8;

namespace perf {

enum class What : u8 { nothing, instructions, cycles, branches, conditional, taken, conditional_taken, not_taken };

class Counters {
public:
    static constexpr unsigned most_general = 8, fixed_counters = 3, all = most_general + fixed_counters;
    static constexpr unsigned width = 48;

    Counters(Cpu& cpu, Clock& clock);
    void reset();
    void visit(Archive&);

    // Some counter must be told of each instruction.
    bool watching() const { return each; }
    // What it is told: the instruction, and the ring that it began in; null: its fetch failed.
    void stepped(const Insn* insn, Outcome outcome, u8 ring);

    unsigned general() const;                      // how many the model has; AMD's are 4 or 6
    // ---- by number: 0 on general ones, most_general on fixed ones; false: there is none
    bool exists(unsigned n) const;
    u64 read(unsigned n);
    void write(unsigned n, u64 value);
    u64 select(unsigned n) const { return selects[n]; }
    void set_select(unsigned n, u64 value);
    u64 fixed_control() const { return fixed; }
    void set_fixed_control(u64 value);
    u64 global_control() const { return global; }
    void set_global_control(u64 value);
    u64 global_status() const { return status; }
    void clear_status(u64 bits) { status &= ~bits; }
    u64 global_bits() const;                       // of GLOBAL_CTRL, as far as there are counters

    void resumed();               // the CPU no longer waits
    void stop();                  // between two instructions: GLOBAL_CTRL is cleared

    // RDPMC: false is #GP(0).
    bool rdpmc(u32 index, u64& value);

private:
    // What a counter does at the moment.
    struct Use {
        What what = What::nothing;
        bool os = false, user = false, interrupts = false, inverted = false, edge = false;
        bool guest_only = false, host_only = false;
        u8 at_least = 0;                           // the counter mask
        bool holds(u64 events) const { return (events >= (at_least ? at_least : 1u)) != (inverted && at_least); }
        bool plain() const {
            return os && user && !at_least && !edge && !guest_only && !host_only && (what == What::instructions || what == What::cycles);
        }
    };
    Use fixed_use(unsigned n) const;
    Use general_use(unsigned n) const;
    u64 now(What what, bool in_instruction) const;
    void settle(bool in_instruction);              // plain counters up to now
    template <class Change> void change(u64 which, Change change);      // of the counters in a set
    void take_uses(u64 which);
    static constexpr u64 every = (1u << all) - 1;
    void add(unsigned n, u64 count);
    void overflowed(unsigned n);
    void freeze_if_due();
    void begin_edges(unsigned n);
    u64 edges(unsigned n, u64 per_cycle, u64 cycles);
    void arm();

    Cpu& cpu;
    Clock& clock;
    Timer alarm;
    std::array<u64, most_general> selects{};
    u64 fixed = 0, global = 0, status = 0;
    std::array<u64, all> values{}, origins{};      // a plain counter holds value + (now - origin)
    u64 last_cycle = 0, last_waited = 0;           // up to which stepped() has counted
    u16 asserted = 0;                              // whose condition held in that cycle: for edges
    u64 changed_at = 0;                            // within an instruction: the tick, and what began then
    u16 fresh = 0;
    // Follow from the above.
    std::array<Use, all> uses{};
    bool each = false;
    bool freezing = false;                         // by an overflow that is being told
};

}
