// SPDX-License-Identifier: MIT
// Priorities, shadows and blocking between instructions; breakpoints and single step (SDM vol. 3, 6.8, 6.9 and ch. 18).
#include "tests/cpu/event/guest.h"

namespace {

constexpr auto p32 = TestMode::protected32;
constexpr u64 bs = 0x4000;

struct Interrupts : testing::Test {
    EventMachine m{p32};
    Interrupts() {
        m.gates(EventMachine::interrupt32);
        m.cpu.apic.write(0xf0, 4, 0x1ff);              // enabled; LINT0 is ExtINT
        m.cpu.apic.write(0x350, 4, 0x700);
        m.cpu.wires.acknowledge = [] { return u8(0x20); };
    }
    void code(const char* hex) {
        m.put_code(hex);
        m.cpu.rip() = TestMachine::code;
    }
    u32 pushed_eip() { return m.on_stack(0); }
};

TEST_F(Interrupts, an_external_interrupt_waits_for_if) {
    code("90 90 fb 90 90");
    m.cpu.set_intr(true);
    m.run(4);                                          // NOP NOP STI NOP: the shadow covers one instruction
    EXPECT_EQ(m.cpu.rip(), 0x10004u);
    m.cpu.service_pending();
    EXPECT_EQ(m.vector(), 0x20u);
    EXPECT_EQ(pushed_eip(), 0x10004u);
}

TEST_F(Interrupts, a_load_of_ss_holds_off_interrupts_and_nmi_for_one_instruction) {
    code("8e d0 90 90");
    m.cpu.set_rflags(rflags::if_, rflags::if_);
    m.cpu.gpr[rax] = TestMachine::data_flat;
    m.run(1);
    m.cpu.set_intr(true);
    m.cpu.request_nmi();
    EXPECT_FALSE(m.cpu.service_pending());
    m.run(1);
    EXPECT_EQ(m.cpu.rip(), 0x10003u);
    m.cpu.service_pending();
    EXPECT_EQ(m.vector(), 2u) << "NMI goes before the interrupt";
}

TEST_F(Interrupts, nmi_is_blocked_until_iret) {
    m.cpu.request_nmi();
    EXPECT_TRUE(m.cpu.service_pending());
    EXPECT_EQ(m.vector(), 2u);
    m.cpu.request_nmi();
    EXPECT_FALSE(m.cpu.service_pending());
    m.put_code("cf", m.cpu.rip());
    m.run(1);
    EXPECT_EQ(m.cpu.rip(), 0x10000u);
    EXPECT_TRUE(m.cpu.service_pending());
}

TEST_F(Interrupts, an_enabled_interrupt_ends_hlt_and_a_masked_one_does_not) {
    code("90");
    m.cpu.activity = Activity::halted;
    m.cpu.set_intr(true);
    EXPECT_FALSE(m.cpu.service_pending());
    EXPECT_EQ(m.cpu.activity, Activity::halted);
    m.cpu.set_rflags(rflags::if_, rflags::if_);
    EXPECT_TRUE(m.cpu.service_pending());
    EXPECT_EQ(m.cpu.activity, Activity::active);
}

TEST_F(Interrupts, single_step_traps_behind_the_instruction_and_clears_tf) {
    code("90 90");
    m.cpu.set_rflags(rflags::tf, rflags::tf);
    m.run(1);
    m.cpu.service_pending();
    EXPECT_EQ(m.vector(), 1u);
    EXPECT_EQ(pushed_eip(), 0x10001u);
    EXPECT_EQ(m.on_stack(2), 0x102u) << "TF is pushed, RF is not";
    EXPECT_EQ(m.cpu.control.dr[6] & 0xe00f, bs);
    EXPECT_FALSE(m.cpu.rflags & rflags::tf);
}

TEST_F(Interrupts, int_n_is_not_followed_by_a_single_step_trap) {
    code("cd 80");
    m.cpu.set_rflags(rflags::tf, rflags::tf);
    m.run(1);
    EXPECT_EQ(m.vector(), 0x80u);
    EXPECT_EQ(m.cpu.pending_dr6, 0u);
}

TEST_F(Interrupts, a_code_breakpoint_is_a_fault_that_rf_suppresses) {
    code("90 90 90");
    m.cpu.control.dr[0] = 0x10001;
    m.cpu.control.dr[7] = 0x401;
    m.run(2);
    EXPECT_EQ(m.vector(), 1u);
    EXPECT_EQ(pushed_eip(), 0x10001u);
    EXPECT_EQ(m.on_stack(2), 2u) << "RF is pushed as it was";
    EXPECT_EQ(m.cpu.control.dr[6] & 0xf, 1u);
    m.put(m.cpu.gpr[rsp] + 8, u32(0x10002));           // the handler sets RF and returns
    m.put_code("cf", m.cpu.rip());
    m.run(2);
    EXPECT_EQ(m.cpu.rip(), 0x10002u);
    EXPECT_FALSE(m.cpu.rflags & rflags::rf);
}

TEST_F(Interrupts, a_data_breakpoint_traps_behind_the_access) {
    code("a2 02 00 02 00 90");                         // mov [20002h], al
    m.cpu.control.dr[1] = 0x20000;
    m.cpu.control.dr[7] = 0x400 | 4 | 0xd << 20;       // DR1: writes, 4 bytes
    m.cpu.mode_changed();
    m.cpu.mmu->drop_banks(), m.cpu.mmu->select_bank();
    m.run(1);
    m.cpu.service_pending();
    EXPECT_EQ(m.vector(), 1u);
    EXPECT_EQ(pushed_eip(), 0x10005u);
    EXPECT_EQ(m.cpu.control.dr[6] & 0xf, 2u);
}

TEST_F(Interrupts, init_leaves_an_application_processor_waiting_and_the_boot_processor_at_the_reset_vector) {
    m.cpu.request_init();
    EXPECT_TRUE(m.cpu.service_pending());
    EXPECT_EQ(m.cpu.activity, Activity::active);
    EXPECT_EQ(m.cpu.seg[Seg::cs].base, 0xffff0000u);
    EXPECT_EQ(m.cpu.rip(), 0xfff0u);
}

TEST_F(Interrupts, a_startup_ipi_starts_only_who_waits_for_it) {
    m.cpu.request_startup(0x9a);
    m.cpu.service_pending();
    EXPECT_EQ(m.cpu.rip(), 0x10000u) << "ignored";
    m.cpu.request_init();
    m.cpu.service_pending();
    m.cpu.activity = Activity::wait_for_sipi;
    m.cpu.request_startup(0x9a);
    m.cpu.service_pending();
    EXPECT_EQ(m.cpu.activity, Activity::active);
    EXPECT_EQ(m.cpu.seg[Seg::cs].selector, 0x9a00);
    EXPECT_EQ(m.cpu.seg[Seg::cs].base, 0x9a000u);
    EXPECT_EQ(m.cpu.rip(), 0u);
}

}
