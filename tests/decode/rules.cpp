// SPDX-License-Identifier: MIT
// The differences from Zydis, by rule.
#include "tests/decode/rules.h"
#include <algorithm>

// Instruction sets that Slate does not have yet: their bytes are #UD, as on a CPU without them.
static bool missing_set(const Case& c) {
    static constexpr std::string_view sets[] = {"SSE3", "SSSE3", "SSE4", "SSE42", "VMX", "SVM"};
    return c.zydis_valid && !c.slate_valid && std::ranges::find(sets, ZydisISASetGetString(c.zydis.meta.isa_set)) != std::end(sets);
}

static constexpr Rule table[] = {
    {"set-missing", "an instruction set that Slate does not implement yet", missing_set},
};
std::span<const Rule> rules() { return table; }
