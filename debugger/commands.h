// SPDX-License-Identifier: MIT
// The debugger's commands: one row each in one table. Every face runs them by execute().
#pragma once
#include "debugger/result.h"
#include "debugger/session.h"
#include <span>

namespace debugger {

using Words = std::span<const std::string>;

struct Command {
    std::string_view name, brief;          // brief: another, short name; may be empty
    std::string_view arguments;            // as help shows them
    u8 least, most;                        // how many words may follow
    bool looks;                            // leaves no trace in the machine
    std::string_view help;
    Result (*run)(Session&, Words);        // throws Error for what it can't use
};

std::span<const Command> commands();
// By name, short name, or a beginning that only one has.
const Command* find_command(std::string_view word);

// One line as it is typed. "json COMMAND" gives the one line of JSON that the command's result is. Never throws.
Result execute(Session& session, std::string_view line);

// What every face shows when the guest has stopped: why, and the instruction that comes next.
Result stop_report(Session& session, const Stop& stop);

// A stop point as it is typed: arguments, context, condition, count and commands. Throws Error.
StopPoint stop_point(Session& session, std::string_view kind, std::vector<std::string> words);
// What it has to say is kept for the next report; true: the guest goes on.
bool run_commands(Session& session, const StopPoint& point);

// The commands, by what they are about.
namespace run {
Result step(Session&, Words);
Result next(Session&, Words);
Result out(Session&, Words);
Result until(Session&, Words);
Result go_on(Session&, Words);
Result break_at(Session&, Words);
Result watch(Session&, Words);
Result stop(Session&, Words);
Result cpu(Session&, Words);
Result symbols(Session&, Words);
Result remove(Session&, Words);
Result list(Session&, Words);
Result reset(Session&, Words);
Result quit(Session&, Words);
}
namespace look {
Result registers(Session&, Words);
Result msr(Session&, Words);
Result memory(Session&, Words);
Result search(Session&, Words);
Result disassemble(Session&, Words);
Result stack(Session&, Words);
Result levels(Session&, Words);
Result walk(Session&, Words);
Result what_if(Session&, Words);
Result map(Session&, Words);
Result tlb(Session&, Words);
Result vmcs(Session&, Words);
Result vmcb(Session&, Words);
Result exits(Session&, Words);
Result why(Session&, Words);
Result apic(Session&, Words);
Result state(Session&, Words);
Result caches(Session&, Words);
Result hash(Session&, Words);
Result devices(Session&, Words);
Result stale_uses(Session&, Words);
}
namespace change {
Result set_register(Session&, Words);
Result set_msr(Session&, Words);
Result write(Session&, Words);
Result invalidate(Session&, Words);
}
namespace files {
void want_files(const Session&);           // throws Error where the session may not use the host's
Result source(Session&, Words);
Result trace(Session&, Words);
Result coverage(Session&, Words);
}

// Takes "l1", "l2" and the words of a context out of them.
void take_context(const Session& session, StopContext& context, std::vector<std::string>& words);
// For commands: a word as a number (registers and sums too) within bounds. Throws Error.
u64 number(Session& session, const std::string& word, u64 least, u64 most);

}
