// SPDX-License-Identifier: MIT
// Tests of shifts and rotates.
#include "tests/cpu/isa/example.h"

constexpr u64 all = ~u64{0};

static constexpr Example examples[] = {
    // code              text                       before                                  after                                   flags   before  undefined
    {"d0 e0",           "shl al, 1",               {.rax = 0xc0},                          {.rax = 0x80},                          "cs",   "",     "a"},
    {"d0 e0",           "shl al, 1 overflows",     {.rax = 0x40},                          {.rax = 0x80},                          "so",   "",     "a"},
    {"c0 f0 08",        "shl al, 8 (/6)",          {.rax = 1},                             {.rax = 0},                             "czp",  "",     "ao"},
    {"d3 e0",           "shl eax, 32: nothing",    {.rax = all, .rcx = 32},                {.rax = 0xffffffff, .rcx = 32},         "oszapc", "oszapc"},
    {"48 d3 e0",        "shl rax, 63",             {.rax = 3, .rcx = 0x7f},                {.rax = u64{1} << 63, .rcx = 0x7f},     "csp",  "",     "ao"},
    {"66 c1 e8 10",     "shr ax, 16",              {.rax = 0x8000},                        {.rax = 0},                             "czp",  "",     "ao"},
    {"d1 e8",           "shr eax, 1",              {.rax = 0x80000001},                    {.rax = 0x40000000},                    "cop",  "",     "a"},
    {"d0 f8",           "sar al, 1",               {.rax = 0x81},                          {.rax = 0xc0},                          "csp",  "o",    "a"},
    {"c0 f8 1f",        "sar al, 31",              {.rax = 0x80},                          {.rax = 0xff},                          "csp",  "",     "ao"},
    {"d0 c0",           "rol al, 1",               {.rax = 0x80},                          {.rax = 1},                             "cosz", "sz"},
    {"c0 c0 08",        "rol al, 8 sets CF",       {.rax = 0x81},                          {.rax = 0x81},                          "c",    "",     "o"},
    {"d0 c8",           "ror al, 1",               {.rax = 1},                             {.rax = 0x80},                          "co"},
    {"66 c1 c8 10",     "ror ax, 16 sets CF",      {.rax = 0x8001},                        {.rax = 0x8001},                        "c",    "",     "o"},
    {"d0 d0",           "rcl al, 1",               {.rax = 0x80},                          {.rax = 1},                             "co",   "c"},
    {"c0 d0 09",        "rcl al, 9: whole way",    {.rax = 0x55},                          {.rax = 0x55},                          "c",    "c",    "o"},
    {"66 c1 d0 12",     "rcl ax, 18 is by 1",      {.rax = 0x8000},                        {.rax = 1},                             "c",    "c",    "o"},
    {"d1 d8",           "rcr eax, 1",              {.rax = 1},                             {.rax = 0x80000000},                    "co",   "c"},
    {"48 d1 d8",        "rcr rax, 1",              {.rax = 2},                             {.rax = 1},                             ""},
    {"0f a4 d8 04",     "shld eax, ebx, 4",        {.rax = 0x12345678, .rbx = 0xabcdef01}, {.rax = 0x2345678a, .rbx = 0xabcdef01}, "c",    "",     "ao"},
    {"0f ac d8 01",     "shrd eax, ebx, 1",        {.rax = 1, .rbx = 1},                   {.rax = 0x80000000, .rbx = 1},          "cosp", "",     "a"},
    {"48 0f a5 d8",     "shld rax, rbx, 64: none", {.rax = 1, .rcx = 64, .rbx = all},      {.rax = 1, .rcx = 64, .rbx = all},      "z",    "z"},
    {"66 0f ac d8 10",  "shrd ax, bx, 16",         {.rax = 0x1234, .rbx = 0xabcd},         {.rax = 0xabcd, .rbx = 0xabcd},         "s",    "",     "ao"},
};
TEST(shift, each_example_runs_as_the_manual_says) { run_examples(examples); }
