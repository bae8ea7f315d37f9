// SPDX-License-Identifier: MIT
// Reading symbol tables (System V ABI, "Symbol Table"). Files are not trusted: every offset is checked before it is used.
#include "debugger/symbols.h"
#include "base/error.h"
#include "debugger/elf.h"
#include <algorithm>
#include <charconv>
#include <cstring>
#include <optional>

namespace debugger {

namespace {

constexpr u64 far_away = 1 << 20;         // behind a symbol without a size and without a next one

}

void SymbolTable::add(Symbol symbol) {
    if (symbol.name.empty() || all.size() >= most || text + symbol.name.size() > most_text) return;
    text += symbol.name.size();
    all.push_back(std::move(symbol));
    by_name.try_emplace(all.back().name, all.back().address);
}

// Functions, data and what has no type, where they are defined.
void SymbolTable::add_elf(std::span<const u8> bytes, u64 base) {
    constexpr u64 symtab = 2, dynsym = 11, function = 2;
    ElfFile f(bytes);
    auto& l = *f.layout;
    for (u64 n = 0; n < f.count; n++) {
        auto table = f.section(n);
        if (table.type != symtab && table.type != dynsym) continue;
        if (table.link >= f.count || table.entry_size < l.symbol) throw Error("the ELF file's symbol table makes no sense");
        auto symbols = f.contents(table), names = f.contents(f.section(table.link));
        for (u64 s = 0; s + table.entry_size <= table.size && all.size() < most; s += table.entry_size) {
            u64 type = symbols.must(s + l.info, 1) & 15, section = symbols.must(s + l.section, 2);
            if (section == 0 || type > function) continue;
            add({symbols.must(s + l.value, l.word) + base, symbols.must(s + l.length, l.word), std::string(names.text(symbols.must(s, 4))), type == function});
        }
    }
}

// "ffffffff81000000 T _stext", a line each; what follows the name (a module's) doesn't matter.
void SymbolTable::add_map(std::span<const u8> file, u64 base) {
    std::string_view left(reinterpret_cast<const char*>(file.data()), file.size());
    while (!left.empty()) {
        auto line = left.substr(0, left.find('\n'));
        left.remove_prefix(std::min(left.size(), line.size() + 1));
        u64 address;
        auto [end, error] = std::from_chars(line.data(), line.data() + line.size(), address, 16);
        std::string_view rest(end, std::size_t(line.data() + line.size() - end));
        if (error != std::errc{} || rest.size() < 4 || rest[0] != ' ' || rest[2] != ' ') throw Error("the file is neither ELF nor a System.map");
        rest.remove_prefix(3);
        auto name = rest.substr(0, std::min(rest.find_first_of(" \t\r"), FileBytes::longest_name));
        char type = line[std::size_t(end - line.data()) + 1];
        bool absolute = type == 'A' || type == 'a', function = std::string_view("tTwW").find(type) != std::string_view::npos;
        add({absolute ? address : address + base, 0, std::string(name), function});
    }
}

void SymbolTable::put_in_order() {
    std::stable_sort(all.begin(), all.end(), [](auto& a, auto& b) { return a.address < b.address; });
}

std::size_t SymbolTable::add(std::span<const u8> file, u64 base) {
    SymbolTable more = *this;
    ElfFile::is(file) ? more.add_elf(file, base) : more.add_map(file, base);
    std::size_t added = more.size() - size();
    if (!added) throw Error("the file has no symbols");
    more.put_in_order();
    *this = std::move(more);
    return added;
}

bool SymbolTable::find(std::string_view name, u64& address) const {
    auto found = by_name.find(std::string(name));
    if (found == by_name.end()) return false;
    return address = found->second, true;
}

void SymbolTable::each_function(const std::function<void(u64 begin, u64 end, const std::string& name)>& see) const {
    auto next = all.begin();
    for (auto& s : all) {
        while (next != all.end() && next->address <= s.address) next++;
        u64 room = next == all.end() ? far_away : u64{next->address - s.address};
        if (s.function) see(s.address, s.address + (s.size ? s.size : room), s.name);
    }
}

std::string SymbolTable::name_of(u64 address) const {
    auto behind = std::upper_bound(all.begin(), all.end(), address, [](u64 a, auto& s) { return a < s.address; });
    if (behind == all.begin()) return "";
    u64 at = std::prev(behind)->address, offset = address - at;
    auto first = std::lower_bound(all.begin(), behind, at, [](auto& s, u64 a) { return s.address < a; });
    auto sized = std::find_if(first, behind, [&](auto& s) { return offset < s.size; });
    auto& s = sized != behind ? *sized : *first;
    bool within = offset == 0 || offset < (s.size ? s.size : behind == all.end() ? far_away : u64{behind->address - at});
    if (!within) return "";
    if (!offset) return s.name;
    char digits[17];
    return s.name + "+0x" + std::string(digits, std::to_chars(digits, digits + 16, offset, 16).ptr);
}

bool Symbols::find(std::string_view name, u64& address, unsigned level) const {
    if (level && tables.at(level).find(name, address)) return true;
    for (auto& table : tables)
        if (table.find(name, address)) return true;
    return false;
}

std::string Symbols::name_of(u64 address, unsigned level) const {
    std::string own = level ? tables.at(level).name_of(address) : "";
    return own.empty() ? tables[0].name_of(address) : own;
}

}
