// SPDX-License-Identifier: MIT
// What is not compared, each with its reason: rows without cases, undefined flags, bytes of memory images.
#pragma once
#include "cpu/state/fpu.h"
#include "tests/silicon/cases.h"
#include "tests/silicon/state.h"

namespace silicon {

// Why a row has no cases; null where it has.
const char* excluded(const isa::Row& row, Mode mode);


// For a row whose feature the host or the model lacks: the test that has its results, and where it has them from. Null: nobody has.
const char* tested_elsewhere(const isa::Row& row);

// Why the decoder may take none of a form's encodings; null where it should.
const char* undefined_form(const Form& form);

// The RFLAGS bits that the instruction leaves undefined (SDM vol. 2).
u64 undefined_flags(const Insn& insn, const State& start);

// Whether the destination is undefined: SHLD and SHRD with a count beyond the operand's width (SDM vol. 2).
bool undefined_result(const Insn& insn, const State& start);

// Whether a fault may have left something behind: ENTER and PUSHA write part of what they push before they fault (SDM vol. 2:
// one by one), POPA has loaded some registers (rSP is as it was), MASKMOVQ has left the x87 state already (Zen 5).
bool memory_left_by_fault(const Insn& insn);
bool x87_left_by_fault(const Insn& insn);
bool registers_left_by_fault(const Insn& insn);

// Whether two vectors are as good as each other: FXSAVE and FXRSTOR may give #AC instead of #GP or #SS for a misaligned image
// while alignment is checked (SDM vol. 2).
bool either_vector(const Insn& insn, int a, int b);
// Which of CMPS's operands is accessed first is the CPU's own business: ES:DI's on Zen 3, the other on Zen 5.
bool two_operands_in_memory(const Insn& insn);

// RCP and RSQRT give approximations (SDM vol. 2): whether two results are as near as they must be.
bool is_approximation(const Insn& insn);
bool near(u32 a, u32 b);

// The x87's transcendental functions are as exact as each design has them (SDM vol. 1, 8.3.10): numbers that they gave, PE and C1 are
// compared with MPFR instead (tests/cpu/fp/transcendental.cpp).
bool is_transcendental(const Insn& insn);
bool both_numbers(const F80& a, const F80& b);

// Makes the bytes of memory equal that an x87 or FXSAVE image holds differently by right.
void forgive_image(const Insn& insn, u64 at, Data& emulated, const Data& host);

}
