// SPDX-License-Identifier: MIT
// x87 operations by the host's own x87 (x86-64 hosts): the guest's whole FPU state in, one instruction, the state out.
// The instruction runs under the guest's control word, so rounding, precision, stack faults and the results of unmasked
// exceptions are silicon's. Left out: other hosts, which need a soft-float.
#pragma once
#include "cpu/state/fpu.h"

namespace x87 {

// Runs opcode D8..DF with this ModRM byte; with mod != 3 `memory` is the operand's bytes (up to 10), read or written.
// Fpu pointers (FIP, FDP, FOP) are not touched.
void run_on_host(Fpu& fpu, u8 opcode, u8 modrm, void* memory);

// The same for the common instructions at a fraction of the cost, where no stack fault is possible and no exception is pending;
// condition codes that the manual leaves undefined keep their value. False: not one of these, nothing is changed.
bool run_short(Fpu& fpu, u8 opcode, u8 modrm, void* memory);

}
