// SPDX-License-Identifier: MIT
// The lines of keys_vex.def that name one shard, as calls that make their handlers.
#pragma once
#include "cpu/exec/fast/host_has.h"
#include "cpu/exec/fast/host_wide.h"
#include "cpu/exec/fast/context_wide.h"
#include "cpu/exec/fast/keys.h"

namespace fast {

enum class VexShard { move, integer, order, float_, convert, multiply_add, sse4, avx2, aes, clmul };

#define KEY ADD_KEY
template <VexShard shard, class Table> void add_vex_lines(Table& keys) {
#include "cpu/exec/keys_vex.def"
}
#undef KEY

}
