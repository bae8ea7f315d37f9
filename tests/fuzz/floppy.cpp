// SPDX-License-Identifier: MIT
// Fuzz target: floppy commands with any number of bytes, by DMA and without.
#include "tests/fuzz/drives.h"

static void step(drives::DrivenPc& d, Input& in) {
    switch (in.byte() & 7) {
    case 0: case 1: case 2: drives::floppy_command(d.pc, in); break;
    case 3: drives::data(d.pc, in, 0x3f5); break;
    case 4: drives::program_isa_dma(d.pc, in); break;
    case 5: d.pc.ports.out(0x3f2, 1, in.byte()); break;
    case 6: drives::wait(d.pc, in); break;
    case 7: board::access(d.pc, in); break;
    }
}

extern "C" int LLVMFuzzerTestOneInput(const u8* data, std::size_t size) {
    static drives::DrivenPc d;
    Input in(data, size);
    d.start(in);
    for (unsigned n = 0; n < 200 && !in.empty(); n++) step(d, in);
    return 0;
}
