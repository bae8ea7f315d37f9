// SPDX-License-Identifier: MIT
// x87 instructions by the soft-float: the same on every host.
#pragma once
#include "cpu/state/fpu.h"

namespace x87 {

// Runs opcode D8..DF with this ModRM byte; with mod != 3 `memory` is the operand's bytes (up to 10), read or written. The flags of
// FCOMI and FCMOV, the control instructions and FIP, FDP, FOP are not touched. False: an unmasked exception left a memory
// destination as it was.
bool run_soft(Fpu& fpu, u8 opcode, u8 modrm, void* memory);

}
