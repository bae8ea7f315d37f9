// SPDX-License-Identifier: MIT
// The faces of the debugger: who is asked what to do next while a machine is debugged.
#pragma once
#include "machine/machine.h"

namespace debugger {

// Runs the machine as --debug, --commands or --gdb say; the exit status.
int debug(Machine& machine, const Options& options);

}
