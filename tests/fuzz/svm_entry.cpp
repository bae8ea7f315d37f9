// SPDX-License-Identifier: MIT
// Fuzz target: VMRUN at the boundaries by fuzzed choices, and the guest's code.
#include "tests/cpu/svm/generator.h"
#include "tests/fuzz/choices.h"

extern "C" int LLVMFuzzerTestOneInput(const u8* data, std::size_t size) {
    static SvmGenerator newer("max-amd"), older("barcelona");
    Choices chance{Input(data, size)};
    auto& generator = chance.below(4) ? newer : older;
    generator.run(chance);
    require(generator.complaint);
    return 0;
}
