// SPDX-License-Identifier: MIT
// The fast engine's handlers of the lines of keys.def that name "cmov".
#include "cpu/exec/fast/keys_lines.h"

void fast::add_cmov(Keys& keys) { add_lines<Shard::cmov>(keys); }
