// SPDX-License-Identifier: MIT
// An event on its way to a handler.
#pragma once
#include "base/bits.h"

namespace event {

// How it came about: decides about the gate's privilege check, the EXT bit and RFLAGS.RF.
enum class Origin : u8 {
    exception,                // of an instruction, and debug traps behind one
    external,                 // interrupts
    nmi,
    int_n,                    // INT n: CD
    int3,                     // INT3 and INTO, which virtual-8086 mode never asks about
    icebp,                    // INT1: F1
};

struct Delivery {
    u8 vector = 0;
    Origin origin = Origin::exception;
    bool has_code = false;
    u32 code = 0;
    u64 rip = 0, flags = 0;   // what is pushed
    u8 length = 0;            // of the instruction that asked for it (int_n, int3, icebp)
    bool software() const { return origin == Origin::int_n || origin == Origin::int3; }
};

// What leads to a task switch (SDM vol. 3, table 7-2): JMP, CALL, IRET, gates of the IDT.
enum class Why : u8 { jump, call, iret, event };

}
