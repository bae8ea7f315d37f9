// SPDX-License-Identifier: MIT
// The local APIC: registers, priorities, destinations, IPIs, local vectors, timer (SDM vol. 3, ch. 11).
#include "tests/cpu/machine.h"
#include "cpu/msr/access.h"
#include <gtest/gtest.h>

namespace {

enum : unsigned { id = 0x20, version = 0x30, tpr = 0x80, ppr = 0xa0, eoi = 0xb0, ldr = 0xd0, dfr = 0xe0, svr = 0xf0, isr = 0x100, tmr = 0x180, irr = 0x200,
                  esr = 0x280, icr = 0x300, icr_high = 0x310, lvt_timer = 0x320, lvt_lint0 = 0x350, lvt_lint1 = 0x360, lvt_error = 0x370, initial = 0x380,
                  current = 0x390, divide = 0x3e0 };
constexpr u64 crystal_ticks = 40;                // of a clock of 1 GHz in one count of a crystal of 25 MHz

struct Apic : testing::Test {
    TestMachine m;
    LocalApic& apic = m.cpu.apic;
    std::vector<ApicMessage> sent;
    std::vector<u8> ended;
    Apic() {
        m.cpu.wires.send = [this](const ApicMessage& x) { sent.push_back(x); };
        m.cpu.wires.eoi = [this](u8 vector) { ended.push_back(vector); };
        put(svr, 0x1ff);
    }
    void put(unsigned offset, u32 value) { apic.write(offset, 4, value); }
    u32 get(unsigned offset) { return u32(apic.read(offset, 4)); }
    void interrupt(u8 vector, bool level = false) { apic.accept({0, false, DeliveryMode::fixed, vector, level, true}); }
    bool pending() const { return m.cpu.pending & pending::apic; }
    void to_x2apic() { ASSERT_TRUE(write_msr(m.cpu, 0x1b, 0xfee00d00)); }
    void pass(u64 ticks) {
        m.clock.ticks += ticks;
        m.clock.run_due();
    }
};

TEST_F(Apic, registers_after_power_up) {
    m.cpu.reset(false);
    EXPECT_EQ(m.cpu.apic.base(), 0xfee00900u);
    EXPECT_EQ(get(svr), 0xffu);
    EXPECT_EQ(get(dfr), 0xffffffffu);
    EXPECT_EQ(get(tpr), 0u);
    EXPECT_EQ(get(lvt_timer), 0x10000u);
    EXPECT_EQ(get(lvt_error), 0x10000u);
    EXPECT_EQ(get(version) & 0xff00ff, 0x050014u);           // six entries, not an 82489DX
}

TEST_F(Apic, the_page_follows_the_base_register) {
    EXPECT_TRUE(apic.claims(Physical(0xfee00080)));
    EXPECT_FALSE(apic.claims(Physical(0xfee01000)));
    ASSERT_TRUE(write_msr(m.cpu, 0x1b, 0x12345900));
    EXPECT_TRUE(apic.claims(Physical(0x12345ff0)));
    ASSERT_TRUE(write_msr(m.cpu, 0x1b, 0x12345100));
    EXPECT_FALSE(apic.claims(Physical(0x12345ff0)));
}

TEST_F(Apic, an_interrupt_goes_from_requested_to_in_service_to_gone) {
    interrupt(0x31);
    EXPECT_TRUE(pending());
    EXPECT_EQ(get(irr + 0x10), 1u << 0x11);
    EXPECT_EQ(apic.highest(), 0x31);
    EXPECT_EQ(apic.acknowledge(), 0x31);
    EXPECT_FALSE(pending());
    EXPECT_EQ(get(isr + 0x10), 1u << 0x11);
    EXPECT_EQ(get(ppr), 0x30u);
    put(eoi, 0);
    EXPECT_EQ(get(isr + 0x10), 0u);
    EXPECT_TRUE(ended.empty());                              // edge-triggered: no broadcast
}

TEST_F(Apic, only_a_higher_class_interrupts_a_handler) {
    interrupt(0x51);
    apic.acknowledge();
    interrupt(0x5f);
    EXPECT_EQ(apic.highest(), -1);
    interrupt(0x60);
    EXPECT_EQ(apic.acknowledge(), 0x60);
    put(eoi, 0);
    put(eoi, 0);
    EXPECT_EQ(apic.acknowledge(), 0x5f);
}

TEST_F(Apic, the_task_priority_holds_interrupts_back_and_is_cr8) {
    interrupt(0x41);
    put(tpr, 0x4f);
    EXPECT_EQ(apic.highest(), -1);
    EXPECT_EQ(apic.cr8(), 4);
    EXPECT_FALSE(pending());
    apic.set_cr8(3);
    EXPECT_EQ(get(tpr), 0x30u);
    EXPECT_TRUE(pending());
    EXPECT_EQ(apic.highest(), 0x41);
}

TEST_F(Apic, acknowledging_nothing_gives_the_spurious_vector) {
    put(svr, 0x1ef);
    EXPECT_EQ(apic.acknowledge(), 0xef);
    EXPECT_EQ(get(isr + 0x70), 0u);
}

TEST_F(Apic, the_end_of_a_level_triggered_interrupt_is_broadcast_unless_suppressed) {
    interrupt(0x40, true);
    EXPECT_EQ(get(tmr + 0x20), 1u);
    apic.acknowledge();
    put(eoi, 0);
    EXPECT_EQ(ended, std::vector<u8>{0x40});
    put(svr, 0x11ff);
    interrupt(0x40, true);
    apic.acknowledge();
    put(eoi, 0);
    EXPECT_EQ(ended.size(), 1u);
}

TEST_F(Apic, a_vector_below_16_is_a_receive_error) {
    put(lvt_error, 0xe0);
    interrupt(15);
    EXPECT_EQ(apic.highest(), 0xe0);
    EXPECT_EQ(get(esr), 0u);                                 // shown by a write only
    put(esr, 0);
    EXPECT_EQ(get(esr), 0x40u);
    put(esr, 0);
    EXPECT_EQ(get(esr), 0u);
}

TEST_F(Apic, software_disabled_it_takes_nmi_but_no_vectors_and_masks_its_entries) {
    put(lvt_timer, 0x40);
    put(svr, 0xff);
    EXPECT_EQ(get(lvt_timer), 0x10040u);
    put(lvt_timer, 0x40);
    EXPECT_EQ(get(lvt_timer), 0x10040u);
    interrupt(0x80);
    EXPECT_EQ(apic.highest(), -1);
    apic.accept({0, false, DeliveryMode::nmi});
    EXPECT_TRUE(m.cpu.pending & pending::nmi);
}

TEST_F(Apic, destinations_of_xapic_mode) {
    EXPECT_TRUE(apic.matches(0, false));
    EXPECT_FALSE(apic.matches(1, false));
    EXPECT_TRUE(apic.matches(0xff, false));
    put(ldr, 0x04000000);
    EXPECT_TRUE(apic.matches(0x06, true));
    EXPECT_FALSE(apic.matches(0x03, true));
    put(dfr, 0x0fffffff);                                    // clusters
    put(ldr, 0x24000000);
    EXPECT_TRUE(apic.matches(0x2c, true));
    EXPECT_FALSE(apic.matches(0x1c, true));
    EXPECT_FALSE(apic.matches(0x23, true));
    EXPECT_TRUE(apic.matches(0xf4, true));
}

TEST_F(Apic, destinations_of_x2apic_mode) {
    to_x2apic();
    u64 value;
    ASSERT_TRUE(read_msr(m.cpu, 0x80d, value));
    EXPECT_EQ(value, 1u);                                    // id 0: cluster 0, member 0
    EXPECT_TRUE(apic.matches(0x3, true));
    EXPECT_FALSE(apic.matches(0x10001, true));
    EXPECT_TRUE(apic.matches(0xffffffff, true));
    EXPECT_TRUE(apic.matches(0, false));
    EXPECT_FALSE(apic.matches(0xff, false));
}

TEST_F(Apic, an_ipi_leaves_as_the_command_register_says) {
    put(icr_high, 0x05000000);
    put(icr, 0x4831);                                        // fixed, logical, asserted
    ASSERT_EQ(sent.size(), 1u);
    EXPECT_EQ(sent[0].destination, 5u);
    EXPECT_TRUE(sent[0].logical);
    EXPECT_EQ(sent[0].vector, 0x31);
    EXPECT_EQ(sent[0].mode, DeliveryMode::fixed);
    put(icr, 0x4608);
    EXPECT_EQ(sent[1].mode, DeliveryMode::startup);
    put(icr, 0x8500);                                        // INIT level de-assert
    EXPECT_EQ(sent.size(), 2u);
}

TEST_F(Apic, shorthands) {
    put(icr, 0x44050);
    EXPECT_TRUE(sent.empty());
    EXPECT_EQ(apic.highest(), 0x50);
    bool to_self = true;
    m.cpu.wires.send = [&](const ApicMessage& x) { to_self = apic.matches(x.destination, x.logical); };
    put(icr, 0xc4060);
    EXPECT_FALSE(to_self);
    put(icr, 0x84060);
    EXPECT_TRUE(to_self);
}

TEST_F(Apic, sending_a_vector_below_16_is_an_error) {
    put(icr, 0x4005);
    put(esr, 0);
    EXPECT_EQ(get(esr), 0x20u);
    EXPECT_TRUE(sent.empty());
}

TEST_F(Apic, lowest_priority_goes_to_one) {
    put(tpr, 0x20);
    LocalApic* list[] = {&apic, &apic};
    route(list, {0, false, DeliveryMode::lowest, 0x61});
    EXPECT_EQ(apic.acknowledge(), 0x61);
    EXPECT_EQ(apic.highest(), -1);
    EXPECT_EQ(apic.arbitration(), 0x60);
}

TEST_F(Apic, the_8259s_reach_the_core_by_lint0_as_extint) {
    apic.set_lint(0, true);
    EXPECT_FALSE(m.cpu.pending & pending::intr);             // masked
    put(lvt_lint0, 0x700);
    EXPECT_TRUE(m.cpu.pending & pending::intr);
    apic.set_lint(0, false);
    EXPECT_FALSE(m.cpu.pending & pending::intr);
    put(lvt_lint0, 0x10700);
    apic.set_lint(0, true);
    ASSERT_TRUE(write_msr(m.cpu, 0x1b, 0xfee00100));         // disabled: INTR is straight
    EXPECT_TRUE(m.cpu.pending & pending::intr);
}

TEST_F(Apic, lint1_gives_nmi_on_its_edge) {
    put(lvt_lint1, 0x400);
    apic.set_lint(1, true);
    EXPECT_TRUE(m.cpu.pending & pending::nmi);
    m.cpu.pending = 0;
    apic.set_lint(1, true);
    EXPECT_FALSE(m.cpu.pending & pending::nmi);
}

TEST_F(Apic, a_level_triggered_lint_waits_for_its_end_of_interrupt) {
    apic.set_lint(0, true);
    put(lvt_lint0, 0x8041);
    EXPECT_EQ(apic.acknowledge(), 0x41);
    EXPECT_EQ(get(lvt_lint0), 0xc041u);                      // remote IRR
    put(eoi, 0);
    EXPECT_EQ(apic.acknowledge(), 0x41);                     // still asserted
    apic.set_lint(0, false);
    put(eoi, 0);
    EXPECT_EQ(apic.highest(), -1);
    EXPECT_EQ(get(lvt_lint0), 0x8041u);
}

TEST_F(Apic, a_one_shot_count_divided_by_sixteen) {
    put(divide, 3);
    put(lvt_timer, 0x40);
    put(initial, 100);
    EXPECT_EQ(get(current), 100u);
    pass(crystal_ticks * 16 * 40);
    EXPECT_EQ(get(current), 60u);
    pass(crystal_ticks * 16 * 60 - 1);
    EXPECT_EQ(apic.highest(), -1);
    pass(1);
    EXPECT_EQ(apic.acknowledge(), 0x40);
    EXPECT_EQ(get(current), 0u);
    put(eoi, 0);
    pass(crystal_ticks * 16 * 1000);
    EXPECT_EQ(apic.highest(), -1);
}

TEST_F(Apic, a_periodic_count_starts_again_by_itself) {
    put(divide, 0xb);                                        // by 1
    put(lvt_timer, 0x20041);
    put(initial, 1000);
    for (int i = 0; i < 3; i++) {
        pass(crystal_ticks * 1000);
        EXPECT_EQ(apic.acknowledge(), 0x41);
        put(eoi, 0);
    }
    pass(crystal_ticks * 250);
    EXPECT_EQ(get(current), 750u);
    put(initial, 0);
    pass(crystal_ticks * 5000);
    EXPECT_EQ(apic.highest(), -1);
}

TEST_F(Apic, the_deadline_timer_fires_when_the_tsc_reaches_it) {
    u64 value;
    ASSERT_TRUE(write_msr(m.cpu, 0x6e0, 5000));              // another mode: ignored
    ASSERT_TRUE(read_msr(m.cpu, 0x6e0, value));
    EXPECT_EQ(value, 0u);
    put(lvt_timer, 0x40042);
    ASSERT_TRUE(write_msr(m.cpu, 0x10, 1000));               // TSC
    ASSERT_TRUE(write_msr(m.cpu, 0x6e0, 5000));
    pass(3999);
    EXPECT_EQ(apic.highest(), -1);
    pass(1);
    EXPECT_EQ(apic.acknowledge(), 0x42);
    ASSERT_TRUE(read_msr(m.cpu, 0x6e0, value));
    EXPECT_EQ(value, 0u);
    put(eoi, 0);
    ASSERT_TRUE(write_msr(m.cpu, 0x6e0, 4999));              // past: at once
    pass(0);
    EXPECT_EQ(apic.acknowledge(), 0x42);
    put(eoi, 0);
    ASSERT_TRUE(write_msr(m.cpu, 0x6e0, 9000));
    put(lvt_timer, 0x42);                                    // leaving the mode disarms
    pass(100000);
    EXPECT_EQ(apic.highest(), -1);
}

TEST_F(Apic, moving_the_tsc_moves_the_deadline) {
    put(lvt_timer, 0x40042);
    ASSERT_TRUE(write_msr(m.cpu, 0x10, 0));
    ASSERT_TRUE(write_msr(m.cpu, 0x6e0, 10000));
    ASSERT_TRUE(write_msr(m.cpu, 0x3b, 9990));
    pass(10);
    EXPECT_EQ(apic.highest(), 0x42);
}

TEST_F(Apic, the_states_and_their_legal_transitions) {
    EXPECT_FALSE(write_msr(m.cpu, 0x1b, 0xfee00500));        // EXTD without EN
    to_x2apic();
    EXPECT_FALSE(apic.claims(Physical(0xfee00000)));
    EXPECT_FALSE(write_msr(m.cpu, 0x1b, 0xfee00900));        // back to xAPIC
    EXPECT_TRUE(write_msr(m.cpu, 0x1b, 0xfee00100));
    EXPECT_FALSE(write_msr(m.cpu, 0x1b, 0xfee00d00));        // from disabled to x2APIC
    EXPECT_TRUE(write_msr(m.cpu, 0x1b, 0xfee00900));
    EXPECT_EQ(get(svr), 0xffu);                              // as after power-up
    EXPECT_FALSE(write_msr(m.cpu, 0x1b, bit(46) | 0xfee00900));
}

TEST_F(Apic, x2apic_registers_refuse_what_xapic_ignores) {
    u64 value;
    EXPECT_FALSE(read_msr(m.cpu, 0x802, value));             // xAPIC mode
    to_x2apic();
    EXPECT_TRUE(read_msr(m.cpu, 0x802, value));
    EXPECT_EQ(value, 0u);
    EXPECT_FALSE(read_msr(m.cpu, 0x80b, value));             // EOI is write-only
    EXPECT_FALSE(read_msr(m.cpu, 0x80e, value));             // no DFR
    EXPECT_FALSE(read_msr(m.cpu, 0x831, value));             // one ICR
    EXPECT_FALSE(write_msr(m.cpu, 0x80b, 1));
    EXPECT_FALSE(write_msr(m.cpu, 0x808, 0x100));
    EXPECT_FALSE(write_msr(m.cpu, 0x828, 1));
    EXPECT_FALSE(write_msr(m.cpu, 0x802, 0));
    EXPECT_TRUE(write_msr(m.cpu, 0x83f, 0x70));              // self IPI
    EXPECT_EQ(apic.highest(), 0x70);
    EXPECT_TRUE(write_msr(m.cpu, 0x830, u64{0x12345678} << 32 | 0x40));
    ASSERT_EQ(sent.size(), 1u);
    EXPECT_EQ(sent[0].destination, 0x12345678u);
}

TEST_F(Apic, init_keeps_the_base_and_clears_the_rest) {
    ASSERT_TRUE(write_msr(m.cpu, 0x1b, 0x12345900));
    put(tpr, 0x30);
    put(lvt_timer, 0x20041);
    put(initial, 5);
    apic.reset(true);
    EXPECT_EQ(apic.base(), 0x12345900u);
    EXPECT_EQ(get(tpr), 0u);
    EXPECT_EQ(get(svr), 0xffu);
    EXPECT_EQ(m.clock.deadline(), Clock::never);
}

TEST_F(Apic, every_offset_and_value_is_survived) {
    u64 x = 1;
    for (int i = 0; i < 200000; i++) {
        x = x * 6364136223846793005 + 1442695040888963407;
        unsigned offset = unsigned(x >> 20) & 0xfff, width = 1u << (x >> 60 & 3);
        if (x >> 40 & 1) apic.write(offset, width, x >> 13);
        else apic.read(offset, width);
        if ((x >> 33 & 15) == 0) apic.acknowledge();
        if ((x >> 33 & 15) == 1) pass(x >> 50);
        if ((x >> 37 & 0xff) == 0) write_msr(m.cpu, 0x1b, 0xfee00100 | (x >> 44 & 0xc00));
    }
}

}
