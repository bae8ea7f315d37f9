// SPDX-License-Identifier: MIT
// What reads or writes the host's files: commands from one; VM exits as a trace for Perfetto's and Chrome's page (the Trace
// Event Format); instructions as lines of text.
#include "base/error.h"
#include "base/file.h"
#include "cpu/virt/layer.h"
#include "debugger/commands.h"
#include "debugger/disassemble.h"
#include "debugger/look.h"
#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>
#include <sstream>

namespace debugger::files {

namespace {

// Whoever comes by a TCP port may be somebody else than the user.
void want_files(const Session& session) {
    if (!session.may_use_files) throw Error("the host's files are out of reach by a TCP port; come by a unix socket, or from the terminal");
}

struct Close {
    void operator()(std::FILE* f) const { std::fclose(f); }
};
using File = std::unique_ptr<std::FILE, Close>;

File create(const std::string& path) {
    File file(std::fopen(path.c_str(), "we"));
    if (!file) throw Error(path + ": " + std::strerror(errno));
    return file;
}

void finish(File& file, const std::string& path) {
    bool bad = std::fflush(file.get()) || std::ferror(file.get());
    if (bad) throw Error(path + ": " + std::strerror(errno));
}

}

// Until one fails, as a debugger's script should.
Result source(Session& session, Words words) {
    constexpr unsigned deepest = 8;
    static unsigned depth;
    struct Deeper {
        Deeper() { depth++; }
        ~Deeper() { depth--; }
    } deeper;
    want_files(session);
    if (depth > deepest) throw Error("files of commands are read to a depth of " + std::to_string(deepest));
    auto bytes = read_file(words[0], 1 << 20);
    std::istringstream in(std::string(bytes.begin(), bytes.end()));
    Result result;
    for (std::string line; !result.failed && !session.quits && std::getline(in, line);) {
        result.add("(slate) " + Error::one_line(line)).with("kind", "command").with("command", line);
        Result one = execute(session, line);
        result.failed = one.failed;
        for (auto& l : one.lines) result.lines.push_back(std::move(l));
    }
    return result;
}

// ---- traces

// Two slices for each exit that the log still has: the guest until then, and the hypervisor from then to the next entry.
static Result trace_events(Session& session, const std::string& path) {
    if (!session.cpu.virt) throw Error("this CPU has neither VMX nor SVM");
    auto& layer = *session.cpu.virt;
    std::vector<virt::LoggedExit> exits;
    layer.log.each([&](const virt::LoggedExit& e) { exits.push_back(e); });
    File file = create(path);
    double per_microsecond = double(session.cpu.clock.rate) / 1e6;
    auto slice = [&](const std::string& name, const char* kind, u64 from, u64 to, const std::string& facts) {
        std::fprintf(file.get(), ",\n{\"name\": %s, \"cat\": \"%s\", \"ph\": \"X\", \"pid\": 1, \"tid\": 0, \"ts\": %.3f, \"dur\": %.3f, \"args\": {%s}}", quoted(name).c_str(), kind,
                     double(from) / per_microsecond, double(to - from) / per_microsecond, facts.c_str());
    };
    std::fputs("{\"displayTimeUnit\": \"ns\", \"traceEvents\": [\n{\"name\": \"process_name\", \"ph\": \"M\", \"pid\": 1, \"args\": {\"name\": \"slate\"}},\n"
               "{\"name\": \"thread_name\", \"ph\": \"M\", \"pid\": 1, \"tid\": 0, \"args\": {\"name\": \"CPU 0\"}}", file.get());
    for (std::size_t i = 0; i < exits.size(); i++) {
        auto& e = exits[i];
        u64 next = i + 1 < exits.size() ? exits[i + 1].entered : session.cpu.guest ? e.tick : session.cpu.clock.ticks;
        std::string name = layer.exit_text(e.reason);
        slice("guest", "guest", e.entered, e.tick, "");
        slice(name.empty() ? hex(e.reason) : name, "exit", e.tick, std::max(next, e.tick),
              format("\"rip\": \"%s\", \"information\": \"%s\", \"address\": \"%s\"", hex(e.rip).c_str(), hex(e.information).c_str(), hex(e.address).c_str()));
    }
    std::fputs("\n]}\n", file.get());
    finish(file, path);
    Result result;
    result.add(std::to_string(exits.size()) + " of " + std::to_string(layer.log.exits) + " VM exits are in " + path).with("kind", "summary").count("exits", exits.size())
        .count("all", layer.log.exits).with("file", path);
    return result;
}

// COUNT instructions of those in LOW..HIGH and of a level, from the next one on: "tick level address bytes  text".
static Result trace_instructions(Session& session, const std::string& path, Words words) {
    u64 most = 1000, low = 0, high = ~u64{0}, written = 0;
    int level = 0;
    if (!words.empty() && (words.back() == "l1" || words.back() == "l2")) level = words.back()[1] - '0', words = words.first(words.size() - 1);
    if (!words.empty()) most = number(session, words[0], 1, u64{1} << 32);
    if (words.size() == 2 || words.size() > 3) throw Error("usage: trace instructions FILE [COUNT [LOW HIGH]] [l1|l2]");
    if (words.size() == 3) low = number(session, words[1], 0, ~u64{0}), high = number(session, words[2], low, ~u64{0});
    File file = create(path);
    auto write = [&] {
        Cpu& cpu = session.cpu;
        u64 at = session.code();
        int now = cpu.guest ? 2 : 1;
        if (at < low || at > high || (level && now != level)) return;
        std::array<u8, 15> bytes{};
        u64 have = read_memory(cpu, {Space::linear, at}, bytes);
        auto d = debugger::disassemble({bytes.data(), have}, at, cpu.code.size);
        std::string shown;
        for (unsigned i = 0; i < d.length; i++) shown += format("%02x", bytes[i]);
        std::fprintf(file.get(), "%llu L%d %016llx %-30s %s\n", 0ull + cpu.clock.ticks, now, 0ull + at, shown.c_str(), d.length ? d.text.c_str() : "?");
        written++;
    };
    write();
    auto next = [&] {
        if (written >= most) return true;
        write();
        return false;
    };
    session.resume({.reached = next});
    finish(file, path);
    Result result = stop_report(session, session.last);
    result.add(std::to_string(written) + " instructions are in " + path).with("kind", "summary").count("written", written).with("file", path);
    return result;
}

Result trace(Session& session, Words words) {
    want_files(session);
    if (words[0] == "instructions") return trace_instructions(session, words[1], words.subspan(2));
    if (words[0] != "events" || words.size() > 2) throw Error("'" + words[0] + "' is none of events FILE, instructions FILE ...");
    return trace_events(session, words[1]);
}

}
