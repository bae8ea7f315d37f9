// SPDX-License-Identifier: MIT
// Generated streams of instructions: every row of the opcode table, loops, calls, strings, stores into the code, with operands on
// pages that are there, missing, read-only, not the user's, a device's, or the code's own.
#pragma once
#include "tests/lockstep/bare.h"
#include "tests/lockstep/play.h"

namespace lockstep {

// A machine's beginning with a stream in its memory. Depends on the numbers drawn alone.
Setup generate(Random& random, Mode mode, const CpuModel& model);

struct StreamCourse {
    u64 seed = 1;
    double until = 0;             // host seconds on a steady clock
};

// Streams in every mode on both vendors' models, until the time is over. False: a difference has been reported.
bool run_streams(const StreamCourse& course, u64& streams, u64& instructions);

}
