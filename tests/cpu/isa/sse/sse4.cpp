// SPDX-License-Identifier: MIT
// SSE3 to SSE4.2 and SSE4A on a CPU: what the manuals' operation sections give for numbers chosen by hand.
#include "cpu/fp/mxcsr.h"
#include "tests/cpu/isa/sse/example.h"
#include <gtest/gtest.h>

namespace {

using namespace vector_examples;

constexpr u64 ones64 = ~u64{0}, count = 0x0706050403020100, up = 0x0f0e0d0c0b0a0908, top = bit(63);
constexpr u64 one = 0x3f8000003f800000, two = 0x4000000040000000, one_two = 0x400000003f800000, half_big = 0x4004000000000000;   // 2.5

const Example examples[] = {
    // code                  text                           before                                         after
    {"f2 0f 12 03",          "movddup xmm0, [rbx]",         {{3, 4}, {}, {1, 2}},                          {{2, 2}, {}, {1, 2}}},
    {"f3 0f 12 c1",          "movsldup xmm0, xmm1",         {{}, {0x400000003, 0x200000001}},              {{0x300000003, 0x100000001}, {0x400000003, 0x200000001}}},
    {"f3 0f 16 c1",          "movshdup xmm0, xmm1",         {{}, {0x400000003, 0x200000001}},              {{0x400000004, 0x200000002}, {0x400000003, 0x200000001}}},
    {"f2 0f d0 c1",          "addsubps xmm0, xmm1",         {{two, two}, {one, one}},                      {{0x404000003f800000, 0x404000003f800000}, {one, one}}},
    {"f2 0f 7c c1",          "haddps xmm0, xmm1",           {{one_two, one}, {two, one}},                  {{0x4080000040000000, 0x4040000040000000}, {two, one}}},
    {"f2 0f 7d c1",          "hsubps xmm0, xmm1",           {{one_two, one}, {two, one_two}},              {{0x00000000bf800000, 0xbf80000000000000}, {two, one_two}}},
    {"66 0f 38 00 c1",       "pshufb xmm0, xmm1",           {{up, count}, {0x80f0ff0f00010203, up}},       {{0x0f00010203, up}, {0x80f0ff0f00010203, up}}},
    {"66 0f 3a 0f c1 05",    "palignr xmm0, xmm1, 5",       {{7, count}, {up, count}},                     {{0x0403020100'0f0e0d, 0x0c0b0a0908'070605}, {up, count}}},
    {"66 0f 3a 0f c1 14",    "palignr xmm0, xmm1, 20",      {{up, count}, {5, 6}},                         {{0x0f0e0d0c, 0x0b0a090807060504}, {5, 6}}},
    {"66 0f 38 1c c1",       "pabsb xmm0, xmm1",            {{}, {0x80ff7f0100000000, 0}},                 {{0x80017f0100000000, 0}, {0x80ff7f0100000000, 0}}},
    {"66 0f 38 04 c1",       "pmaddubsw xmm0, xmm1",        {{0, 0xffff}, {0, 0x7f7f}},                    {{0, 0x7fff}, {0, 0x7f7f}}},
    {"66 0f 38 10 c1",       "pblendvb xmm0, xmm1, xmm0",   {{0, 0x8000ff00}, {7, 0x11223344}},            {{0, 0x11003300}, {7, 0x11223344}}},
    {"66 0f 3a 0e c1 81",    "pblendw xmm0, xmm1, 81",      {{1, 2}, {top, 3}},                            {{0x8000000000000001, 3}, {top, 3}}},
    {"66 0f 38 20 03",       "pmovsxbw xmm0, [rbx]",        {{}, {}, {9, 0x80ff000000000001}},             {{0xff80ffff00000000, 1}, {}, {9, 0x80ff000000000001}}},
    {"66 0f 38 32 c1",       "pmovzxbq xmm0, xmm1",         {{}, {9, 0x80ff}},                             {{0x80, 0xff}, {9, 0x80ff}}},
    {"66 0f 38 28 c1",       "pmuldq xmm0, xmm1",           {{0xffffffff, 7}, {5, ones64}},                {{u64(-5), u64(-7)}, {5, ones64}}},
    {"66 0f 38 40 c1",       "pmulld xmm0, xmm1",           {{0x80000000'00000003, 2}, {0x3'ffffffff, 4}}, {{0x80000000'fffffffd, 8}, {0x3'ffffffff, 4}}},
    {"66 0f 38 41 c1",       "phminposuw xmm0, xmm1",       {{1, 1}, {0x0005000400030002, ones64}},        {{0, 0x40002}, {0x0005000400030002, ones64}}},
    {"66 0f 38 2b c1",       "packusdw xmm0, xmm1",         {{}, {0x10000ffffffff, 0x7fffffff00000005}},   {{0xffff0000ffff0005, 0}, {0x10000ffffffff, 0x7fffffff00000005}}},
    {"66 0f 3a 20 c0 0f",    "pinsrb xmm0, al, 15",         {{1, 2}, {}, {}, 0x1ff},                       {{0xff00000000000001, 2}, {}, {}, 0x1ff}},
    {"66 48 0f 3a 22 c0 01", "pinsrq xmm0, rax, 1",         {{1, 2}, {}, {}, ones64},                      {{ones64, 2}, {}, {}, ones64}},
    {"66 0f 3a 14 c8 09",    "pextrb eax, xmm1, 9",         {{}, {0x8765, 0}, {}, ones64},                 {{}, {0x8765, 0}, {}, 0x87}},
    {"66 0f 3a 14 0b 01",    "pextrb [rbx], xmm1, 1",       {{}, {0, 0x8765}, {5, 6}},                     {{}, {0, 0x8765}, {5, 0x87}}},
    {"66 0f 3a 15 c8 01",    "pextrw eax, xmm1, 1",         {{}, {0, 0x87654321}, {}, ones64},             {{}, {0, 0x87654321}, {}, 0x8765}},
    {"66 0f 3a 17 c8 02",    "extractps eax, xmm1, 2",      {{}, {two, one}, {}, ones64},                  {{}, {two, one}, {}, 0x40000000}},
    {"66 0f 3a 21 c1 9c",    "insertps xmm0, xmm1, 9c",     {{1, 0x200000003}, {0x700000006, 5}},          {{0, 0x600000003}, {0x700000006, 5}}},
    {"66 0f 3a 21 03 d0",    "insertps xmm0, [rbx], d0",    {{1, 2}, {}, {9, 0x800000007}},                {{1, 0x700000002}, {}, {9, 0x800000007}}},
    {"66 0f 3a 0b c1 00",    "roundsd xmm0, xmm1, nearest", {{7, 8}, {1, half_big}},                       {{7, 0x4000000000000000}, {1, half_big}}},
    {"66 0f 3a 0b c1 02",    "roundsd xmm0, xmm1, up",      {{7, 8}, {1, half_big}},                       {{7, 0x4008000000000000}, {1, half_big}}},
    {"66 0f 3a 40 c1 71",    "dpps xmm0, xmm1, 71",         {{two, one}, {one_two, two}},                  {{0, 0x40c00000}, {one_two, two}}},
    {"66 0f 3a 42 c1 05",    "mpsadbw xmm0, xmm1, 5",       {{up, count}, {0, 0x0101010100000000}},        {{0x002e002a00260022, 0x001e001a00160012}, {0, 0x0101010100000000}}},
    {"66 0f 38 29 c1",       "pcmpeqq xmm0, xmm1",          {{1, 2}, {1, 3}},                              {{ones64, 0}, {1, 3}}},
    {"66 0f 38 37 c1",       "pcmpgtq xmm0, xmm1",          {{1, top}, {ones64, 3}},                       {{ones64, 0}, {ones64, 3}}},
    {"f2 0f 38 f0 03",       "crc32 eax, byte [rbx]",       {{}, {}, {0, 0}, ones64},                      {{}, {}, {0, 0}, 0xad82acae}},
};
const Example amds[] = {
    {"66 0f 78 c0 08 04",    "extrq xmm0, 8, 4",            {{9, 0x1234}},                                 {{0, 0x23}}},
    {"f2 0f 79 c1",          "insertq xmm0, xmm1",          {{9, 0x1234}, {0x0404, 0xff}},                 {{0, 0x12f4}, {0x0404, 0xff}}},
};

// PCMPxSTRx: strings in XMM0 and XMM1, lengths in EAX and EDX.
constexpr Wide text(std::string_view s) {
    Wide w;
    for (std::size_t n = 0; n < s.size(); n++) (n < 8 ? w.low : w.high) |= u64{u8(s[n])} << n % 8 * 8;
    return w;
}
struct Comparison {
    const char* code;
    const char* what;
    Wide a, b;
    u64 eax, edx;
    u64 ecx;                      // the index, or
    Wide mask;
    const char* flags;
};
const Comparison comparisons[] = {
    // code                  what                              a                    b                          eax     edx  ecx mask                   flags
    {"66 0f 3a 63 c1 00",    "any of a set",                   text("xyz"),         text("hello yes"),         0,      0,   6,  {},                    "csz"},
    {"66 0f 3a 63 c1 40",    "the last of a set",              text("eh"),          text("here"),              0,      0,   3,  {},                    "cszo"},
    {"66 0f 3a 63 c1 04",    "in a range",                     text("09"),          text("abc4def8"),          0,      0,   3,  {},                    "csz"},
    {"66 0f 3a 63 c1 14",    "not in a range",                 text("az"),          text("abcdefghijklmnop"),  0,      0,   16, {},                    "s"},
    {"66 0f 3a 63 c1 18",    "the first difference",           text("abcd"),        text("abxd"),              0,      0,   2,  {},                    "csz"},
    {"66 0f 3a 63 c1 18",    "no difference",                  text("abcd"),        text("abcd"),              0,      0,   16, {},                    "sz"},
    {"66 0f 3a 63 c1 0c",    "a substring",                    text("lo"),          text("hello"),             0,      0,   3,  {},                    "csz"},
    {"66 0f 3a 63 c1 0c",    "a substring cut off by the end", text("pq"),          text("abcdefghijklmnop"),  0,      0,   15, {},                    "cs"},
    {"66 0f 3a 61 c1 0c",    "an empty one is everywhere",     text("lo"),          text("hello"),             0,      5,   0,  {},                    "cszo"},
    {"66 0f 3a 61 c1 00",    "lengths have no sign",           text("o"),           text("hello"),             ones64, 3,   16, {},                    "sz"},
    {"66 0f 3a 61 c1 00",    "lengths end at 16",              text("o"),           text("hello"),             1,      99,  4,  {},                    "cs"},
    {"66 0f 3a 62 c1 08",    "a mask of bits",                 text("abc"),         text("axc"),               0,      0,   0,  {0, 0xfffd},           "cszo"},
    {"66 0f 3a 62 c1 48",    "a mask of bytes",                text("abcdefghijklmnop"), text("abcdefgxxxxxxxxp"), 0, 0,   0,  {0xff00000000000000, 0x00ffffffffffffff}, "co"},
    {"66 0f 3a 60 c1 49",    "a mask of words",                {0, 0x0002000100010001}, {0, 0x0002000100020001}, 2,  1,   0,  {ones64, 0xffffffff0000ffff}, "cszo"},
};

}

