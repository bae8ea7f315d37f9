// SPDX-License-Identifier: MIT
// Run control. Where nothing has to be looked at the CPU runs at full speed; else tick by tick, which both engines do alike.
#include "debugger/session.h"
#include "base/error.h"
#include "cpu/isa/row.h"
#include "cpu/mmu.h"
#include "debugger/look.h"
#include <algorithm>

namespace debugger {

u64 Session::code() const { return code_address(cpu); }

namespace {

// While one of these lives, the CPU tells of every access.
struct Watching {
    Watching(Cpu& cpu, std::function<void(u64, unsigned, bool)> accessed) : cpu(cpu) { set(std::move(accessed)); }
    ~Watching() { set(nullptr); }
    void set(std::function<void(u64, unsigned, bool)> accessed) {
        cpu.mmu->accessed = std::move(accessed);
        cpu.mmu->select_bank();
    }
    Cpu& cpu;
};

}

Stop Session::resume(const Goal& wanted) {
    if (goal) throw Error("the guest runs already; stop it first");
    runs++;
    stopped = over;
    looking.remember(cpu);
    last = {Why::ended};
    goal = &wanted, steps = 0;
    std::function<void(u64, unsigned, bool)> told;
    if (stops.watches()) told = [this](u64 linear, unsigned width, bool write) { accessed(linear, width, write); };
    Watching watching(cpu, std::move(told));
    while (!stopped) {
        over = !slice([this](u64 until) { drive(until); });
        if (over) stop_at({Why::ended});
        else if (!stopped && interrupted()) stop_at({Why::interrupted});
    }
    if (over) last = {Why::ended};
    goal = nullptr;
    return last;
}

void Session::drive(u64 until) {
    if (stops.empty() && !goal->steps && !goal->reached) return cpu.run(until);
    do one_tick(until);
    while (cpu.clock.ticks < until && !stopped && !(cpu.pending & pending::stop));
}

// One instruction, one iteration of a repeated one, one event; halted, the time to the next deadline.
void Session::one_tick(u64 until) {
    u64 now = cpu.clock.ticks, next = now + 1;
    if (cpu.activity != Activity::active && !cpu.due()) next = std::max(next, std::min(until, cpu.clock.deadline()));
    u64 rip = cpu.rip(), retired = cpu.retired;
    running = code();
    cpu.run(next);
    judge(cpu.retired != retired || cpu.rip() != rip);
}

// An instruction that is in the middle of its repetitions doesn't begin anew.
void Session::judge(bool begins) {
    if (goal->steps && ++steps >= goal->steps) stop_at({Why::reached});
    if (!begins || stopped) return;
    if (auto* s = stops.at_code(code())) s->hits++, stop_at({Why::breakpoint, s->id, On::execute, s->address});
    else if (goal->reached && goal->reached()) stop_at({Why::reached});
}

void Session::accessed(u64 linear, unsigned width, bool write) {
    auto* s = stops.at_access(linear, width, write);
    if (!s || stopped) return;
    s->hits++;
    stop_at({Why::watchpoint, s->id, s->on, linear, width, write, running});
}

bool Session::end_of_call(u64& linear) {
    std::array<u8, 15> bytes{};
    u64 at = code(), have = read_memory(cpu, {Space::linear, at}, bytes);
    Insn insn;
    if (decode::decode({bytes.data(), have}, cpu.code, insn) != decode::Result::ok) return false;
    std::string_view name = insn.row->name;
    linear = linear_in_mode(cpu, at + insn.length);
    return name.starts_with("call") || name.starts_with("int") || insn.rep;
}

}
