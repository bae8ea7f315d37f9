// SPDX-License-Identifier: MIT
// Fuzz target: accesses through tables of both stages with any entries reach what a shadow model says and nothing else.
#include "tests/cpu/random_tables.h"
#include "tests/fuzz/choices.h"

extern "C" int LLVMFuzzerTestOneInput(const u8* data, std::size_t size) {
    static RandomTables intel(false), amd(true);
    Choices chance{Input(data, size)};
    RandomTables& tables = chance.below(2) ? amd : intel;
    tables.run(chance);
    require(tables.complaint);
    return 0;
}
