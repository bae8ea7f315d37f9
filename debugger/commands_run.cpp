// SPDX-License-Identifier: MIT
// Run control as commands, and what every face shows at a stop.
#include "base/error.h"
#include "cpu/virt/layer.h"
#include "debugger/commands.h"
#include "debugger/disassemble.h"
#include "debugger/expression.h"
#include "debugger/look.h"

namespace debugger {

static std::string why_text(const Stop& s) {
    switch (s.why) {
    case Why::breakpoint: return "breakpoint " + std::to_string(s.id);
    case Why::watchpoint:
        return "watchpoint " + std::to_string(s.id) + ": " + (s.wrote ? "write" : "read") + " of " + std::to_string(s.width) + " bytes at " + hex(s.address) +
               " by the instruction at " + hex(s.instruction);
    case Why::event: return "stop " + std::to_string(s.id) + " (" + s.kind + "): " + s.said;
    case Why::interrupted: return "interrupted";
    case Why::ended: return "the run is over";
    case Why::reached: break;
    }
    return "";
}

Result stop_report(Session& session, const Stop& stop) {
    static constexpr const char* names[] = {"reached", "breakpoint", "watchpoint", "interrupted", "ended", "event"};
    Result result;
    std::string why = why_text(stop);
    if (session.all_cpus().size() > 1 && !why.empty()) why += " of CPU " + std::to_string(session.cpu.number);
    Line& line = result.add(why);
    line.with("why", names[unsigned(stop.why)]).address("rip", session.cpu.rip()).address("linear", session.code());
    line.count("instructions", session.cpu.retired).count("ticks", session.cpu.clock.ticks).flag("guest", session.cpu.guest);
    if (stop.id) line.count("id", stop.id);
    if (session.all_cpus().size() > 1) line.count("cpu", session.cpu.number);
    if (auto name = session.symbols.name_of(session.code(), running_level(session.cpu)); !name.empty()) line.with("symbol", name);
    if (stop.why == Why::event) line.with("kind", stop.kind).with("said", stop.said);
    if (stop.why == Why::watchpoint)
        line.address("address", stop.address).count("bytes", stop.width).flag("write", stop.wrote).address("instruction", stop.instruction);
    std::string here = hex(session.code()), count = "1", words[] = {here, count};
    for (auto& l : look::disassemble(session, words).lines) result.lines.push_back(l);
    if (why.empty()) {                                           // one line then: where it stands
        result.lines[0].text = result.lines.back().text;
        result.lines.pop_back();
    }
    if (auto name = session.symbols.name_of(session.code(), running_level(session.cpu)); !name.empty()) result.add("in " + name);
    if (session.cpu.guest) result.add("a guest runs");
    if (session.cpu.activity != Activity::active) result.add("the CPU is halted");
    for (auto& l : session.said.lines) result.lines.push_back(l);
    return result;
}

namespace run {

static Result resumed(Session& session, const Goal& goal) {
    session.commands = [&](const StopPoint& s) { return run_commands(session, s); };
    return stop_report(session, session.resume(goal));
}

static u64 steps_of(Session& session, Words words) { return words.empty() ? 1 : number(session, words[0], 1, u64{1} << 48); }
static void need_virtualization(Session& session) {
    if (!session.cpu.virt) throw Error("this CPU has neither VMX nor SVM");
}
// Behind the next VM entry or exit that succeeds.
static Result to_border(Session& session, notice::Kind kind) {
    need_virtualization(session);
    return resumed(session, {.notices = 1u << unsigned(kind)});
}
static Result step_in_level(Session& session, unsigned level, Words words) {
    need_virtualization(session);
    return resumed(session, steps_in_level(steps_of(session, words), level));
}

Result step(Session& session, Words words) {
    std::string first = words.empty() ? "" : words[0];
    if (first == "--l1" || first == "--l2") return step_in_level(session, first == "--l1" ? 1 : 2, words.subspan(1));
    if (words.size() > 1) throw Error("usage: step [N|--vmentry|--vmexit|--l1 [N]|--l2 [N]]");
    if (first == "--vmentry") return to_border(session, notice::Kind::vm_entry);
    if (first == "--vmexit") return to_border(session, notice::Kind::vm_exit);
    return resumed(session, {.steps = steps_of(session, words)});
}

Result next(Session& session, Words) {
    u64 end, stack = session.cpu.gpr[rsp];
    if (!session.end_of_call(end)) return resumed(session, {.steps = 1});
    Cpu& cpu = session.cpu;
    return resumed(session, {.reached = [&cpu, end, stack] { return code_address(cpu) == end && cpu.gpr[rsp] >= stack; }, .at = end});
}

// Behind the return whose address lies no deeper in the stack than here, in the same ring and address space.
Result out(Session& session, Words) {
    Cpu& cpu = session.cpu;
    auto here = [&cpu] { return std::tuple{cpu.control.cr3, cpu.cpl, cpu.guest}; };
    auto reached = [&cpu, here, was = here(), stack = cpu.gpr[rsp]] { return here() == was && cpu.gpr[rsp] >= stack; };
    bool stands_at_it = session.at_return();
    if (!stands_at_it) {
        Result report = resumed(session, {.reached = reached, .returns = true});
        if (session.last.why != Why::reached) return report;
    }
    return resumed(session, {.steps = 1});
}

Result until(Session& session, Words words) {
    Cpu& cpu = session.cpu;
    u64 end = linear_in_mode(cpu, evaluate(cpu, words[0], &session.symbols));
    return resumed(session, {.reached = [&cpu, end] { return code_address(cpu) == end; }, .at = end});
}

Result go_on(Session& session, Words words) {
    if (words.empty()) return resumed(session, {});
    if (words[0] != "--exit") throw Error("usage: continue [--exit [REASON]]");
    StopPoint exit = stop_point(session, "vmexit", {words.begin() + 1, words.end()});
    Cpu& cpu = session.cpu;
    return resumed(session, {.notices = u32(exit.kind->which),
                             .told = [&](auto& e) { return exit.kind->means(cpu, exit, e) && exit.holds(cpu, session.symbols); }});
}

Result reset(Session& session, Words) {
    session.reset();
    return stop_report(session, session.last);
}

Result quit(Session& session, Words) { return session.quits = true, Result{}; }

}

}
