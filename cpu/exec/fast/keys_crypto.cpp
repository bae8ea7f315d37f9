// SPDX-License-Identifier: MIT
// The fast engine's handlers of the lines of keys.def that name "aes", "clmul" and "sha", each where the host has it.
#include "cpu/exec/fast/host_has.h"
#include "cpu/exec/fast/keys_lines.h"

void fast::add_crypto(Keys& keys) {
    if (host_has(Feature::aes)) add_lines<Shard::aes>(keys);
    if (host_has(Feature::pclmulqdq)) add_lines<Shard::clmul>(keys);
    if (host_has(Feature::sha)) add_lines<Shard::sha>(keys);
}
