// SPDX-License-Identifier: MIT
// The fast engine's handlers of the lines of keys.def that name "fused_test".
#include "cpu/exec/fast/keys_lines.h"

void fast::add_fused_test(Keys& keys) { add_lines<Shard::fused_test>(keys); }
