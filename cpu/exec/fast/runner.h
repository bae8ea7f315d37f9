// SPDX-License-Identifier: MIT
// The fast engine from the run loop's point of view: finds or builds the block at RIP and lets it run.
#pragma once
#include "cpu/exec/fast/builder.h"

namespace fast {

class Runner {
public:
    explicit Runner(Cpu& cpu);
    ~Runner();
    Runner(const Runner&) = delete;
    Runner& operator=(const Runner&) = delete;

    // Runs blocks until `budget` instructions are nearly done or something must be looked at. False: nothing has run,
    // the reference engine has to do the next instruction.
    bool run(u64 budget);
    enum class Building : bool { no, yes };
    Block* find(u64 rip, Building building);
    void forget();                        // memory has been replaced: all decoded code is wrong

    Blocks blocks;
    Builder builder;
    Stub* unresolved = nullptr;           // the way out of the last block, to be linked
    bool remember_target = false;         // it was an indirect branch
    bool yields = true;                   // PAUSE ends a turn: there are other CPUs
    const Op* refilled = nullptr;         // whose miss was the last to be filled,
    s64 refilled_budget = 0;              // and when: no branch has been since
    struct Counters {
        u64 entries = 0, slow_calls = 0, misses = 0, refills = 0, cross_checks = 0;
    } counters;                           // statistics

private:
    u8* code_at_rip(u64& linear) const;
    Block* remembered(u64 target) const;
    void connect(Block* block, u64 page, u64 linear);
    void start(Block* block);

    Cpu& cpu;
    std::unique_ptr<Target[]> targets;
    u64 unresolved_epoch = 0, unresolved_page = 0;
    friend Next resolve(OP_ARGUMENTS);
};

}
