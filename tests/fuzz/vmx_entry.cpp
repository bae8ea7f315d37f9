// SPDX-License-Identifier: MIT
// Fuzz target: VM entries at the boundaries by fuzzed choices, and the guest's code.
#include "tests/cpu/vmx/generator.h"
#include "tests/fuzz/choices.h"

extern "C" int LLVMFuzzerTestOneInput(const u8* data, std::size_t size) {
    static VmxGenerator newer("haswell"), older("nehalem-ep"), newest("max-intel");
    Choices chance{Input(data, size)};
    u64 which = chance.below(4);
    auto& generator = which == 0 ? older : which == 1 ? newer : newest;
    generator.run(chance);
    require(generator.complaint);
    return 0;
}
