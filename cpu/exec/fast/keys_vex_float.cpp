// SPDX-License-Identifier: MIT
// The fast engine's handlers of the lines of keys_vex.def that name "float_".
#include "cpu/exec/fast/keys_vex_lines.h"

void fast::add_vex_float(Keys& keys) { add_vex_lines<VexShard::float_>(keys); }
