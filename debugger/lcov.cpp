// SPDX-License-Identifier: MIT
// Coverage as lcov reads it.
#include "debugger/lcov.h"
#include "debugger/line_table.h"
#include "debugger/result.h"
#include <algorithm>

namespace debugger {

namespace {

struct Function {
    u64 begin;
    std::string name;
    bool has_run;
};

// Whether an address of [low, high) is among them; they are in order.
bool any_within(std::span<const u64> addresses, u64 low, u64 high) {
    auto first = std::ranges::lower_bound(addresses, low);
    return first != addresses.end() && *first < high;
}

std::vector<Function> functions_of(std::span<const u8> bytes, u64 base, std::span<const u64> addresses) {
    SymbolTable table;
    table.add(bytes, base);
    std::vector<Function> functions;
    table.each_function([&](u64 begin, u64 end, auto& name) { functions.push_back({begin, Error::one_line(name), any_within(addresses, begin, end)}); });
    return functions;
}

}

void Lcov::add(const SymbolFile& file, std::span<const u8> bytes, std::span<const u64> addresses) {
    auto functions = functions_of(bytes, file.base, addresses);
    auto see = [&](const LineRow& row) {
        auto [found, made] = all.try_emplace(Error::one_line(row.file));
        if (made && (text += row.file.size()) > most_text) throw Error(file.path + " has too many names of files");
        auto& source = found->second;
        u64 low = row.low + file.base, high = row.high + file.base;
        auto [line, fresh] = source.lines.try_emplace(row.line, false);
        if (fresh && ++known_lines > most_lines) throw Error(file.path + " has too many lines");
        line->second |= any_within(addresses, low, high);
        for (auto f = std::ranges::lower_bound(functions, low, {}, &Function::begin); f != functions.end() && f->begin < high; f++)
            source.functions[{row.line, f->name}] |= f->has_run;
    };
    if (each_line(bytes, see)) return;
    u64 number = 0;
    for (auto& f : functions) all[Error::one_line(file.path)].functions[{++number, f.name}] |= f.has_run;
}

void Lcov::write(OutputFile& to) {
    lines = functions = {};
    to.put("TN:\n");
    for (auto& [name, source] : all) write(to, name, source);
}

void Lcov::write(OutputFile& to, const std::string& name, const Source& source) {
    Count functions_here, lines_here;
    to.put("SF:" + name + "\n");
    for (auto& [at, has_run] : source.functions) to.put(format("FN:%llu,%s\n", 0ull + at.first, at.second.c_str()));
    for (auto& [at, has_run] : source.functions) to.put(format("FNDA:%d,%s\n", has_run, at.second.c_str())), functions_here.add(has_run);
    to.put(format("FNF:%llu\nFNH:%llu\n", 0ull + functions_here.all, 0ull + functions_here.run));
    for (auto& [line, has_run] : source.lines) to.put(format("DA:%llu,%d\n", 0ull + line, has_run)), lines_here.add(has_run);
    to.put(format("LF:%llu\nLH:%llu\nend_of_record\n", 0ull + lines_here.all, 0ull + lines_here.run));
    functions.all += functions_here.all, functions.run += functions_here.run;
    lines.all += lines_here.all, lines.run += lines_here.run;
}

}
