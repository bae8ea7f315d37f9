// SPDX-License-Identifier: MIT
// INIT and start-up IPIs in VMX operation (SDM vol. 3, 24.8 and 26.2).
#include "tests/cpu/vmx/host.h"

namespace {

using vmx::Field;

TEST_F(VmxHost, init_is_held_in_root_operation_and_exits_from_a_guest) {
    m.cpu.request_init();
    EXPECT_EQ(m.cpu.due(), 0u);
    v.enter();
    ASSERT_TRUE(m.cpu.guest);
    EXPECT_TRUE(m.cpu.service_pending());
    EXPECT_FALSE(m.cpu.guest);
    EXPECT_EQ(v.vmcs[Field::exit_reason], 3u);
    EXPECT_EQ(m.cpu.pending & pending::init, 0u);
}

TEST_F(VmxHost, init_acts_once_vmx_operation_has_ended) {
    m.cpu.request_init();
    v.leave_operation();
    EXPECT_TRUE(m.cpu.due() & pending::init);
    EXPECT_TRUE(m.cpu.service_pending());
    EXPECT_EQ(m.cpu.rip(), 0xfff0u);
}

TEST_F(VmxHost, a_guest_that_waits_for_a_start_up_ipi_exits_with_its_vector) {
    v.vmcs.set(Field::guest_activity, 3);
    v.enter();
    ASSERT_TRUE(m.cpu.guest);
    m.cpu.request_init();                                  // blocked while it waits
    EXPECT_FALSE(m.cpu.service_pending());
    m.cpu.request_startup(0x9a);
    EXPECT_TRUE(m.cpu.service_pending());
    EXPECT_EQ(v.vmcs[Field::exit_reason], 4u);
    EXPECT_EQ(v.vmcs[Field::exit_qualification], 0x9au);
    EXPECT_EQ(v.vmcs[Field::guest_activity], 3u);
}

TEST_F(VmxHost, a_start_up_ipi_that_nobody_waits_for_is_dropped) {
    v.enter();
    m.cpu.request_startup(0x9a);
    EXPECT_TRUE(m.cpu.service_pending());
    EXPECT_TRUE(m.cpu.guest);
    EXPECT_EQ(m.cpu.pending & pending::sipi, 0u);
}

}
