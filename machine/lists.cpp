// SPDX-License-Identifier: MIT
// The tables behind --list.
#include "machine/lists.h"
#include "cpu/cpuid/model.h"
#include "cpu/svm/listing.h"
#include "cpu/vmx/listing.h"
#include "cpu/vmx/vmx.h"
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
        {VgaWindow::base, VgaWindow::size, "vga"}, {0xfec00000, 0x1000, "ioapic"}, {0xfed00000, 0x1000, "hpet"}, {Pc::test_page, TestDevice::page_size, "test-device"}, {0xfee00000, 0x1000, "local APIC"}};
    for (auto& m : map) std::printf("  %08llx-%08llx  %s\n", (unsigned long long)m.base, (unsigned long long)(m.base + m.size - 1), m.name);
    std::string optional;
    for (auto& name : Pc::optional_devices()) optional += " " + name;
    std::printf("by --device\n %s\nPCI\n", optional.c_str());
    for (unsigned slot = 0; slot < 32; slot++)
        for (unsigned f = 0; f < 8; f++)
            if (auto* function = pc.pci.function(slot, f))
                std::printf("  %02x.%u  %04x:%04x  %s\n", slot, f, function->config_read(0, 2), function->config_read(2, 2), std::string(function->name()).c_str());
}

// What a user may look for and not find yet; the CPU models' own gaps are in --list cpus.
static void list_missing() {
    static constexpr const char* missing[] = {
        "CPU: AVX and later vector instructions; SMM; performance counters, with what VMX does with IA32_PERF_GLOBAL_CTRL",
        "VMX: 5-level EPT; HLAT, EPT paging-write, guest-paging verification; IPI virtualization, APIC-timer virtualization; controls of user "
        "interrupts, CET, PKS and FRED; SMM's dual-monitor treatment; bus-lock and instruction-timeout exits; PASID translation",
        "SVM: x2AVIC; supervisor shadow stacks; idle HLT; bus-lock threshold; INVLPGB and TLBSYNC; IBS virtualization",
        "both: encrypted memory and enclaves (SEV, TDX, SGX), which will not come",
        "machine: AHCI, NVMe, virtio; network, USB, sound cards; S3 under firmware",
        "tools: snapshots, record and replay, the debugger's windows and stepping backwards, QMP",
    };
    for (auto* line : missing) std::printf("%s\n", line);
}

// ---- virtualization: Markdown from its own tables

// What each model's VMX is capable of.
static std::vector<vmx::Listed> vmx_models() {
    std::vector<vmx::Listed> out;
    for (auto name : model_names()) {
        Parts parts;
        parts.model = *find_model(name), parts.memory = 16 << 20;
        Pc pc(std::move(parts));
        if (pc.cpu.virt && pc.cpu.intel()) out.push_back({name, static_cast<vmx::Vmx&>(*pc.cpu.virt).limits});
    }
    return out;
}

static std::string vmx_exits() {
    std::string text = "| number | basic exit reason |\n| --- | --- |\n";
    for (auto& r : vmx::exit_rows) text += "| " + std::to_string(unsigned(r.reason)) + " | " + std::string(r.text) + " |\n";
    return text;
}
static std::string vmx_fields() { return vmx::list_fields(vmx_models()); }
static std::string vmx_capabilities() { return vmx::list_capabilities(vmx_models()) + "\n" + vmx::list_controls(vmx_models()); }

struct Section {
    const char *what, *title;
    std::string (*text)();
};
static constexpr Section sections[] = {
    {"checks", "VMX: VM entry's checks, in their order", vmx::list_checks},
    {"checks", "SVM: VMRUN's checks", svm::list_checks},
    {"fields", "VMX: the VMCS's fields", vmx_fields},
    {"fields", "SVM: the VMCB's fields", svm::list_fields},
    {"exits", "VMX: basic exit reasons", vmx_exits},
    {"exits", "SVM: exit codes", svm::list_exits},
    {"capabilities", "VMX: what it is capable of", vmx_capabilities},
    {"capabilities", "SVM: what it is capable of", svm::list_capabilities},
};

void print_list(const std::string& what) {
    if (what == "cpus") std::printf("%s", list_cpus().c_str());
    else if (what == "devices") list_devices();
    else if (what == "missing") list_missing();
    for (auto& section : sections)
        if (what == section.what) std::printf("## %s\n\n%s\n", section.title, section.text().c_str());
}
