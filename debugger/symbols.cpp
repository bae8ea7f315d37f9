// SPDX-License-Identifier: MIT
// Reading symbol tables (System V ABI, "Symbol Table"). Files are not trusted: every offset is checked before it is used.
#include "debugger/symbols.h"
#include "base/error.h"
#include <algorithm>
#include <charconv>
#include <cstring>
#include <optional>

namespace debugger {

namespace {

constexpr u64 far_away = 1 << 20;         // behind a symbol without a size and without a next one
constexpr std::size_t longest_name = 4096;

// Numbers of a little-endian file; beyond its end there are none.
struct File {
    std::span<const u8> bytes;
    std::optional<u64> number(u64 at, unsigned width) const {
        if (at > bytes.size() || bytes.size() - at < width) return {};
        u64 value = 0;
        return std::memcpy(&value, bytes.data() + at, width), value;
    }
    u64 must(u64 at, unsigned width) const {
        auto value = number(at, width);
        if (!value) throw Error("the ELF file ends too early");
        return *value;
    }
    std::span<const u8> part(u64 at, u64 size) const {
        if (at > bytes.size() || bytes.size() - at < size) throw Error("the ELF file ends too early");
        return bytes.subspan(std::size_t(at), std::size_t(size));
    }
};

// Where what stands in a file of each class (ELF-32, ELF-64).
struct Layout {
    unsigned word, shoff, shentsize, shnum;              // of the file's header
    unsigned link, offset, size, entry_size;             // of a section's
    unsigned symbol, value, length, info, section;       // of a symbol
};
constexpr Layout layouts[] = {{4, 0x20, 0x2e, 0x30, 24, 16, 20, 36, 16, 4, 8, 12, 14}, {8, 0x28, 0x3a, 0x3c, 40, 24, 32, 56, 24, 8, 16, 4, 6}};

std::string_view text_at(std::span<const u8> strings, u64 at) {
    if (at >= strings.size()) return {};
    auto* begin = reinterpret_cast<const char*>(strings.data() + at);
    return {begin, strnlen(begin, std::min<std::size_t>(strings.size() - std::size_t(at), longest_name))};
}

}

void SymbolTable::add(u64 address, u64 size, std::string_view name) {
    if (name.empty() || all.size() >= most || text + name.size() > most_text) return;
    text += name.size();
    all.push_back({address, size, std::string(name)});
    by_name.try_emplace(all.back().name, address);
}

// Functions, data and what has no type, where they are defined.
void SymbolTable::add_elf(std::span<const u8> bytes, u64 base) {
    File f{bytes};
    u64 kind = f.must(4, 1), order = f.must(5, 1);
    if (kind < 1 || kind > 2 || order != 1) throw Error("the ELF file is neither 32 nor 64-bit and little-endian");
    auto& l = layouts[kind - 1];
    u64 sections = f.must(l.shoff, l.word), size = f.must(l.shentsize, 2), count = f.must(l.shnum, 2);
    if (count && size < l.entry_size + l.word) throw Error("the ELF file's section headers are too small");
    for (u64 n = 0; n < count; n++) {
        u64 at = sections + n * size, type = f.must(at + 4, 4);
        if (type != 2 && type != 11) continue;           // SHT_SYMTAB, SHT_DYNSYM
        u64 link = f.must(at + l.link, 4), each = f.must(at + l.entry_size, l.word);
        if (link >= count || each < l.symbol) throw Error("the ELF file's symbol table makes no sense");
        u64 names = sections + link * size;
        auto table = f.part(f.must(at + l.offset, l.word), f.must(at + l.size, l.word));
        auto strings = f.part(f.must(names + l.offset, l.word), f.must(names + l.size, l.word));
        File symbols{table};
        for (u64 s = 0; s + each <= table.size() && all.size() < most; s += each) {
            u64 type_of = symbols.must(s + l.info, 1) & 15, section = symbols.must(s + l.section, 2);
            if (section == 0 || type_of > 2) continue;
            add(symbols.must(s + l.value, l.word) + base, symbols.must(s + l.length, l.word), text_at(strings, symbols.must(s, 4)));
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
        auto name = rest.substr(0, std::min(rest.find_first_of(" \t\r"), longest_name));
        bool absolute = line[std::size_t(end - line.data()) + 1] == 'A' || line[std::size_t(end - line.data()) + 1] == 'a';
        add(absolute ? address : address + base, 0, name);
    }
}

void SymbolTable::put_in_order() {
    std::stable_sort(all.begin(), all.end(), [](auto& a, auto& b) { return a.address < b.address; });
}

std::size_t SymbolTable::add(std::span<const u8> file, u64 base) {
    SymbolTable more = *this;
    bool elf = file.size() >= 4 && !std::memcmp(file.data(), "\x7f" "ELF", 4);
    elf ? more.add_elf(file, base) : more.add_map(file, base);
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
