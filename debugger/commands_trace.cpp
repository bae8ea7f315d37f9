// SPDX-License-Identifier: MIT
// Traces: what the CPUs tell while the guest runs, and the last VM exits, for Perfetto's and Chrome's pages; instructions as lines of text.
#include "base/error.h"
#include "cpu/isa/row.h"
#include "cpu/virt/layer.h"
#include "debugger/at_level.h"
#include "debugger/commands.h"
#include "debugger/disassemble.h"
#include "debugger/expression.h"
#include <algorithm>

namespace debugger::files {

namespace {

// ---- events

Result start(Session& session, const std::string& path) {
    if (session.trace) throw Error("a trace is being written to " + session.trace->writer.file.path + "; trace stop ends it");
    session.trace = std::make_unique<EventTrace>(path, session.all_cpus());
    Result result;
    result.add("exits, exceptions and interrupts go to " + path + " while the guest runs").with("kind", "summary").with("file", path);
    return result;
}

Result stop(Session& session) {
    if (!session.trace) throw Error("no trace is being written; trace start FILE begins one");
    auto trace = std::move(session.trace);
    trace->end();
    Result result;
    result.add(format("%llu events are in %s: %llu VM exits, %llu exceptions, %llu interrupts%s", 0ull + trace->writer.written, trace->writer.file.path.c_str(),
                      0ull + trace->exits, 0ull + trace->exceptions, 0ull + trace->interrupts,
                      trace->lost ? format("; %llu more were lost", 0ull + trace->lost).c_str() : ""))
        .with("kind", "summary").count("events", trace->writer.written).count("exits", trace->exits).count("exceptions", trace->exceptions)
        .count("interrupts", trace->interrupts).count("lost", trace->lost).with("file", trace->writer.file.path);
    return result;
}

// Two slices for each exit that the log still has: the guest until then, and the hypervisor from then to the next entry.
Result last_exits(Session& session, const std::string& path) {
    if (!session.cpu.virt) throw Error("this CPU has neither VMX nor SVM");
    auto& layer = *session.cpu.virt;
    auto& clock = session.cpu.clock;
    std::vector<virt::LoggedExit> exits;
    layer.log.each([&](const virt::LoggedExit& e) { exits.push_back(e); });
    TraceWriter writer(path, clock);
    unsigned cpu = session.cpu.number;
    writer.name_track(cpu);
    for (std::size_t i = 0; i < exits.size(); i++) {
        auto& e = exits[i];
        u64 next = i + 1 < exits.size() ? exits[i + 1].entered : session.cpu.guest ? e.tick : clock.ticks;
        std::string name = layer.exit_text(e.reason);
        writer.event('X', "guest", "guest", cpu, e.entered, "", e.tick - e.entered);
        writer.event('X', name.empty() ? hex(e.reason) : name, "exit", cpu, e.tick,
                     format("\"rip\": \"%s\", \"information\": \"%s\", \"address\": \"%s\"", hex(e.rip).c_str(), hex(e.information).c_str(),
                         hex(e.address).c_str()),
                     std::max(next, e.tick) - e.tick);
    }
    writer.end();
    Result result;
    result.add(std::to_string(exits.size()) + " of " + std::to_string(layer.log.exits) + " VM exits are in " + path).with("kind", "summary")
        .count("exits", exits.size())
        .count("all", layer.log.exits).with("file", path);
    return result;
}

// ---- instructions

// Which instructions are written: what isn't said doesn't matter.
struct Filter {
    u64 low = 0, high = ~u64{0};
    StopContext context = {};
    std::vector<std::string> names;            // beginnings of mnemonics
    std::string condition;

    bool takes(const Session& session, const Cpu& cpu, u64 at, std::string_view text) const {
        if (at < low || at > high || !context.holds(cpu)) return false;
        bool named = names.empty() || std::ranges::any_of(names, [&](auto& n) { return text.starts_with(n); });
        if (!named || condition.empty()) return named;
        try {
            return evaluate(cpu, condition, &session.symbols);
        } catch (const Error&) {               // memory that isn't there
            return false;
        }
    }
};

constexpr const char* usage = "usage: trace instructions FILE [COUNT [LOW HIGH]] [l1|l2] [CONTEXT...] [only NAME...] [if EXPR]";

// Takes what stands behind a word, which is the last part that there may be before `end`.
std::vector<std::string> behind(std::vector<std::string>& words, std::string_view word) {
    auto at = std::ranges::find(words, word);
    if (at == words.end()) return {};
    std::vector<std::string> part(at + 1, words.end());
    if (part.empty()) throw Error(usage);
    words.erase(at, words.end());
    return part;
}

Filter filter_of(Session& session, std::vector<std::string> words, u64& most) {
    Filter f;
    for (auto& word : behind(words, "if")) f.condition += (f.condition.empty() ? "" : " ") + word;
    if (!f.condition.empty()) check_expression(session.cpu, f.condition, &session.symbols);
    f.names = behind(words, "only");
    take_context(session, f.context, words);
    if (words.size() == 2 || words.size() > 3) throw Error(usage);
    if (!words.empty()) most = number(session, words[0], 1, u64{1} << 32);
    if (words.size() == 3) f.low = number(session, words[1], 0, ~u64{0}), f.high = number(session, words[2], f.low, ~u64{0});
    return f;
}

// COUNT instructions of those that the filter takes, from the next one on: "tick level address bytes text", of several CPUs "tick cpuN ...".
Result instructions(Session& session, const std::string& path, Words words) {
    u64 most = 1000, written = 0;
    auto filter = filter_of(session, {words.begin(), words.end()}, most);
    OutputFile file(path);
    bool several = session.all_cpus().size() > 1;
    auto write = [&](Cpu& cpu) {
        u64 at = code_address(cpu);
        std::array<u8, 15> bytes{};
        u64 have = read_memory(cpu, {Space::linear, at}, bytes);
        auto d = debugger::disassemble({bytes.data(), have}, at, cpu.code.size);
        if (!filter.takes(session, cpu, at, d.text)) return;
        std::string shown, cpu_text = several ? format("cpu%u ", cpu.number) : "";
        for (unsigned i = 0; i < d.length; i++) shown += format("%02x", bytes[i]);
        std::string to = d.target ? session.symbols.name_of(*d.target, running_level(cpu)) : "";
        file.put(format("%llu %sL%u %016llx %-30s %s%s\n", 0ull + cpu.clock.ticks, cpu_text.c_str(), running_level(cpu), 0ull + at, shown.c_str(),
                        d.length ? d.text.c_str() : "?", to.empty() ? "" : (" <" + to + ">").c_str()));
        written++;
    };
    write(session.cpu);
    auto next = [&] {
        if (written >= most) return true;
        write(session.running_cpu());
        return false;
    };
    session.resume({.reached = next});
    file.finish();
    Result result = stop_report(session, session.last);
    result.add(std::to_string(written) + " instructions are in " + path).with("kind", "summary").count("written", written).with("file", path);
    return result;
}

}

Result trace(Session& session, Words words) {
    want_files(session);
    std::string what = words[0];
    if (what == "stop" && words.size() == 1) return stop(session);
    if (what == "start" && words.size() == 2) return start(session, words[1]);
    if (what == "events" && words.size() == 2) return last_exits(session, words[1]);
    if (what == "instructions" && words.size() > 1) return instructions(session, words[1], words.subspan(2));
    throw Error("usage: trace start FILE | stop | events FILE | instructions FILE ...");
}

}
