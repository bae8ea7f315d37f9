// SPDX-License-Identifier: MIT
// The short ways of common x87 instructions: by the host's own x87 where it has one (x86-64), else there are none.
#pragma once
#include "cpu/state/fpu.h"

namespace x87 {

// As run_soft (cpu/isa/x87/soft.h), at a fraction of the cost, where no stack fault is possible and no exception is pending; condition
// codes that the manual leaves undefined keep their value. False: not one of these, nothing is changed.
bool run_short(Fpu& fpu, u8 opcode, u8 modrm, void* memory);

}
