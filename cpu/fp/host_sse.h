// SPDX-License-Identifier: MIT
// SSE floating point by the host's own instructions: operands, rounding, FTZ and DAZ in, value and
// raised flags out.
//
// All exceptions are masked while an instruction runs, and the host's MXCSR is back behind it, both
// within one asm statement. What an unmasked OE or UE changes (SDM vol. 1, 11.5.2.4 to 11.5.2.6) is
// judged on the operands, lane by lane (cpu/fp/exact.h).
// Left out: hosts other than x86-64.
#pragma once
#include "cpu/fp/exact.h"
#include "cpu/fp/mxcsr.h"
#include <array>

namespace fp {

using Bits128 = std::array<u64, 2>;    // an XMM register

template <class T> struct Ran {
    T value{};
    u32 raised = 0;               // MXCSR's flags; masked responses are in `value`
};

enum class Format : u8 { single, double_ };

// An instruction with two XMM operands, of which the first is written.
struct Operation {
    using Run = Ran<Bits128> (*)(const Bits128& a, const Bits128& b, u32 mxcsr);
    Run masked;                   // the instruction, whatever MXCSR's masks say
    Run scalar = nullptr;         // its scalar form
    Format format = Format::single;
    unsigned lanes = 0;
    Arithmetic computes = Arithmetic::none;

    // With the flags that MXCSR's masks lead to.
    Ran<Bits128> operator()(const Bits128& a, const Bits128& b, u32 mxcsr) const;
};

// An instruction with a general register, by the register's width: 4 or 8 bytes.
template <unsigned Width> struct FromInteger {
    Ran<Bits128> (*run)(const Bits128& a, u64 b, u32 mxcsr);
};
template <unsigned Width> struct ToInteger {
    Ran<u64> (*run)(const Bits128& b, u32 mxcsr);
};

// UCOMIS and COMIS: CF, PF and ZF in RFLAGS's layout.
using Compared = Ran<u32>(const Bits128& a, const Bits128& b, u32 mxcsr);

#define ROUNDED(name, ...) extern const Operation name;
#define BOUNDED(name) extern const Operation name;
#define FROM_INTEGER(name, width, text) extern const FromInteger<width> name##width;
#define TO_INTEGER(name, width, text) extern const ToInteger<width> name##width;
#define COMPARED(name) Compared name;
#include "cpu/fp/host_sse.def"

}
