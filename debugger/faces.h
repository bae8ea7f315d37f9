// SPDX-License-Identifier: MIT
// The faces of the debugger: who is asked what to do next while a machine is debugged.
#pragma once
#include "machine/machine.h"

namespace debugger {

struct Face;

// Runs the machine as --debug, --commands, --gdb or --control say, and with one more face where there is one; the exit status.
int debug(Machine& machine, const Options& options, std::shared_ptr<Face> window = {});

}
