// SPDX-License-Identifier: MIT
// Which engine a CPU runs on, and one block of it.
#pragma once
#include "cpu/cpu.h"
#include <algorithm>

namespace lockstep {

// A CPU without the fast engine takes a few instructions for a block.
template <class C> void run_block(C& cpu, u64 until) {
    if constexpr (requires { cpu.run_block(until); }) cpu.run_block(until);
    else cpu.run(std::min(until, cpu.clock.ticks + 1 + cpu.retired % 7));
}
template <class C> void choose_engine(C& cpu, bool fast) {
    if constexpr (requires { cpu.engine; }) cpu.engine = fast ? decltype(cpu.engine)::fast : decltype(cpu.engine)::slow;
}

}
