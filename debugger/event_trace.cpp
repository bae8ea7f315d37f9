// SPDX-License-Identifier: MIT
// Notices as events of a trace.
#include "debugger/event_trace.h"
#include "cpu/mmu.h"
#include "cpu/virt/layer.h"
#include "debugger/result.h"
#include "debugger/stops.h"

namespace debugger {

TraceWriter::TraceWriter(const std::string& path, const Clock& clock) : file(path), clock(clock) {
    file.put("{\"displayTimeUnit\": \"ns\", \"traceEvents\": [\n"
             "{\"name\": \"process_name\", \"ph\": \"M\", \"pid\": 1, \"tid\": 0, \"ts\": 0, \"args\": {\"name\": \"slate\"}}");
}

void TraceWriter::name_track(unsigned cpu) {
    file.put(format(",\n{\"name\": \"thread_name\", \"ph\": \"M\", \"pid\": 1, \"tid\": %u, \"ts\": 0, \"args\": {\"name\": \"CPU %u\"}}", cpu, cpu));
}

// Thousandths are as fine as the format's readers go.
std::string TraceWriter::microseconds(u64 ticks) const {
    u64 ns = clock.count_at(ticks, 1'000'000'000);
    return format("%llu.%03u", 0ull + ns / 1000, unsigned(ns % 1000));
}

void TraceWriter::event(char phase, const std::string& name, std::string_view category, unsigned cpu, u64 tick, const std::string& facts, u64 duration) {
    std::string more = phase == 'i' ? ", \"s\": \"t\"" : phase == 'X' ? ", \"dur\": " + microseconds(duration) : "";
    file.put(format(",\n{\"name\": %s, \"cat\": \"%s\", \"ph\": \"%c\", \"pid\": 1, \"tid\": %u, \"ts\": %s%s, \"args\": {%s}}", quoted(name).c_str(),
                    std::string(category).c_str(), phase, cpu, microseconds(tick).c_str(), more.c_str(), facts.c_str()));
    written++;
}

void TraceWriter::end() {
    file.put("\n]}\n");
    file.finish();
}

// ---- from what the CPUs tell

static std::string fact(const char* name, u64 value) { return format("\"%s\": \"%s\"", name, hex(value).c_str()); }

EventTrace::EventTrace(const std::string& path, std::span<Cpu* const> all) : writer(path, all[0]->clock), cpus(all.begin(), all.end()) {
    for (auto* c : cpus) {
        writer.name_track(c->number);
        if (c->virt) writer.event('B', c->guest ? "guest" : "host", c->guest ? "guest" : "host", c->number, c->clock.ticks, "");
    }
}

EventTrace::~EventTrace() {
    try {
        end();
    } catch (const Error&) {                   // nobody is left to be told
    }
}

void EventTrace::end() {
    if (ended) return;
    ended = true;
    for (auto* c : cpus)
        if (c->virt) writer.event('E', "", "", c->number, c->clock.ticks, "");
    writer.end();
}

// The slice of a CPU's time that ends now, and the one that begins.
void EventTrace::change(Cpu& cpu, const std::string& name, std::string_view category, const std::string& facts) {
    writer.event('E', "", "", cpu.number, cpu.clock.ticks, "");
    writer.event('B', name, category, cpu.number, cpu.clock.ticks, facts);
}

void EventTrace::told(Cpu& cpu, const notice::Event& e) {
    using notice::Kind;
    if (ended || !(notices >> unsigned(e.kind) & 1)) return;
    if (writer.written >= most || writer.file.bad()) return void(lost++);
    std::string rip = fact("rip", cpu.rip()), level = format("\"level\": %u", cpu.guest ? 2u : 1u);
    auto moment = [&](const std::string& name, const char* category, const std::string& facts) {
        writer.event('i', name, category, cpu.number, cpu.clock.ticks, facts);
    };
    switch (e.kind) {
    case Kind::exception:
        exceptions++;
        return moment(notice_name(e), "exception", fact("vector", e.number) + ", " + fact("code", e.information) + ", " + fact("address", e.address) + ", " +
            rip + ", " + level);
    case Kind::interrupt: interrupts++; return moment(notice_name(e), "interrupt", fact("vector", e.number) + ", " + rip + ", " + level);
    case Kind::vm_exit: {
        exits++;
        std::string name = cpu.virt->exit_text(e.number);
        return change(cpu, name.empty() ? hex(e.number) : name, "exit",
                      fact("reason", e.number) + ", " + rip + ", " + fact("information", e.information) + ", " + fact("address", e.address));
    }
    case Kind::vm_entry: return change(cpu, "guest", "guest", rip + ", " + fact("tag", cpu.mmu->context.vpid));
    case Kind::entry_failure: return moment("entry failure", "entry", rip);
    case Kind::shutdown: return moment("triple fault", "exception", rip + ", " + level);
    default: return;
    }
}

}
