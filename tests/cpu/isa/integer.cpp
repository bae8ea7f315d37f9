// SPDX-License-Identifier: MIT
// Tests of integer arithmetic.
#include "tests/cpu/isa/example.h"

constexpr u64 all = ~u64{0}, at = TestMachine::data;
constexpr auto p32 = TestMode::protected32;

static constexpr Example examples[] = {
    // code                    text                         before                                        after                                          flags
    {"00 d8",                 "add al, bl",                {.rax = 0x7f, .rbx = 1},                      {.rax = 0x80, .rbx = 1},                       "oas"},
    {"00 e8",                 "add al, ch",                {.rax = 1, .rcx = 0x200},                     {.rax = 3, .rcx = 0x200},                      "p"},
    {"40 00 f0",              "add al, sil",               {.rax = 1, .rsi = 0x102},                     {.rax = 3, .rsi = 0x102},                      "p"},
    {"66 01 d8",              "add ax, bx",                {.rax = 0xa5ffff, .rbx = 1},                  {.rax = 0xa50000, .rbx = 1},                   "capz"},
    {"01 d8",                 "add eax, ebx",              {.rax = all, .rbx = 1},                       {.rax = 0, .rbx = 1},                          "capz"},
    {"48 83 c0 ff",           "add rax, -1",               {.rax = 0x10},                                {.rax = 0xf},                                  "cp"},
    {"48 05 00 00 00 80",     "add rax, -80000000h",       {.rax = 0},                                   {.rax = 0xffffffff80000000},                   "ps"},
    {"48 01 06",              "add [rsi], rax",            {.rax = 1, .rsi = at, .memory = all},         {.rax = 1, .rsi = at, .memory = 0},            "capz"},
    {"10 d8",                 "adc al, bl",                {.rax = 0xff, .rbx = 0xff},                   {.rax = 0xff, .rbx = 0xff},                    "caps", "c"},
    {"48 11 d8",              "adc rax, rbx",              {.rax = all, .rbx = 0},                       {.rax = 0, .rbx = 0},                          "capz", "c"},
    {"18 d8",                 "sbb al, bl",                {.rax = 0, .rbx = 0xff},                      {.rax = 0, .rbx = 0xff},                       "capz", "c"},
    {"29 d8",                 "sub eax, ebx",              {.rax = 0, .rbx = 1},                         {.rax = 0xffffffff, .rbx = 1},                 "caps"},
    {"28 d8",                 "sub al, bl",                {.rax = 0x80, .rbx = 1},                      {.rax = 0x7f, .rbx = 1},                       "oa"},
    {"38 d8",                 "cmp al, bl",                {.rax = 0x80, .rbx = 1},                      {.rax = 0x80, .rbx = 1},                       "oa"},
    {"21 d8",                 "and eax, ebx",              {.rax = 0xf0f0f0f0f0, .rbx = 0x80000000},     {.rax = 0x80000000, .rbx = 0x80000000},        "ps", "oc", "a"},
    {"83 c8 ff",              "or eax, -1",                {.rax = 0x1234567800000000},                  {.rax = 0xffffffff},                           "ps", "", "a"},
    {"31 c0",                 "xor eax, eax",              {.rax = all},                                 {.rax = 0},                                    "zp", "oc", "a"},
    {"f6 c8 80",              "test al, 80h (F6 /1)",      {.rax = 0x80},                                {.rax = 0x80},                                 "s", "", "a"},
    {"fe c0",                 "inc al",                    {.rax = 0xff},                                {.rax = 0},                                    "capz", "c"},
    {"48 ff c8",              "dec rax",                   {.rax = u64{1} << 63},                        {.rax = ~u64{0} >> 1},                         "oap"},
    {"40",                    "inc eax (40+r)",            {.rax = 0x7fffffff},                          {.rax = 0x80000000},                           "oaps", "", "", p32},
    {"f7 d8",                 "neg eax",                   {.rax = 0x80000000},                          {.rax = 0x80000000},                           "cops"},
    {"f7 d0",                 "not eax",                   {.rax = 0},                                   {.rax = 0xffffffff},                           "oszapc", "oszapc"},

    {"f6 e3",                 "mul bl",                    {.rax = 0x1280, .rbx = 2},                    {.rax = 0x100, .rbx = 2},                      "co", "", "szap"},
    {"f7 e3",                 "mul ebx",                   {.rax = 0x80000000, .rdx = all, .rbx = 2},    {.rax = 0, .rdx = 1, .rbx = 2},                "co", "", "szap"},
    {"48 f7 e3",              "mul rbx",                   {.rax = all, .rbx = all},                     {.rax = 1, .rdx = all - 1, .rbx = all},        "co", "", "szap"},
    {"48 f7 eb",              "imul rbx",                  {.rax = all, .rbx = all},                     {.rax = 1, .rdx = 0, .rbx = all},              "", "co", "szap"},
    {"f6 eb",                 "imul bl",                   {.rax = 0x80, .rbx = 0x80},                   {.rax = 0x4000, .rbx = 0x80},                  "co", "", "szap"},
    {"66 0f af c3",           "imul ax, bx",               {.rax = 0x4000, .rbx = 2},                    {.rax = 0x8000, .rbx = 2},                     "co", "", "szap"},
    {"48 6b c3 fe",           "imul rax, rbx, -2",         {.rax = 9, .rbx = 3},                         {.rax = u64(-6), .rbx = 3},                    "", "co", "szap"},
    {"f6 f3",                 "div bl",                    {.rax = 0x107, .rbx = 2},                     {.rax = 0x183, .rbx = 2},                      "", "", "oszapc"},
    {"48 f7 f3",              "div rbx",                   {.rax = 5, .rdx = 1, .rbx = 16},              {.rax = (u64{1} << 60), .rdx = 5, .rbx = 16},  "", "", "oszapc"},
    {"f7 fb",                 "idiv ebx",                  {.rax = 0xfffffff9, .rdx = all, .rbx = 2},    {.rax = 0xfffffffd, .rdx = 0xffffffff, .rbx = 2}, "", "", "oszapc"},
    {"66 f7 fb",              "idiv bx: -32768",           {.rax = 0x8000, .rdx = 0xffff, .rbx = 1},     {.rax = 0x8000, .rbx = 1},                     "", "", "oszapc"},

    {"0f c1 d8",              "xadd eax, ebx",             {.rax = 5, .rbx = 7},                         {.rax = 12, .rbx = 5},                         "p"},
    {"0f c1 c0",              "xadd eax, eax",             {.rax = 5},                                   {.rax = 10},                                   "p"},
    {"f0 48 0f c1 06",        "lock xadd [rsi], rax",      {.rax = 1, .rsi = at, .memory = 41},          {.rax = 41, .rsi = at, .memory = 42},          ""},
    {"0f b1 16",              "cmpxchg [rsi], edx: equal", {.rax = all, .rdx = 5, .rsi = at, .memory = all}, {.rax = all, .rdx = 5, .rsi = at, .memory = 0xffffffff00000005}, "zp"},
    {"0f b1 16",              "cmpxchg [rsi], edx: not",   {.rax = all, .rdx = 5, .rsi = at, .memory = 1}, {.rax = 1, .rdx = 5, .rsi = at, .memory = 1},  "s"},
    {"0f c7 0e",              "cmpxchg8b [rsi]: equal",    {.rax = 2, .rcx = 8, .rdx = 1, .rbx = 9, .rsi = at, .memory = 0x100000002}, {.rax = 2, .rcx = 8, .rdx = 1, .rbx = 9, .rsi = at, .memory = 0x800000009}, "zoc", "oc"},
    {"f0 0f c7 0e",           "lock cmpxchg8b [rsi]: not", {.rax = 3, .rdx = 1, .rsi = at, .memory = 0x100000002}, {.rax = 2, .rdx = 1, .rsi = at, .memory = 0x100000002}, "oc", "ozc"},

    {"66 0f 38 f6 c3",        "adcx eax, ebx",             {.rax = 0xffffffff, .rbx = 0},                {.rax = 0, .rbx = 0},                          "cos", "cos"},
    {"f3 48 0f 38 f6 c3",     "adox rax, rbx",             {.rax = all, .rbx = 0},                       {.rax = 0, .rbx = 0},                          "oz", "oz"},
};
TEST(integer, each_example_runs_as_the_manual_says) { run_examples(examples); }

