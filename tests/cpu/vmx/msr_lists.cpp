// SPDX-License-Identifier: MIT
// Lists of MSRs: no transition works through more entries than IA32_VMX_MISC recommends (SDM vol. 3, A.6).
#include "tests/cpu/vmx/host.h"

namespace {

using vmx::Field;

struct Lists : VmxHost {
    static constexpr u64 list = 0x56000, sysenter_cs = 0x174;

    Lists() {
        for (Field at : {Field::entry_msr_load_address, Field::exit_msr_load_address, Field::exit_msr_store_address}) v.vmcs.set(at, list);
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

// Nothing of the guest is left for what wakes the CPU then, as an NMI does.
TEST_F(Lists, an_exit_that_aborts_ends_the_guest) {
    for (auto c : {vmx::primary::monitor_trap_flag, vmx::primary::tsc_offsetting}) v.vmcs.set(c.word, v.vmcs[c.word] | bit(c.bit));
    v.vmcs.set(Field::tsc_offset, 5);
    v.enter();
    ASSERT_TRUE(m.cpu.guest && m.cpu.monitor_trap && m.cpu.guest_tsc_offset == 5);
    v.vmcs.set(Field::exit_msr_store_count, 0xffffffff);
    v.exit_now({});
    EXPECT_EQ(indicator(), 1u);
    EXPECT_FALSE(m.cpu.guest || m.cpu.monitor_trap || m.cpu.guest_tsc_offset);
    m.cpu.pending |= pending::nmi;
    m.cpu.run(m.cpu.clock.ticks + 10);
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
