// SPDX-License-Identifier: MIT
// x87 operations by the host's own x87 on the guest's whole FPU state, under its control word: the oracle of the soft-float
// and of the short ways.
#pragma once
#include "cpu/state/fpu.h"

namespace x87 {

// As run_soft (cpu/isa/x87/soft.h).
void run_on_host(Fpu& fpu, u8 opcode, u8 modrm, void* memory);

}
