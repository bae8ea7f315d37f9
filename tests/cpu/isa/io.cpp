// SPDX-License-Identifier: MIT
// IN, OUT, INS, OUTS: widths, permission, restart.
#include "tests/cpu/machine.h"
#include <gtest/gtest.h>

namespace {

struct Io : testing::Test {
    struct Access { char way; u16 port; unsigned width; u32 value; bool operator==(const Access&) const = default; };
    TestMachine m;
    Cpu& cpu = m.cpu;
    std::vector<Access> seen;
    u32 answer = 0x89abcdef;
    Io() { wire(m); }
    void wire(TestMachine& machine) {
        machine.cpu.wires.port_in = [this](u16 port, unsigned width) { return seen.push_back({'i', port, width, 0}), answer++; };
        machine.cpu.wires.port_out = [this](u16 port, unsigned width, u32 value) { seen.push_back({'o', port, width, value}); };
    }
    // Ring 3, IOPL 0, a TSS at 8000h whose bitmap starts at 68h and ends with the limit.
    static void ring3(TestMachine& m, u32 limit = 0x68 + 0x2000) {
        m.cpu.cpl = 3;
        m.cpu.seg[Seg::tr] = {0x50, 0x8000, limit, {0x8b}};
        m.put(0x8066, u16{0x68});
        for (u64 i = 0; i <= 0x2000; i++) m.ram[0x8068 + i] = 0xff;
        m.cpu.mode_changed();
    }
};

TEST_F(Io, widths_and_ports) {
    cpu.gpr[rax] = 0x1111111122222222, cpu.gpr[rdx] = 0xffff0cf8;
    m.run_one("e4 fe");
    EXPECT_EQ(cpu.gpr[rax], 0x11111111222222efu);
    m.run_one("66 ed");
    EXPECT_EQ(cpu.gpr[rax], 0x111111112222cdf0u);
    m.run_one("48 ed");                                      // REX.W changes nothing
    EXPECT_EQ(cpu.gpr[rax], 0x89abcdf1u);
    cpu.gpr[rax] = 0xfedcba9876543210;
    m.run_one("e6 80");
    m.run_one("ef");
    m.run_one("66 e7 81");
    std::vector<Access> expected{{'i', 0xfe, 1, 0}, {'i', 0xcf8, 2, 0}, {'i', 0xcf8, 4, 0}, {'o', 0x80, 1, 0x10}, {'o', 0xcf8, 4, 0x76543210}, {'o', 0x81, 2, 0x3210}};
    EXPECT_EQ(seen, expected);
}

TEST_F(Io, the_bitmap_decides_where_iopl_does_not) {
    ring3(m);
    EXPECT_EQ(m.run_one("e4 71"), Outcome::fault);
    EXPECT_EQ(cpu.fault_.vector, gp_vector);
    m.ram[0x8068 + 0x71 / 8] = u8(~bit(0x71 % 8));
    EXPECT_NE(m.run_one("e4 71"), Outcome::fault);
    EXPECT_EQ(m.run_one("66 e5 71"), Outcome::fault);        // 72h is denied
    EXPECT_EQ(seen.size(), 1u);
    cpu.rflags |= rflags::iopl;
    EXPECT_NE(m.run_one("e5 20"), Outcome::fault);
}

TEST_F(Io, a_wide_access_looks_at_the_next_byte_of_the_bitmap) {
    ring3(m);
    m.ram[0x8068] = 0x3f;                                    // 6 and 7
    m.ram[0x8069] = 0xfc;                                    // 8 and 9
    EXPECT_NE(m.run_one("e5 06"), Outcome::fault);
    m.ram[0x8069] = 0xfe;
    EXPECT_EQ(m.run_one("e5 06"), Outcome::fault);
}

TEST_F(Io, beyond_the_bitmap_and_without_one_ports_are_denied) {
    ring3(m, 0x68 + 4);
    m.ram[0x8068] = m.ram[0x8069] = m.ram[0x806b] = m.ram[0x806c] = 0;
    EXPECT_NE(m.run_one("e4 00"), Outcome::fault);
    EXPECT_NE(m.run_one("e4 18"), Outcome::fault);
    EXPECT_EQ(m.run_one("e4 20"), Outcome::fault);           // its second byte is beyond the limit
    cpu.seg[Seg::tr].limit = 102;
    EXPECT_EQ(m.run_one("e4 00"), Outcome::fault);
    cpu.seg[Seg::tr] = {0x50, 0x8000, 0x3000, {0x83}};       // a 16-bit TSS has none
    EXPECT_EQ(m.run_one("e4 00"), Outcome::fault);
}

TEST_F(Io, ins_repeats_upwards_and_counts_ticks) {
    answer = 0x11;
    cpu.gpr[rdi] = TestMachine::data, cpu.gpr[rcx] = 3, cpu.gpr[rdx] = 0x1f0;
    u64 ticks = m.clock.ticks;
    m.run_one("f3 6c");
    EXPECT_EQ(cpu.gpr[rcx], 0u);
    EXPECT_EQ(cpu.gpr[rdi], TestMachine::data + 3);
    EXPECT_EQ(m.get<u32>(TestMachine::data) & 0xffffff, 0x131211u);
    EXPECT_EQ(m.clock.ticks, ticks + 3);
    EXPECT_EQ(cpu.rip(), TestMachine::code + 2);
}

// Elements into one page go together; where the run ends at once they come one by one. The port sees the same either way: its
// tick, the registers of a repetition (which an SMI would save), and how far it gets until it raises something or takes too long.
TEST_F(Io, elements_that_go_together_are_as_those_one_by_one) {
    struct Look { u64 tick, rcx, rdi, linear; bool operator==(const Look&) const = default; };
    auto run = [](bool one_by_one, unsigned raises, unsigned page_offset, unsigned slow) {
        TestMachine m;
        std::vector<Look> looks;
        u32 answer = 0x8001;
        m.cpu.wires.port_in = [&](u16, unsigned) {
            auto& a = m.cpu.smm.at_port;
            looks.push_back({m.clock.ticks, a.rcx, a.rdi, a.address});
            if (looks.size() == slow) m.clock.ticks += 1000;
            if (looks.size() == raises) m.cpu.pending |= pending::intr;
            return answer++;
        };
        m.cpu.gpr[rdi] = TestMachine::data + page_offset, m.cpu.gpr[rcx] = 40, m.cpu.gpr[rdx] = 0x1f0;
        u64 end = m.clock.ticks + 900;
        m.cpu.run_limit = one_by_one ? 0 : end;
        Outcome outcome = m.run_one("66 f3 6d");
        while (one_by_one && outcome == Outcome::again && !m.cpu.pending && m.clock.ticks < end) outcome = m.run_one("66 f3 6d");
        std::vector<u8> bytes(m.ram.begin() + TestMachine::data + page_offset, m.ram.begin() + TestMachine::data + page_offset + 80);
        return std::tuple{outcome, looks, bytes, m.cpu.gpr[rcx], m.cpu.gpr[rdi], m.clock.ticks};
    };
    for (unsigned offset : {0u, 1u, 0xfc0u, 0xfc1u})
        for (unsigned raises : {0u, 1u, 2u, 17u, 40u})
            for (unsigned slow : {0u, 1u, 20u, 40u}) {
                auto together = run(false, raises, offset, slow);
                EXPECT_EQ(together, run(true, raises, offset, slow)) << offset << " " << raises << " " << slow;
                bool whole = (!raises || raises == 40) && (!slow || slow == 40);
                EXPECT_EQ(std::get<3>(together) == 0, whole);
            }
}

TEST_F(Io, a_port_that_raises_something_stops_the_repetition) {
    m.cpu.wires.port_out = [this](u16, unsigned, u32) { cpu.pending |= pending::intr; };
    cpu.gpr[rsi] = TestMachine::data, cpu.gpr[rcx] = 5, cpu.gpr[rdx] = 0x1f0;
    EXPECT_EQ(m.run_one("f3 6f"), Outcome::again);
    EXPECT_EQ(cpu.gpr[rcx], 4u);
    EXPECT_EQ(cpu.gpr[rsi], TestMachine::data + 4);
    EXPECT_EQ(cpu.rip(), TestMachine::code);
}

TEST_F(Io, memory_faults_before_the_port_is_read) {
    cpu.gpr[rdi] = u64{1} << 40, cpu.gpr[rdx] = 0x1f0;
    EXPECT_EQ(m.run_one("6d"), Outcome::fault);
    EXPECT_EQ(cpu.fault_.vector, pf_vector);
    EXPECT_TRUE(seen.empty());
    EXPECT_EQ(cpu.gpr[rdi], u64{1} << 40);
}

}
