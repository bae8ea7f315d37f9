// SPDX-License-Identifier: MIT
// The fast engine's handlers of the lines of keys.def that name "sse4", where the host has SSE3 to SSE4.2.
#include "cpu/exec/fast/host_has.h"
#include "cpu/exec/fast/keys_lines.h"

void fast::add_sse4(Keys& keys) {
    if (host_has_sse4()) add_lines<Shard::sse4>(keys);
}
