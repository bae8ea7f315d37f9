// SPDX-License-Identifier: MIT
// The lines of keys.def that name one shard, as calls that make their handlers.
#pragma once
#include "cpu/exec/fast/keys.h"
#include "cpu/isa/bitwise.h"
#include "cpu/isa/bmi.h"
#include "cpu/isa/branch.h"
#include "cpu/isa/flag_bits.h"
#include "cpu/isa/integer.h"
#include "cpu/isa/misc.h"
#include "cpu/isa/move.h"
#include "cpu/isa/shift.h"
#include "cpu/isa/sse/crc32.h"
#include "cpu/isa/sse/float_compare.h"
#include "cpu/isa/sse/float_composed.h"
#include "cpu/isa/sse/packed.h"
#include "cpu/isa/stack.h"
#include "cpu/isa/string.h"
#include "cpu/isa/vmx.h"

namespace fast {

enum class Shard { move, cmov, add, carry, logic, compare, unary, shift, branch, bits, vector, packed, float_, sse4, aes, clmul, sha, float_compare,
                   fused_compare, fused_memory, fused_test };

#define KEY ADD_KEY
#define PAIR(...)
#define PAIR_FUSED(...)
#define FUSE(name, S, widths, operands, which)                                                                       \
    if constexpr (shard == Shard::name)                                                                              \
        fuse<S, WORD_OF(words, widths), WORD_OF(forms, operands), WORD_OF(conditions, which)>(keys);
template <Shard shard, class Table> void add_lines(Table& keys) {
#include "cpu/exec/keys.def"
}
#undef KEY
#undef FUSE
#undef PAIR
#undef PAIR_FUSED

}
