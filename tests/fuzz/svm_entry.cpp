// SPDX-License-Identifier: MIT
// Fuzz target: VMRUN at the boundaries by fuzzed choices, and the guest's code.
#include "tests/cpu/svm/generator.h"
#include "tests/fuzz/choices.h"

extern "C" int LLVMFuzzerTestOneInput(const u8* data, std::size_t size) {
    static SvmGenerator generator;
    Choices chance{Input(data, size)};
    generator.run(chance);
    require(generator.complaint);
    return 0;
}
