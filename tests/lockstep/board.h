// SPDX-License-Identifier: MIT
// Two whole boards that run the same kernel or freestanding guest.
#pragma once
#include "machine/machine.h"
#include "tests/lockstep/play.h"

namespace lockstep {

class Board {
public:
    Board(const Options& options, u64 engine);
    Pc pc;
    Side side;

private:
    void disturb(Random& random);
};

struct Course {
    Options options;
    u64 ahead = 0;                // ticks that the fast engine runs alone first
    u64 seed = 1;
    double seconds = 0;           // of the host, from when both run
    unsigned disturbances = 3;    // for each play of the undisturbed line
    std::function<void(Board&)> prepare = [](Board&) {};   // after it has been loaded
};

// Leaves a board in real mode at a program that calls the ROM's interrupts with all kinds of functions; or at its reset vector.
void call_rom(Board& board, u64 seed);

struct Tally {
    u64 plays = 0, disturbed = 0, instructions = 0, runs = 0;
    std::string words;            // the last line of the last guest
};

// From the start, or from `ahead`, until the guest ends or the seconds are over. False: a difference has been reported.
bool run_course(const Course& course, Tally& tally);

}
