// SPDX-License-Identifier: MIT
// Tests of hints, undefined instructions, cache line instructions, BOUND and random numbers.
#include "tests/cpu/isa/example.h"

constexpr u64 at = TestMachine::data;

TEST(misc, hints_access_no_memory) {
    TestMachine m;
    m.cpu.gpr[rsi] = u64{1} << 62;
    for (auto code : {"90", "f3 90", "66 90", "0f 1f 06", "66 0f 1f 44 00 00", "0f 18 06", "0f 18 3e", "0f 0d 0e", "0f 19 06", "f3 0f 1e fa",
                      "0f ae e8", "0f ae f1", "0f ae f8"})
        EXPECT_EQ(fault_of(m, code), -1) << code;
    EXPECT_EQ(fault_of(m, "f0 90"), ud_vector);
}

TEST(misc, undefined_instructions_are_undefined) {
    TestMachine m, amd(TestMode::long64, "max-amd");
    for (auto code : {"0f 0b", "0f ff c0", "0f b9 c0", "f3 0f ae e8"}) EXPECT_EQ(fault_of(m, code), ud_vector) << code;
    EXPECT_EQ(fault_of(m, "0f 0d c0"), -1);
    EXPECT_EQ(fault_of(amd, "0f 0d c0"), ud_vector);
}

TEST(misc, cache_line_instructions_are_checked_as_loads) {
    TestMachine m;
    for (auto code : {"0f ae 3e", "66 0f ae 3e", "66 0f ae 36"}) {
        m.cpu.gpr[rsi] = at;
        EXPECT_EQ(fault_of(m, code), -1) << code;
        m.cpu.gpr[rsi] = u64{1} << 32;
        EXPECT_EQ(fault_of(m, code), pf_vector) << code;
    }
}

TEST(misc, clzero_clears_a_line) {
    TestMachine m(TestMode::long64, "max-amd");
    std::fill_n(m.ram.begin() + at, 192, u8(0xff));
    m.cpu.gpr[rax] = at + 100;
    EXPECT_EQ(m.run_one("0f 01 fc"), Outcome::next);
    EXPECT_EQ(m.ram[at + 63], 0xff);
    EXPECT_EQ(m.ram[at + 64], 0);
    EXPECT_EQ(m.ram[at + 127], 0);
    EXPECT_EQ(m.ram[at + 128], 0xff);
}

TEST(misc, movdir64b_copies_a_line_to_an_aligned_one) {
    TestMachine m;
    for (unsigned n = 0; n < 64; n++) m.ram[at + 3 + n] = u8(n + 1);
    m.cpu.gpr[rax] = at + 128, m.cpu.gpr[rbx] = at + 3;
    ASSERT_EQ(m.run_one("66 0f 38 f8 03"), Outcome::next);
    EXPECT_TRUE(std::equal(&m.ram[at + 3], &m.ram[at + 67], &m.ram[at + 128]));
    m.cpu.gpr[rax] = at + 136;
    EXPECT_EQ(fault_of(m, "66 0f 38 f8 03"), gp_vector);
    m.cpu.gpr[rax] = bit(33) + at + 128;                  // with a 32-bit address the register has 32 bits
    m.cpu.gpr[rbx] = at + 4;
    ASSERT_EQ(m.run_one("67 66 0f 38 f8 03"), Outcome::next);
    EXPECT_EQ(m.ram[at + 128], 2);
    EXPECT_EQ(fault_of(m, "66 0f 38 f8 c3"), ud_vector);
}

TEST(misc, movdiri_stores_a_register) {
    TestMachine m;
    m.cpu.gpr[rax] = 0x1122334455667788, m.cpu.gpr[rbx] = at;
    m.put(at, ~u64{0});
    ASSERT_EQ(m.run_one("0f 38 f9 03"), Outcome::next);
    EXPECT_EQ(m.get<u64>(at), 0xffffffff55667788u);
    ASSERT_EQ(m.run_one("48 0f 38 f9 03"), Outcome::next);
    EXPECT_EQ(m.get<u64>(at), 0x1122334455667788u);
    EXPECT_EQ(fault_of(m, "66 0f 38 f9 03"), ud_vector);
}

TEST(misc, serialize_is_an_instruction_of_its_own) {
    TestMachine m, without(TestMode::long64, "max-amd");
    EXPECT_EQ(fault_of(m, "0f 01 e8"), -1);
    EXPECT_EQ(fault_of(m, "66 0f 01 e8"), ud_vector);
    EXPECT_EQ(fault_of(without, "0f 01 e8"), ud_vector);
}

TEST(misc, bound_compares_signed_and_includes_both_ends) {
    TestMachine m(TestMode::protected32);
    for (auto [index, vector] : {std::pair{u64(0xfffffffe), -1}, {u64(3), -1}, {u64(4), int(br_vector)}, {u64(0xfffffffd), int(br_vector)}}) {
        put_regs(m, {.rax = index, .rsi = at, .memory = 0x3fffffffe});
        EXPECT_EQ(fault_of(m, "62 06"), vector) << index;
    }
}

TEST(misc, random_numbers_come_from_the_machines_source) {
    TestMachine m;
    m.cpu.wires.random = [] { return u64(0x1122334455667788); };
    m.cpu.rflags = 2 | rflags::status;
    EXPECT_EQ(m.run_one("66 0f c7 f0"), Outcome::next);
    EXPECT_EQ(m.cpu.gpr[rax], 0x7788u);
    EXPECT_EQ(m.cpu.rflags, rflags::cf | 2);
    EXPECT_EQ(m.run_one("48 0f c7 f8"), Outcome::next);
    EXPECT_EQ(m.cpu.gpr[rax], 0x1122334455667788u);
    EXPECT_EQ(fault_of(m, "f2 0f c7 f0"), ud_vector);
}
