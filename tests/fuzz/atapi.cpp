// SPDX-License-Identifier: MIT
// Fuzz target: packets for a CD drive and their data, by PIO and bus-master DMA, onto anything.
#include "tests/fuzz/drives.h"

static void step(Pc& pc, Input& in, u8 what) {
    switch (what) {
    case 0: case 1: drives::packet(pc, in, 0x170); break;
    case 2: drives::task_file(pc, in, 0x170, drives::DrivenPc::bus_master + 8); break;
    case 3: drives::data(pc, in, 0x170); break;
    case 4: drives::descriptors(pc, in); break;
    case 5: pc.ports.out(0x376, 1, in.byte()); break;
    }
}

extern "C" int LLVMFuzzerTestOneInput(const u8* data, std::size_t size) { return drives::play(data, size, step); }
