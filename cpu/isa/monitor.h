// SPDX-License-Identifier: MIT
// How MONITOR and its kin arm the address monitor.
#pragma once
#include "cpu/exec/slow.h"

namespace isa {

// Checked as a load of a byte (SDM vol. 2, MONITOR). The line's bytes are kept, and looked at again while the CPU waits; what isn't
// RAM is not watched.
inline Outcome arm_monitor(Slow& x, Seg segment, u64 offset, bool by_user = false) {
    auto& cpu = x.cpu;
    u64 linear, physical;
    x.read_at(segment, offset, 1);
    if (x.stopped()) return x.why();
    auto& m = cpu.monitor;
    m.armed = cpu.linear(segment, offset, 1, Kind::read, linear) && cpu.peek(linear, physical) &&
              cpu.memory.backing(Physical(physical)) == Backing::ram;
    m.by_user = by_user;
    if (!m.armed) return Outcome::next;
    m.line = physical & ~u64{Monitor::width - 1};
    cpu.memory.read_bytes(Physical(m.line), m.bytes);
    return Outcome::next;
}

}
