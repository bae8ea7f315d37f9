// SPDX-License-Identifier: MIT
// The fast engine's handlers of the lines of keys.def that name "move".
#include "cpu/exec/fast/keys_lines.h"

void fast::add_move(Keys& keys) { add_lines<Shard::move>(keys); }
