// SPDX-License-Identifier: MIT
// Tests of moves.
#include "tests/cpu/isa/example.h"

constexpr u64 all = ~u64{0}, at = TestMachine::data, pattern = 0x1122334455667788;
constexpr auto p32 = TestMode::protected32;

static constexpr Example examples[] = {
    // code                          text                        before                                          after
    {"88 e0",                       "mov al, ah",               {.rax = 0x1234},                                {.rax = 0x1212}},
    {"66 89 d8",                    "mov ax, bx",               {.rax = all, .rbx = 0x1234},                    {.rax = 0xffffffffffff1234, .rbx = 0x1234}},
    {"89 d8",                       "mov eax, ebx",             {.rax = all, .rbx = pattern},                   {.rax = 0x55667788, .rbx = pattern}},
    {"48 c7 c0 ff ff ff 80",        "mov rax, imm32",           {},                                             {.rax = 0xffffffff80ffffff}},
    {"48 b8 88 77 66 55 44 33 22 11", "mov rax, imm64",         {},                                             {.rax = pattern}},
    {"b4 05",                       "mov ah, 5",                {.rax = all},                                   {.rax = 0xffffffffffff05ff}},
    {"40 b4 05",                    "mov spl, 5 leaves AH",     {.rax = all},                                   {.rax = all}},
    {"a1 00 00 02 00 00 00 00 00",  "mov eax, moffs64",         {.memory = pattern},                            {.rax = 0x55667788, .memory = pattern}},
    {"67 a0 00 00 02 00",           "mov al, moffs32",          {.memory = pattern},                            {.rax = 0x88, .memory = pattern}},
    {"a3 00 00 02 00",              "mov moffs32, eax",         {.rax = 1, .memory = all},                      {.rax = 1, .memory = 0xffffffff00000001}, "", "", "", p32},
    {"87 d8",                       "xchg eax, ebx",            {.rax = all, .rbx = 1},                         {.rax = 1, .rbx = 0xffffffff}},
    {"48 87 06",                    "xchg [rsi], rax",          {.rax = 5, .rsi = at, .memory = 6},             {.rax = 6, .rsi = at, .memory = 5}},
    {"90",                          "nop",                      {.rax = all},                                   {.rax = all}},
    {"41 90",                       "xchg r8d, eax",            {.rax = all, .r8 = 1},                          {.rax = 1, .r8 = 0xffffffff}},
    {"f3 41 90",                    "xchg r8d, eax with F3",    {.rax = all, .r8 = 1},                          {.rax = 1, .r8 = 0xffffffff}},
    {"0f b6 c4",                    "movzx eax, ah",            {.rax = 0xffffffffffff80ff},                    {.rax = 0x80}},
    {"48 0f be c3",                 "movsx rax, bl",            {.rbx = 0x80},                                  {.rax = 0xffffffffffffff80, .rbx = 0x80}},
    {"66 0f be c3",                 "movsx ax, bl",             {.rbx = 0x80},                                  {.rax = 0xff80, .rbx = 0x80}},
    {"48 63 c3",                    "movsxd rax, ebx",          {.rbx = 0x80000000},                            {.rax = 0xffffffff80000000, .rbx = 0x80000000}},
    {"63 c3",                       "movsxd eax, ebx",          {.rax = all, .rbx = 0x80000000},                {.rax = 0x80000000, .rbx = 0x80000000}},
    {"0f 44 c3",                    "cmovz eax, ebx: no",       {.rax = all, .rbx = 1},                         {.rax = 0xffffffff, .rbx = 1}},
    {"0f 4f c3",                    "cmovnle eax, ebx: yes",    {.rax = all, .rbx = 1},                         {.rax = 1, .rbx = 1}, "so", "so"},
    {"0f 92 c4",                    "setb ah",                  {.rax = all},                                   {.rax = 0xffffffffffff01ff}, "c", "c"},
    {"48 8d 44 33 fe",              "lea rax, [rbx + rsi - 2]", {.rbx = 1, .rsi = all},                         {.rax = u64(-2), .rbx = 1, .rsi = all}},
    {"67 48 8d 03",                 "lea rax, [ebx]",           {.rbx = all},                                   {.rax = 0xffffffff, .rbx = all}},
    {"66 8d 03",                    "lea ax, [rbx]",            {.rbx = 0x12345},                               {.rax = 0x2345, .rbx = 0x12345}},
    {"48 8d 05 01 00 00 00",        "lea rax, [rip + 1]",       {},                                             {.rax = TestMachine::code + 8}},
    {"48 0f c8",                    "bswap rax",                {.rax = pattern},                               {.rax = 0x8877665544332211}},
    {"0f c8",                       "bswap eax",                {.rax = pattern},                               {.rax = 0x88776655}},
    {"66 0f 38 f0 06",              "movbe ax, [rsi]",          {.rsi = at, .memory = pattern},                 {.rax = 0x8877, .rsi = at, .memory = pattern}},
    {"0f 38 f1 06",                 "movbe [rsi], eax",         {.rax = pattern, .rsi = at},                    {.rax = pattern, .rsi = at, .memory = 0x88776655}},
    {"d7",                          "xlat",                     {.rax = 0xff05, .rbx = at, .memory = pattern},  {.rax = 0xff33, .rbx = at, .memory = pattern}},
    {"66 98",                       "cbw",                      {.rax = 0x1280},                                {.rax = 0xff80}},
    {"98",                          "cwde",                     {.rax = 0xffff00008000},                        {.rax = 0xffff8000}},
    {"48 98",                       "cdqe",                     {.rax = 0x80000000},                            {.rax = 0xffffffff80000000}},
    {"66 99",                       "cwd",                      {.rax = 0x8000},                                {.rax = 0x8000, .rdx = 0xffff}},
    {"99",                          "cdq",                      {.rax = 0x80000000, .rdx = all},                {.rax = 0x80000000, .rdx = 0xffffffff}},
    {"48 99",                       "cqo",                      {.rax = 1, .rdx = all},                         {.rax = 1}},
};
TEST(move, each_example_runs_as_the_manual_says) { run_examples(examples); }

TEST(move, a_conditional_move_reads_its_source_in_any_case) {
    TestMachine m;
    put_regs(m, {.rax = 1, .rsi = u64{1} << 32});
    EXPECT_EQ(fault_of(m, "0f 44 06"), pf_vector);
}

TEST(move, movbe_with_f3_and_with_a_register_is_undefined) {
    TestMachine m;
    EXPECT_EQ(fault_of(m, "f3 0f 38 f0 06"), ud_vector);
    EXPECT_EQ(fault_of(m, "0f 38 f0 c0"), ud_vector);
}

TEST(move, sixteen_bit_addresses_wrap) {
    TestMachine m(TestMode::real16);
    m.cpu.seg[Seg::ds].base = at;
    m.put(at + 0x0ffe, u16{0xabcd});
    m.cpu.gpr[rbx] = 0xfffe, m.cpu.gpr[rsi] = 0x1000;
    EXPECT_EQ(m.run_one("8b 00"), Outcome::next);          // mov ax, [bx + si]
    EXPECT_EQ(u16(m.cpu.gpr[rax]), 0xabcd);
    m.cpu.gpr[rsi] = 1;
    EXPECT_EQ(fault_of(m, "8b 00"), gp_vector);            // a word at FFFF is beyond the limit
}
