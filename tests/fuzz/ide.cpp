// SPDX-License-Identifier: MIT
// Fuzz target: disk commands by PIO and bus-master DMA, onto anything, with time and other traffic between.
#include "tests/fuzz/drives.h"

static void step(Pc& pc, Input& in, u8 what) {
    switch (what) {
    case 0: case 1: case 2: drives::task_file(pc, in, 0x1f0, drives::DrivenPc::bus_master); break;
    case 3: drives::data(pc, in, 0x1f0); break;
    case 4: drives::descriptors(pc, in); break;
    case 5: pc.ports.out(0x3f6, 1, in.byte()); break;
    }
}

extern "C" int LLVMFuzzerTestOneInput(const u8* data, std::size_t size) { return drives::play(data, size, step); }
