// SPDX-License-Identifier: MIT
// The fast engine's handlers of the lines of keys.def that name "float_".
#include "cpu/exec/fast/keys_lines.h"

void fast::add_float(Keys& keys) { add_lines<Shard::float_>(keys); }
