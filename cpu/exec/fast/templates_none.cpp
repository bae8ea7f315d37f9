// SPDX-License-Identifier: MIT
// Without Zydis nothing is known of the handlers' machine code.
#include "cpu/exec/fast/templates.h"

namespace fast {

const Template* Templates::find_or_make(Handler) { return nullptr; }

}
