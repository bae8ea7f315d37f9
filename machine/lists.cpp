// SPDX-License-Identifier: MIT
// The tables behind --list.
#include "machine/lists.h"
#include "cpu/cpuid/model.h"
#include "machine/pc.h"
#include <cstdio>

static void list_devices() {
    Parts parts;
    parts.model = *find_model("max-intel"), parts.memory = 16 << 20;
    Pc pc(std::move(parts));
    std::printf("ports\n");
    for (auto& r : pc.ports.ranges()) std::printf("  %04x-%04x  %s\n", r.base, unsigned(r.base + r.size - 1), std::string(r.device->name()).c_str());
    std::printf("memory\n");
    struct { u64 base, size; const char* name; } map[] = {
        {0xfec00000, 0x1000, "ioapic"}, {0xfed00000, 0x1000, "hpet"}, {Pc::test_page, TestDevice::page_size, "test-device"}, {0xfee00000, 0x1000, "local APIC"}};
    for (auto& m : map) std::printf("  %08llx-%08llx  %s\n", (unsigned long long)m.base, (unsigned long long)(m.base + m.size - 1), m.name);
    std::printf("PCI\n");
    for (unsigned slot = 0; slot < 32; slot++)
        for (unsigned f = 0; f < 8; f++)
            if (auto* function = pc.pci.function(slot, f))
                std::printf("  %02x.%u  %04x:%04x  %s\n", slot, f, function->config_read(0, 2), function->config_read(2, 2), std::string(function->name()).c_str());
}

// What a user may look for and not find yet; the CPU models' own gaps are in --list cpus.
static void list_missing() {
    static constexpr const char* missing[] = {
        "CPU: VMX, SVM (neither is advertised); SSE3 and later vector instructions, AVX, AES, SHA; XSAVES; SMM; MONITOR/MWAIT; performance counters",
        "engine: only the reference engine (--engine slow)",
        "machine: more than one CPU; firmware boot (SeaBIOS, OVMF); disks, CD, floppy, network, USB, VGA, sound",
        "tools: snapshots, record and replay, debugger, GDB server, QMP",
    };
    for (auto* line : missing) std::printf("%s\n", line);
}

void print_list(const std::string& what) {
    if (what == "cpus") std::printf("%s", list_cpus().c_str());
    else if (what == "devices") list_devices();
    else list_missing();
}
