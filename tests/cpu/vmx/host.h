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

// The same with a max-intel that runs guest code, and comes back to a HLT.
struct VmxGuest : VmxHost {
    static constexpr u64 host_code = TestMachine::code + 0x800;

    VmxGuest() : VmxHost("max-intel") {
        using vmx::Field;
        v.vmcs.set(Field::host_rip, host_code), v.vmcs.set(Field::host_cr3, 0x1000), v.vmcs.set(Field::host_rsp, TestMachine::stack);
        v.vmcs.set(Field::host_cs_selector, TestMachine::code64);
        v.vmcs.set(Field::guest_gdtr_base, TestMachine::gdt), v.vmcs.set(Field::guest_gdtr_limit, 0xfff);
        v.vmcs.set(Field::guest_idtr_base, TestMachine::idt), v.vmcs.set(Field::guest_idtr_limit, 0xfff);
        v.vmcs.set(Field::guest_cs_selector, TestMachine::code64);
        m.put_code("f4", host_code);
    }
    // What makes no instruction exit but those that always do, and this.
    void controls(u64 primary, u64 secondary) {
        v.vmcs.set(vmx::Field::primary_controls, 0x04006172 | bit(28) | bit(31) | primary);
        v.vmcs.set(vmx::Field::secondary_controls, secondary);
    }
    // The guest from the beginning of this code until it exits, for as many ticks at most; false: it still runs.
    bool run(Engine engine, const char* code, u64 ticks = 10000) {
        using vmx::Field;
        m.cpu.engine = engine;
        m.put_code(code);
        m.cpu.memory_replaced();
        m.cpu.gpr[rcx] = 0;
        v.vmcs.set(Field::guest_rip, TestMachine::code), v.vmcs.set(Field::guest_rsp, TestMachine::stack), v.vmcs.set(Field::guest_interruptibility, 0);
        EXPECT_EQ(v.enter().outcome, Outcome::taken);
        EXPECT_TRUE(m.cpu.guest) << "exit reason " << std::hex << v.vmcs[Field::exit_reason];
        for (u64 until = m.cpu.clock.ticks + ticks; m.cpu.guest && m.cpu.clock.ticks < until;) m.cpu.run(m.cpu.clock.ticks + 200);
        return !m.cpu.guest;
    }
};
