// SPDX-License-Identifier: MIT
// The fast engine's handlers of the lines of keys.def that name "shift".
#include "cpu/exec/fast/keys_lines.h"

void fast::add_shift(Keys& keys) { add_lines<Shard::shift>(keys); }
