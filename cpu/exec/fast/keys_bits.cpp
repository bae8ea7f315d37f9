// SPDX-License-Identifier: MIT
// The fast engine's handlers of the lines of keys.def that name "bits".
#include "cpu/exec/fast/keys_lines.h"

void fast::add_bits(Keys& keys) { add_lines<Shard::bits>(keys); }
