// SPDX-License-Identifier: MIT
// Firmware of others: the image, where distributions put it, and what it asks fw_cfg for.
#pragma once
#include "bios/acpi/parameters.h"
#include "bios/memory_map.h"
#include "iodev/fw_cfg.h"

namespace firmware {

// An image that ends at 4 GiB: whole 64 KiB, at most 8 MiB. UEFI's begins with a volume of variables, which lies in flash.
struct Image {
    std::vector<u8> variables;        // as they are delivered; empty: this firmware keeps none
    std::vector<u8> code;
};
// `asked`: a file, the name of a firmware that distributions have (OVMF, SeaBIOS), or nothing: SeaBIOS. A file OVMF_CODE... is
// completed by the OVMF_VARS... beside it. Throws Error: with the package's name, when none is found.
Image read_image(const std::string& asked);
// Makes the user's file of variables if there is none, and looks whether it is one for this image. Throws Error.
void prepare_variables(const std::string& path, const Image&);
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