TEST(sse4, does_what_the_manuals_say) {
    run(examples);
    run(amds, "max-amd");
}

TEST(sse4, compares_strings_as_the_manual_says) {
    TestMachine m;
    for (auto& e : comparisons) {
        SCOPED_TRACE(e.what);
        put(m, {e.a, e.b, {}, e.eax});
        m.cpu.gpr[rdx] = e.edx, m.cpu.gpr[rcx] = ones64;
        m.cpu.rflags = rflags::one | rflags::af | rflags::pf;
        ASSERT_EQ(m.run_one(e.code), Outcome::next);
        u64 flags = 0;
        for (char c : std::string_view(e.flags)) flags |= c == 'c' ? rflags::cf : c == 'z' ? rflags::zf : c == 's' ? rflags::sf : rflags::of;
        EXPECT_EQ(m.cpu.rflags & rflags::status, flags);
        bool mask = !(std::string_view(e.code)[10] & 1);
        EXPECT_EQ(m.cpu.gpr[rcx], mask ? ones64 : e.ecx);
        EXPECT_EQ(xmm(m, 0), mask ? e.mask : e.a);
    }
}

TEST(sse4, tests_bits_into_zf_and_cf) {
    struct { Wide a, b; u64 flags; } table[] = {
        {{1, 2}, {4, 8}, rflags::zf},
        {{1, 2}, {1, 2}, rflags::cf},
        {{1, 2}, {3, 2}, 0},
        {{1, 2}, {}, rflags::zf | rflags::cf},
    };
    TestMachine m;
    for (auto& e : table) {
        put(m, {e.a, e.b});
        m.cpu.rflags = rflags::one | rflags::status;
        ASSERT_EQ(m.run_one("66 0f 38 17 c1"), Outcome::next);
        EXPECT_EQ(m.cpu.rflags & rflags::status, e.flags);
    }
}

