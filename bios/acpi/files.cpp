// SPDX-License-Identifier: MIT
// The ACPI tables as fw_cfg files, with the commands by which firmware places them (QEMU's table-loader format).
#include "bios/acpi/tables.h"
#include <algorithm>
#include <utility>

namespace {

constexpr std::string_view tables_file = "etc/acpi/tables", rsdp_file = "etc/acpi/rsdp";

// Commands of 128 bytes: a number, file names of 56 bytes, then what the command needs.
class Commands {
public:
    void allocate(std::string_view file, u32 alignment, bool low_rom) {
        begin(1), text(file), put32(b, alignment), put8(b, low_rom ? 2 : 1);
        end();
    }
    void add_pointer(std::string_view file, u32 at, u8 width, std::string_view to) {
        begin(2), text(file), text(to), put32(b, at), put8(b, width);
        end();
    }
    void add_checksum(std::string_view file, u64 at, u64 start, u64 length) {
        begin(3), text(file), put32(b, at), put32(b, start), put32(b, length);
        end();
    }
    Bytes b;

private:
    void begin(u32 number) { put32(b, number); }
    void text(std::string_view s) {
        u64 size = b.size();
        put_text(b, s);
        b.resize(size + 56);
    }
    void end() { pad_to(b, 128); }
};

}  // namespace

AcpiFiles acpi_files(const AcpiParameters& p) {
    auto tables = acpi_tables(p);
    AcpiFiles files;
    auto facs = std::find_if(tables.begin(), tables.end(), [](auto& t) { return t.name == "FACS"; });
    std::rotate(tables.begin(), facs, facs + 1);                  // aligned to 64 bytes: the first
    u64 at = 0;
    for (auto& t : tables) t.address = t.name == "RSDP" ? 0 : std::exchange(at, at + align_up(t.bytes.size(), 16));
    Commands c;
    c.allocate(rsdp_file, 16, true);
    c.allocate(tables_file, 64, false);
    for (auto& t : tables) {
        bool is_rsdp = t.name == "RSDP";
        auto file = is_rsdp ? rsdp_file : tables_file;
        for (auto& l : t.links) {                                 // the field holds the offset in the file
            auto target = std::find_if(tables.begin(), tables.end(), [&](auto& x) { return x.name == l.target; });
            patch(t.bytes, l.at, target->address, l.width);
            c.add_pointer(file, u32(t.address + l.at), l.width, tables_file);
        }
        if (is_rsdp) c.add_checksum(file, 8, 0, 20), c.add_checksum(file, 32, 0, 36);
        else if (t.name != "FACS") c.add_checksum(file, t.address + 9, t.address, t.bytes.size());
        Bytes& to = is_rsdp ? files.rsdp : files.tables;
        put_bytes(to, t.bytes);
        if (!is_rsdp) pad_to(to, 16);
    }
    files.loader = c.b;
    return files;
}
