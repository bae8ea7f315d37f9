// SPDX-License-Identifier: MIT
// The fast engine's handlers of the lines of keys.def that name "vector".
#include "cpu/exec/fast/keys_lines.h"

void fast::add_vector(Keys& keys) { add_lines<Shard::vector>(keys); }
