// SPDX-License-Identifier: MIT
// A bare CPU under a debugger's session, for tests.
#pragma once
#include "base/hash.h"
#include "debugger/commands.h"
#include "tests/cpu/machine.h"

struct Debugged : TestMachine {
    explicit Debugged(TestMode mode = TestMode::long64, const char* model = "max-intel") : TestMachine(mode, model) {}

    unsigned slices = 1000;                    // what the run lasts at most
    debugger::Session session{cpu, [this](const debugger::Session::Drive& drive) {
        drive(clock.ticks + 1000);
        return --slices > 0;
    }};

    debugger::Result command(const std::string& line) { return debugger::execute(session, line); }
    std::string said(const std::string& line) { return command(line).text(); }
    u64 hash() { return hash_of(cpu) ^ hash_bytes(ram) ^ hash_of(clock); }
};

// A field of a line of a result; empty where there is none.
inline std::string field(const debugger::Line& line, const std::string& name) {
    for (auto& f : line.fields)
        if (f.name == name) return f.value;
    return "";
}
