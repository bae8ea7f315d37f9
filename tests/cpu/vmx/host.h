// SPDX-License-Identifier: MIT
// A CPU in VMX root operation with a VMCS that enters a 64-bit guest on the host's own tables.
#pragma once
#include "cpu/vmx/vmx.h"
#include "tests/cpu/machine.h"
#include "tests/cpu/vmx/scenes.h"
#include <gtest/gtest.h>

struct VmxHost : ::testing::Test {
    static constexpr u64 region = 0x51000;
    TestMachine m;
    vmx::Vmx& v = static_cast<vmx::Vmx&>(*m.cpu.virt);

    explicit VmxHost(const char* model = "haswell") : m(TestMode::long64, model) {
        m.cpu.control.cr4 |= cr4::vmxe;
        v.enter_operation(0x50000);
        v.make_current(region);
        take(long_mode());
    }
    // The scene's VMCS without EPT, VPID and lists of MSRs.
    void take(const Scene& s) {
        using vmx::Field;
        for (auto& r : vmx::fields) v.vmcs.set(r.field, s.vmcs[r.field]);
        v.vmcs.set(Field::secondary_controls, 0), v.vmcs.set(Field::guest_cr3, 0x1000);
        for (Field count : {Field::entry_msr_load_count, Field::exit_msr_load_count, Field::exit_msr_store_count}) v.vmcs.set(count, 0);
    }
};
