// SPDX-License-Identifier: MIT
// The table of commands, and how a line finds its row.
#include "debugger/commands.h"
#include "base/error.h"
#include "debugger/expression.h"
#include <algorithm>

namespace debugger {

static Result help(Session&, Words words);

static constexpr Command table[] = {
    // name         brief  arguments                     least most looks  help                                                                run
    {"step",        "s",   "[N|--vmentry|--vmexit|--l1 [N]|--l2 [N]]", 0, 2, false,
     "run N instructions (1), REP's iterations and events each; to the next VM entry or exit; N of the host (--l1) or of its guest", run::step},
    {"next",        "n",   "",                           0, 0,  false, "run to the instruction behind a call, an INT or a REP; else step",      run::next},
    {"out",         "",    "",                           0, 0,  false, "run to behind the return of the function that runs",                    run::out},
    {"until",       "u",   "ADDR",                       1, 1,  false, "run until the linear address ADDR is reached",                          run::until},
    {"continue",    "c",   "[--exit [REASON]]",          0, 12, false,
     "run until something stops the guest, or behind the next VM exit (for a reason, by number or name)", run::go_on},
    {"break",       "b",   "[[g:|p:]ADDR] [CONTEXT...] [if EXPR] [count N] [do COMMAND]", 0, 64, false,
     "stop before the instruction at an address (here)", run::break_at},
    {"watch",       "w",   "[g:|p:]ADDR [BYTES] [r|w|rw] [CONTEXT...] [if EXPR] [count N] [do COMMAND]", 1, 64, false,
     "stop behind an access to BYTES (1) at an address: a write", run::watch},
    {"stop",        "",    "[KIND ...]",                 0, 64, false, "stop at events: exceptions, ports, VM exits, ...; alone it lists the kinds", run::stop},
    {"delete",      "d",   "N|all",                      1, 1,  false, "forget breakpoint or watchpoint N",                                     run::remove},
    {"list",        "l",   "",                           0, 0,  true,  "list breakpoints and watchpoints",                                      run::list},
    {"cpu",         "",    "[N]",                        0, 1,  false, "list the CPUs, or look at CPU N",                                       run::cpu},
    {"symbols",     "",    "[FILE [BASE]|none] [@lN]",   0, 2,  false,
     "read an ELF file's symbols or a System.map, each address plus BASE: of one guest level, or of any", run::symbols},
    {"registers",   "r",   "[GROUP|NAME] [@lN]",         0, 1,  true,
     "show general, segments, control, debug, x87, vector, all, or one register", look::registers},
    {"msr",         "",    "[NAME|INDEX]",               0, 1,  true,  "show model-specific registers",                                         look::msr},
    {"memory",      "x",   "[g:|p:]ADDR [BYTES] [@lN]",  1, 2,  true,  "dump memory: ADDR is linear, g:ADDR guest-physical, p:ADDR physical",   look::memory},
    {"search",      "",    "[g:|p:]ADDR LENGTH BYTE...|\"TEXT\" [@lN]", 3, 64, true, "find bytes (hexadecimal) or a text in memory from ADDR on", look::search},
    {"disassemble", "i",   "[[g:|p:]ADDR] [N] [16|32|64] [@lN]", 0, 3, true, "show N instructions (10) from ADDR (the next one)", look::disassemble},
    {"stack",       "",    "[N] [@lN]",                  0, 1,  true,  "show N words (16) of the stack, and the callers by frame pointers",     look::stack},
    {"levels",      "",    "",                           0, 0,  true,  "show the guest levels: which runs, and where each stands",              look::levels},
    {"walk",        "",    "[g:]ADDR [r|w|x] [u|s] [@lN] | --step [ADDR ...] | --next", 1, 4, true,
     "show the walk that an access would make, reference by reference; or one at a time", look::walk},
    {"what-if",     "",    "[g:]ADDR [r|w|x] [u|s] [NAME=VALUE...] [@lN]", 2, 12, true,
     "show what changes in a walk with another cr3, eptp, ncr3, asid, vpid, pcid, cpl, ac, wp, smep, smap, pke, nxe, pkru", look::what_if},
    {"map",         "",    "[[g:]ADDR [BYTES]] [@lN]",   0, 2,  true,  "show what is mapped from ADDR on (everything), as ranges",              look::map},
    {"tlb",         "",    "[ADDR|all|stale|global|data|instruction|linear|combined|guest-physical|vpid=N|asid=N|pcid=N|ept=N|physical=N]... | drops [ADDR]",
     0, 8, true,
     "list cached translations (64, those that fit, or all), or what was dropped and why", look::tlb},
    {"vmcs",        "",    "[check [all]|failed|changed|GROUP|NAME]", 0, 2, true,
     "show the current VMCS, fields with NAME in theirs, which rules an entry would break now, or why the last failed", look::vmcs},
    {"vmcb",        "",    "[p:ADDR] [check [all]|failed|changed|GROUP|NAME]", 0, 3, true,
     "show the VMCB that was run last, fields with NAME in theirs, which rules it breaks, or why the last failed", look::vmcb},
    {"exits",       "",    "[N] [REASON...]",            0, 8,  true,
     "show the last N VM exits (20), of a reason, and how many of each with their time", look::exits},
    {"why",         "",    "vector N | nmi",             1, 2,  true,  "say what holds an interrupt back, condition by condition",              look::why},
    {"apic",        "",    "",                           0, 0,  true,  "show the local APIC: priorities, vectors, local vector table, timer",   look::apic},
    {"devices",     "",    "[NAME | state NAME [PART]]", 0, 3,  true,
     "show a device of the board in words, or all of its state by name; alone it lists them", look::devices},
    {"state",       "",    "",                           0, 0,  true,  "say where the machine stands: mode, level, tags, time",                  look::state},
    {"caches",      "",    "",                           0, 0,  true,  "count what the translation caches hold, missed, and dropped by cause",  look::caches},
    {"hash",        "",    "",                           0, 0,  true,
     "show a hash over the machine's whole state: two that are equal are the same machine", look::hash},
    {"stale",       "",    "",                           0, 0,  true, "show the uses of stale translations that --check=tlb has reported", look::stale_uses},
    {"set",         "",    "REGISTER VALUE",             2, 2,  false, "change a register", change::set_register},
    {"set-msr",     "",    "NAME|INDEX VALUE",           2, 2,  false, "change a model-specific register, as WRMSR would", change::set_msr},
    {"write",       "",    "[g:|p:]ADDR BYTE...",        2, 64, false, "write bytes (hexadecimal) to RAM",                                      change::write},
    {"invalidate",  "",    "",                           0, 0,  false,
     "drop all cached translations, as behind a change of tables in memory", change::invalidate},
    {"source",      "",    "FILE",                       1, 1,  false, "do the commands that are in FILE, until one fails",                     files::source},
    {"trace",       "",    "start FILE | stop | events FILE | instructions FILE [COUNT [LOW HIGH]] [l1|l2] [CONTEXT...] [only NAME...] [if EXPR]", 1, 64, false,
     "write exits, exceptions and interrupts of all CPUs from now on, or the last VM exits, as a trace for Perfetto and Chrome; "
     "or run and write COUNT instructions (1000) as text",
     files::trace},
    {"coverage",    "",    "[start [LOW HIGH]... [l1|l2] [CONTEXT...] | stop | write FILE [lcov|addresses]]", 0, 64, false,
     "keep which instructions run from now on, and write what has: lines and functions for lcov and genhtml, or addresses for addr2line",
     files::coverage},
    {"reset",       "",    "",                           0, 0,  false, "reset the machine, as its button does, and start what it starts with",  run::reset},
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

void take_context(const Session& session, StopContext& context, std::vector<std::string>& words) {
    std::erase_if(words, [&](auto& word) {
        bool level = word == "l1" || word == "l2";
        if (level) context.level = unsigned(word[1] - '0');
        return level || context.take(session.cpu, word);
    });
}

u64 number(Session& session, const std::string& word, u64 least, u64 most) {
    u64 value = evaluate(session.cpu, word, &session.symbols);
    if (value < least || value > most) throw Error("'" + word + "' is out of range; " + std::to_string(least) + " to " + std::to_string(most));
    return value;
}

// A last word @l1 or @l2 says whose eyes to look through, and is taken away: 0 where there is none.
static unsigned level_named(const Command& command, Words& words) {
    if (words.empty() || !words.back().starts_with("@l")) return 0;
    bool takes_one = command.arguments.find("[@lN]") != std::string_view::npos;
    if (!takes_one) throw Error("'" + std::string(command.name) + "' takes no guest level");
    if (words.back() != "@l1" && words.back() != "@l2") throw Error("levels are @l1 and @l2");
    unsigned level = unsigned(words.back()[2] - '0');
    words = words.first(words.size() - 1);
    return level;
}

struct AtLevel {
    AtLevel(Session& session, unsigned level) : session(session) { session.looking.level = level; }
    ~AtLevel() { session.looking.level = 0; }
    Session& session;
};

static Result execute_words(Session& session, Words words) try {
    auto* command = find_command(words[0]);
    if (!command) return refused("no command '" + Error::one_line(words[0]) + "', or more than one begins so; help lists them");
    Words arguments = words.subspan(1);
    AtLevel at(session, level_named(*command, arguments));
    if (arguments.size() < command->least || arguments.size() > command->most) return refused("usage: " + usage(*command));
    return command->run(session, arguments);
} catch (const Error& e) {
    return refused(e.what());
}

// Blanks are between words; one that begins with a quotation mark ends behind the next one.
static std::vector<std::string> words_of(std::string_view line) {
    constexpr std::string_view blanks = " \t\n\v\f\r";
    std::vector<std::string> words;
    for (std::size_t at = 0; (at = line.find_first_not_of(blanks, at)) != line.npos;) {
        std::size_t quote = line[at] == '"' ? line.find('"', at + 1) : line.npos;
        std::size_t end = std::min(line.find_first_of(blanks, quote == line.npos ? at : quote), line.size());
        words.emplace_back(line.substr(at, end - at));
        at = end;
    }
    return words;
}

// Lines that begin with # say nothing.
Result execute(Session& session, std::string_view line) {
    auto words = words_of(line.substr(0, 4096));
    if (words.empty() || words[0].starts_with('#')) return {};
    if (words[0] != "json") return execute_words(session, words);
    Result out;
    out.add(words.size() > 1 ? execute_words(session, Words(words).subspan(1)).json() : refused("usage: json COMMAND").json());
    return out;
}

}
