// SPDX-License-Identifier: MIT
// The registers are kept each time the guest is let go.
#include "debugger/looking.h"
#include "debugger/registers.h"

namespace debugger {

void Looking::remember(const Cpu& cpu) {
    if (!before) before.emplace();
    before->cpu = cpu.number;
    before->registers.clear();
    for (auto& r : registers()) before->registers.push_back(r.get(cpu, r.number));
    before->segments = cpu.seg, before->fpu = cpu.fpu, before->vector = cpu.vector;
}

DropLog& Looking::drops_of(Cpu& cpu) {
    if (!drops || &drops->cpu != &cpu) drops.reset(), drops = std::make_unique<DropLog>(cpu);
    return *drops;
}

}
