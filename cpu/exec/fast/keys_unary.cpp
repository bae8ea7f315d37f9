// SPDX-License-Identifier: MIT
// The fast engine's handlers of the lines of keys.def that name "unary".
#include "cpu/exec/fast/keys_lines.h"

void fast::add_unary(Keys& keys) { add_lines<Shard::unary>(keys); }
