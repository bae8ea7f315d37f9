// SPDX-License-Identifier: MIT
// The fast engine's handlers of the lines of keys_vex.def that name "sse4", where the host has SSE3 to SSE4.2.
#include "cpu/exec/fast/keys_vex_lines.h"

void fast::add_vex_sse4(Keys& keys) {
    if (host_has_sse4()) add_vex_lines<VexShard::sse4>(keys);
}