TEST(integer, a_quotient_that_does_not_fit_is_a_divide_error_and_changes_nothing) {
    TestMachine m;
    for (auto [code, divisor] : {std::pair{"f7 f3", u64{0}}, {"f7 f3", u64{1}}, {"f6 f3", u64{1}}, {"48 f7 fb", u64{0}}}) {
        put_regs(m, {.rax = 0x8000, .rdx = 1, .rbx = divisor});
        EXPECT_EQ(fault_of(m, code), de_vector);
        expect_regs(m, {.rax = 0x8000, .rdx = 1, .rbx = divisor});
    }
    put_regs(m, {.rax = 0, .rdx = u64{1} << 63, .rbx = ~u64{0}});
    EXPECT_EQ(fault_of(m, "48 f7 fb"), de_vector);
}

TEST(integer, a_failed_cmpxchg_needs_a_writable_destination) {
    TestMachine m;
    m.put(0x3000 + 8, u64{0x200000 | 0xe5});       // 2 MiB on: not writable
    put_regs(m, {.rax = 1, .rsi = 0x200000});
    EXPECT_EQ(fault_of(m, "0f b1 16"), pf_vector);
    expect_regs(m, {.rax = 1, .rsi = 0x200000});
}

TEST(integer, cmpxchg16b_wants_alignment) {
    TestMachine m;
    put_regs(m, {.rsi = at + 8});
    EXPECT_EQ(fault_of(m, "48 0f c7 0e"), gp_vector);
    put_regs(m, {.rcx = 4, .rbx = 3, .rsi = at});
    EXPECT_EQ(m.run_one("48 0f c7 0e"), Outcome::next);
    EXPECT_EQ(m.get<u64>(at), 3u);
    EXPECT_EQ(m.get<u64>(at + 8), 4u);
}

TEST(integer, lock_is_for_memory_destinations_that_are_written) {
    TestMachine m;
    put_regs(m, {.rsi = at});
    EXPECT_EQ(fault_of(m, "f0 01 c0"), ud_vector);
    EXPECT_EQ(fault_of(m, "f0 03 06"), ud_vector);
    EXPECT_EQ(fault_of(m, "f0 39 06"), ud_vector);
    EXPECT_EQ(fault_of(m, "f0 01 06"), -1);
    EXPECT_EQ(fault_of(m, "82 c0 01"), ud_vector);
}
