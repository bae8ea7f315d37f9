// SPDX-License-Identifier: MIT
// Fuzz target: traffic on every port, page and DMA channel of a whole PC, with time passing between.
#include "tests/fuzz/board.h"

extern "C" int LLVMFuzzerTestOneInput(const u8* data, std::size_t size) {
    static Pc pc(board::parts("max-intel"));
    Input in(data, size);
    pc.reset();
    board::run_program(pc, in);
    return 0;
}
