// SPDX-License-Identifier: MIT
// The table of commands, and how a line finds its row.
#include "debugger/commands.h"
#include "base/error.h"
#include "debugger/expression.h"
#include <sstream>

namespace debugger {

static Result help(Session&, Words words);

static constexpr Command table[] = {
    // name         brief  arguments                     least most looks  help                                                                run
    {"step",        "s",   "[N|--vmentry|--vmexit]",     0, 1,  false, "run N instructions (1), REP's iterations and events each; or to the next entry or exit", run::step},
    {"next",        "n",   "",                           0, 0,  false, "run to the instruction behind a call, an INT or a REP; else step",      run::next},
    {"until",       "u",   "ADDR",                       1, 1,  false, "run until the linear address ADDR is reached",                          run::until},
    {"continue",    "c",   "",                           0, 0,  false, "run until something stops the guest",                                   run::go_on},
    {"break",       "b",   "[ADDR]",                     0, 1,  false, "stop before the instruction at the linear address ADDR (here)",         run::break_at},
    {"watch",       "w",   "ADDR [BYTES] [r|w|rw]",      1, 3,  false, "stop behind an access to BYTES (1) at the linear address ADDR: a write", run::watch},
    {"delete",      "d",   "N|all",                      1, 1,  false, "forget breakpoint or watchpoint N",                                     run::remove},
    {"list",        "l",   "",                           0, 0,  true,  "list breakpoints and watchpoints",                                      run::list},
    {"registers",   "r",   "[GROUP|NAME]",               0, 1,  true,  "show general, segments, control, debug, x87, vector, all, or one register", look::registers},
    {"msr",         "",    "[NAME|INDEX]",               0, 1,  true,  "show model-specific registers",                                         look::msr},
    {"memory",      "x",   "[g:|p:]ADDR [BYTES]",        1, 2,  true,  "dump memory: ADDR is linear, g:ADDR guest-physical, p:ADDR physical",   look::memory},
    {"disassemble", "i",   "[[g:|p:]ADDR] [N] [16|32|64]", 0, 3, true, "show N instructions (10) from ADDR (the next one)",                     look::disassemble},
    {"walk",        "",    "[g:]ADDR [r|w|x] [u|s]",     1, 3,  true,  "show the walk that an access would make, reference by reference",       look::walk},
    {"tlb",         "",    "[ADDR|all]",                 0, 1,  true,  "list cached translations (64, or those of ADDR, or all)",               look::tlb},
    {"vmcs",        "",    "[check|GROUP|NAME]",         0, 1,  true,  "show the current VMCS, fields with NAME in theirs, or which checks an entry would break now", look::vmcs},
    {"vmcb",        "",    "[p:ADDR] [check|NAME]",      0, 2,  true,  "show the VMCB that was run last, fields with NAME in theirs, or which checks fail", look::vmcb},
    {"exits",       "",    "[N]",                        0, 1,  true,  "show the last N VM exits (20), and how many of each reason",            look::exits},
    {"set",         "",    "REGISTER VALUE",             2, 2,  false, "change a register",                                                     change::set_register},
    {"set-msr",     "",    "NAME|INDEX VALUE",           2, 2,  false, "change a model-specific register, as WRMSR would",                      change::set_msr},
    {"write",       "",    "[g:|p:]ADDR BYTE...",        2, 64, false, "write bytes (hexadecimal) to RAM",                                      change::write},
    {"help",        "h",   "[COMMAND]",                  0, 1,  true,  "say what commands there are",                                           help},
    {"quit",        "q",   "",                           0, 0,  false, "end the emulator",                                                      run::quit},
};

std::span<const Command> commands() { return table; }

const Command* find_command(std::string_view word) {
    const Command* beginning = nullptr;
    unsigned count = 0;
    for (auto& c : table) {
        if (c.name == word || (!c.brief.empty() && c.brief == word)) return &c;
        if (c.name.starts_with(word)) beginning = &c, count++;
    }
    return count == 1 ? beginning : nullptr;
}

static std::string usage(const Command& c) { return std::string(c.name) + (c.arguments.empty() ? "" : " ") + std::string(c.arguments); }

static Result help(Session&, Words words) {
    Result result;
    for (auto& c : table) {
        if (!words.empty() && find_command(words[0]) != &c) continue;
        result.add(format("%-40s %-4s %s", usage(c).c_str(), std::string(c.brief).c_str(), std::string(c.help).c_str()))
            .with("name", c.name).with("brief", c.brief).with("arguments", c.arguments).with("help", c.help).flag("looks", c.looks);
    }
    if (words.empty()) result.add("Numbers are 16 or 0x10, registers (rsp, cr3, fs.base), or sums. json COMMAND prints the result as JSON.");
    return result.lines.empty() ? refused("no command '" + words[0] + "'") : result;
}

u64 number(Session& session, const std::string& word, u64 least, u64 most) {
    u64 value = evaluate(session.cpu, word);
    if (value < least || value > most) throw Error("'" + word + "' is out of range; " + std::to_string(least) + " to " + std::to_string(most));
    return value;
}

static Result execute_words(Session& session, Words words) try {
    auto* command = find_command(words[0]);
    if (!command) return refused("no command '" + Error::one_line(words[0]) + "', or more than one begins so; help lists them");
    Words arguments = words.subspan(1);
    if (arguments.size() < command->least || arguments.size() > command->most) return refused("usage: " + usage(*command));
    return command->run(session, arguments);
} catch (const Error& e) {
    return refused(e.what());
}

// Lines that begin with # say nothing.
Result execute(Session& session, std::string_view line) {
    std::istringstream in{std::string(line.substr(0, 4096))};
    std::vector<std::string> words;
    for (std::string word; in >> word;) words.push_back(word);
    if (words.empty() || words[0].starts_with('#')) return {};
    if (words[0] != "json") return execute_words(session, words);
    Result out;
    out.add(words.size() > 1 ? execute_words(session, Words(words).subspan(1)).json() : refused("usage: json COMMAND").json());
    return out;
}

}
