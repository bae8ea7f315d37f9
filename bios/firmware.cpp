// SPDX-License-Identifier: MIT
// Files of fw_cfg as QEMU names them; SeaBIOS and OVMF read the same ones.
#include "bios/firmware.h"
#include "base/error.h"
#include "base/file.h"
#include "bios/acpi/tables.h"
#include <filesystem>

namespace firmware {

static constexpr std::string_view seabios[] = {"/usr/share/seabios/bios-256k.bin", "/usr/share/qemu/bios-256k.bin"};
static constexpr std::string_view vga_bios[] = {"/usr/share/seabios/vgabios-stdvga.bin", "/usr/share/qemu/vgabios-stdvga.bin"};

static std::string first_there(std::span<const std::string_view> places) {
    std::error_code error;
    for (auto place : places)
        if (std::filesystem::exists(place, error)) return std::string(place);
    return "";
}

std::vector<u8> read_image(const std::string& asked) {
    std::string path = asked.empty() ? first_there(seabios) : asked;
    if (path.empty()) throw Error("no firmware: install the package seabios, or give --firmware FILE");
    constexpr u64 unit = 0x10000, most = u64{8} << 20;
    auto bytes = read_file(path, most, "firmware is at most 8 MiB");
    if (bytes.empty() || bytes.size() % unit) throw Error("firmware '" + path + "': its size is no multiple of 64 KiB; give a flash image");
    return bytes;
}

std::vector<u8> read_vga_rom(const std::string& asked) {
    std::string path = asked.empty() ? first_there(vga_bios) : asked;
    return path.empty() ? std::vector<u8>{} : read_file(path, u64{16} << 20);
}

static Bytes number(u64 value, unsigned width) {
    Bytes b;
    for (unsigned n = 0; n < width; n++) b.push_back(u8(value >> n * 8));
    return b;
}

void describe(FwCfg& fw_cfg, const Machine& machine) {
    auto& map = machine.map;
    std::vector<FwCfg::E820> memory{{0, map.low_top, u32(MemoryType::usable)}};
    if (map.high_top > MemoryMap::four_gib) memory.push_back({MemoryMap::four_gib, map.high_top - MemoryMap::four_gib, u32(MemoryType::usable)});
    fw_cfg.add_memory_map(memory);
    fw_cfg.add16(FwCfg::boot_menu, 0);
    fw_cfg.add(FwCfg::irq0_override, {1});             // IRQ 0 is the I/O APIC's input 2
    auto acpi = acpi_files(machine.acpi);
    fw_cfg.add("etc/acpi/tables", acpi.tables), fw_cfg.add("etc/acpi/rsdp", acpi.rsdp), fw_cfg.add("etc/table-loader", acpi.loader);
    auto smbios = smbios_files(machine.acpi, map.ram);
    fw_cfg.add("etc/smbios/smbios-anchor", smbios.anchor), fw_cfg.add("etc/smbios/smbios-tables", smbios.tables);
    constexpr u64 locked = 1, vmx_outside_smx = 4;     // SDM vol. 3, 24.7
    if (machine.vmx) fw_cfg.add("etc/msr_feature_control", number(locked | vmx_outside_smx, 8));
}

}
