// SPDX-License-Identifier: MIT
// The faces of the debugger: who is asked what to do next while a machine is debugged.
#pragma once
#include "debugger/session.h"
#include "machine/machine.h"

namespace debugger {

struct Face;

// A session that lets the machine run; and what it knows of the whole machine: its hash, what --check=tlb reports from now on. The
// session outlives the last report.
Session session_of(Machine& machine);
void equip(Session& session, Machine& machine);

// Runs the machine as --debug, --commands, --gdb or --control say, and with one more face where there is one; the exit status.
int debug(Machine& machine, const Options& options, std::shared_ptr<Face> window = {});

}
