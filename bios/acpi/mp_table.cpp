// SPDX-License-Identifier: MIT
// The MultiProcessor table (Intel MP specification 1.4), for systems that use the IOAPIC without ACPI.
#include "bios/acpi/tables.h"
#include "bios/board.h"

namespace {

constexpr u8 isa_bus = 1, pci_bus = 0;
constexpr u64 header_size = 44;
enum : u8 { irq = 0, nmi = 1, external = 3 };                     // interrupt types (table 4-11)
constexpr u16 level_high = 0x0d;

class Entries {
public:
    void put_entry(std::initializer_list<u8> start, u64 rest = 0, unsigned rest_width = 0) {
        put_bytes(b, Bytes(start)), put(b, rest, rest_width);
        count++;
    }
    void processor(u8 id) {                                        // 4.3.1
        put_entry({0, id, 0x14, u8(id == 0 ? 3 : 1)}, 0x600, 4);
        put32(b, 0x201), put64(b, 0);                              // FPU and APIC
    }
    void bus(u8 id, std::string_view name) { put_entry({1, id}), put_text(b, name); }
    void interrupt(u8 entry, u8 type, u16 flags, u8 from_bus, u8 from, u8 to_apic, u8 to_pin) {   // 4.3.4, 4.3.5
        put_entry({entry, type, u8(flags), u8(flags >> 8), from_bus, from, to_apic, to_pin});
    }
    Bytes b;
    u16 count = 0;
};

// The timer is on pin 2; what PCI uses comes with the PCI pins.
void isa_interrupts(Entries& e, const AcpiParameters& p) {
    for (u8 n = 0; n < 16; n++) {
        if (n == 2 || (board::pci_irqs >> n & 1)) continue;
        e.interrupt(3, irq, n == p.sci_irq ? level_high : 0, isa_bus, n, p.ioapic_id, n == 0 ? 2 : n);
    }
}

void pci_interrupts(Entries& e, const AcpiParameters& p) {
    for (u8 slot = 1; slot < 32; slot++)
        for (u8 pin = 0; pin < 4; pin++) {
            bool sci = slot == 1 && pin == 0;
            u8 to = sci ? p.sci_irq : board::pirq_routes[(slot + pin + 3) % 4];
            e.interrupt(3, irq, level_high, pci_bus, u8(slot << 2 | pin), p.ioapic_id, to);
        }
}

Entries entries(const AcpiParameters& p) {
    Entries e;
    for (unsigned id = 0; id < p.cpus; id++) e.processor(u8(id));
    e.bus(pci_bus, "PCI   "), e.bus(isa_bus, "ISA   ");
    e.put_entry({2, p.ioapic_id, 0x11, 1}, p.ioapic_base, 4);
    isa_interrupts(e, p), pci_interrupts(e, p);
    e.interrupt(4, external, 0, isa_bus, 0, 0xff, 0);
    e.interrupt(4, nmi, 0, isa_bus, 0, 0xff, 1);
    return e;
}

}  // namespace

Bytes mp_table(const AcpiParameters& p, u64 address) {
    if (p.cpus > 254) return {};
    Entries e = entries(p);
    Bytes pointer, table;
    put_text(pointer, "_MP_"), put32(pointer, address + 16), put8(pointer, 1), put8(pointer, 4);
    pointer.resize(16);
    pointer[10] = checksum(pointer);

    put_text(table, "PCMP"), put16(table, header_size + e.b.size()), put8(table, 4), put8(table, 0);
    put_text(table, "SLATE   "), put_text(table, "PC          ");
    put32(table, 0), put16(table, 0), put16(table, e.count), put32(table, p.apic_base), put32(table, 0);
    put_bytes(table, e.b);
    table[7] = checksum(table);
    put_bytes(pointer, table);
    return pointer;
}
