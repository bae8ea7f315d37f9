// SPDX-License-Identifier: MIT
// The fast engine's handlers of the lines of keys.def that name "carry".
#include "cpu/exec/fast/keys_lines.h"

void fast::add_carry(Keys& keys) { add_lines<Shard::carry>(keys); }
