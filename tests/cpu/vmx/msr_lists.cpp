// SPDX-License-Identifier: MIT
// Lists of MSRs: no transition works through more entries than IA32_VMX_MISC recommends (SDM vol. 3, A.6).
#include "cpu/vmx/vmx.h"
#include "tests/cpu/machine.h"
#include "tests/cpu/vmx/scenes.h"
#include <gtest/gtest.h>

namespace {

using vmx::Field;

// Root operation with a VMCS that enters a 64-bit guest on the host's own tables.
struct Lists : ::testing::Test {
    static constexpr u64 region = 0x51000, list = 0x56000;
    static constexpr u64 sysenter_cs = 0x174;
    TestMachine m{TestMode::long64, "haswell"};
    vmx::Vmx& v = static_cast<vmx::Vmx&>(*m.cpu.virt);

    Lists() {
        m.cpu.control.cr4 |= cr4::vmxe;
        v.enter_operation(0x50000);
        v.make_current(region);
        Scene s = long_mode();
        for (auto& r : vmx::fields) v.vmcs.set(r.field, s.vmcs[r.field]);
        v.vmcs.set(Field::secondary_controls, 0), v.vmcs.set(Field::guest_cr3, 0x1000);
        v.vmcs.set(Field::entry_msr_load_address, list), v.vmcs.set(Field::exit_msr_load_address, list), v.vmcs.set(Field::exit_msr_store_address, list);
        for (Field count : {Field::entry_msr_load_count, Field::exit_msr_load_count, Field::exit_msr_store_count}) v.vmcs.set(count, 0);
        for (u64 n = 0; n < 1024; n++) m.put(list + n * 16, sysenter_cs), m.put(list + n * 16 + 8, n + 1);
    }
    u32 indicator() { return m.get<u32>(region + 4); }
};

TEST_F(Lists, an_entry_loads_512_msrs_and_fails_by_the_next) {
    v.vmcs.set(Field::entry_msr_load_count, 512);
    v.enter();
    ASSERT_TRUE(m.cpu.guest);
    EXPECT_EQ(m.cpu.msr.sysenter_cs, 512u);
    v.exit_now({});
    v.vmcs.set(Field::entry_msr_load_count, 513);
    v.enter();
    EXPECT_FALSE(m.cpu.guest);
    EXPECT_EQ(v.vmcs[Field::exit_reason], 0x80000022u);
    EXPECT_EQ(v.vmcs[Field::exit_qualification], 513u);
}

TEST_F(Lists, an_exit_stores_512_msrs_and_aborts_by_the_next) {
    v.enter();
    v.vmcs.set(Field::exit_msr_store_count, 512);
    v.exit_now({});
    EXPECT_EQ(indicator(), 0u);
    v.enter();
    v.vmcs.set(Field::exit_msr_store_count, 0xffffffff);
    v.exit_now({});
    EXPECT_EQ(indicator(), 1u);
    EXPECT_EQ(m.cpu.activity, Activity::shutdown);
}

TEST_F(Lists, an_exit_loads_512_msrs_and_aborts_by_the_next) {
    v.enter();
    v.vmcs.set(Field::exit_msr_load_count, 512);
    v.exit_now({});
    EXPECT_EQ(indicator(), 0u);
    EXPECT_EQ(m.cpu.msr.sysenter_cs, 512u);
    v.enter();
    v.vmcs.set(Field::exit_msr_load_count, 513);
    v.exit_now({});
    EXPECT_EQ(indicator(), 4u);
    EXPECT_EQ(m.cpu.activity, Activity::shutdown);
}

}
