// SPDX-License-Identifier: MIT
// Reading line tables. Files are not trusted: each opcode takes bytes of the table and gives one row at most.
#include "debugger/line_table.h"
#include "debugger/elf.h"
#include <filesystem>
#include <vector>

namespace debugger {

namespace {

[[noreturn]] void damaged() { throw Error("the ELF file's .debug_line makes no sense"); }

// What is read one behind the other.
struct Reader {
    FileBytes from;
    u64 at = 0;
    bool wide = false;                    // the 64-bit form of DWARF: offsets of 8 bytes

    bool more() const { return at < from.bytes.size(); }
    u64 number(unsigned width) { return at += width, from.must(at - width, width); }
    u64 offset() { return number(wide ? 8 : 4); }
    u64 leb128() {
        u64 value = 0, byte = 0x80;
        for (unsigned shift = 0; byte & 0x80; shift += 7) {
            byte = number(1);
            if (shift < 64) value |= (byte & 0x7f) << shift;
        }
        return value;
    }
    s64 signed_leb128() {
        u64 begin = at, value = leb128();
        unsigned width = unsigned(std::min<u64>(7 * (at - begin), 64));
        return s64(sign_extend(value, width));
    }
    std::string_view text() {
        auto found = from.text(at);
        return at += found.size() + 1, found;
    }
    // The next `size` bytes, which it goes past.
    Reader part(u64 size) {
        Reader inner{{from.part(at, size)}, 0, wide};
        return at += size, inner;
    }
};

struct Strings {
    FileBytes line_strings, strings;      // .debug_line_str, .debug_str
};

struct Header {
    u64 version, least_length, line_range, opcode_base;
    s64 line_base;
    std::vector<u8> operands;             // of standard opcodes
    std::vector<std::string> files;       // version 5 counts from 0, the others from 1
};

std::string path_of(const std::string& folder, std::string_view name) { return (std::filesystem::path(folder) / name).lexically_normal().string(); }

// ---- tables of names

constexpr std::size_t most_names = 1 << 16;                // of a unit's files, and of its folders
constexpr u64 content_path = 1, content_folder = 2;        // DW_LNCT_path, DW_LNCT_directory_index

struct Entry {
    std::string_view path;
    u64 folder = 0;
};

// A value in one of the forms that may stand there (DWARF 5, 7.5.6).
void read_value(Reader& in, const Strings& strings, u64 content, u64 form, Entry& entry) {
    u64 value = 0;
    std::string_view text;
    switch (form) {
    case 0x08: text = in.text(); break;                                  // DW_FORM_string
    case 0x0e: text = strings.strings.text(in.offset()); break;          // DW_FORM_strp
    case 0x1f: text = strings.line_strings.text(in.offset()); break;     // DW_FORM_line_strp
    case 0x0b: value = in.number(1); break;                              // DW_FORM_data1
    case 0x05: value = in.number(2); break;                              // DW_FORM_data2
    case 0x06: value = in.number(4); break;                              // DW_FORM_data4
    case 0x07: value = in.number(8); break;                              // DW_FORM_data8
    case 0x0f: value = in.leb128(); break;                               // DW_FORM_udata
    case 0x1e: in.part(16); break;                                       // DW_FORM_data16
    case 0x09: in.part(in.leb128()); break;                              // DW_FORM_block
    default: damaged();
    }
    if (content == content_path) entry.path = text;
    if (content == content_folder) entry.folder = value;
}

// DWARF 5: what each entry has is said in front of them.
std::vector<Entry> read_entries(Reader& in, const Strings& strings) {
    std::vector<std::pair<u64, u64>> format(in.number(1));
    for (auto& [content, form] : format) content = in.leb128(), form = in.leb128();
    u64 count = in.leb128();
    if (count > most_names || (count && format.empty())) damaged();
    std::vector<Entry> entries(count);
    for (auto& entry : entries)
        for (auto& [content, form] : format) read_value(in, strings, content, form, entry);
    return entries;
}

// DWARF 2 to 4: names until an empty one. Folder 0 is that of the compiler, which isn't said there.
std::vector<std::string> read_old_folders(Reader& in) {
    std::vector<std::string> folders{""};
    for (auto name = in.text(); !name.empty() && folders.size() < most_names; name = in.text()) folders.emplace_back(name);
    return folders;
}
std::vector<std::string> read_old_files(Reader& in, const std::vector<std::string>& folders) {
    std::vector<std::string> files{""};
    for (auto name = in.text(); !name.empty() && files.size() < most_names; name = in.text()) {
        u64 folder = in.leb128();
        in.leb128(), in.leb128();                                        // when it was changed, its length
        files.push_back(path_of(folder < folders.size() ? folders[folder] : "", name));
    }
    return files;
}

std::vector<std::string> read_files(Reader& in, const Strings& strings, u64 version) {
    if (version < 5) return read_old_files(in, read_old_folders(in));
    std::vector<std::string> folders, files;
    for (auto& e : read_entries(in, strings)) folders.push_back(path_of(folders.empty() ? "" : folders[0], e.path));
    for (auto& e : read_entries(in, strings)) files.push_back(path_of(e.folder < folders.size() ? folders[e.folder] : "", e.path));
    return files;
}

// Leaves `unit` where the program begins.
Header read_header(Reader& unit, const Strings& strings, u64 version) {
    if (version >= 5) unit.number(2);                                    // sizes of addresses and of segments' selectors
    Reader in = unit.part(unit.offset());
    Header h;
    h.version = version;
    h.least_length = in.number(1);
    if (version >= 4) in.number(1);                                      // operations in an instruction: VLIW's
    in.number(1);                                                        // whether rows begin statements
    h.line_base = s64(sign_extend(in.number(1), 8)), h.line_range = in.number(1), h.opcode_base = in.number(1);
    if (!h.line_range || !h.opcode_base) damaged();
    for (u64 n = 1; n < h.opcode_base; n++) h.operands.push_back(u8(in.number(1)));
    h.files = read_files(in, strings, version);
    return h;
}

// ---- the program

// The machine that makes rows (DWARF 5, 6.2.2). A row lasts to the next one's address, and the last of a sequence is none.
class LineProgram {
public:
    LineProgram(const Header& header, const std::function<void(const LineRow&)>& see) : header(header), see(see) {}

