// SPDX-License-Identifier: MIT
// Plays: a series of steps that a seed decides on, played in lockstep; what fails is played again in a copy of the process and
// narrowed down to the instruction. Copies (fork) also let a machine be disturbed and thrown away.
#pragma once
#include "tests/lockstep/inject.h"
#include "tests/lockstep/twins.h"

namespace lockstep {

struct Play {
    u64 seed = 0;
    unsigned steps = 0;           // so many; or until both machines have ended
    unsigned biggest = 16;        // log2 of the longest stride, in ticks
    unsigned phase = 14;          // log2 of the most blocks in a row
    bool disturb = false;         // what the seed says is done to both machines first
    unsigned each = 0;            // and before each step, in a thousand
    bool state = true, ram = true;      // compared at the end
    // Sets the machines up; what it returns describes them.
    std::function<std::string(Random&, Twins&)> begin = [](Random&, Twins&) { return std::string(); };
};

// Plays one after the other in this process. A copy made before waits until it is needed to say what went wrong (on stderr).
// True: no difference.
bool play_on(Twins& twins, std::span<const Play> plays);

// The same in a copy of the process that is thrown away.
bool play_apart(Twins& twins, const Play& p);

}
