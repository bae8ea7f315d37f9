// SPDX-License-Identifier: MIT
// The fast engine's handlers of the lines of keys.def that name "wide".
#include "cpu/exec/fast/keys_lines.h"

void fast::add_wide(Keys& keys) { add_lines<Shard::wide>(keys); }
