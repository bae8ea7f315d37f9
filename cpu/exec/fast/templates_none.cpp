// SPDX-License-Identifier: MIT
// Without Zydis nothing is known of the handlers' machine code.
#include "cpu/exec/fast/templates.h"

namespace fast {

const Template* Templates::of(Handler) { return nullptr; }
void copy_part(const Template&, Part, const Op*, u8*, const u8*, const u8*, const u8*) {}

}
