// SPDX-License-Identifier: MIT
// LDMXCSR and STMXCSR, in both encodings (SDM vol. 2).
#pragma once
#include "cpu/exec/slow.h"
#include "cpu/fp/mxcsr.h"

namespace isa {

inline Outcome ldmxcsr(Slow& x) {
    u32 value = x.load<u32>();
    if (x.stopped()) return x.why();
    if (value & ~mxcsr::writable) return x.raise(gp(0));
    x.cpu.vector.mxcsr = value;
    return Outcome::next;
}

inline Outcome stmxcsr(Slow& x) {
    auto span = x.probe_write(4);
    if (x.stopped()) return x.why();
    x.cpu.write_span(span, &x.cpu.vector.mxcsr);
    return Outcome::next;
}

}
