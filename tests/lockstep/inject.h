// SPDX-License-Identifier: MIT
// Disturbances: faults at the memory operands that come next, events, changed modes, changed code. Whatever is done is done to
// both machines alike, and what follows must be the same in both, be it sensible or not.
#pragma once
#include "tests/lockstep/side.h"

namespace lockstep {

// Does one to three things to two equal machines, and says what.
std::string inject(Random& random, Side& a, Side& b);

}
