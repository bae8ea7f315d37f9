// SPDX-License-Identifier: MIT
// A face of the debugger: who shows the guest to somebody, and says what it is to do next. Several sit at one desk (debugger/desk.h).
#pragma once
#include "debugger/result.h"
#include "debugger/session.h"

namespace debugger {

class Desk;

// All of it is called on the emulation thread, never while another call of the same face lasts.
struct Face {
    virtual ~Face() = default;
    // Between slices of a running guest, and again and again while it stands: takes what has come, and posts command lines.
    // False: gone for good.
    virtual bool poll(Desk&, bool standing) = 0;
    // Adds the descriptors whose input ends the wait of a guest that stands.
    virtual void wait_for(std::vector<int>&) const {}
    // The guest was let go on, by whomever; and it stands again, with what every face shows then.
    virtual void running() {}
    virtual void stopped(const Stop&, const Result&) {}
};

}
