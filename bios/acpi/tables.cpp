// SPDX-License-Identifier: MIT
// The ACPI tables (ACPI 6, chapter 5.2) as bytes with links between them, and their placing.
#include "bios/acpi/tables.h"
#include <algorithm>

namespace {


// Signature, length, revision, checksum, OEM id and table id, revisions (5.2.6).
AcpiTable begin(std::string_view name, u8 revision) {
    AcpiTable t{name, {}, {}};
    put_text(t.bytes, name), put32(t.bytes, 0), put8(t.bytes, revision), put8(t.bytes, 0);
    put_text(t.bytes, "SLATE "), put_text(t.bytes, "SLATEPC "), put32(t.bytes, 1);
    put_text(t.bytes, "SLAT"), put32(t.bytes, 1);
    return t;
}

AcpiTable finish(AcpiTable t) {
    patch(t.bytes, 4, t.bytes.size(), 4);
    return t;
}

AcpiTable dsdt(const AcpiParameters& p) {
    AcpiTable t = begin("DSDT", 2);                              // 2: integers of 64 bits
    put_bytes(t.bytes, dsdt_body(p));
    return finish(t);
}

AcpiTable facs() {                                                // no checksum (5.2.10)
    AcpiTable t{"FACS", Bytes(64), {}};
    std::copy_n("FACS", 4, t.bytes.begin());
    patch(t.bytes, 4, 64, 4), patch(t.bytes, 32, 1, 1);           // length; version 1
    return t;
}

struct Field { u16 at; u8 width; u64 value; };

// Generic address: space 1 (I/O), width in bits, offset, access size, address (5.2.3.2).
void put_port(Bytes& b, u64 at, u8 bytes, u8 access, u16 port) {
    const Field fields[] = {{0, 1, 1}, {1, 1, u64(bytes) * 8}, {2, 1, 0}, {3, 1, access}, {4, 8, port}};
    for (auto& f : fields) patch(b, at + f.at, f.value, f.width);
}

AcpiTable fadt(const AcpiParameters& p) {
    constexpr u64 wbinvd = bit(0), proc_c1 = bit(2), no_sleep_button = bit(5), rtc_s4 = bit(7), reset_register = bit(10);
    u64 boot = bit(0) /* ISA devices */ | (p.keyboard ? bit(1) : 0) | (p.vga ? 0 : bit(2));
    const Field fields[] = {                                       // 5.2.9
        // at  width  value
        {45,   1,     1},                                         // a desktop
        {46,   2,     p.sci_irq},
        {48,   4,     p.smi_command},
        {52,   1,     p.acpi_enable},
        {53,   1,     p.acpi_disable},
        {56,   4,     p.pm_base},                                 // PM1a event
        {64,   4,     p.pm_base + 4u},                            // PM1a control
        {76,   4,     p.pm_base + 8u},                            // PM timer
        {80,   4,     p.gpe_base},                                // GPE0
        {88,   1,     4},                                         // their lengths
        {89,   1,     2},
        {91,   1,     4},
        {92,   1,     4},
        {96,   2,     0xfff},                                     // no C2,
        {98,   2,     0xfff},                                     // no C3
        {108,  1,     0x32},                                      // CMOS byte of the century
        {109,  2,     boot},
        {112,  4,     wbinvd | proc_c1 | no_sleep_button | rtc_s4 | reset_register},
        {128,  1,     p.reset_value},
    };
    AcpiTable t = begin("FACP", 3);
    t.bytes.resize(244);
    for (auto& f : fields) patch(t.bytes, f.at, f.value, f.width);
    put_port(t.bytes, 116, 1, 1, p.reset_port);
    put_port(t.bytes, 148, 4, 2, p.pm_base);
    put_port(t.bytes, 172, 2, 2, u16(p.pm_base + 4));
    put_port(t.bytes, 208, 4, 3, u16(p.pm_base + 8));
    put_port(t.bytes, 220, 4, 1, p.gpe_base);
    t.links = {{36, 4, "FACS"}, {40, 4, "DSDT"}, {132, 8, "FACS"}, {140, 8, "DSDT"}};
    return finish(t);
}

// Interrupt sources that differ from ISA's edge, high (5.2.12.5): flags 0Dh are level, high.
struct Override { u8 source; u32 gsi; u16 flags; };
constexpr Override overrides[] = {{0, 2, 0}, {5, 5, 0x0d}, {9, 9, 0x0d}, {10, 10, 0x0d}, {11, 11, 0x0d}};

void put_numbers(Bytes& b, std::initializer_list<Field> fields) {
    for (auto& f : fields) put(b, f.value, f.width);
}

AcpiTable madt(const AcpiParameters& p) {
    AcpiTable t = begin("APIC", 3);
    Bytes& b = t.bytes;
    put32(b, p.apic_base), put32(b, 1);                           // two 8259s as well
    for (u32 id = 0; id < p.cpus && id < 255; id++)
        put_numbers(b, {{0, 1, 0}, {1, 1, 8}, {2, 1, id}, {3, 1, id}, {4, 4, 1}});
    for (u32 id = 255; id < p.cpus; id++)                         // x2APIC id, enabled, processor uid
        put_numbers(b, {{0, 1, 9}, {1, 1, 16}, {2, 2, 0}, {4, 4, id}, {8, 4, 1}, {12, 4, id}});
    put_numbers(b, {{0, 1, 1}, {1, 1, 12}, {2, 1, p.ioapic_id}, {3, 1, 0}, {4, 4, p.ioapic_base}, {8, 4, 0}});
    for (auto& o : overrides)
        put_numbers(b, {{0, 1, 2}, {1, 1, 10}, {2, 1, 0}, {3, 1, o.source}, {4, 4, o.gsi}, {8, 2, o.flags}});
    put_numbers(b, {{0, 1, 4}, {1, 1, 6}, {2, 1, 0xff}, {3, 2, 0}, {5, 1, 1}});       // every CPU's LINT1 is NMI
    if (p.cpus > 255) put_numbers(b, {{0, 1, 10}, {1, 1, 12}, {2, 2, 0}, {4, 4, 0xffffffff}, {8, 1, 1}, {9, 3, 0}});
    return finish(t);
}

AcpiTable hpet(const AcpiParameters& p) {                         // IA-PC HPET specification 1.0a, 3.2.4
    AcpiTable t = begin("HPET", 1);
    put32(t.bytes, p.hpet_block_id);
    put32(t.bytes, 0), put64(t.bytes, p.hpet_base);               // in memory space
    put8(t.bytes, 0), put16(t.bytes, p.hpet_minimum_tick), put8(t.bytes, 0);
    return finish(t);
}

AcpiTable root(std::string_view name, u8 width, const std::vector<AcpiTable>& tables) {
    AcpiTable t = begin(name, 1);
    for (auto& listed : tables) {
        if (listed.name == "DSDT" || listed.name == "FACS" || listed.name == "RSDT") continue;
        t.links.push_back({u32(t.bytes.size()), width, listed.name});
        put(t.bytes, 0, width);
    }
    return finish(t);
}

AcpiTable rsdp() {                                                // 5.2.5.3
    AcpiTable t{"RSDP", {}, {{16, 4, "RSDT"}, {24, 8, "XSDT"}}};
    put_text(t.bytes, "RSD PTR "), put8(t.bytes, 0), put_text(t.bytes, "SLATE "), put8(t.bytes, 2);
    put32(t.bytes, 0), put32(t.bytes, 36), put64(t.bytes, 0), put32(t.bytes, 0);
    return t;
}

u64 address_of(const std::vector<AcpiTable>& tables, std::string_view name) {
    auto found = std::find_if(tables.begin(), tables.end(), [&](auto& t) { return t.name == name; });
    return found == tables.end() ? 0 : found->address;
}

void make_checksums(AcpiTable& t) {
    if (t.name == "FACS") return;
    if (t.name != "RSDP") { t.bytes[9] = checksum(t.bytes); return; }
    t.bytes[8] = checksum(std::span(t.bytes).first(20));
    t.bytes[32] = checksum(t.bytes);
}

}  // namespace

std::vector<AcpiTable> acpi_tables(const AcpiParameters& p) {
    std::vector<AcpiTable> t{dsdt(p), facs(), fadt(p), madt(p)};
    if (p.hpet_base) t.push_back(hpet(p));
    AcpiTable rsdt = root("RSDT", 4, t);
    t.push_back(rsdt);
    t.push_back(root("XSDT", 8, t));
    t.push_back(rsdp());
    return t;
}

bool place_acpi(std::vector<AcpiTable>& tables, u64 at, u64 room, u64 facs_at, u64 rsdp_at) {
    u64 end = at + room;
    for (auto& t : tables) {
        t.address = t.name == "FACS" ? facs_at : t.name == "RSDP" ? rsdp_at : at;
        if (t.address == at) at = align_up(at + t.bytes.size(), 16);
    }
    for (auto& t : tables) {
        for (auto& l : t.links) patch(t.bytes, l.at, address_of(tables, l.target), l.width);
        make_checksums(t);
    }
    return at <= end;
}
