// SPDX-License-Identifier: MIT
// Run control and breakpoints as commands.
#include "base/error.h"
#include "cpu/virt/layer.h"
#include "debugger/commands.h"
#include "debugger/disassemble.h"
#include "debugger/expression.h"
#include "debugger/look.h"

namespace debugger {

static const char* on_text(On on) {
    static constexpr const char* texts[] = {"break", "write", "read", "access"};
    return texts[unsigned(on)];
}

static std::string why_text(const Stop& s) {
    switch (s.why) {
    case Why::breakpoint: return "breakpoint " + std::to_string(s.id);
    case Why::watchpoint:
        return "watchpoint " + std::to_string(s.id) + ": " + (s.wrote ? "write" : "read") + " of " + std::to_string(s.width) + " bytes at " + hex(s.address) +
               " by the instruction at " + hex(s.instruction);
    case Why::interrupted: return "interrupted";
    case Why::ended: return "the run is over";
    case Why::reached: break;
    }
    return "";
}

Result stop_report(Session& session, const Stop& stop) {
    static constexpr const char* names[] = {"reached", "breakpoint", "watchpoint", "interrupted", "ended"};
    Result result;
    std::string why = why_text(stop);
    Line& line = result.add(why);
    line.with("why", names[unsigned(stop.why)]).address("rip", session.cpu.rip()).address("linear", session.code());
    line.count("instructions", session.cpu.retired).count("ticks", session.cpu.clock.ticks).flag("guest", session.cpu.guest);
    if (stop.id) line.count("id", stop.id);
    if (stop.why == Why::watchpoint) line.address("address", stop.address).count("bytes", stop.width).flag("write", stop.wrote).address("instruction", stop.instruction);
    std::string here = hex(session.code()), count = "1", words[] = {here, count};
    for (auto& l : look::disassemble(session, words).lines) result.lines.push_back(l);
    if (why.empty()) {                                           // one line then: where it stands
        result.lines[0].text = result.lines.back().text;
        result.lines.pop_back();
    }
    if (session.cpu.guest) result.add("a guest runs");
    if (session.cpu.activity != Activity::active) result.add("the CPU is halted");
    return result;
}

namespace run {

static Result resumed(Session& session, const Goal& goal) { return stop_report(session, session.resume(goal)); }

// Behind the next VM entry or exit that succeeds.
static Result step_over_border(Session& session, u64 virt::ExitLog::* counter) {
    if (!session.cpu.virt) throw Error("this CPU has neither VMX nor SVM");
    const u64& now = session.cpu.virt->log.*counter;
    return resumed(session, {.reached = [&now, before = now] { return now != before; }});
}

Result step(Session& session, Words words) {
    if (!words.empty() && words[0] == "--vmentry") return step_over_border(session, &virt::ExitLog::entries);
    if (!words.empty() && words[0] == "--vmexit") return step_over_border(session, &virt::ExitLog::exits);
    u64 n = words.empty() ? 1 : number(session, words[0], 1, u64{1} << 48);
    return resumed(session, {.steps = n});
}

Result next(Session& session, Words) {
    u64 end, stack = session.cpu.gpr[rsp];
    if (!session.end_of_call(end)) return resumed(session, {.steps = 1});
    return resumed(session, {.reached = [&session, end, stack] { return session.code() == end && session.cpu.gpr[rsp] >= stack; }});
}

Result until(Session& session, Words words) {
    u64 end = linear_in_mode(session.cpu, evaluate(session.cpu, words[0]));
    return resumed(session, {.reached = [&session, end] { return session.code() == end; }});
}

Result go_on(Session& session, Words) { return resumed(session, {}); }

static Result added(Session& session, On on, u64 address, u64 length) {
    unsigned id = session.stops.add(on, address, length);
    if (!id) return refused("there are " + std::to_string(StopPoints::most) + " breakpoints already");
    Result result;
    result.add(std::string(on == On::execute ? "breakpoint " : "watchpoint ") + std::to_string(id) + " at " + hex(address)).count("id", id).address("address", address);
    return result;
}

Result break_at(Session& session, Words words) {
    u64 address = words.empty() ? session.code() : evaluate(session.cpu, words[0]);
    return added(session, On::execute, linear_in_mode(session.cpu, address), 1);
}

static On watch_kind(const std::string& word) {
    if (word == "r") return On::read;
    if (word == "w") return On::write;
    if (word == "rw") return On::access;
    throw Error("'" + word + "' is none of r, w, rw");
}

Result watch(Session& session, Words words) {
    On on = On::write;
    u64 address = evaluate(session.cpu, words[0]), length = 1;
    words = words.subspan(1);
    if (!words.empty() && words.back().find_first_of("0123456789") == std::string::npos) on = watch_kind(words.back()), words = words.first(words.size() - 1);
    if (words.size() > 1) throw Error("usage: watch ADDR [BYTES] [r|w|rw]");
    if (!words.empty()) length = number(session, words[0], 1, 1 << 20);
    return added(session, on, linear_in_mode(session.cpu, address), length);
}

Result remove(Session& session, Words words) {
    if (words[0] == "all") return session.stops.clear(), Result{};
    u64 id = number(session, words[0], 1, ~0u);
    return session.stops.remove(unsigned(id)) ? Result{} : refused("there is no breakpoint " + words[0]);
}

Result list(Session& session, Words) {
    Result result;
    for (auto& s : session.stops.list())
        result.add(format("%-4u %-7s %s, %llu bytes, met %llu times", s.id, on_text(s.on), hex(s.address).c_str(), 0ull + s.length, 0ull + s.hits))
            .count("id", s.id).with("on", on_text(s.on)).address("address", s.address).count("bytes", s.length).count("hits", s.hits);
    if (result.lines.empty()) result.add("no breakpoints");
    return result;
}

Result quit(Session& session, Words) { return session.quits = true, Result{}; }

}

}
