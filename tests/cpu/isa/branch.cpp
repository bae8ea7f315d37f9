// SPDX-License-Identifier: MIT
// Tests of near branches.
#include "tests/cpu/isa/example.h"

constexpr u64 code = TestMachine::code, top = TestMachine::stack;

// RIP, relative to the instruction's start.
static s64 goes(TestMachine& m, const char* bytes) {
    Outcome outcome = m.run_one(bytes);
    EXPECT_TRUE(outcome == Outcome::taken || outcome == Outcome::next) << bytes;
    return s64(m.cpu.rip() - (m.cpu.real_mode() ? 0 : code));
}

TEST(branch, targets_count_from_the_next_instruction) {
    TestMachine m;
    EXPECT_EQ(goes(m, "eb 10"), 0x12);
    EXPECT_EQ(goes(m, "eb fe"), 0);
    EXPECT_EQ(goes(m, "e9 00 01 00 00"), 0x105);
    EXPECT_EQ(goes(m, "0f 84 00 01 00 00"), 6);
    EXPECT_EQ(goes(m, "0f 85 00 01 00 00"), 0x106);
    m.cpu.gpr[rax] = 0x1234;
    EXPECT_EQ(goes(m, "ff e0"), 0x1234 - s64(code));
}

TEST(branch, each_condition_looks_at_its_flags) {
    struct { unsigned condition; const char *taken, *not_taken; } table[] = {
        {0, "o", "szapc"}, {2, "c", "oszap"}, {4, "z", "osapc"}, {6, "c", "osap"}, {6, "z", "osap"}, {8, "s", "ozapc"},
        {10, "p", "oszac"}, {12, "o", "os"}, {12, "s", "zapc"}, {14, "z", "os"}, {14, "o", "apc"},
    };
    TestMachine m;
    for (auto& row : table)
        for (unsigned negated : {0, 1})
            for (bool holds : {true, false}) {
                char bytes[8];
                std::snprintf(bytes, sizeof bytes, "%x 10", 0x70 + row.condition + negated);
                m.cpu.rflags = 2 | flag_bits(holds ? row.taken : row.not_taken);
                EXPECT_EQ(goes(m, bytes), holds != bool(negated) ? 0x12 : 2) << bytes << " " << holds;
            }
}

TEST(branch, call_pushes_the_next_address_and_ret_returns_and_releases) {
    TestMachine m;
    EXPECT_EQ(goes(m, "e8 00 01 00 00"), 0x105);
    EXPECT_EQ(m.cpu.gpr[rsp], top - 8);
    EXPECT_EQ(m.get<u64>(top - 8), code + 5);
    m.cpu.gpr[rsp] -= 16;
    m.put(top - 24, code + 0x40);
    EXPECT_EQ(goes(m, "c2 10 00"), 0x40);
    EXPECT_EQ(m.cpu.gpr[rsp], top);
}

TEST(branch, a_call_through_the_stack_reads_its_target_first) {
    TestMachine m;
    m.put(top - 8, code + 0x20);
    EXPECT_EQ(goes(m, "ff 54 24 f8"), 0x20);               // call [rsp - 8]
    EXPECT_EQ(m.get<u64>(top - 8), code + 4);
}

TEST(branch, non_canonical_targets_fault_before_anything_has_moved) {
    TestMachine m;
    u64 bad = u64{1} << 47;
    m.cpu.gpr[rax] = bad;
    EXPECT_EQ(fault_of(m, "ff e0"), gp_vector);
    EXPECT_EQ(fault_of(m, "ff d0"), gp_vector);
    EXPECT_EQ(m.cpu.gpr[rsp], top);
    EXPECT_EQ(m.cpu.rip(), code);
    m.put(top - 8, bad);
    m.cpu.gpr[rsp] = top - 8;
    EXPECT_EQ(fault_of(m, "c3"), gp_vector);
    EXPECT_EQ(m.cpu.gpr[rsp], top - 8);
}

TEST(branch, the_code_segments_limit_holds_for_taken_branches) {
    TestMachine m(TestMode::protected32);
    m.cpu.seg[Seg::cs].limit = u32(code + 0x10);
    EXPECT_EQ(goes(m, "eb 0e"), 0x10);
    EXPECT_EQ(fault_of(m, "eb 0f"), gp_vector);
    m.cpu.gpr[rcx] = 5;
    EXPECT_EQ(fault_of(m, "e2 40"), gp_vector);
    EXPECT_EQ(m.cpu.gpr[rcx], 5u);
    EXPECT_EQ(fault_of(m, "e3 40"), -1);                   // not taken
}

TEST(branch, an_operand_size_of_16_bits_cuts_rip) {
    TestMachine m(TestMode::protected32);
    EXPECT_EQ(goes(m, "66 eb 00"), 3 - s64(code));
    EXPECT_EQ(goes(m, "66 e8 00 00"), 4 - s64(code));
    EXPECT_EQ(m.cpu.gpr[rsp], top - 2);
    EXPECT_EQ(m.get<u16>(top - 2), 4);
}

TEST(branch, in_64_bit_mode_intel_ignores_66_and_amd_obeys_it) {
    TestMachine intel, amd(TestMode::long64, "max-amd");
    EXPECT_EQ(goes(intel, "66 e9 00 00 00 00"), 6);
    EXPECT_EQ(goes(amd, "66 e9 00 00"), 4 - s64(code));
}

TEST(branch, loops_count_in_the_address_size) {
    TestMachine m;
    m.cpu.gpr[rcx] = u64{1} << 32;
    EXPECT_EQ(goes(m, "e2 10"), 0x12);
    EXPECT_EQ(m.cpu.gpr[rcx], 0xffffffffu);
    m.cpu.gpr[rcx] = 0x500000001;
    EXPECT_EQ(goes(m, "67 e2 10"), 3);
    EXPECT_EQ(m.cpu.gpr[rcx], 0u);
    m.cpu.gpr[rcx] = 2;
    m.cpu.rflags = 2;
    EXPECT_EQ(goes(m, "e1 10"), 2);                        // LOOPE without ZF
    EXPECT_EQ(goes(m, "e3 10"), 2);
    EXPECT_EQ(m.cpu.gpr[rcx], 1u);
    m.cpu.gpr[rcx] = u64{1} << 32;
    EXPECT_EQ(goes(m, "67 e3 10"), 0x13);
}
