// SPDX-License-Identifier: MIT
// What the tables tell of the board: the numbers that machine/ gives its chips.
#pragma once
#include "base/bits.h"
#include <vector>

struct AcpiParameters {
    unsigned cpus = 1;                        // APIC ids 0 to cpus - 1; x2APIC entries from 255 on
    u32 apic_base = 0xfee0'0000;
    u32 ioapic_base = 0xfec0'0000;
    u8 ioapic_id = 0;
    u32 hpet_base = 0xfed0'0000;              // 0: no HPET
    u32 hpet_block_id = 0x8086'a201;          // its capability register, bits 31:0
    u16 hpet_minimum_tick = 100;              // counter ticks between two periodic interrupts

    u16 pm_base = 0x600;                      // PM1a status +0, enable +2, control +4, timer +8
    u16 gpe_base = 0xafe0;                    // GPE0 status (2 bytes) and enable (2 bytes)
    u8 sci_irq = 9;
    u16 smi_command = 0xb2;
    u8 acpi_enable = 0xf1, acpi_disable = 0xf0;
    u16 reset_port = 0xcf9;
    u8 reset_value = 0x06;                    // PIIX3 RC: a hard reset (bit 1) on the rise of bit 2

    bool vga = false;                         // FADT: VGA not present, and _CRS without A0000h-BFFFFh
    u32 vga_memory = 0xfd00'0000, vga_registers = 0xfebf'0000;     // its BARs 0 (16 MiB) and 2, where SeaBIOS puts them
    bool keyboard = true;                     // i8042
    unsigned serial_ports = 2;                // 3F8h IRQ 4, 2F8h IRQ 3
    bool ide = false, usb = false;            // usb: for later
    u16 ide_bus_master = 0xc040;

    struct Bar { u8 slot, number; u32 base; };     // a memory BAR of a PCI function 0 with pin INTA
    std::vector<Bar> bars;                    // of cards

    u32 pci_window = 0xc000'0000;             // to FEBFFFFFh
    u32 pci_window_end = 0xfec0'0000;
    u64 pci_window64 = 0, pci_window64_size = 0;   // 0: none
};
