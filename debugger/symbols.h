// SPDX-License-Identifier: MIT
// Names of addresses, from the symbol tables of ELF files and from System.map (nm's output).
#pragma once
#include "base/bits.h"
#include <array>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace debugger {

// One system's.
class SymbolTable {
public:
    static constexpr std::size_t most = 2'000'000, most_text = 128 << 20;        // symbols in all, bytes of names

    // What a file says, each address plus `base`; the number of symbols. Throws Error, with nothing added, where it is neither.
    std::size_t add(std::span<const u8> file, u64 base = 0);
    std::size_t size() const { return all.size(); }

    bool find(std::string_view name, u64& address) const;
    // "name", "name+0x12", or nothing where no symbol is near in front.
    std::string name_of(u64 address) const;
    // By address. The end is that of its size, or the next symbol.
    void each_function(const std::function<void(u64 begin, u64 end, const std::string& name)>& see) const;

private:
    struct Symbol {
        u64 address, size;                // size 0: up to the next
        std::string name;
        bool function;
    };
    void add(Symbol symbol);
    void add_elf(std::span<const u8> file, u64 base);
    void add_map(std::span<const u8> file, u64 base);
    void put_in_order();

    std::vector<Symbol> all;              // by address
    std::unordered_map<std::string, u64> by_name;
    std::size_t text = 0;
};

// Where symbols came from: whoever wants more of the file than names reads it again.
struct SymbolFile {
    std::string path;
    u64 base = 0;
    unsigned level = 0;                   // 0: of any

    static constexpr u64 most_bytes = 1 << 30;
};

// Those of each guest level, and those that are any level's: a level's own come first.
class Symbols {
public:
    // Level 0: any.
    std::size_t add(std::span<const u8> file, u64 base = 0, unsigned level = 0) { return tables.at(level).add(file, base); }
    void clear() { *this = {}; }
    void clear(unsigned level) { tables.at(level) = {}, std::erase_if(files, [&](auto& f) { return f.level == level; }); }
    std::size_t size() const { return tables[0].size() + tables[1].size() + tables[2].size(); }

    // Of the level, then of any, then of the other level: a name is asked for by who wants an address.
    bool find(std::string_view name, u64& address, unsigned level = 0) const;
    std::string name_of(u64 address, unsigned level = 0) const;

    std::vector<SymbolFile> files;

private:
    std::array<SymbolTable, 3> tables;
};

}
