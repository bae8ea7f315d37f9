// SPDX-License-Identifier: MIT
// Traces in the Trace Event Format, which Perfetto's and Chrome's pages open: a track for each CPU, with slices of time for the guest
// and for what its exits cost, and a mark for each exception and interrupt.
#pragma once
#include "cpu/cpu.h"
#include "cpu/notice.h"
#include "debugger/output_file.h"
#include <span>
#include <vector>

namespace debugger {

// Events one after the other, with what stands around them.
class TraceWriter {
public:
    TraceWriter(const std::string& path, const Clock& clock);
    // `phase` as the format has it: B and E begin and end a slice, X is a whole one, i is a moment. `facts` are members of JSON.
    void event(char phase, const std::string& name, std::string_view category, unsigned cpu, u64 tick, const std::string& facts, u64 duration = 0);
    void name_track(unsigned cpu);
    void end();                                // throws Error
    OutputFile file;
    u64 written = 0;

private:
    std::string microseconds(u64 ticks) const;
    const Clock& clock;
};

// What the CPUs tell of from now on, as it comes. The file is whole when this ends, too.
class EventTrace {
public:
    static constexpr u32 notices = 1u << unsigned(notice::Kind::exception) | 1u << unsigned(notice::Kind::interrupt) | 1u << unsigned(notice::Kind::vm_exit) |
                                   1u << unsigned(notice::Kind::vm_entry) | 1u << unsigned(notice::Kind::entry_failure) |
                                   1u << unsigned(notice::Kind::shutdown);
    static constexpr u64 most = 50'000'000;    // events; some 10 GB

    EventTrace(const std::string& path, std::span<Cpu* const> cpus);
    ~EventTrace();
    EventTrace(const EventTrace&) = delete;
    EventTrace& operator=(const EventTrace&) = delete;
    void told(Cpu& cpu, const notice::Event& event);
    void end();                                // throws Error where not all of it could be written

    TraceWriter writer;
    u64 exits = 0, exceptions = 0, interrupts = 0, lost = 0;

private:
    void change(Cpu& cpu, const std::string& name, std::string_view category, const std::string& facts);
    std::vector<Cpu*> cpus;
    bool ended = false;
};

}
