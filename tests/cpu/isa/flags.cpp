// SPDX-License-Identifier: MIT
// Tests of flag instructions.
#include "tests/cpu/isa/example.h"

constexpr auto p32 = TestMode::protected32;

static constexpr Example examples[] = {
    // code  text           before              after               flags     before
    {"f8",  "clc",         {},                 {},                 "oszap",  "oszapc"},
    {"f9",  "stc",         {},                 {},                 "c",      ""},
    {"f5",  "cmc",         {},                 {},                 "c",      ""},
    {"f5",  "cmc",         {},                 {},                 "z",      "zc"},
    {"9f",  "lahf",        {.rax = 0xff01},    {.rax = 0x9301},    "osac",   "osac"},
    {"9e",  "sahf",        {.rax = 0x4400},    {.rax = 0x4400},    "ozp",    "osac"},
    {"d6",  "salc",        {.rax = 0x100},     {.rax = 0x1ff},     "c",      "c",     "", p32},
    {"d6",  "salc",        {.rax = 0x1ff},     {.rax = 0x100},     "z",      "z",     "", p32},
};
TEST(flags, each_example_runs_as_the_manual_says) { run_examples(examples); }

TEST(flags, cld_and_std_write_the_direction) {
    TestMachine m;
    m.run_one("fd");
    EXPECT_EQ(m.cpu.rflags, rflags::df | 2);
    m.run_one("fc");
    EXPECT_EQ(m.cpu.rflags, 2u);
}

TEST(flags, sti_shadows_one_instruction_and_only_where_if_was_clear) {
    TestMachine m;
    EXPECT_EQ(m.run_one("fb"), Outcome::changed);
    EXPECT_TRUE(m.cpu.sti_shadow);
    EXPECT_EQ(m.cpu.rflags, rflags::if_ | 2);
    m.cpu.sti_shadow = false;
    m.run_one("fb");
    EXPECT_FALSE(m.cpu.sti_shadow);
    m.run_one("fa");
    EXPECT_EQ(m.cpu.rflags, 2u);
}

TEST(flags, cli_and_sti_obey_iopl_pvi_and_vip) {
    TestMachine m(TestMode::protected32);
    m.cpu.cpl = 3;
    EXPECT_EQ(fault_of(m, "fa"), gp_vector);
    EXPECT_EQ(fault_of(m, "fb"), gp_vector);
    m.cpu.rflags = rflags::iopl | 2;
    EXPECT_EQ(fault_of(m, "fb"), -1);
    EXPECT_EQ(m.cpu.rflags, rflags::iopl | rflags::if_ | 2);

    m.cpu.rflags = rflags::if_ | 2;
    m.cpu.sti_shadow = false;
    m.cpu.control.cr4 |= cr4::pvi;
    EXPECT_EQ(fault_of(m, "fb"), -1);
    EXPECT_EQ(m.cpu.rflags, rflags::if_ | rflags::vif | 2);
    EXPECT_FALSE(m.cpu.sti_shadow);
    EXPECT_EQ(fault_of(m, "fa"), -1);
    EXPECT_EQ(m.cpu.rflags, rflags::if_ | 2);
    m.cpu.rflags |= rflags::vip;
    EXPECT_EQ(fault_of(m, "fb"), gp_vector);
    m.cpu.cpl = 1;
    EXPECT_EQ(fault_of(m, "fa"), gp_vector);               // PVI is for CPL 3
}
