// SPDX-License-Identifier: MIT
// What commands that look keep from one to the next. Nothing of it is the machine's.
#pragma once
#include "cpu/cpu.h"
#include "debugger/drop_log.h"
#include "debugger/look.h"
#include <optional>
#include <vector>

namespace debugger {

struct Looking {
    unsigned level = 0;                        // that the command names: 1, 2; 0: the one that runs

    // walk --step: which reference comes next.
    struct Stepper {
        bool on = false;
        Place place;
        paging::Access access;
        unsigned level = 0;
        std::size_t next = 0;
    } stepper;

    // The registers as they were when the guest was let go last: what has changed since is marked.
    struct Before {
        unsigned cpu = 0;
        std::vector<u64> registers;            // in the order of registers()
        Segments segments;
        Fpu fpu;
        Vector vector;
    };
    std::optional<Before> before;
    std::unique_ptr<DropLog> drops;            // from when someone first asked
    DropLog& drops_of(Cpu& cpu);
    void remember(const Cpu& cpu);             // called before the guest goes on
    const Before* before_of(const Cpu& cpu) const { return before && before->cpu == cpu.number ? &*before : nullptr; }
};

}
