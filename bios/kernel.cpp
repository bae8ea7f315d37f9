// SPDX-License-Identifier: MIT
// Direct kernel boot: reads the files, finds the protocol that knows the kernel, puts firmware's leavings around it.
#include "bios/kernel.h"
#include "base/error.h"
#include "base/file.h"
#include "bios/acpi/tables.h"
#include "bios/board.h"
#include "bios/loader.h"
#include "bios/rom/image.h"
#include <algorithm>

namespace {

const Protocol* const protocols[] = {&linux_protocol, &multiboot1_protocol, &multiboot2_protocol, &elf_protocol};

// What people hand over by mistake, by its first bytes.
struct Foreign { std::string_view start; const char* reason; const char* advice; };
constexpr Foreign foreign[] = {
    {"\xfd" "7zXZ",         "is compressed by xz",                  "unpack it with xz -d"},
    {"\x28\xb5\x2f\xfd",    "is compressed by zstd",                "unpack it with zstd -d"},
    {"BZh",                 "is compressed by bzip2",               "unpack it with bzip2 -d"},
    {"\x04\x22\x4d\x18",    "is compressed by lz4",                 "unpack it with lz4 -d"},
    {"!<arch>",             "is a Debian package or an archive",    "unpack it, the kernel is boot/vmlinuz-* in it"},
    {"070701",              "is a cpio archive",                    "give it by --initrd"},
    {"QFI\xfb",             "is a qcow2 disk image",                "give it by --disk"},
    {"#!",                  "is a script",                          "give a kernel"},
};

std::string what_it_is(const Bytes& kernel, std::string& advice) {
    for (auto& f : foreign)
        if (kernel.size() >= f.start.size() && std::equal(f.start.begin(), f.start.end(), kernel.begin(),
                                                          [](char a, u8 b) { return u8(a) == b; }))
            return advice = f.advice, f.reason;
    advice = "give a bzImage, a multiboot kernel or an ELF executable for x86";
    return kernel.empty() ? "is empty" : "is no kernel that is known here";
}

Bytes read_named(const std::string& option, const std::string& file, u64 limit) {
    try {
        return read_file(file, limit, "give the machine more memory with --memory or use a smaller file");
    } catch (const Error& e) {
        throw Error(option + " " + e.what(), e.status);
    }
}

Module read_module(const std::string& option, const std::string& file, const std::string& arguments, u64& left) {
    Module m{file, arguments, read_named(option, file, left)};
    m.size = m.bytes.size();
    left -= m.size;
    return m;
}

std::vector<Module> read_modules(const BootRequest& r) {
    u64 left = r.memory;                                           // all of them together fit into the RAM
    std::vector<Module> modules;
    if (!r.initrd.empty()) modules.push_back(read_module("initrd", r.initrd, {}, left));
    for (auto& m : r.modules) {
        auto comma = std::min(m.find(','), m.size());
        modules.push_back(read_module("module", m.substr(0, comma), m.substr(std::min(comma + 1, m.size())), left));
    }
    return modules;
}

void set_rom_entry(BootPlan& plan) {
    u64 code = plan.entry.mode == EntryMode::long64 ? rom::code64 : rom::code32;
    patch(plan.rom, rom::gdt + 0x10, code, 8);
}

}  // namespace

// ROM with the tables that are searched for, the others at the top of low RAM.
Firmware build_firmware(const BootRequest& request) {
    const AcpiParameters& board = request.acpi;
    MemoryMap map = memory_map(request.memory);
    Rom rom(map);
    Firmware f;
    auto tables = acpi_tables(board);
    f.rsdp = rom.next();
    if (!place_acpi(tables, map.tables(), map.tables_size(), map.nvs(), f.rsdp))
        throw Error("internal error: the ACPI tables of so many CPUs do not fit; use fewer with --smp", 4);
    for (auto& t : tables) {
        if (t.name == "RSDP") rom.add(t.bytes);
        else f.plan.placements.push_back({t.address, t.bytes, 0, "ACPI " + std::string(t.name)});
    }
    rom.add(smbios(board, map.ram, rom.next()));
    rom.add(mp_table(board, rom.next()));
    for (auto& p : firmware_data(board)) f.plan.placements.push_back(p);
    f.plan.port_writes = board::port_writes(board);
    f.plan.msr_writes = board::msr_writes(request.physical_bits);
    f.plan.apic_writes = board::apic_writes();
    f.plan.rom = std::move(rom.bytes);
    return f;
}

BootPlan plan_boot(const BootRequest& request, const Firmware& firmware, Bytes file) {
    MemoryMap map = memory_map(request.memory);
    Bytes kernel = gunzip(request.kernel, std::move(file), request.memory);
    auto protocol = std::find_if(std::begin(protocols), std::end(protocols), [&](auto* p) { return p->recognises(kernel); });
    Loader loader{request, kernel, map, Space(map), {}, firmware.rsdp, firmware.plan};
    if (protocol == std::end(protocols)) {
        std::string advice, reason = what_it_is(kernel, advice);
        loader.refuse(reason, advice);
    }
    loader.modules = read_modules(request);
    (*protocol)->load(loader);
    set_rom_entry(loader.plan);
    return std::move(loader.plan);
}

BootPlan plan_boot(const BootRequest& request) {
    Firmware firmware = build_firmware(request);                   // judges the RAM's size first
    return plan_boot(request, firmware, read_named("kernel", request.kernel, request.memory));
}
