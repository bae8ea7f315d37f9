// SPDX-License-Identifier: MIT
// The fast engine's handlers of the lines of keys.def that name "fused_memory".
#include "cpu/exec/fast/keys_lines.h"

void fast::add_fused_memory(Keys& keys) { add_lines<Shard::fused_memory>(keys); }