    u64 run(Reader& in) {
        while (in.more()) {
            u64 opcode = in.number(1);
            if (opcode >= header.opcode_base) special(opcode - header.opcode_base);
            else if (opcode) standard(opcode, in);
            else extended(in.part(in.leb128()));
        }
        return rows;
    }

private:
    void advance(u64 instructions) { address += instructions * header.least_length; }

    void special(u64 opcode) {
        advance(opcode / header.line_range);
        line += u64(header.line_base) + opcode % header.line_range;
        row();
    }

    void standard(u64 opcode, Reader& in) {
        switch (opcode) {
        case 1: row(); break;                                            // DW_LNS_copy
        case 2: advance(in.leb128()); break;                             // DW_LNS_advance_pc
        case 3: line += u64(in.signed_leb128()); break;                  // DW_LNS_advance_line
        case 4: file = in.leb128(); break;                               // DW_LNS_set_file
        case 8: advance((255 - header.opcode_base) / header.line_range); break;          // DW_LNS_const_add_pc
        case 9: address += in.number(2); break;                          // DW_LNS_fixed_advance_pc
        default:
            for (u8 n = header.operands[opcode - 1]; n; n--) in.leb128();
        }
    }

    void extended(Reader in) {
        if (!in.more()) return;
        switch (in.number(1)) {
        case 1: row(), known = false, address = 0, file = line = 1; break;                 // DW_LNE_end_sequence
        case 2: address = in.number(unsigned(std::min<u64>(in.from.bytes.size() - 1, 8))); break;      // DW_LNE_set_address
        }
    }

    // The one before ends here.
    void row() {
        bool named = last_file < header.files.size() && !header.files[last_file].empty();
        if (known && named && last_line && address > last_address) see({header.files[last_file], last_line, last_address, address}), rows++;
        known = true, last_address = address, last_file = file, last_line = line;
    }

    const Header& header;
    const std::function<void(const LineRow&)>& see;
    u64 address = 0, file = 1, line = 1;
    bool known = false;                                                  // there is a row that hasn't ended
    u64 last_address = 0, last_file = 0, last_line = 0;
    u64 rows = 0;
};

u64 read_unit(Reader unit, const Strings& strings, const std::function<void(const LineRow&)>& see) {
    u64 version = unit.number(2);
    if (version < 2 || version > 5) return 0;
    auto header = read_header(unit, strings, version);
    return LineProgram(header, see).run(unit);
}

FileBytes contents_of(const ElfFile& elf, std::string_view name) {
    auto section = elf.find(name);
    if (!section) return {};
    if (section->flags & ElfSection::compressed) throw Error("the ELF file's " + std::string(name) + " is compressed: objcopy --decompress-debug-sections");
    return elf.contents(*section);
}

}

u64 each_line(std::span<const u8> bytes, const std::function<void(const LineRow&)>& see) {
    if (!ElfFile::is(bytes)) return 0;
    ElfFile elf(bytes);
    Reader in{contents_of(elf, ".debug_line")};
    Strings strings{contents_of(elf, ".debug_line_str"), contents_of(elf, ".debug_str")};
    u64 rows = 0;
    while (in.more()) {
        constexpr u64 escape = 0xffffffff;                               // DWARF 5, 7.4
        u64 size = in.number(4);
        in.wide = size == escape;
        rows += read_unit(in.part(in.wide ? in.number(8) : size), strings, see);
    }
    return rows;
}

}
