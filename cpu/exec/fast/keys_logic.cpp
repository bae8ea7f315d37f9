// SPDX-License-Identifier: MIT
// The fast engine's handlers of the lines of keys.def that name "logic".
#include "cpu/exec/fast/keys_lines.h"

void fast::add_logic(Keys& keys) { add_lines<Shard::logic>(keys); }
