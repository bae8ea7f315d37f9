// SPDX-License-Identifier: MIT
// The instructions of host_sse.def by the soft-float: for hosts without SSE, and to compare with the host's. Flags are those that
// MXCSR's masks lead to; the operands' exceptions (IE, DE, ZE) end nothing here, as the caller has to look at all lanes.
#pragma once
#include "cpu/fp/host_sse.h"

namespace fp::soft_sse {

#define ROUNDED(name, ...) Ran<Bits128> name(const Bits128& a, const Bits128& b, u32 mxcsr);
#define BOUNDED(name) Ran<Bits128> name(const Bits128& a, const Bits128& b, u32 mxcsr);
#define FROM_INTEGER(name, width, text) Ran<Bits128> name##width(const Bits128& a, u64 b, u32 mxcsr);
#define TO_INTEGER(name, width, text) Ran<u64> name##width(const Bits128& b, u32 mxcsr);
#define COMPARED(name) Compared name;
#include "cpu/fp/host_sse.def"

}
