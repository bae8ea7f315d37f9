// SPDX-License-Identifier: MIT
// The fast engine's handlers of the lines of keys.def that name "multiply_add": by the host's FMA.
#include "cpu/exec/fast/keys_lines.h"

void fast::add_multiply_add(Keys& keys) {
#if defined(__x86_64__) && defined(__GNUC__)
    if (__builtin_cpu_supports("fma")) return add_lines<Shard::multiply_add>(keys);
#endif
    (void)keys;
}
