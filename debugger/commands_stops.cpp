// SPDX-License-Identifier: MIT
// Stop points, CPUs and symbols as commands.
#include "base/error.h"
#include "base/file.h"
#include "debugger/commands.h"
#include "debugger/expression.h"
#include <algorithm>

namespace debugger {

// ---- KIND ARGUMENTS [CONTEXT...] [if EXPR] [count N] [do COMMAND [; COMMAND]...]

static std::string joined(const std::vector<std::string>& words, std::size_t from, std::size_t to) {
    std::string out;
    for (std::size_t n = from; n < to; n++) out += (out.empty() ? "" : " ") + words[n];
    return out;
}

// Takes what stands from `word` to the next of the words that begin a part, or to the end.
static std::string take_part(std::vector<std::string>& words, std::string_view word, bool to_end) {
    auto begin = std::find(words.begin(), words.end(), word);
    if (begin == words.end()) return "";
    auto end = to_end ? words.end() : std::find_if(begin + 1, words.end(), [](auto& w) { return w == "if" || w == "count"; });
    std::string part = joined(words, std::size_t(begin - words.begin()) + 1, std::size_t(end - words.begin()));
    if (part.empty()) throw Error("nothing follows '" + std::string(word) + "'");
    words.erase(begin, end);
    return part;
}

StopPoint stop_point(Session& session, std::string_view kind, std::vector<std::string> words) {
    StopPoint p;
    p.kind = find_stop_kind(kind);
    if (!p.kind) throw Error("no kind of stop '" + Error::one_line(std::string(kind)) + "'; stop lists them");
    p.command = take_part(words, "do", true);
    p.condition = take_part(words, "if", false);
    if (auto count = take_part(words, "count", false); !count.empty()) p.ignore = number(session, count, 1, ~u64{0});
    if (!p.condition.empty()) check_expression(session.cpu, p.condition, &session.symbols);
    std::erase_if(words, [&](auto& w) { return p.context.take(session.cpu, w); });
    p.text = joined(words, 0, words.size());
    if (p.kind->parse) p.kind->parse(session, p, words);
    if (!words.empty()) throw Error("'" + Error::one_line(words[0]) + "' is too much: " + std::string(p.kind->name) + " " + std::string(p.kind->arguments));
    return p;
}

// Commands that look or change something; "continue" at the end lets the guest go on.
bool run_commands(Session& session, const StopPoint& p) {
    constexpr std::size_t most_lines = 10'000;
    std::string_view left = p.command;
    while (!left.empty()) {
        auto line = left.substr(0, left.find(';'));
        left.remove_prefix(std::min(left.size(), line.size() + 1));
        auto word = line.substr(std::min(line.size(), line.find_first_not_of(' ')));
        word = word.substr(0, word.find(' '));
        auto* command = find_command(word);
        if (command && command->run == run::go_on) return true;
        bool runs = command && !command->looks && command->run != change::set_register && command->run != change::set_msr && command->run != change::write &&
                    command->run != change::invalidate;
        Result result = runs ? refused("a stop point can't '" + std::string(command->name) + "'") : execute(session, line);
        for (auto& l : result.lines)
            if (session.said.lines.size() < most_lines) session.said.lines.push_back(std::move(l));
    }
    return false;
}

namespace run {

static std::string described(const StopPoint& p) {
    std::string out(p.kind->name);
    if (p.kind->has_place()) out += std::string(" at ") + (p.space == Space::physical ? "p:" : p.space == Space::guest_physical ? "g:" : "") + hex(p.address);
    else if (!p.text.empty()) out += " " + p.text;
    auto part = [&](const char* name, auto& value) {
        if (value) out += std::string(" ") + name + "=" + hex(*value);
    };
    part("cr3", p.context.cr3), part("vpid", p.context.vpid), part("eptp", p.context.eptp), part("level", p.context.level);
    if (!p.condition.empty()) out += " if " + p.condition;
    if (p.ignore) out += " count " + std::to_string(p.ignore);
    if (!p.command.empty()) out += " do " + p.command;
    return out;
}

static Result added(Session& session, StopPoint p) {
    bool place = p.kind->has_place();
    std::string what = !place ? "stop " : p.kind->seen == Seen::code ? "breakpoint " : "watchpoint ", text = described(p);
    u64 address = p.address;
    unsigned id = session.stops.add(std::move(p));
    if (!id) return refused("there are " + std::to_string(StopPoints::most) + " stop points already");
    Result result;
    auto& line = result.add(what + std::to_string(id) + (place ? text.substr(text.find(" at ")) : ": " + text));
    line.count("id", id).with("stop", text);
    if (place) line.address("address", address);
    return result;
}

Result break_at(Session& session, Words words) { return added(session, stop_point(session, "break", {words.begin(), words.end()})); }
Result watch(Session& session, Words words) { return added(session, stop_point(session, "watch", {words.begin(), words.end()})); }

Result stop(Session& session, Words words) {
    if (!words.empty()) return added(session, stop_point(session, words[0], {words.begin() + 1, words.end()}));
    Result result;
    for (auto& k : stop_kinds())
        result.add(format("%-14s %-28s %s", std::string(k.name).c_str(), std::string(k.arguments).c_str(), std::string(k.help).c_str()))
            .with("name", k.name).with("arguments", k.arguments).with("help", k.help);
    result.add("Each takes CONTEXT (cr3=, vpid=, asid=, eptp=, level=), then: if EXPR, count N (the first N hits don't count), "
               "do COMMAND [; COMMAND]... [; continue]");
    return result;
}

Result remove(Session& session, Words words) {
    if (words[0] == "all") return session.stops.clear(), Result{};
    u64 id = number(session, words[0], 1, ~0u);
    return session.stops.remove(unsigned(id)) ? Result{} : refused("there is no stop point " + words[0]);
}

Result list(Session& session, Words) {
    static constexpr std::string_view accesses[] = {"break", "write", "read", "access"};
    Result result;
    for (auto& s : session.stops.list()) {
        bool place = s.kind->has_place(), access = place && s.kind->seen == Seen::access;
        std::string_view on = place ? accesses[unsigned(s.on)] : s.kind->name;
        auto& line = result.add(format("%-4u %s%s, met %llu times", s.id, described(s).c_str(),
                                       access ? format(", %s of %llu bytes", std::string(on).c_str(), 0ull + s.length).c_str() : "", 0ull + s.hits));
        line.count("id", s.id).with("on", on).with("stop", described(s));
        if (place) line.address("address", s.address).count("bytes", s.length);
        line.count("hits", s.hits);
    }
    if (result.lines.empty()) result.add("no breakpoints");
    return result;
}

Result cpu(Session& session, Words words) {
    auto all = session.all_cpus();
    if (!words.empty()) session.select(*all[number(session, words[0], 0, all.size() - 1)]);
    Result result;
    static constexpr std::string_view states[] = {"active", "halted", "shut down", "waits for a start-up IPI"};
    for (auto* c : all)
        result.add(format("%c CPU %u at %s, %s%s", c == &session.cpu ? '*' : ' ', c->number, hex(code_address(*c)).c_str(),
                          std::string(states[unsigned(c->activity)]).c_str(), c->guest ? ", in a guest" : ""))
            .count("cpu", c->number).address("linear", code_address(*c)).with("activity", states[unsigned(c->activity)]).flag("guest", c->guest)
            .flag("selected", c == &session.cpu);
    return result;
}

Result symbols(Session& session, Words words) {
    Result result;
    unsigned level = session.looking.level;
    if (words.empty()) return result.add(std::to_string(session.symbols.size()) + " symbols").count("symbols", session.symbols.size()), result;
    if (words[0] == "none") return level ? session.symbols.clear(level) : session.symbols.clear(), result;
    if (!session.may_use_files) return refused("symbols: files are for the terminal and command files");
    u64 base = words.size() > 1 ? evaluate(session.cpu, words[1], &session.symbols) : 0;
    auto added = session.symbols.add(read_file(words[0], SymbolFile::most_bytes), base, level);
    session.symbols.files.push_back({words[0], base, level});
    result.add(std::to_string(added) + " symbols read" + (level ? " for level " + std::to_string(level) : "")).count("symbols", added).count("level", level);
    return result;
}

}

}
