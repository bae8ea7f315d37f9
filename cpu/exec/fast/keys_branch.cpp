// SPDX-License-Identifier: MIT
// The fast engine's handlers of the lines of keys.def that name "branch".
#include "cpu/exec/fast/keys_lines.h"

void fast::add_branch(Keys& keys) { add_lines<Shard::branch>(keys); }
