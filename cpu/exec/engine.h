// SPDX-License-Identifier: MIT
// Which engine runs the instructions, and which of the fast engine's optimizations are on.
#pragma once
#include "base/bits.h"

enum class Engine : u8 { fast, slow };

// Each can be off by itself (--without); the guest sees no difference.
struct Tuning {
    bool linking = true;          // blocks go to their successors without asking the run loop
    bool fusion = true;           // a comparison and its branch are one Op
    bool dead_flags = true;       // flags that nobody reads aren't computed
    bool indirect_cache = true;   // targets of indirect branches are remembered
    bool return_stack = true;     // returns go where the call came from (else they ask the run loop)
    bool fast_handlers = true;    // else every instruction runs its reference handler, from within a block
    bool copying = true;          // a block's handlers are copied into a row, so that most need no jump to the next
    u8 copy_at = 32;              // the copies are made when the block runs for the n-th time
    u64 code_memory = 256 << 20;  // bytes for decoded code, in 16 parts that are reused one at a time
    u64 drop_banks = 0;           // n > 0: all banks are dropped about every n ticks (a test)
};
