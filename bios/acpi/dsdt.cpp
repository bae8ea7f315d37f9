// SPDX-License-Identifier: MIT
// The DSDT: the i440FX board as an operating system's ACPI driver enumerates it.
#include "bios/acpi/aml.h"
#include "bios/acpi/tables.h"
#include <string>

namespace {

using namespace aml;

Bytes pnp(std::string_view id) { return name("_HID", eisa_id(id)); }

// A device on the ISA bus that only says what it is and what it uses.
Bytes isa(std::string_view n, std::string_view id, Terms uses, unsigned uid = 0) {
    return device(n, join({pnp(id), name("_UID", integer(uid)), name("_CRS", resources(uses))}));
}

constexpr u8 present = 0x0f, disabled = 0x0d;                     // _STA

// A link from a PIRQ pin to an IRQ (6.2.13), by PIIX3's registers 60h-63h: bit 7 off, bits 3:0 the IRQ.
Bytes link(std::string_view n, unsigned uid, std::string_view route) {
    Bytes where = path(route), off = integer(0x80);
    return device(n, join({
        pnp("PNP0C0F"),
        name("_UID", integer(uid)),
        name("_PRS", resources({level_interrupt({5, 10, 11})})),
        method("_STA", 0, false, join({when(bit_and(where, off), give(integer(disabled))), give(integer(present))})),
        method("_DIS", 0, false, store(bit_or(where, off), where)),
        method("_CRS", 0, true, join({
            name("USED", resources({level_interrupt({0})})),
            dword_field_of(path("USED"), 5, "IRQN"),
            when(bit_and(where, off), give(path("USED"))),
            store(bit_and(where, integer(0x0f)), path("IRQN")),
            give(path("USED"))})),
        method("_SRS", 1, true, join({dword_field_of(argument(0), 5, "IRQN"), store(path("IRQN"), where)})),
    }));
}

// i440FX: pin A of slot 1 is PIRQA, and each further slot is rotated by one. The PM function's interrupt is the SCI.
Bytes routing(const AcpiParameters& p) {
    constexpr std::string_view links[] = {"LNKA", "LNKB", "LNKC", "LNKD"};
    std::vector<Bytes> rows;
    for (u32 slot = 0; slot < 32; slot++)
        for (u32 pin = 0; pin < 4; pin++) {
            bool sci = slot == 1 && pin == 0;
            rows.push_back(package({integer(slot << 16 | 0xffff), integer(pin),
                                    sci ? integer(0) : path(links[(slot + pin + 3) % 4]),
                                    integer(sci ? p.sci_irq : 0)}));
        }
    return name("_PRT", package(rows));
}

Bytes bus_resources(const AcpiParameters& p) {
    return name("_CRS", resources({
        word_window(Window::bus, 0, 0xff),
        io(0xcf8, 8),
        word_window(Window::io, 0, 0xcf7),
        word_window(Window::io, 0xd00, 0xffff),
        p.vga ? dword_window(Window::memory, 0xa0000, 0xbffff) : Bytes{},
        dword_window(Window::memory, p.pci_window, p.pci_window_end - 1),
        p.pci_window64_size ? qword_window(Window::memory, p.pci_window64, p.pci_window64 + p.pci_window64_size - 1) : Bytes{},
    }));
}

Bytes isa_devices(const AcpiParameters& p) {
    Bytes b = join({
        isa("PIC_", "PNP0000", {io(0x20, 2), io(0xa0, 2), io(0x4d0, 2), irq(2)}),
        isa("TIMR", "PNP0100", {io(0x40, 4), irq(0)}),
        isa("DMAC", "PNP0200", {io(0x00, 0x10), io(0x80, 0x10), io(0xc0, 0x20), dma(4)}),
        isa("RTC_", "PNP0B00", {io(0x70, 2), irq(8)}),
        isa("FPU_", "PNP0C04", {io(0xf0, 0x10), irq(13)}),
        isa("SPKR", "PNP0800", {io(0x61, 1)}),
    });
    if (p.keyboard)
        put_bytes(b, join({isa("KBD_", "PNP0303", {io(0x60, 1), io(0x64, 1), irq(1)}), isa("MOU_", "PNP0F13", {irq(12)})}));
    if (p.serial_ports > 0) put_bytes(b, isa("COM1", "PNP0501", {io(0x3f8, 8), irq(4)}, 1));
    if (p.serial_ports > 1) put_bytes(b, isa("COM2", "PNP0501", {io(0x2f8, 8), irq(3)}, 2));
    return b;
}

Bytes isa_bridge(const AcpiParameters& p) {
    return device("ISA_", join({
        name("_ADR", integer(0x0001'0000)),
        operation_region("PIRQ", RegionSpace::pci_config, 0x60, 4),
        byte_field("PIRQ", {{"PRQA", 8}, {"PRQB", 8}, {"PRQC", 8}, {"PRQD", 8}}),
        isa_devices(p),
    }));
}

Bytes pci_root(const AcpiParameters& p) {
    return device("PCI0", join({
        pnp("PNP0A03"),
        name("_UID", integer(0)),
        name("_BBN", integer(0)),
        bus_resources(p),
        isa_bridge(p),
        routing(p),
    }));
}

Bytes links() {
    return join({link("LNKA", 1, "\\_SB.PCI0.ISA.PRQA"), link("LNKB", 2, "\\_SB.PCI0.ISA.PRQB"),
                 link("LNKC", 3, "\\_SB.PCI0.ISA.PRQC"), link("LNKD", 4, "\\_SB.PCI0.ISA.PRQD")});
}

Bytes hpet(const AcpiParameters& p) {
    if (!p.hpet_base) return {};
    return device("HPET", join({pnp("PNP0103"), name("_UID", integer(0)), name("_CRS", resources({memory32(p.hpet_base, 0x400, false)}))}));
}

// Ports and memory that no other device claims but that are in use.
Bytes motherboard(const AcpiParameters& p) {
    return device("MBRD", join({
        pnp("PNP0C02"),
        name("_UID", integer(1)),
        name("_CRS", resources({io(p.pm_base, 0x40), io(p.gpe_base, 4), io(0x92, 1), io(u16(p.smi_command), 2),
                                memory32(p.ioapic_base, 0x1000, true), memory32(p.apic_base, 0x1000, true)})),
    }));
}

// Processor objects hold an id of 8 bits; beyond it a device says the same (8.4).
Bytes cpus(const AcpiParameters& p) {
    Bytes b;
    for (u32 id = 0; id < p.cpus; id++) {
        constexpr char digits[] = "0123456789ABCDEF";
        std::string n{'C', digits[id >> 8 & 15], digits[id >> 4 & 15], digits[id & 15]};
        put_bytes(b, id < 255 ? processor(n, u8(id), {})
                              : device(n, join({name("_HID", string("ACPI0007")), name("_UID", integer(id))})));
    }
    return b;
}

}  // namespace

Bytes dsdt_body(const AcpiParameters& p) {
    return join({
        name("PICM", integer(0)),
        method("\\_PIC", 1, false, store(argument(0), path("PICM"))),
        name("\\_S5", package({integer(0), integer(0), integer(0), integer(0)})),
        scope("\\_SB", join({cpus(p), pci_root(p), links(), motherboard(p), hpet(p)})),
    });
}
