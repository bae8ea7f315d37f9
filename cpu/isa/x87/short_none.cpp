// SPDX-License-Identifier: MIT
// No short ways on hosts other than x86-64: every instruction is the soft-float's.
#include "cpu/isa/x87/short.h"

namespace x87 {

bool run_short(Fpu&, u8, u8, void*) { return false; }

}
