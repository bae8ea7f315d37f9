// SPDX-License-Identifier: MIT
// Coverage as lcov and genhtml read it ("tracefile", geninfo(1)): lines and functions of each source file, with 1 where they have run.
#pragma once
#include "debugger/output_file.h"
#include "debugger/symbols.h"
#include <map>

namespace debugger {

class Lcov {
public:
    static constexpr std::size_t most_lines = 10'000'000, most_text = 256 << 20;         // of all sources; bytes of their names

    struct Count {
        u64 all = 0, run = 0;
        void add(bool has_run) { all++, run += has_run; }
    };

    // What of a file that symbols came from has run. Without source lines its functions alone, each by its number in the order of addresses.
    void add(const SymbolFile& file, std::span<const u8> bytes, std::span<const u64> addresses);
    void write(OutputFile& to);

    Count lines, functions;                // of what was written
    std::size_t sources() const { return all.size(); }

private:
    struct Source {
        std::map<u64, bool> lines;
        std::map<std::pair<u64, std::string>, bool> functions;           // by line and name
    };
    void write(OutputFile& to, const std::string& name, const Source& source);

    std::map<std::string, Source> all;
    std::size_t known_lines = 0, text = 0;
};

}
