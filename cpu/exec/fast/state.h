// SPDX-License-Identifier: MIT
// What the fast engine keeps in the Cpu, within reach of every handler. Nothing of it is the guest's state.
#pragma once
#include "base/bits.h"

namespace fast {

struct Op;

// Where the target of an indirect branch is.
struct Target {
    u64 rip = ~u64{0};
    u64 stamp = 0;                // under which it was found: translation and mode
    u64 page = 0;                 // RIP of its page's start
    const Op* op = nullptr;
};
// Where the return that belongs to a call goes.
struct Return {
    u64 rip = ~u64{0};
    u64 stamp = 0;
    const Op* point = nullptr;    // its link leads there
};

struct State {
    static constexpr unsigned targets = 4096, returns = 32;

    s64 budget = 0;               // instructions that may run before something must be looked at, less a block's length
    u64 stamp = 0;                // of translation and mode, as it is now
    u64 flags = 0;                // host format; only where handlers can't call each other
    u64 tick_end = 0;             // the tick at which budget is 0; a block's Ops in front count beside it
    u64 retired_end = 0;          // likewise of retired instructions
    u64 deadline = 0;             // the clock's, when budget was set
    unsigned top = 0;             // of the return stack
    alignas(16) u8 place[32]{};   // of vectors whose lanes are picked by number
    Target* target = nullptr;     // State::targets of them, by hash of RIP
    Return back[returns];
};

}
