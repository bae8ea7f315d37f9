// SPDX-License-Identifier: MIT
// The fast engine's handlers of the lines of keys.def that name "packed".
#include "cpu/exec/fast/keys_lines.h"

void fast::add_packed(Keys& keys) { add_lines<Shard::packed>(keys); }
