// SPDX-License-Identifier: MIT
// The fast engine's handlers of the lines of keys.def that name "fused_compare".
#include "cpu/exec/fast/keys_lines.h"

void fast::add_fused_compare(Keys& keys) { add_lines<Shard::fused_compare>(keys); }
