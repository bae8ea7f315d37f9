// SPDX-License-Identifier: MIT
// Fuzz target: VM entries at the boundaries by fuzzed choices, and the guest's code.
#include "tests/cpu/vmx/generator.h"
#include "tests/fuzz/choices.h"

extern "C" int LLVMFuzzerTestOneInput(const u8* data, std::size_t size) {
    static VmxGenerator newer("haswell"), older("nehalem-ep");
    Choices chance{Input(data, size)};
    auto& generator = chance.below(4) ? newer : older;
    generator.run(chance);
    require(generator.complaint);
    return 0;
}