TEST(sse4, wants_aligned_memory_but_for_strings_and_lddqu) {
    TestMachine m;
    put(m, {});
    m.cpu.gpr[rbx]++;
    for (auto* code : {"66 0f 38 00 03", "66 0f 38 17 03", "66 0f 3a 40 03 ff", "66 0f 38 2a 03", "66 0f 38 dc 03", "0f 38 c8 03"})
        EXPECT_TRUE(m.run_one(code) == Outcome::fault && m.cpu.fault_.vector == gp_vector) << code;
    for (auto* code : {"f2 0f f0 03", "66 0f 3a 63 03 00", "66 0f 38 20 03", "66 0f 3a 0b 03 00"}) EXPECT_EQ(m.run_one(code), Outcome::next) << code;
}

TEST(sse4, sha_takes_any_address_on_amd) {
    TestMachine m(TestMode::long64, "max-amd");
    put(m, {});
    m.cpu.gpr[rbx]++;
    for (auto* code : {"0f 38 c8 03", "0f 38 cb 03", "0f 3a cc 03 00"}) EXPECT_EQ(m.run_one(code), Outcome::next) << code;
    EXPECT_EQ(m.run_one("66 0f 38 dc 03"), Outcome::fault);
}

TEST(sse4, rounds_with_the_exceptions_that_the_immediate_leaves) {
    TestMachine m;
    auto raised = [&](const char* code, u64 number, u32 modes) {
        put(m, {{}, {0, number}});
        m.cpu.vector.mxcsr = modes;
        bool faults = m.run_one(code) == Outcome::fault;
        return (faults ? 0x100u + m.cpu.fault_.vector : 0) | (m.cpu.vector.mxcsr & mxcsr::flags);
    };
    EXPECT_EQ(raised("66 0f 3a 0b c1 00", half_big, 0x1f80), mxcsr::pe);
    EXPECT_EQ(raised("66 0f 3a 0b c1 08", half_big, 0x1f80), 0u);
    EXPECT_EQ(raised("66 0f 3a 0b c1 08", 0x7ff0000000000001, 0x1f80), mxcsr::ie);
    EXPECT_EQ(raised("66 0f 3a 0b c1 00", 0x7ff8000000000001, 0x1f80), 0u);
    EXPECT_EQ(raised("66 0f 3a 0b c1 00", 1, 0x1f80), mxcsr::pe);        // a denormal number raises no DE
    EXPECT_EQ(raised("66 0f 3a 0b c1 00", 1, 0x1fc0), 0u);               // with DAZ it is zero
    EXPECT_EQ(raised("66 0f 3a 0b c1 00", half_big, 0x0f80), mxcsr::pe | 0x100 | xm_vector);
}

TEST(sse4, ssse3_on_mmx_registers_takes_over_the_x87_stack) {
    TestMachine m;
    m.cpu.fpu.empty = 0xff;
    m.cpu.fpu.r[0].significand = count, m.cpu.fpu.r[1].significand = 0x8001020304050607;
    ASSERT_EQ(m.run_one("0f 38 00 c1"), Outcome::next);
    EXPECT_EQ(m.cpu.fpu.r[0].significand, 0x0001020304050607u);
    EXPECT_EQ(m.cpu.fpu.r[0].sign_exponent, 0xffff);
    EXPECT_EQ(m.cpu.fpu.empty, 0);
}

TEST(sse4, fisttp_truncates_whatever_the_rounding_is) {
    TestMachine m;
    put(m, {});
    m.cpu.fpu.control = 0x0b7f;                                          // up
    m.cpu.fpu.empty = 0x7f, m.cpu.fpu.set_top(7);
    m.cpu.fpu.r[7] = {0xe000000000000000, 0xbfff};                       // -1.75
    ASSERT_EQ(m.run_one("dd 0b"), Outcome::next);
    EXPECT_EQ(memory(m).low, ones64);
    EXPECT_EQ(m.cpu.fpu.empty, 0xff);
}
