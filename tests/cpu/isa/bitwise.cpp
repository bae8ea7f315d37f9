// SPDX-License-Identifier: MIT
// Tests of bit instructions.
#include "tests/cpu/isa/example.h"

constexpr u64 all = ~u64{0}, at = TestMachine::data;
constexpr auto others = "oszap";

static constexpr Example examples[] = {
    // code                 text                          before                                        after                                             flags before undefined
    {"0f a3 d8",           "bt eax, ebx: modulo 32",     {.rax = 2, .rbx = 33},                        {.rax = 2, .rbx = 33},                            "c", "",    others},
    {"0f ab d8",           "bts eax, ebx",               {.rax = 0, .rbx = 31},                        {.rax = 0x80000000, .rbx = 31},                   "",  "c",   others},
    {"0f ab 1e",           "bts [rsi], ebx: behind",     {.rbx = 33, .rsi = at},                       {.rbx = 33, .rsi = at, .memory = u64{2} << 32},   "",  "",    others},
    {"0f b3 1e",           "btr [rsi], ebx: before",     {.rbx = 0xffffffff, .rsi = at + 8, .memory = all}, {.rbx = 0xffffffff, .rsi = at + 8, .memory = ~(u64{1} << 63)}, "c", "", others},
    {"66 0f bb 1e",        "btc [rsi], bx: before",      {.rbx = 0xfff0, .rsi = at + 2, .memory = 1},  {.rbx = 0xfff0, .rsi = at + 2, .memory = 0},      "c", "",    others},
    {"48 0f a3 1e",        "bt [rsi], rbx: far before",  {.rbx = u64(-64 * 2), .rsi = at + 16, .memory = 1}, {.rbx = u64(-64 * 2), .rsi = at + 16, .memory = 1}, "c", "", others},
    {"0f ba 2e ff",        "bts [rsi], 255: bit 31",     {.rsi = at},                                  {.rsi = at, .memory = 0x80000000},                "",  "",    others},
    {"0f bc c3",           "bsf eax, ebx",               {.rbx = 0x50},                                {.rax = 4, .rbx = 0x50},                          "",  "z",   "osapc"},
    {"0f bc c3",           "bsf eax, 0: kept",           {.rax = all},                                 {.rax = all},                                     "z", "",    "osapc"},
    {"48 0f bd c3",        "bsr rax, rbx",               {.rbx = all},                                 {.rax = 63, .rbx = all},                          "",  "z",   "osapc"},
    {"f3 0f bc c3",        "tzcnt eax, 0",               {.rax = all},                                 {.rax = 32},                                      "c", "z",   "osap"},
    {"f3 48 0f bd c3",     "lzcnt rax, rbx",             {.rbx = all},                                 {.rax = 0, .rbx = all},                           "z", "c",   "osap"},
    {"66 f3 0f bd c3",     "lzcnt ax, bx",               {.rax = all, .rbx = 1},                       {.rax = 0xffffffffffff000f, .rbx = 1},            "",  "c",   "osap"},
    {"f3 48 0f b8 c3",     "popcnt rax, rbx",            {.rbx = all},                                 {.rax = 64, .rbx = all},                          "",  "oszapc"},
    {"f3 0f b8 c3",        "popcnt eax, 0",              {},                                           {},                                               "z", "osapc"},
};
TEST(bitwise, each_example_runs_as_the_manual_says) { run_examples(examples); }

TEST(bitwise, without_their_features_tzcnt_and_lzcnt_are_bsf_and_bsr) {
    TestMachine m(TestMode::long64, "nehalem-ep");
    put_regs(m, {.rax = 7});
    EXPECT_EQ(m.run_one("f3 0f bc c3"), Outcome::next);    // bsf eax, 0
    EXPECT_EQ(m.cpu.gpr[rax], 7u);
    put_regs(m, {.rbx = 0x80000000});
    EXPECT_EQ(m.run_one("f3 0f bd c3"), Outcome::next);    // bsr
    EXPECT_EQ(m.cpu.gpr[rax], 31u);
}

TEST(bitwise, bit_strings_wrap_with_the_address_size) {
    TestMachine m(TestMode::protected32);
    m.put(0, u32{0});
    put_regs(m, {.rbx = 32, .rsi = 0xfffffffc});
    EXPECT_EQ(m.run_one("0f ab 1e"), Outcome::next);       // bts [esi], ebx: the dword at 0
    EXPECT_EQ(m.get<u32>(0), 1u);
}
