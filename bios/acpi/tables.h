// SPDX-License-Identifier: MIT
// The ACPI tables as bytes with links between them: placed in memory by the loader, or given to firmware by fw_cfg.
#pragma once
#include "bios/acpi/parameters.h"
#include "bios/bytes.h"
#include <string>
#include <string_view>

// A pointer field that must hold the address of another table.
struct AcpiLink { u32 at; u8 width; std::string_view target; };

struct AcpiTable {
    std::string_view name;                    // "DSDT", "FACS", "FACP", "APIC", "HPET", "RSDT", "XSDT", "RSDP"
    Bytes bytes;                              // links still 0; checksums still to be made
    std::vector<AcpiLink> links;
    u64 address = 0;                          // once placed
};

// In dependency order; the RSDP is the last. FACS and RSDP have homes of their own, the others go anywhere below 4 GiB.
std::vector<AcpiTable> acpi_tables(const AcpiParameters&);

// Gives the tables but FACS and RSDP addresses from `at` on, fills the links, makes the checksums. True when they fit.
bool place_acpi(std::vector<AcpiTable>&, u64 at, u64 room, u64 facs, u64 rsdp);

// The definition blocks of the DSDT, without header.
Bytes dsdt_body(const AcpiParameters&);

// Blobs for F0000h-FFFFFh, at an address known beforehand: entry structure first, its tables behind it.
Bytes mp_table(const AcpiParameters&, u64 address);          // empty when the CPUs are more than it can name (254)
Bytes smbios(const AcpiParameters&, u64 memory, u64 address);
// The same apart, for firmware that finds the place itself.
struct SmbiosFiles { Bytes anchor, tables; };                // etc/smbios/smbios-anchor, etc/smbios/smbios-tables
SmbiosFiles smbios_files(const AcpiParameters&, u64 memory);

// What SeaBIOS and OVMF read from fw_cfg to place the tables themselves.
struct AcpiFiles { Bytes tables, rsdp, loader; };            // etc/acpi/tables, etc/acpi/rsdp, etc/table-loader
AcpiFiles acpi_files(const AcpiParameters&);
