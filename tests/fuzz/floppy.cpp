// SPDX-License-Identifier: MIT
// Fuzz target: floppy commands with any number of bytes, by DMA and without.
#include "tests/fuzz/drives.h"

static void step(Pc& pc, Input& in, u8 what) {
    switch (what) {
    case 0: case 1: case 2: drives::floppy_command(pc, in); break;
    case 3: drives::data(pc, in, 0x3f5); break;
    case 4: drives::program_isa_dma(pc, in); break;
    case 5: pc.ports.out(0x3f2, 1, in.byte()); break;
    }
}

extern "C" int LLVMFuzzerTestOneInput(const u8* data, std::size_t size) { return drives::play(data, size, step); }
