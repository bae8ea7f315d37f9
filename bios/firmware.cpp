// SPDX-License-Identifier: MIT
// Files of fw_cfg as QEMU names them; SeaBIOS and OVMF read the same ones.
#include "bios/firmware.h"
#include "base/error.h"
#include "base/file.h"
#include "bios/acpi/tables.h"
#include <algorithm>
#include <filesystem>

namespace firmware {

static constexpr std::string_view seabios[] = {"/usr/share/seabios/bios-256k.bin", "/usr/share/qemu/bios-256k.bin"};
// Debian, Fedora, Arch, openSUSE; each without Secure Boot's SMM. Debian 12's image of 4 MiB is built to map all of the CPU's
// physical address space by pages of 2 MiB: with 46 bits that is 15 billion instructions.
static constexpr std::string_view ovmf[] = {
    "/usr/share/OVMF/OVMF_CODE.fd", "/usr/share/OVMF/OVMF_CODE_4M.fd", "/usr/share/edk2/ovmf/OVMF_CODE.fd", "/usr/share/edk2/x64/OVMF_CODE.4m.fd", "/usr/share/edk2-ovmf/x64/OVMF_CODE.fd",
    "/usr/share/qemu/ovmf-x86_64-4m-code.bin", "/usr/share/qemu/ovmf-x86_64-code.bin", "/usr/share/ovmf/OVMF.fd"};
static constexpr struct { std::string_view name, package; std::span<const std::string_view> places; } known[] = {
    {"SeaBIOS", "seabios", seabios}, {"OVMF", "ovmf", ovmf}};
static constexpr std::string_view vga_bios[] = {"/usr/share/seabios/vgabios-stdvga.bin", "/usr/share/qemu/vgabios-stdvga.bin"};

static std::string first_there(std::span<const std::string_view> places) {
    std::error_code error;
    for (auto place : places)
        if (std::filesystem::exists(place, error)) return std::string(place);
    return "";
}

static std::string find(const std::string& asked) {
    for (auto& row : known) {
        if (asked != row.name && !(asked.empty() && row.name == "SeaBIOS")) continue;
        std::string path = first_there(row.places);
        if (path.empty()) throw Error("no " + std::string(row.name) + ": install the package " + std::string(row.package) + ", or give --firmware FILE");
        return path;
    }
    return asked;
}

// OVMF_CODE_4M.fd has OVMF_VARS_4M.fd beside it, ovmf-x86_64-code.bin ovmf-x86_64-vars.bin. Empty: no such name, or no such file.
static std::string variables_beside(const std::string& path) {
    static constexpr std::string_view words[][2] = {{"CODE", "VARS"}, {"code", "vars"}};
    std::error_code error;
    for (auto& [code, variables] : words) {
        auto name = std::filesystem::path(path).filename().string();
        auto at = name.rfind(code);
        if (at == name.npos) continue;
        auto beside = std::filesystem::path(path).replace_filename(name.replace(at, code.size(), variables));
        for (auto& other : {beside, beside.parent_path() / (at ? name.substr(0, at) + std::string(variables) + ".fd" : name)})
            if (std::filesystem::exists(other, error)) return other.string();
    }
    return "";
}

// Platform Initialization 1.7, vol. 3, 3.2.1.1 (EFI_FIRMWARE_VOLUME_HEADER), and edk2's GUID of a volume of variables. 0: it is none.
static u64 volume_of_variables(std::span<const u8> bytes) {
    static constexpr u8 guid[] = {0x8d, 0x2b, 0xf1, 0xff, 0x96, 0x76, 0x8b, 0x4c, 0xa9, 0x85, 0x27, 0x47, 0x07, 0x5b, 0x4f, 0x50};
    constexpr std::string_view signature = "_FVH";
    constexpr unsigned guid_at = 0x10, length_at = 0x20, signature_at = 0x28, header = 0x38;
    if (bytes.size() < header || !std::ranges::equal(bytes.subspan(guid_at, sizeof guid), guid)) return 0;
    if (!std::ranges::equal(bytes.subspan(signature_at, signature.size()), signature, {}, {}, [](char c) { return u8(c); })) return 0;
    u64 length = 0;
    for (unsigned n = 8; n-- > 0;) length = length << 8 | bytes[length_at + n];
    return length;
}

Image read_image(const std::string& asked) {
    std::string path = find(asked), beside = variables_beside(path);
    constexpr u64 unit = 0x10000, page = 0x1000, most = u64{8} << 20;
    constexpr auto too_large = "firmware is at most 8 MiB";
    auto bytes = read_file(path, most, too_large);
    if (!beside.empty() && !volume_of_variables(bytes)) {
        auto variables = read_file(beside, most, too_large);
        bytes.insert(bytes.begin(), variables.begin(), variables.end());
    }
    if (bytes.empty() || bytes.size() % unit || bytes.size() > most)
        throw Error("firmware '" + path + "': its size is no multiple of 64 KiB up to 8 MiB; give a flash image (or put its VARS file beside CODE)");
    u64 variables = volume_of_variables(bytes);
    if (variables % page || variables > bytes.size() - unit) throw Error("firmware '" + path + "': its volume of variables is corrupt; get it again");
    auto end = bytes.begin() + std::ptrdiff_t(variables);
    return {{bytes.begin(), end}, {end, bytes.end()}};
}

void prepare_variables(const std::string& path, const Image& image) {
    u64 size = image.variables.size();
    if (size == 0) throw Error("--firmware-variables: this firmware keeps no variables in flash; give --firmware OVMF");
    std::error_code error;
    if (!std::filesystem::exists(path, error)) create_file(path, image.variables);
    auto bytes = read_file(path, size, "this firmware's variables have " + std::to_string(size) + " bytes; give a file that was made for it, or a new name");
    if (bytes.size() != size || volume_of_variables(bytes) != size)
        throw Error("'" + path + "': holds no variables of this firmware (" + std::to_string(size) + " bytes); give a file that was made for it, or a new name");
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
