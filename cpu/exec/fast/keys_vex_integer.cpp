// SPDX-License-Identifier: MIT
// The fast engine's handlers of the lines of keys_vex.def that name "integer".
#include "cpu/exec/fast/keys_vex_lines.h"

void fast::add_vex_integer(Keys& keys) { add_vex_lines<VexShard::integer>(keys); }
