// SPDX-License-Identifier: MIT
// The fast engine's handlers of the lines of keys.def that name "add".
#include "cpu/exec/fast/keys_lines.h"

void fast::add_add(Keys& keys) { add_lines<Shard::add>(keys); }
