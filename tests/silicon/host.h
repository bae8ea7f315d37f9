// SPDX-License-Identifier: MIT
// Runs one instruction on the host's CPU: a hand-made signal frame sets every register and RFLAGS.TF, and the trap or fault
// that comes back tells what the instruction did (Linux, x86-64).
#pragma once
#include "tests/silicon/state.h"
#include <string>

namespace silicon {

class Host {
public:
    Host();                               // maps the sandbox, installs signal handlers and the LDT: once in a process
    Host(const Host&) = delete;
    u8* data = nullptr;                   // writable views of the sandbox
    u8* code = nullptr;
    void run(const State& start, bool bits64, End& end);
};

// The process's LDT for the compatibility modes; false where the operating system gives none.
bool install_ldt(std::string& why);
// Whether the host's CPUID has a feature.
bool host_has(Feature feature);
bool host_is_amd();

}
