// SPDX-License-Identifier: MIT
// The fast engine's handlers of the lines of keys_vex.def that name "multiply_add": by the host's FMA.
#include "cpu/exec/fast/keys_vex_lines.h"

void fast::add_vex_multiply_add(Keys& keys) {
    if (host_has(Feature::fma)) add_vex_lines<VexShard::multiply_add>(keys);
}
