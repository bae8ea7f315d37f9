// SPDX-License-Identifier: MIT
// An ELF file with two functions and their source lines, written by hand from the DWARF standard (version 5, 6.2; versions 2 to 4 likewise).
#pragma once
#include "base/bits.h"
#include <cstring>
#include <string>
#include <vector>

namespace elf_of_lines_parts {

using namespace std::string_literals;

inline std::string number(u64 value, unsigned width) { return {reinterpret_cast<const char*>(&value), width}; }

// Folders and files: "a.c" in that of the compiler, which version 5 calls /src, and "h.h" in inc.
inline std::string names(unsigned version) {
    if (version < 5) return "inc\0\0"s + "a.c\0\0\0\0"s + "h.h\0\1\0\0\0"s;
    std::string folders = "\1\1\x1f\2"s + number(0, 4) + number(5, 4);                         // paths as DW_FORM_line_strp
    std::string files = "\3\1\x08\2\x0b\5\x1e\3"s;                                              // string, data1, MD5 as data16
    for (auto* name : {"a.c", "a.c"}) files += name + "\0\0"s + std::string(16, 'x');
    return folders + files + "h.h\0\1"s + std::string(16, 'x');
}

// Rows at 0 (line 10), 7 (11), 0eh (12), to 16h; and at 30h (20), 34h (5, of the other file), to 36h.
inline std::string program(u64 base) {
    auto begin = [&](u64 at) { return "\0\x09\2"s + number(base + at, 8); };                   // DW_LNE_set_address
    std::string end = "\0\1\1"s;                                                                // DW_LNE_end_sequence
    std::string first = begin(0) + "\3\x09\1"s                                                  // DW_LNS_advance_line 9, DW_LNS_copy
                        + char(13 + 7 * 14 + 3 + 1)                                             // special: 7 bytes, 1 line, of a base of -3
                        + "\2\7\3\1\1"s                                                         // DW_LNS_advance_pc 7, advance_line 1, copy
                        + "\x09\x08\0"s + end;                                                  // DW_LNS_fixed_advance_pc 8
    std::string second = begin(0x30) + "\3\x13\1"s + "\4\2"s + "\3\x71\x05\5\2\4\1"s            // file 2; line -15, column 5
                         + "\2\2"s + end;
    return first + second;
}

inline std::string line_section(unsigned version, u64 base) {
    std::string after = "\1"s + (version >= 4 ? "\1"s : ""s) + "\1\xfd\x0e\x0d"s + "\0\1\1\1\1\0\0\0\1\0\0\1"s + names(version);
    std::string unit = number(version, 2) + (version >= 5 ? "\x08\0"s : ""s) + number(after.size(), 4) + after + program(base);
    return number(unit.size(), 4) + unit;
}

inline std::string symbol(u32 name, u64 value, u64 size) {
    return number(name, 4) + "\2\0"s + number(1, 2) + number(value, 8) + number(size, 8);     // STT_FUNC
}

}

inline std::string elf_of_lines(unsigned version, u64 base) {
    using namespace elf_of_lines_parts;
    struct Section {
        const char* name;
        u32 type;
        std::string contents;
        u32 link, each;
    };
    std::vector<Section> sections{{"", 0, "", 0, 0},
                                  {".symtab", 2, symbol(1, base, 0x16) + symbol(7, base + 0x30, 6), 2, 24},
                                  {".strtab", 3, "\0begin\0never\0"s, 0, 0},
                                  {".debug_line", 1, line_section(version, base), 0, 0},
                                  {".debug_line_str", 1, "/src\0inc\0"s, 0, 0},
                                  {".shstrtab", 3, "", 0, 0}};
    std::string names, contents, headers, file("\x7f" "ELF\2\1\1", 7);
    for (auto& s : sections) names += s.name + "\0"s;
    sections.back().contents = names;
    u64 name = 0;
    for (auto& s : sections) {
        headers += number(name, 4) + number(s.type, 4) + number(0, 16 - 8) + number(0, 8) + number(64 + contents.size(), 8) + number(s.contents.size(), 8) + number(s.link, 4)
                   + number(0, 4) + number(1, 8) + number(s.each, 8);
        contents += s.contents, name += std::strlen(s.name) + 1;
    }
    file.resize(64);
    auto put = [&](u64 at, u64 value, unsigned width) { file.replace(at, width, number(value, width)); };
    put(0x28, 64 + contents.size(), 8), put(0x3a, 64, 2), put(0x3c, sections.size(), 2), put(0x3e, sections.size() - 1, 2);
    return file + contents + headers;
}
