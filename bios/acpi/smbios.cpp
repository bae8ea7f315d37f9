// SPDX-License-Identifier: MIT
// SMBIOS 2.8 (DMTF DSP0134), the structures that an operating system prints: firmware, system, CPU, memory.
#include "bios/acpi/tables.h"
#include <algorithm>

namespace {

class Structures {
public:
    // Fields by offset, after type, length and handle; then the strings they number, from 1.
    struct Field { u8 at; u8 width; u64 value; };
    void add(u8 type, u8 length, std::initializer_list<Field> fields, std::initializer_list<std::string_view> strings) {
        Bytes s(length);
        s[0] = type, s[1] = length;
        patch(s, 2, u64(type) << 8, 2);                            // one of each type: its handle
        for (auto& f : fields) patch(s, f.at, f.value, f.width);
        for (auto text : strings) put_string(s, text);
        if (strings.size() == 0) s.push_back(0);
        s.push_back(0);
        put_bytes(b, s);
        largest = std::max(largest, s.size());
        count++;
    }
    Bytes b;
    u64 largest = 0;
    u16 count = 0;
};

Structures structures(const AcpiParameters& p, u64 memory) {
    u64 kib = memory >> 10, mib = memory >> 20, cores = std::min(p.cpus, 255u);
    Structures s;
    s.add(0, 0x18, {{0x04, 1, 1}, {0x05, 1, 2}, {0x06, 2, 0xf000}, {0x08, 1, 3}, {0x09, 1, 0}, {0x0a, 8, 0x08 /* no characteristics */},
                    {0x12, 2, 0}, {0x14, 1, 0}, {0x15, 1, 1}, {0x16, 1, 0xff}, {0x17, 1, 0xff}},
          {"Slate", "1.0", "01/01/2026"});
    s.add(1, 0x1b, {{0x04, 1, 1}, {0x05, 1, 2}, {0x06, 1, 3}, {0x18, 1, 6 /* power switch */}}, {"Slate", "PC (i440FX)", "1.0"});
    s.add(4, 0x2a, {{0x04, 1, 1}, {0x05, 1, 3 /* a CPU */}, {0x06, 1, 2 /* unknown family */}, {0x07, 1, 2}, {0x10, 1, 2},
                    {0x18, 1, 0x41 /* populated, on */}, {0x19, 1, 2}, {0x1a, 2, 0xffff}, {0x1c, 2, 0xffff}, {0x1e, 2, 0xffff},
                    {0x23, 1, cores}, {0x24, 1, cores}, {0x25, 1, cores}, {0x26, 2, 4 /* 64 bits */}, {0x28, 2, 2}},
          {"CPU 0", "Slate"});
    s.add(16, 0x17, {{0x04, 1, 3 /* on the board */}, {0x05, 1, 3 /* system memory */}, {0x06, 1, 3 /* no ECC */},
                     {0x07, 4, kib < 0x80000000 ? kib : 0x80000000}, {0x0b, 2, 0xfffe}, {0x0d, 2, 1},
                     {0x0f, 8, kib < 0x80000000 ? 0 : memory}}, {});
    s.add(17, 0x28, {{0x04, 2, 0x1000}, {0x06, 2, 0xfffe}, {0x08, 2, 0xffff}, {0x0a, 2, 0xffff},
                     {0x0c, 2, mib < 0x7fff ? mib : 0x7fff}, {0x0e, 1, 9 /* DIMM */}, {0x10, 1, 1}, {0x12, 1, 7 /* RAM */}, {0x13, 2, 2},
                     {0x1c, 4, mib < 0x7fff ? 0 : mib}}, {"DIMM 0"});
    s.add(19, 0x1f, {{0x08, 4, std::min<u64>(kib - 1, 0xfffffffe)}, {0x0c, 2, 0x1000}, {0x0e, 1, 1}}, {});
    s.add(32, 0x0b, {}, {});
    s.add(127, 4, {}, {});
    return s;
}

}  // namespace

static constexpr u64 entry_size = 0x1f, tables_at = 32;

Bytes smbios(const AcpiParameters& p, u64 memory, u64 address) {
    Structures s = structures(p, memory);
    Bytes b;
    put_text(b, "_SM_"), put8(b, 0), put8(b, entry_size), put8(b, 2), put8(b, 8), put16(b, s.largest);
    b.resize(16);
    put_text(b, "_DMI_"), put8(b, 0), put16(b, s.b.size()), put32(b, address + tables_at), put16(b, s.count), put8(b, 0x28);
    b[21] = checksum(std::span(b).subspan(16));
    b[4] = checksum(b);
    b.resize(tables_at);
    put_bytes(b, s.b);
    return b;
}

SmbiosFiles smbios_files(const AcpiParameters& p, u64 memory) {
    Bytes all = smbios(p, memory, 0);
    return {{all.begin(), all.begin() + entry_size}, {all.begin() + tables_at, all.end()}};
}
