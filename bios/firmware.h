// SPDX-License-Identifier: MIT
// Firmware of others: the image, where distributions put it, and what it asks fw_cfg for.
#pragma once
#include "bios/acpi/parameters.h"
#include "bios/memory_map.h"
#include "iodev/fw_cfg.h"

namespace firmware {

// The bytes of an image, which end at 4 GiB: whole 64 KiB, at most 8 MiB. `asked`: a file; empty: SeaBIOS, where Debian and its
// relatives have it. Throws Error: with the package's name, when none is found.
std::vector<u8> read_image(const std::string& asked);
// The option ROM of the display, likewise; empty when none was asked for and none is found.
std::vector<u8> read_vga_rom(const std::string& asked);

struct Machine {
    const MemoryMap& map;
    AcpiParameters acpi;
    bool vmx = false;                 // IA32_FEATURE_CONTROL is to be locked with VMX on
};
// Memory map, ACPI tables with the commands that place them, SMBIOS, feature control.
void describe(FwCfg&, const Machine&);

}
