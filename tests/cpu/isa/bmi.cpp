// SPDX-License-Identifier: MIT
// Tests of BMI1 and BMI2.
#include "tests/cpu/isa/example.h"

constexpr u64 all = ~u64{0};

static constexpr Example examples[] = {
    // code                 text                          before                                    after                                              flags   before  undefined
    {"c4 e2 60 f2 c1",     "andn eax, ebx, ecx",         {.rcx = 0xff, .rbx = 0x0f},               {.rax = 0xf0, .rcx = 0xff, .rbx = 0x0f},           "",     "oc",   "ap"},
    {"c4 e2 f8 f3 db",     "blsi rax, rbx",              {.rbx = 0x50},                            {.rax = 0x10, .rbx = 0x50},                        "c",    "oz",   "ap"},
    {"c4 e2 78 f3 d3",     "blsmsk eax, 0",              {},                                       {.rax = 0xffffffff},                               "cs",   "oz",   "ap"},
    {"c4 e2 78 f3 cb",     "blsr eax, ebx",              {.rbx = 0x10},                            {.rax = 0, .rbx = 0x10},                           "z",    "c",    "ap"},
    {"c4 e2 70 f7 c3",     "bextr eax, ebx, ecx",        {.rcx = 0x0804, .rbx = 0x12345},          {.rax = 0x34, .rcx = 0x0804, .rbx = 0x12345},      "",     "oc",   "asp"},
    {"c4 e2 70 f7 c3",     "bextr from bit 32",          {.rcx = 0x0820, .rbx = all},              {.rax = 0, .rcx = 0x0820, .rbx = all},             "z",    "",     "asp"},
    {"c4 e2 70 f5 c3",     "bzhi eax, ebx, ecx",         {.rcx = 4, .rbx = 0xff},                  {.rax = 0xf, .rcx = 4, .rbx = 0xff},               "",     "c",    "ap"},
    {"c4 e2 70 f5 c3",     "bzhi by 32: all and CF",     {.rcx = 32, .rbx = all},                  {.rax = 0xffffffff, .rcx = 32, .rbx = all},        "cs",   "",     "ap"},
    {"c4 e2 e2 f5 c1",     "pext rax, rbx, rcx",         {.rcx = 0xf0f0, .rbx = 0xa050},           {.rax = 0xa5, .rcx = 0xf0f0, .rbx = 0xa050},       "c",    "c"},
    {"c4 e2 e3 f5 c1",     "pdep rax, rbx, rcx",         {.rcx = 0xf0f0, .rbx = 0xa5},             {.rax = 0xa050, .rcx = 0xf0f0, .rbx = 0xa5},       "c",    "c"},
    {"c4 e2 e3 f6 c1",     "mulx rax, rbx, rcx",         {.rcx = 2, .rdx = all},                   {.rax = 1, .rcx = 2, .rdx = all, .rbx = all - 1},  "z",    "z"},
    {"c4 e2 fb f6 c1",     "mulx rax, rax, rcx: high",   {.rcx = 2, .rdx = all},                   {.rax = 1, .rcx = 2, .rdx = all},                  ""},
    {"c4 e2 f1 f7 c3",     "shlx rax, rbx, rcx",         {.rcx = 65, .rbx = 1},                    {.rax = 2, .rcx = 65, .rbx = 1},                   "oszapc", "oszapc"},
    {"c4 e2 72 f7 c3",     "sarx eax, ebx, ecx",         {.rcx = 31, .rbx = 0x80000000},           {.rax = 0xffffffff, .rcx = 31, .rbx = 0x80000000}, ""},
    {"c4 e2 73 f7 c3",     "shrx eax, ebx, ecx",         {.rcx = 31, .rbx = 0x80000000},           {.rax = 1, .rcx = 31, .rbx = 0x80000000},          ""},
    {"c4 e3 fb f0 c3 01",  "rorx rax, rbx, 1",           {.rbx = 1},                               {.rax = u64{1} << 63, .rbx = 1},                   "c",    "c"},
};
TEST(bmi, each_example_runs_as_the_manual_says) { run_examples(examples); }

TEST(bmi, wrong_vex_fields_are_undefined) {
    TestMachine m;
    EXPECT_EQ(fault_of(m, "c4 e2 64 f2 c1"), ud_vector);       // L
    EXPECT_EQ(fault_of(m, "c4 c3 bb f0 c0 01"), ud_vector);    // vvvv of RORX
    EXPECT_EQ(fault_of(m, "66 c4 e2 60 f2 c1"), ud_vector);
    EXPECT_EQ(fault_of(m, "c4 e2 78 f3 c3"), ud_vector);       // group 17 /0
}
