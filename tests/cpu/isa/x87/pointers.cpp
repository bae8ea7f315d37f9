// SPDX-License-Identifier: MIT
// Last-instruction and data pointers in all four environments, and what models keep of them (SDM vol. 1, 8.1.8 to 8.1.10).
#include "tests/cpu/machine.h"
#include <gtest/gtest.h>

namespace {

constexpr u64 area = TestMachine::data, operand = area + 0x200;
constexpr u32 infinite = 0x7f800000, signalling = 0x7f800001, one = 0x3f800000;

// FLD m32 of the operand, and FNSTENV to `area`: ModRM by the mode's addressing.
struct Machine : TestMachine {
    bool small;                   // 16-bit addresses; DS has its base at `area`
    explicit Machine(TestMode mode, const char* model, u32 value) : TestMachine(mode, model) {
        small = mode == TestMode::real16 || mode == TestMode::protected16;
        cpu.control.cr0 &= ~u64{cr0::em | cr0::ts | cr0::ne};
        cpu.fpu.control = 0x37f, cpu.fpu.empty = 0xff;
        put(operand, value);
        if (mode == TestMode::real16) cpu.seg[Seg::ds] = {u16(area >> 4), area, 0xffff, {0x93}};
        if (mode == TestMode::protected16) cpu.seg[Seg::ds].base = area;
        cpu.gpr[rbx] = small ? 0x200 : operand, cpu.gpr[rsi] = small ? 0 : area;
    }
    void load() { EXPECT_NE(run_one(small ? "d9 07" : "d9 03"), Outcome::fault); }            // [BX], [EBX]
    void store() { EXPECT_NE(run_one(small ? "d9 34" : "d9 36"), Outcome::fault); }           // [SI], [ESI]
    template <class T> T word(unsigned n) const { return get<T>(area + n * sizeof(T)); }
};

TEST(X87Pointers, protected_mode_32) {
    Machine m(TestMode::protected32, "nehalem-ep", one);
    m.load();
    m.store();
    EXPECT_EQ(m.word<u32>(0), 0xffff037fu);
    EXPECT_EQ(m.word<u32>(3), TestMachine::code);
    EXPECT_EQ(m.word<u32>(4), u32(TestMachine::code32) | 0x103u << 16);       // D9 03
    EXPECT_EQ(m.word<u32>(5), operand);
    EXPECT_EQ(m.word<u16>(12), TestMachine::data_flat);
}
TEST(X87Pointers, protected_mode_16) {
    Machine m(TestMode::protected16, "nehalem-ep", one);
    u16 cs = m.cpu.seg[Seg::cs].selector, ds = m.cpu.seg[Seg::ds].selector;
    m.load();
    m.store();
    EXPECT_EQ(m.word<u16>(0), 0x37f);
    EXPECT_EQ(m.word<u16>(3), u16(m.cpu.fpu.fip));
    EXPECT_EQ(m.word<u16>(4), cs);
    EXPECT_EQ(m.word<u16>(5), 0x200);
    EXPECT_EQ(m.word<u16>(6), ds);
}
// 20-bit linear addresses, the upper four beside the opcode.
TEST(X87Pointers, real_mode_16) {
    Machine m(TestMode::real16, "nehalem-ep", one);
    m.load();
    m.store();
    EXPECT_EQ(m.word<u16>(3), u16(TestMachine::code));
    EXPECT_EQ(m.word<u16>(4), (TestMachine::code >> 16) << 12 | 0x107);       // D9 07
    EXPECT_EQ(m.word<u16>(5), u16(operand));
    EXPECT_EQ(m.word<u16>(6), (operand >> 16) << 12);
}
TEST(X87Pointers, real_mode_32) {
    Machine m(TestMode::real16, "nehalem-ep", one);
    m.load();
    ASSERT_NE(m.run_one("66 d9 34"), Outcome::fault);
    EXPECT_EQ(m.word<u32>(3), 0xffff0000u | u16(TestMachine::code));
    EXPECT_EQ(m.word<u32>(4), (TestMachine::code >> 16) << 12 | 0x107);
    EXPECT_EQ(m.word<u32>(5), 0xffff0000u | u16(operand));
    EXPECT_EQ(m.word<u32>(6), (operand >> 16) << 12);
}

TEST(X87Pointers, fdp_only_with_an_exception_where_the_model_says_so) {
    Machine masked(TestMode::protected32, "haswell", signalling), unmasked(TestMode::protected32, "haswell", signalling);
    masked.load();
    EXPECT_EQ(masked.cpu.fpu.fdp, 0u);
    EXPECT_EQ(masked.cpu.fpu.fip, TestMachine::code);
    unmasked.cpu.fpu.control = 0x37e;
    unmasked.load();
    EXPECT_EQ(unmasked.cpu.fpu.fdp, operand);
}
TEST(X87Pointers, no_selectors_where_the_model_says_so) {
    Machine m(TestMode::protected32, "haswell", one);
    m.load();
    EXPECT_EQ(m.cpu.fpu.fcs, 0);
    EXPECT_EQ(m.cpu.fpu.fds, 0);
}

// FXSAVE on AMD's: with a pending exception alone; FXRSTOR on those before Zen 2 the same.
TEST(X87Pointers, amd_saves_them_beside_an_exception) {
    for (bool pending : {false, true}) {
        Machine m(TestMode::long64, "zen2", signalling);
        m.cpu.fpu.control = pending ? 0x37e : 0x37f;
        m.load();
        ASSERT_NE(m.run_one("48 0f ae 06"), Outcome::fault);
        EXPECT_EQ(m.get<u64>(area + 8), pending ? TestMachine::code : 0);
        EXPECT_EQ(m.get<u16>(area + 6), pending ? 0x103 : 0);
    }
}
TEST(X87Pointers, amd_restores_them_always_since_zen) {
    for (const char* model : {"barcelona", "zen2"}) {
        Machine m(TestMode::long64, model, one);
        m.load();
        u64 before = m.cpu.fpu.fip;
        std::fill_n(m.ram.begin() + area, 512, u8(0));
        m.put<u16>(area, 0x37f), m.put<u64>(area + 8, 0x1234), m.put<u32>(area + 24, 0x1f80);
        ASSERT_NE(m.run_one("48 0f ae 0e"), Outcome::fault);
        EXPECT_EQ(m.cpu.fpu.fip, std::string_view(model) == "zen2" ? 0x1234 : before);
    }
}

// CR0.NE clear: FERR# rises with the waiting instruction, and falls with the exception.
TEST(X87Pointers, ferr_follows_the_exception) {
    Machine m(TestMode::protected32, "nehalem-ep", infinite);
    std::string log;
    m.cpu.wires.ferr = [&](bool on) { return log += on ? '+' : '-', false; };
    m.cpu.fpu.control = 0x37e;
    ASSERT_NE(m.run_one("d9 ee"), Outcome::fault);                            // FLDZ
    ASSERT_NE(m.run_one("d8 0b"), Outcome::fault);                            // FMUL m32: 0 * infinity
    EXPECT_EQ(log, "");
    EXPECT_EQ(m.run_one("9b"), Outcome::next);
    EXPECT_EQ(log, "+");
    EXPECT_EQ(m.run_one("db e2"), Outcome::next);                             // FNCLEX
    EXPECT_EQ(m.run_one("db e2"), Outcome::next);
    EXPECT_EQ(log, "+-");
}
// With an interrupt that can be taken the instruction waits for it.
TEST(X87Pointers, a_waiting_instruction_waits_for_the_interrupt) {
    Machine m(TestMode::protected32, "nehalem-ep", infinite);
    m.cpu.wires.ferr = [&](bool) { return m.cpu.pending |= pending::intr, false; };
    m.cpu.fpu.control = 0x37e;
    ASSERT_NE(m.run_one("d9 ee"), Outcome::fault);
    ASSERT_NE(m.run_one("d8 0b"), Outcome::fault);
    EXPECT_EQ(m.run_one("d9 e8"), Outcome::next);                             // IF clear: FLD1 runs
    m.cpu.rflags |= rflags::if_;
    EXPECT_EQ(m.run_one("d9 e8"), Outcome::again);
    EXPECT_EQ(m.cpu.rip(), TestMachine::code);
}

}
