// SPDX-License-Identifier: MIT
// What host_sse.cpp does, on hosts without SSE.
#include "cpu/fp/soft_sse.h"

namespace fp {

Ran<Bits128> Operation::operator()(const Bits128& a, const Bits128& b, u32 mxcsr) const { return masked(a, b, mxcsr); }

#define ROUNDED(name, scalar, format, lanes, computes) \
    const Operation name{soft_sse::name, soft_sse::scalar, Format::format, lanes, Arithmetic::computes};
#define BOUNDED(name) const Operation name{soft_sse::name};
#define FROM_INTEGER(name, width, text) const FromInteger<width> name##width{soft_sse::name##width};
#define TO_INTEGER(name, width, text) const ToInteger<width> name##width{soft_sse::name##width};
#define COMPARED(name) \
    Ran<u32> name(const Bits128& a, const Bits128& b, u32 mxcsr) { return soft_sse::name(a, b, mxcsr); }
#include "cpu/fp/host_sse.def"

}
