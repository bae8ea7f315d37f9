// SPDX-License-Identifier: MIT
// The fast engine's handlers of the lines of keys.def that name "float_compare".
#include "cpu/exec/fast/keys_lines.h"

void fast::add_float_compare(Keys& keys) { add_lines<Shard::float_compare>(keys); }
