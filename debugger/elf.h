// SPDX-License-Identifier: MIT
// ELF files as tables of sections (System V ABI, "Sections"). Files are not trusted: every offset is checked before it is used.
#pragma once
#include "base/bits.h"
#include "base/error.h"
#include <cstring>
#include <optional>
#include <span>
#include <string_view>

namespace debugger {

// Numbers of a little-endian file; beyond its end there are none.
struct FileBytes {
    static constexpr std::size_t longest_name = 4096;

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
    // Up to its zero, as far as the bytes go.
    std::string_view text(u64 at) const {
        if (at >= bytes.size()) return {};
        auto* begin = reinterpret_cast<const char*>(bytes.data() + at);
        return {begin, strnlen(begin, std::min<std::size_t>(bytes.size() - std::size_t(at), longest_name))};
    }
};

// Where what stands in a file of each class (ELF-32, ELF-64).
struct ElfLayout {
    unsigned word, shoff, shentsize, shnum, shstrndx;        // of the file's header
    unsigned flags, offset, size, link, entry_size;          // of a section's
    unsigned symbol, value, length, info, section;           // of a symbol
};
inline constexpr ElfLayout elf_layouts[] = {{4, 0x20, 0x2e, 0x30, 0x32, 8, 16, 20, 24, 36, 16, 4, 8, 12, 14},
                                            {8, 0x28, 0x3a, 0x3c, 0x3e, 8, 24, 32, 40, 56, 24, 8, 16, 4, 6}};

struct ElfSection {
    static constexpr u64 compressed = 0x800;                 // SHF_COMPRESSED

    u64 name, type, flags, offset, size, link, entry_size;   // name: where it is in the names of sections
};

class ElfFile {
public:
    static bool is(std::span<const u8> bytes) { return bytes.size() >= 4 && !std::memcmp(bytes.data(), "\x7f" "ELF", 4); }

    // Throws Error where it is none that can be read.
    explicit ElfFile(std::span<const u8> bytes) : file{bytes}, layout(&layout_of(file)) {
        sections = file.must(layout->shoff, layout->word), each = file.must(layout->shentsize, 2), count = file.must(layout->shnum, 2);
        if (count && each < layout->entry_size + layout->word) throw Error("the ELF file's section headers are too small");
    }

    ElfSection section(u64 n) const {
        if (n >= count) throw Error("the ELF file has no section " + std::to_string(n));
        u64 at = sections + n * each;
        auto word = [&](unsigned offset) { return file.must(at + offset, layout->word); };
        return {file.must(at, 4), file.must(at + 4, 4), word(layout->flags), word(layout->offset), word(layout->size),
                file.must(at + layout->link, 4), word(layout->entry_size)};
    }
    FileBytes contents(const ElfSection& s) const { return {file.part(s.offset, s.size)}; }
    // Nothing where there is none.
    std::optional<ElfSection> find(std::string_view name) const {
        if (!count) return {};
        auto names = contents(section(file.must(layout->shstrndx, 2)));
        for (u64 n = 0; n < count; n++)
            if (auto s = section(n); names.text(s.name) == name) return s;
        return {};
    }

    FileBytes file;
    const ElfLayout* layout;
    u64 count = 0;                                           // sections

private:
    static const ElfLayout& layout_of(const FileBytes& file) {
        u64 kind = file.must(4, 1), order = file.must(5, 1);
        if (kind < 1 || kind > 2 || order != 1) throw Error("the ELF file is neither 32 nor 64-bit and little-endian");
        return elf_layouts[kind - 1];
    }
    u64 sections = 0, each = 0;
};

}
