// SPDX-License-Identifier: MIT
// Which engine a CPU runs on: the reference engine, or the fast one with all or all but one of its optimizations.
#pragma once
#include "cpu/cpu.h"

namespace lockstep {

constexpr Tuning tunings[] = {
    {}, {}, {}, {.drop_banks = 700}, {.code_memory = 512 << 10},
    {.linking = false}, {.fusion = false}, {.dead_flags = false}, {.indirect_cache = false}, {.return_stack = false}, {.fast_handlers = false}, {.copying = false}, {.copy_at = 1},
};
constexpr u64 slow_engine = ~u64{0};

// `which` is a number of a tuning, or slow_engine.
inline void choose_engine(Cpu& cpu, u64 which) {
    cpu.engine = which == slow_engine ? Engine::slow : Engine::fast;
    if (which != slow_engine) cpu.tuning = tunings[which % std::size(tunings)];
}

}
