// SPDX-License-Identifier: MIT
// Fuzz target: tables of both stages, worlds and invalidations by fuzzed choices: no access reaches what the tables do not
// allow, and every bank entry has its entry in the TLB.
#include "tests/cpu/two_stages.h"
#include "tests/fuzz/input.h"

namespace {
// Choices from the input, one byte or four each.
struct Choices {
    Input in;
    u64 below(u64 n) { return (n <= 256 ? in.byte() : in.take<u32>()) % n; }
};
}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const u8* data, std::size_t size) {
    static TwoStages models[4] = {{false, false}, {false, true}, {true, false}, {true, true}};
    Choices chance{Input(data, size)};
    TwoStages& model = models[chance.below(4)];
    model.start();
    for (unsigned n = 0; n < 2000 && !chance.in.empty(); n++) {
        model.turn(chance);
        require(model.complaint.empty());
    }
    require(model.mmu.banks_hold());
    return 0;
}
