// SPDX-License-Identifier: MIT
// Tests of decimal arithmetic.
#include "tests/cpu/isa/example.h"

constexpr auto p32 = TestMode::protected32;

static constexpr Example examples[] = {
    // code      text                       before               after                flags   before  undefined
    {"27",      "daa: 79 + 35",            {.rax = 0xae},       {.rax = 0x14},       "cap",  "",     "o",    p32},
    {"27",      "daa: carry came in",      {.rax = 0x02},       {.rax = 0x62},       "c",    "c",    "o",    p32},
    {"27",      "daa: 99 stays",           {.rax = 0x99},       {.rax = 0x99},       "sp",   "",     "o",    p32},
    {"2f",      "das: 35 - 47",            {.rax = 0xee},       {.rax = 0x88},       "caps", "ca",   "o",    p32},
    {"2f",      "das: low digit borrows",  {.rax = 0x03},       {.rax = 0xfd},       "cas",  "a",    "o",    p32},
    {"37",      "aaa",                     {.rax = 0x000f},     {.rax = 0x0105},     "ca",   "",     "oszp", p32},
    {"37",      "aaa: AL carries into AH", {.rax = 0x00fa},     {.rax = 0x0200},     "ca",   "",     "oszp", p32},
    {"3f",      "aas",                     {.rax = 0x02ff},     {.rax = 0x0109},     "ca",   "",     "oszp", p32},
    {"d4 0a",   "aam",                     {.rax = 79},         {.rax = 0x0709},     "p",    "",     "oac",  p32},
    {"d4 10",   "aam 16",                  {.rax = 0xff7b},     {.rax = 0x070b},     "",     "",     "oac",  p32},
    {"d5 0a",   "aad",                     {.rax = 0x0709},     {.rax = 79},         "",     "",     "oac",  p32},
};
TEST(bcd, each_example_runs_as_the_manual_says) { run_examples(examples); }

TEST(bcd, aam_by_zero_is_a_divide_error_and_64_bit_mode_has_none_of_them) {
    TestMachine m(TestMode::protected32);
    EXPECT_EQ(fault_of(m, "d4 00"), de_vector);
    TestMachine m64;
    for (auto code : {"27", "2f", "37", "3f", "d4 0a", "d5 0a"}) EXPECT_EQ(fault_of(m64, code), ud_vector) << code;
}
