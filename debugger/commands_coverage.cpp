// SPDX-License-Identifier: MIT
// Coverage as commands: which instructions of the guest begin, from when to when, and files of it.
#include "base/error.h"
#include "base/file.h"
#include "debugger/commands.h"
#include "debugger/lcov.h"

namespace debugger::files {

namespace {

constexpr const char* usage = "usage: coverage [start [LOW HIGH]... [l1|l2] [CONTEXT...] | stop | write FILE [lcov|addresses]]";

Coverage& wanted(const Session& session) {
    if (!session.coverage) throw Error("nothing has been covered; coverage start begins");
    return *session.coverage;
}

Result report(const Session& session) {
    auto& c = wanted(session);
    Result result;
    result.add(format("%llu instructions have run%s%s", 0ull + c.size(), c.on ? ", and more are looked for" : "",
                      c.full ? "; there was no room for more pages" : ""))
        .with("kind", "summary").count("instructions", c.size()).flag("on", c.on).flag("full", c.full);
    return result;
}

Result start(Session& session, std::vector<std::string> words) {
    auto coverage = std::make_unique<Coverage>();
    take_context(session, coverage->context, words);
    if (words.size() % 2) throw Error(usage);
    for (std::size_t n = 0; n < words.size(); n += 2) {
        u64 low = number(session, words[n], 0, ~u64{0});
        coverage->ranges.push_back({low, number(session, words[n + 1], low, ~u64{0})});
    }
    session.coverage = std::move(coverage);
    session.stops.changes++;
    return report(session);
}

Result stop(Session& session) {
    wanted(session).on = false;
    session.stops.changes++;
    return report(session);
}

// For each file that symbols came from, what of its level has run.
Result write_lcov(const Session& session, const std::string& path) {
    auto& files = session.symbols.files;
    if (files.empty()) throw Error("there are no symbols: symbols FILE reads them; or write addresses alone: coverage write FILE addresses");
    Lcov lcov;
    for (auto& f : files) lcov.add(f, read_file(f.path, SymbolFile::most_bytes), session.coverage->addresses(f.level));
    OutputFile file(path);
    lcov.write(file);
    file.finish();
    auto &l = lcov.lines, &f = lcov.functions;
    Result result;
    result.add(format("%llu of %llu lines and %llu of %llu functions have run; they are in %s", 0ull + l.run, 0ull + l.all, 0ull + f.run,
                      0ull + f.all, path.c_str()))
        .with("kind", "summary").count("lines", l.all).count("lines_run", l.run).count("functions", f.all).count("functions_run", f.run)
        .count("sources", lcov.sources()).with("file", path);
    return result;
}

// "0xffffffff81000012 L1 start_kernel+0x12", a line each.
Result write_addresses(const Session& session, const std::string& path) {
    OutputFile file(path);
    for (unsigned level : {1u, 2u})
        for (u64 at : session.coverage->addresses(level)) {
            std::string name = session.symbols.name_of(at, level);
            file.put("0x" + hex(at, 16) + format(" L%u", level) + (name.empty() ? "" : " ") + name + "\n");
        }
    file.finish();
    Result result;
    result.add(format("%llu addresses are in %s", 0ull + session.coverage->size(), path.c_str())).with("kind", "summary")
        .count("instructions", session.coverage->size()).with("file", path);
    return result;
}

Result write(Session& session, const std::string& path, std::string_view how) {
    want_files(session);
    wanted(session);
    if (how == "lcov") return write_lcov(session, path);
    if (how == "addresses") return write_addresses(session, path);
    throw Error(usage);
}

}

Result coverage(Session& session, Words words) {
    if (words.empty()) return report(session);
    std::string what = words[0];
    if (what == "start") return start(session, {words.begin() + 1, words.end()});
    if (what == "stop" && words.size() == 1) return stop(session);
    if (what == "write" && (words.size() == 2 || words.size() == 3)) return write(session, words[1], words.size() == 3 ? words[2] : "lcov");
    throw Error(usage);
}

}
