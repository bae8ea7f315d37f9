// SPDX-License-Identifier: MIT
// Which ports, pages and PCI functions belong to each chip of the board, for the target that aims at one of them.
#pragma once
#include "tests/fuzz/drives.h"
#include <string_view>

namespace devices {

struct Page { u64 base, size; };
// A chip has the name of its device, or of several: a part's claims are the chip's.
struct Chip {
    std::string_view name;
    std::vector<std::string_view> parts;
    std::vector<Page> pages{};
};
constexpr u64 vga_page = 0xf1000000, vga_memory = 0xe0000000, edu_page = 0xe8000000, pci_test_page = 0xe9000000, pci_test_table = 0xe9001000,
              flash_page = 0xffff0000 - board::flash_size;              // below the loader's ROM

// Where the PCI functions' memory is, as firmware would say.
inline void place_functions(Pc& pc) {
    pc.vga.config_write(0x10, 4, vga_memory), pc.vga.config_write(0x18, 4, vga_page), pc.vga.config_write(4, 2, 3);
    if (pc.edu) pc.edu->config_write(0x10, 4, edu_page), pc.edu->config_write(4, 2, 6);
    if (pc.pci_test) pc.pci_test->config_write(0x10, 4, pci_test_page), pc.pci_test->config_write(0x14, 4, pci_test_table), pc.pci_test->config_write(4, 2, 6);
}

inline const std::vector<Chip>& chips() {
    static const std::vector<Chip> all = {
        {"acpi-pm", {"acpi-pm", "gpe0", "smi-command"}},
        {"cmos", {"cmos"}},
        {"debug-exit", {"debug-exit"}},
        {"debug-port", {"debug-port"}},
        {"dma", {"dma-8", "dma-16", "dma-pages"}},
        {"edu", {"edu"}, {{edu_page, Edu::bar_size}}},
        {"ferr", {"ferr"}},
        {"flash", {"flash"}, {{flash_page, board::flash_size}}},
        {"floppy", {"floppy", "floppy-input"}},
        {"fw_cfg", {"fw_cfg"}},
        {"host-bridge", {"host-bridge"}},
        {"hpet", {"hpet"}, {{0xfed00000, 0x1000}}},
        {"i8042", {"i8042"}},
        {"ide", {"ide", "ide-channel", "ide-control"}},
        {"ioapic", {"ioapic"}, {{0xfec00000, 0x1000}}},
        {"isa-bridge", {"isa-bridge"}},
        {"local-apic", {}, {{0xfee00000, 0x1000}}},
        {"parallel", {"parallel"}},
        {"pc-testdev", {"pc-testdev", "pc-testdev-lines"}, {{PcTestdev::base, PcTestdev::size}}},
        {"pci", {"pci"}},
        {"pci-test", {"pci-test"}, {{pci_test_page, TestDevice::page_size}, {pci_test_table, MessagingFunction::Table::size}}},
        {"pic", {"pic-master", "pic-slave", "elcr"}},
        {"pit", {"pit"}},
        {"post-port", {"post-port"}},
        {"reset-control", {"reset-control"}},
        {"shutdown-port", {"shutdown-port"}},
        {"system-control-a", {"system-control-a"}},
        {"system-control-b", {"system-control-b"}},
        {"test-device", {"test-device"}, {{Pc::test_page, 0x1000}}},
        {"uart", {"uart"}},
        {"vga", {"vga", "vga-dispi", "vga-pci"}, {{VgaWindow::base, VgaWindow::size}, {vga_page, 0x1000}, {vga_memory, 0x40000}}},
    };
    return all;
}

inline bool has(const Chip& chip, std::string_view part) { return std::ranges::count(chip.parts, part) != 0; }

// Device registers in a page of memory that no chip has, below 1 MiB or in the last 64 MiB below 4 GiB.
inline bool page_left_out(Pc& pc) {
    auto known = [](u64 at) {
        return std::ranges::any_of(chips(), [&](auto& chip) {
            return std::ranges::any_of(chip.pages, [&](auto& page) { return at >= page.base && at - page.base < page.size; });
        });
    };
    for (u64 at = 0; at < u64{1} << 32; at += at == 0x100000 ? 0xfbf00000 : 0x1000)
        if (pc.memory.backing(Physical(at)) == Backing::mmio && !known(at)) return true;
    return false;
}

// The device that no chip has; a board with one is not covered.
inline std::string_view left_out(Pc& pc) {
    auto known = [](std::string_view part) { return std::ranges::any_of(chips(), [&](auto& chip) { return has(chip, part); }); };
    for (auto* device : pc.devices())
        if (!known(device->name())) return device->name();
    for (auto& range : pc.ports.ranges())
        if (!known(range.device->name())) return range.device->name();
    return page_left_out(pc) ? "a page of registers" : "";
}

}  // namespace devices
