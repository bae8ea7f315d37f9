// SPDX-License-Identifier: MIT
// What a guest's time depends on: TSC offset and multiplier, and loops of PAUSE (SDM vol. 3, 26.1.3 and 26.3), in both engines.
#include "cpu/msr/access.h"
#include "tests/cpu/vmx/host.h"

namespace {

using vmx::Field;

struct VmxTime : VmxGuest {
    static constexpr u64 tsc_offsetting = bit(3), pause_loops = bit(10), tsc_scaling = bit(25);
    u64 edx_eax() const { return u64{u32(m.cpu.gpr[rdx])} << 32 | u32(m.cpu.gpr[rax]); }
};

constexpr u64 two_and_a_half = u64{5} << 47;

TEST_F(VmxTime, a_guests_tsc_is_multiplied_and_then_moved) {
    controls(tsc_offsetting, tsc_scaling);
    v.vmcs.set(Field::tsc_multiplier, two_and_a_half), v.vmcs.set(Field::tsc_offset, 0x1000);
    v.enter();
    ASSERT_TRUE(m.cpu.guest);
    m.cpu.msr.tsc_offset = 0x0123456789abcdef - m.cpu.clock.ticks;
    EXPECT_EQ(read_guest_tsc(m.cpu), 0x02d82d82d82d82d5u + 0x1000);
    m.cpu.msr.tsc_offset = ~u64{0} - m.cpu.clock.ticks;
    EXPECT_EQ(read_guest_tsc(m.cpu), 0x7ffffffffffffffdu + 0x1000) << "of a product of 128 bits, bits 111:48";
    EXPECT_EQ(read_tsc(m.cpu), ~u64{0});
}

TEST_F(VmxTime, rdtsc_rdtscp_and_rdmsr_show_the_same_tsc) {
    controls(tsc_offsetting, tsc_scaling | bit(3));
    v.vmcs.set(Field::tsc_multiplier, bit(48) * 4), v.vmcs.set(Field::tsc_offset, 3);
    for (auto engine : {Engine::slow, Engine::fast})
        for (auto code : {"0f 31 0f 01 c1", "0f 01 f9 0f 01 c1", "b9 10 00 00 00 0f 32 0f 01 c1"}) {
            v.vmcs.set(Field::guest_rip, TestMachine::code);
            u64 first = m.cpu.clock.ticks;
            ASSERT_TRUE(run(engine, code));
            EXPECT_EQ(v.vmcs[Field::exit_reason], 18u) << "VMCALL";
            u64 number = std::string_view(code).starts_with("b9") ? 2 : 1;        // of the instruction
            EXPECT_EQ(edx_eax(), (first + number) * 4 + 3) << code;
        }
}

TEST_F(VmxTime, nothing_is_multiplied_without_an_offset_or_behind_the_exit) {
    controls(0, tsc_scaling);
    v.vmcs.set(Field::tsc_multiplier, two_and_a_half), v.vmcs.set(Field::tsc_offset, 0x1000);
    v.enter();
    ASSERT_TRUE(m.cpu.guest);
    EXPECT_EQ(read_guest_tsc(m.cpu), read_tsc(m.cpu));
    v.exit_now({.reason = vmx::Reason::cpuid});
    controls(tsc_offsetting, 0);
    v.enter();
    EXPECT_EQ(read_guest_tsc(m.cpu), read_tsc(m.cpu) + 0x1000);
    v.exit_now({.reason = vmx::Reason::cpuid});
    EXPECT_EQ(read_guest_tsc(m.cpu), read_tsc(m.cpu));
}

// IA32_TSC_DEADLINE and the TSC as WRMSR sees it are the processor's own (SDM vol. 3, 26.3 names neither).
TEST_F(VmxTime, a_deadline_is_neither_multiplied_nor_moved) {
    controls(tsc_offsetting, tsc_scaling);
    v.vmcs.set(Field::tsc_multiplier, two_and_a_half), v.vmcs.set(Field::tsc_offset, 0x1000);
    m.cpu.write_physical(Physical(0xfee000f0), 4, 0x1ff);
    m.cpu.write_physical(Physical(0xfee00320), 4, 0x40030);
    v.enter();
    ASSERT_TRUE(m.cpu.guest);
    ASSERT_TRUE(write_msr(m.cpu, 0x6e0, read_tsc(m.cpu) + 777));
    EXPECT_EQ(m.cpu.clock.deadline() - m.cpu.clock.ticks, 777u);
}

// ---- PAUSE: a loop of three instructions, a tick each and 40 more for PAUSE; ECX counts its rounds

constexpr const char* pause_loop = "ff c1 f3 90 eb fa";

TEST_F(VmxTime, a_pause_loop_exits_once_it_takes_longer_than_the_window) {
    controls(0, pause_loops);
    v.vmcs.set(Field::ple_gap, 43), v.vmcs.set(Field::ple_window, 260);
    for (auto engine : {Engine::slow, Engine::fast}) {
        v.vmcs.set(Field::guest_rip, TestMachine::code);
        ASSERT_TRUE(run(engine, pause_loop));
        EXPECT_EQ(v.vmcs[Field::exit_reason], 40u);
        EXPECT_EQ(m.cpu.gpr[rcx], 8u) << "the first PAUSE that is more than 260 ticks behind the first of the loop";
        EXPECT_EQ(v.vmcs[Field::guest_rip], TestMachine::code + 2);
        EXPECT_EQ(v.vmcs[Field::exit_instruction_length], 2u);
    }
}

TEST_F(VmxTime, pauses_further_apart_than_the_gap_are_no_loop) {
    controls(0, pause_loops);
    v.vmcs.set(Field::ple_gap, 42), v.vmcs.set(Field::ple_window, 20);
    for (auto engine : {Engine::slow, Engine::fast}) {
        EXPECT_FALSE(run(engine, pause_loop));
        v.exit_now({.reason = vmx::Reason::cpuid});
        v.vmcs.set(Field::guest_rip, TestMachine::code);
    }
}

TEST_F(VmxTime, loops_are_looked_for_in_ring_0_only_and_exiting_by_pause_everywhere) {
    for (unsigned s : {0, 2, 3, 4, 5})
        v.vmcs.set(Field(0x4814 + 2 * s), 0xc0f3), v.vmcs.set(Field(0x800 + 2 * s), TestMachine::user_data);
    v.vmcs.set(Field::guest_cs_rights, 0xa0fb), v.vmcs.set(Field::guest_cs_selector, TestMachine::user_code64);
    controls(0, pause_loops);
    v.vmcs.set(Field::ple_gap, 100), v.vmcs.set(Field::ple_window, 20);
    EXPECT_FALSE(run(Engine::slow, pause_loop));
    v.exit_now({.reason = vmx::Reason::cpuid});
    v.vmcs.set(Field::guest_rip, TestMachine::code);
    controls(bit(30), pause_loops);
    ASSERT_TRUE(run(Engine::slow, pause_loop));
    EXPECT_EQ(v.vmcs[Field::exit_reason], 40u);
    EXPECT_EQ(m.cpu.gpr[rcx], 1u);
}

}
