// SPDX-License-Identifier: MIT
// The fast engine's handlers of the lines of keys_vex.def that name "aes", "clmul" and "avx2", each where the host has it.
#include "cpu/exec/fast/keys_vex_lines.h"

void fast::add_vex_crypto(Keys& keys) {
    if (host_has(Feature::aes)) add_vex_lines<VexShard::aes>(keys);
    if (host_has(Feature::pclmulqdq)) add_vex_lines<VexShard::clmul>(keys);
    if (host_has(Feature::avx2)) add_vex_lines<VexShard::avx2>(keys);
}
