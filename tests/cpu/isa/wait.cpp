// SPDX-License-Identifier: MIT
// UMONITOR, UMWAIT, TPAUSE (SDM vol. 2), MONITORX, MWAITX (APM vol. 3).
#include "tests/cpu/isa/example.h"

namespace {

constexpr u64 at = TestMachine::data + 0x80;
constexpr const char *umonitor = "f3 0f ae f0", *umwait = "f2 0f ae f1", *tpause = "66 0f ae f1", *monitorx = "0f 01 fa", *mwaitx = "0f 01 fb";

}

TEST(wait, umonitor_arms_the_line_of_its_register) {
    TestMachine m;
    m.cpu.cpl = 3;
    m.cpu.gpr[rax] = at + 70;
    ASSERT_EQ(m.run_one(umonitor), Outcome::next);
    EXPECT_TRUE(m.cpu.monitor.armed);
    EXPECT_EQ(m.cpu.monitor.line, at + 64);
    m.cpu.gpr[rax] = bit(48);
    EXPECT_EQ(fault_of(m, umonitor), gp_vector);
    m.cpu.gpr[rax] = bit(33);                            // not mapped
    EXPECT_EQ(fault_of(m, umonitor), pf_vector);
}

TEST(wait, umonitors_address_has_the_address_size) {
    TestMachine m;
    m.cpu.gpr[rax] = bit(40) + at;
    ASSERT_EQ(m.run_one("67 f3 0f ae f0"), Outcome::next);
    EXPECT_EQ(m.cpu.monitor.line, at);
    m.cpu.seg[Seg::gs].base = 0x1000, m.cpu.gpr[rax] = at;
    ASSERT_EQ(m.run_one("65 f3 0f ae f0"), Outcome::next);
    EXPECT_EQ(m.cpu.monitor.line, at + 0x1000);
}

TEST(wait, timed_waits_give_others_their_turn_and_clear_the_flags) {
    for (auto* code : {umwait, tpause}) {
        TestMachine m;
        m.cpu.cpl = 3;
        m.cpu.gpr[rcx] = 1, m.cpu.gpr[rdx] = 0, m.cpu.rflags = rflags::one | rflags::status;       // a time that has passed
        ASSERT_EQ(m.run_one(code), Outcome::next) << code;
        EXPECT_EQ(m.cpu.rflags & rflags::status, 0u);
        EXPECT_TRUE(m.cpu.pending & pending::yield);
        EXPECT_EQ(m.cpu.activity, Activity::active);
    }
}

// Another CPU's store, or a device's.
TEST(wait, a_store_to_the_line_ends_umwait) {
    TestMachine m;
    m.put_code("f3 0f ae f0 31 c0 ba 00 01 00 00 f2 0f ae f1 90");        // UMONITOR RAX; EDX:EAX = 100h << 32; UMWAIT ECX; NOP
    m.cpu.gpr[rax] = at, m.cpu.rip() = TestMachine::code;
    m.cpu.run(m.clock.ticks + 1000);
    EXPECT_EQ(m.cpu.activity, Activity::halted);
    EXPECT_EQ(m.cpu.rip(), TestMachine::code + 15);
    m.memory.write(Physical(at + Monitor::width), 8, 1);                  // next to it
    m.cpu.run(m.clock.ticks + 1000);
    EXPECT_EQ(m.cpu.activity, Activity::halted);
    m.memory.write(Physical(at + 63), 1, 1);
    m.cpu.run(m.clock.ticks + 1);
    EXPECT_EQ(m.cpu.activity, Activity::active);
    EXPECT_EQ(m.cpu.rip(), TestMachine::code + 16);
    EXPECT_FALSE(m.cpu.rflags & rflags::cf);
}

TEST(wait, a_store_ends_no_tpause) {
    TestMachine m;
    m.put_code("f3 0f ae f0 66 0f ae f1 90");
    m.cpu.gpr[rax] = at, m.cpu.gpr[rdx] = 0, m.cpu.rip() = TestMachine::code;
    m.cpu.run(m.clock.ticks + 1000);
    m.memory.write(Physical(at), 8, 1);
    m.cpu.run(m.clock.ticks + 1000);
    EXPECT_EQ(m.cpu.activity, Activity::halted);
    m.cpu.run(at + 1000);                                                 // EDX:EAX was the address
    EXPECT_EQ(m.cpu.activity, Activity::active);
    EXPECT_EQ(m.cpu.wait_end.armed(), false);
}

TEST(wait, the_limit_tells_by_cf) {
    TestMachine m;
    m.put_code("66 0f ae f1 90");
    m.cpu.msr.umwait_control = 5000;
    m.cpu.gpr[rdx] = 1, m.cpu.rip() = TestMachine::code;
    m.cpu.run(4000);
    EXPECT_EQ(m.cpu.activity, Activity::halted);
    m.cpu.run(5002);
    EXPECT_EQ(m.cpu.rip(), TestMachine::code + 5);
    EXPECT_TRUE(m.cpu.rflags & rflags::cf);
}

TEST(wait, timed_waits_refuse_reserved_bits_and_obey_tsd) {
    for (auto* code : {umwait, tpause}) {
        TestMachine m;
        m.cpu.gpr[rcx] = 2;
        EXPECT_EQ(fault_of(m, code), gp_vector);
        m.cpu.gpr[rcx] = 0, m.cpu.control.cr4 |= cr4::tsd;
        EXPECT_EQ(fault_of(m, code), -1);
        m.cpu.cpl = 3;
        EXPECT_EQ(fault_of(m, code), gp_vector);
    }
}

TEST(wait, amds_are_for_any_ring) {
    TestMachine m(TestMode::long64, "max-amd");
    m.cpu.cpl = 3;
    m.cpu.gpr[rax] = at + 1;
    ASSERT_EQ(m.run_one(monitorx), Outcome::next);
    EXPECT_EQ(m.cpu.monitor.line, at);
    m.cpu.gpr[rcx] = 3;
    EXPECT_EQ(fault_of(m, mwaitx), -1);
    EXPECT_TRUE(m.cpu.pending & pending::yield);
    EXPECT_EQ(fault_of(m, monitorx), gp_vector);         // extensions: none
    m.cpu.gpr[rcx] = 4;
    EXPECT_EQ(fault_of(m, mwaitx), gp_vector);
}

TEST(wait, each_vendor_has_its_own) {
    TestMachine intel, amd(TestMode::long64, "max-amd");
    for (auto* code : {umonitor, umwait, tpause}) EXPECT_EQ(fault_of(amd, code), ud_vector) << code;
    for (auto* code : {monitorx, mwaitx}) EXPECT_EQ(fault_of(intel, code), ud_vector) << code;
}
