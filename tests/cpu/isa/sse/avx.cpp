// SPDX-License-Identifier: MIT
// VEX-encoded vectors on a CPU: lengths, upper halves, alignment, gates, masks, gathers (SDM vol. 1, ch. 14; vol. 2, 2.3).
#include "tests/cpu/machine.h"
#include <gtest/gtest.h>

namespace {

using Four = std::array<u64, 4>;

// YMM0 to YMM2 and 32 bytes at RBX.
struct Regs {
    Four y0{}, y1{}, y2{}, memory{};
    bool operator==(const Regs&) const = default;
};
std::ostream& operator<<(std::ostream& out, const Regs& r) {
    for (auto& v : {r.y0, r.y1, r.y2, r.memory}) {
        for (u64 q : v) out << std::hex << q << " ";
        out << "| ";
    }
    return out;
}

struct Example {
    const char* code;
    const char* text;
    Regs before;
    Four y0;                      // after
    Four memory{};                // after, if `stores`
    bool stores = false;
};

constexpr u64 all = ~u64{0}, top = bit(63), one = 0x3ff0000000000000, two = 0x4000000000000000, three = 0x4008000000000000;

// Elements are written from the lowest on.
const Example examples[] = {
    // code                     text                            before: y0, y1, y2, memory                                      y0 after
    {"c5 fc 10 03",            "vmovups ymm0, [rbx]",          {{}, {}, {}, {1, 2, 3, 4}},                                     {1, 2, 3, 4}},
    {"c5 f8 10 03",            "vmovups xmm0, [rbx]",          {{9, 9, 9, 9}, {}, {}, {1, 2, 3, 4}},                           {1, 2, 0, 0}},
    {"c5 fd 7f 03",            "vmovdqa [rbx], ymm0",          {{1, 2, 3, 4}},                                                 {1, 2, 3, 4}, {1, 2, 3, 4}, true},
    {"c5 f9 7f c8",            "vmovdqa xmm0, xmm1 (by 7f)",   {{9, 9, 9, 9}, {1, 2, 3, 4}},                                   {1, 2, 0, 0}},
    {"c5 fa 10 03",            "vmovss xmm0, [rbx]",           {{9, 9, 9, 9}, {}, {}, {0x1122334455667788}},                   {0x55667788, 0, 0, 0}},
    {"c5 f2 10 c2",            "vmovss xmm0, xmm1, xmm2",      {{9, 9, 9, 9}, {1, 2, 3, 4}, {5, 6, 7, 8}},                     {5, 2, 0, 0}},
    {"c5 f3 11 d0",            "vmovsd xmm0, xmm1, xmm2 (11)", {{9, 9, 9, 9}, {1, 2, 3, 4}, {5, 6, 7, 8}},                     {5, 2, 0, 0}},
    {"c5 f0 12 c2",            "vmovhlps xmm0, xmm1, xmm2",    {{9, 9, 9, 9}, {1, 2, 3, 4}, {5, 6, 7, 8}},                     {6, 2, 0, 0}},
    {"c5 f0 16 03",            "vmovhps xmm0, xmm1, [rbx]",    {{9, 9, 9, 9}, {1, 2, 3, 4}, {}, {7}},                          {1, 7, 0, 0}},
    {"c5 f8 17 03",            "vmovhps [rbx], xmm0",          {{1, 2, 3, 4}},                                                 {1, 2, 3, 4}, {2, 0, 0, 0}, true},
    {"c5 f8 77",               "vzeroupper",                   {{1, 2, 3, 4}},                                                 {1, 2, 0, 0}},
    {"c5 fc 77",               "vzeroall",                     {{1, 2, 3, 4}},                                                 {}},
    {"c5 f5 58 c2",            "vaddpd ymm0, ymm1, ymm2",      {{}, {one, two, one, 0}, {one, one, two, two}},                 {two, three, three, two}},
    {"c5 f3 58 c2",            "vaddsd xmm0, xmm1, xmm2",      {{9, 9, 9, 9}, {one, 5, 6, 7}, {one, one, two, two}},           {two, 5, 0, 0}},
    {"c5 f7 58 c2",            "vaddsd with L: ignored",       {{9, 9, 9, 9}, {one, 5, 6, 7}, {one, one, two, two}},           {two, 5, 0, 0}},
    {"c5 f5 c2 c2 0e",         "vcmpgtpd ymm0, ymm1, ymm2",    {{}, {one, two, one, 0}, {one, one, two, two}},                 {0, all, 0, 0}},
    {"c5 f5 c2 c2 0f",         "vcmptruepd",                   {{}, {0x7ff8000000000000}, {one}},                              {all, all, all, all}},
    {"c5 f5 c2 c2 0b",         "vcmpfalsepd",                  {{5}, {one}, {one}},                                            {}},
    {"c5 f5 c6 c2 0a",         "vshufpd ymm0, ymm1, ymm2, a",  {{}, {1, 2, 3, 4}, {5, 6, 7, 8}},                               {1, 6, 3, 8}},
    {"c5 f5 14 c2",            "vunpcklpd ymm0, ymm1, ymm2",   {{}, {1, 2, 3, 4}, {5, 6, 7, 8}},                               {1, 5, 3, 7}},
    {"c5 fc 5a 03",            "vcvtps2pd ymm0, [rbx]",        {{}, {}, {}, {0x3f80000040000000, 0x4040000000000000, all}},    {two, one, 0, three}},
    {"c5 fd 5a c1",            "vcvtpd2ps xmm0, ymm1",         {{9, 9, 9, 9}, {two, one, 0, three}},                           {0x3f80000040000000, 0x4040000000000000}},
    {"c4 e1 fb 2a c1",         "vcvtsi2sd xmm0, xmm0, rcx=3",  {{9, 8, 7, 6}},                                                 {three, 8, 0, 0}},
    {"c4 e2 7d 18 03",         "vbroadcastss ymm0, [rbx]",     {{}, {}, {}, {0x1122334455667788}},                             {0x5566778855667788, 0x5566778855667788, 0x5566778855667788, 0x5566778855667788}},
    {"c4 e2 7d 1a 03",         "vbroadcastf128 ymm0, [rbx]",   {{}, {}, {}, {1, 2}},                                           {1, 2, 1, 2}},
    {"c4 e3 75 18 c2 01",      "vinsertf128 ymm0, ymm1, xmm2, 1", {{}, {1, 2, 3, 4}, {5, 6, 7, 8}},                            {1, 2, 5, 6}},
    {"c4 e3 7d 19 c8 01",      "vextractf128 xmm0, ymm1, 1",   {{9, 9, 9, 9}, {1, 2, 3, 4}},                                   {3, 4, 0, 0}},
    {"c4 e3 75 06 c2 81",      "vperm2f128 ymm0, ymm1, ymm2",  {{}, {1, 2, 3, 4}, {5, 6, 7, 8}},                               {3, 4, 0, 0}},
    {"c4 e2 75 0d c2",         "vpermilpd ymm0, ymm1, ymm2",   {{}, {1, 2, 3, 4}, {2, 1, 0, 2}},                               {2, 1, 3, 4}},
    {"c4 e3 7d 05 c1 06",      "vpermilpd ymm0, ymm1, 6",      {{}, {1, 2, 3, 4}},                                             {1, 2, 4, 3}},
    {"c4 e2 75 2d 03",         "vmaskmovpd ymm0, ymm1, [rbx]", {{9, 9, 9, 9}, {top, 1, 0, all}, {}, {1, 2, 3, 4}},             {1, 0, 0, 4}},
    {"c4 e2 75 2f 03",         "vmaskmovpd [rbx], ymm1, ymm0", {{5, 6, 7, 8}, {top, 1, 0, all}, {}, {1, 2, 3, 4}},             {5, 6, 7, 8}, {5, 2, 3, 8}, true},
    // integers
    {"c5 f5 d4 c2",            "vpaddq ymm0, ymm1, ymm2",      {{}, {1, 2, 3, 4}, {all, 2, 3, 4}},                             {0, 4, 6, 8}},
    {"c5 f5 6b c2",            "vpackssdw ymm0, ymm1, ymm2",   {{}, {1, 2, 0x10000, 4}, {5, 6, 7, 8}},                         {0x0000000200000001, 0x0000000600000005, 0x0000000400007fff, 0x0000000800000007}},
    {"c5 fd 73 f9 08",         "vpslldq ymm0, ymm1, 8",        {{}, {1, 2, 3, 4}},                                             {0, 1, 0, 3}},
    {"c5 f5 f3 c2",            "vpsllq ymm0, ymm1, xmm2",      {{}, {1, 2, 3, 4}, {4, 99, 99, 99}},                            {16, 32, 48, 64}},
    {"c4 e1 f9 6e c1",         "vmovq xmm0, rcx=3",            {{9, 9, 9, 9}},                                                 {3, 0, 0, 0}},
    {"c5 fa 7e 03",            "vmovq xmm0, [rbx]",            {{9, 9, 9, 9}, {}, {}, {5, 6}},                                 {5, 0, 0, 0}},
    {"c4 e2 7d 78 c1",         "vpbroadcastb ymm0, xmm1",      {{}, {0x1234}},                                                 {0x3434343434343434, 0x3434343434343434, 0x3434343434343434, 0x3434343434343434}},
    {"c4 e3 fd 00 c1 1b",      "vpermq ymm0, ymm1, 1b",        {{}, {1, 2, 3, 4}},                                             {4, 3, 2, 1}},
    {"c4 e2 75 36 c2",         "vpermd ymm0, ymm1, ymm2",      {{}, {0x0000000100000007, 0, 8, 0}, {0x11, 0, 0, 0x2200000000}}, {0x22, 0x1100000011, 0x1100000011, 0x1100000011}},
    {"c4 e3 75 02 c2 a5",      "vpblendd ymm0, ymm1, ymm2, a5", {{}, {0, 0, 0, 0}, {all, all, all, all}},                      {0xffffffff, 0xffffffff, 0xffffffff00000000, 0xffffffff00000000}},
    {"c4 e2 f5 47 c2",         "vpsllvq ymm0, ymm1, ymm2",     {{}, {1, 1, 1, 1}, {0, 63, 64, all}},                           {1, top, 0, 0}},
    {"c4 e2 75 46 c2",         "vpsravd ymm0, ymm1, ymm2",     {{}, {0x80000000, 4, 0x80000000, 0}, {31, 1, 32, 0}},           {0xffffffff, 2, 0xffffffff, 0}},
    // forms of SSE3 to SSE4.2
    {"c5 ff 12 c1",            "vmovddup ymm0, ymm1",          {{}, {1, 2, 3, 4}},                                             {1, 1, 3, 3}},
    {"c5 fb 12 03",            "vmovddup xmm0, [rbx]",         {{9, 9, 9, 9}, {}, {}, {1, 2}},                                 {1, 1, 0, 0}},
    {"c4 e2 75 00 c2",         "vpshufb ymm0, ymm1, ymm2",     {{}, {0x0706050403020100, 0x0f0e0d0c0b0a0908, 0x1716151413121110, 0x1f1e1d1c1b1a1918},
                                                                {0x8000000000000f01, 0, 0x8000000000000f01, 0}},                {0x0f01, 0, 0x0010101010101f11, 0x1010101010101010}},
    {"c4 e3 75 0f c2 08",      "vpalignr ymm0, ymm1, ymm2, 8", {{}, {1, 2, 3, 4}, {5, 6, 7, 8}},                               {6, 1, 8, 3}},
    {"c4 e2 7d 30 c1",         "vpmovzxbw ymm0, xmm1",         {{}, {0x0807060504030201, 0x100f0e0d0c0b0a09}},                 {0x0004000300020001, 0x0008000700060005, 0x000c000b000a0009, 0x0010000f000e000d}},
    {"c4 e3 75 4c c2 00",      "vpblendvb ymm0, ymm1, ymm2, ymm0", {{0x80, all, 0, top}, {1, 2, 3, 4}, {5, 6, 7, 8}},          {5, 6, 3, 4}},
    {"c4 e3 75 0d c2 09",      "vblendpd ymm0, ymm1, ymm2, 9", {{}, {1, 2, 3, 4}, {5, 6, 7, 8}},                               {5, 2, 3, 8}},
    {"c4 e3 7d 09 c1 03",      "vroundpd ymm0, ymm1, 3",       {{}, {0x3ff8000000000000, 0xbff8000000000000, two, 0}},         {one, one | top, two, 0}},
    {"c4 e2 75 37 c2",         "vpcmpgtq ymm0, ymm1, ymm2",    {{}, {1, all, 3, 4}, {0, 0, 3, 5}},                             {all, 0, 0, 0}},
    {"c4 e3 f1 22 c1 01",      "vpinsrq xmm0, xmm1, rcx=3, 1", {{9, 9, 9, 9}, {1, 2, 3, 4}},                                   {1, 3, 0, 0}},
    {"c4 e3 71 21 c2 4c",      "vinsertps xmm0, xmm1, xmm2, 4c", {{9, 9, 9, 9}, {0x2222222211111111, all}, {0x6666666655555555}}, {0x2222222266666666, 0, 0, 0}},
    {"c4 e3 71 41 c2 31",      "vdppd xmm0, xmm1, xmm2, 31",   {{9, 9, 9, 9}, {one, two}, {two, one}},                         {0x4010000000000000, 0, 0, 0}},
    {"c4 e2 f5 b8 c2",         "vfmadd231pd ymm0, ymm1, ymm2", {{one, 0, one, 0}, {one, two, one, 0}, {two, one, one, two}},   {three, two, two, 0}},
    {"c4 e2 f1 ad c2",         "vfnmadd213sd xmm0, xmm1, xmm2", {{one, 5, 6, 7}, {two, 1, 1, 1}, {three}},                      {one, 5, 0, 0}},
    {"c4 e2 7d 13 03",         "vcvtph2ps ymm0, [rbx]",        {{}, {}, {}, {0x3c004000c0000000, 0x0001, all}},                {0xc000000000000000, 0x3f80000040000000, 0x33800000, 0}},
    {"c4 e3 79 1d c8 00",      "vcvtps2ph xmm0, xmm1, 0",      {{9, 9, 9, 9}, {0x3f80000040000000, 0, 5}},                     {0x3c004000, 0, 0, 0}},
};

struct Avx : testing::Test {
    TestMachine m;
    Cpu& cpu = m.cpu;
    Vector& v = m.cpu.vector;
    Avx() { prepare(m); }
    static void prepare(TestMachine& machine) {
        machine.cpu.control.cr4 |= cr4::osxsave;
        machine.cpu.control.xcr0 = 7;
        machine.cpu.gpr[rbx] = TestMachine::data, machine.cpu.gpr[rcx] = 3;
    }
    void put(const Regs& r) { v.v[0].set(0, r.y0), v.v[1].set(0, r.y1), v.v[2].set(0, r.y2), m.put(TestMachine::data, r.memory); }
    Four ymm(unsigned n) const { return m.cpu.vector.v[n].get<Four>(); }
    void flush() {
        cpu.gpr[rax] = cpu.control.cr3;
        ASSERT_NE(m.run_one("0f 22 d8"), Outcome::fault);        // mov cr3, rax
    }
    int fault(const char* code) { return m.run_one(code) == Outcome::fault ? cpu.fault_.vector : -1; }
};

}

TEST_F(Avx, each_example_runs_as_the_manual_says) {
    for (auto& e : examples) {
        SCOPED_TRACE(e.text);
        put(e.before);
        ASSERT_EQ(m.run_one(e.code), Outcome::next);
        Regs after{ymm(0), ymm(1), ymm(2), m.get<Four>(TestMachine::data)}, expected = e.before;
        expected.y0 = e.y0;
        if (e.stores) expected.memory = e.memory;
        if (std::string_view(e.text) == "vzeroall") expected = {};
        EXPECT_EQ(after, expected);
    }
}

TEST_F(Avx, legacy_sse_keeps_what_lies_above_128_bits) {
    put({{1, 2, 3, 4}, {5, 6, 7, 8}});
    ASSERT_EQ(m.run_one("66 0f d4 c1"), Outcome::next);          // paddq xmm0, xmm1
    EXPECT_EQ(ymm(0), (Four{6, 8, 3, 4}));
}

TEST_F(Avx, vzeroupper_outside_64_bit_mode_leaves_eight_registers) {
    TestMachine c(TestMode::compatibility32);
    prepare(c);
    c.cpu.vector.v[7].set(1, Four{}), c.cpu.vector.v[7].set(0, Four{1, 2, 3, 4}), c.cpu.vector.v[8].set(0, Four{1, 2, 3, 4});
    ASSERT_EQ(c.run_one("c5 f8 77"), Outcome::next);
    EXPECT_EQ(c.cpu.vector.v[7].get<Four>(), (Four{1, 2, 0, 0}));
    EXPECT_EQ(c.cpu.vector.v[8].get<Four>(), (Four{1, 2, 3, 4}));
}

TEST_F(Avx, only_aligned_moves_demand_alignment) {
    cpu.gpr[rbx] += 16;
    for (auto code : {"c5 fc 28 03", "c5 fd 7f 03", "c5 fd e7 03", "c5 fc 2b 03"}) EXPECT_EQ(fault(code), gp_vector) << code;      // 256 bits
    for (auto code : {"c5 f8 28 03", "c5 f9 7f 03", "c5 f9 e7 03"}) EXPECT_EQ(fault(code), -1) << code;                            // 128 bits
    cpu.gpr[rbx]++;
    for (auto code : {"c5 f8 28 03", "c5 f9 7f 03", "c5 f9 e7 03"}) EXPECT_EQ(fault(code), gp_vector) << code;
    for (auto code : {"c5 fc 58 03", "c5 fd fe 03", "c5 fc 10 03", "c5 fe 7f 03", "c5 f8 c6 03 00"}) EXPECT_EQ(fault(code), -1) << code;
}

TEST_F(Avx, needs_osxsave_and_both_states_and_no_ts) {
    auto add = "c5 f4 58 c2";
    EXPECT_EQ(fault(add), -1);
    cpu.control.cr0 |= cr0::em;                                  // concerns x87 and legacy SSE alone
    cpu.control.cr4 &= ~cr4::osfxsr;
    EXPECT_EQ(fault(add), -1);
    cpu.control.cr0 |= cr0::ts;
    EXPECT_EQ(fault(add), nm_vector);
    for (u64 value : {1, 3, 5}) {
        cpu.control.xcr0 = value;
        EXPECT_EQ(fault(add), ud_vector) << value;               // before #NM
    }
    cpu.control.xcr0 = 7, cpu.control.cr4 &= ~cr4::osxsave;
    EXPECT_EQ(fault(add), ud_vector);
    cpu.control.cr0 &= ~cr0::ts;
    EXPECT_EQ(fault("c4 e2 60 f2 c1"), -1);                      // ANDN needs none of it
}

TEST_F(Avx, wrong_encodings_are_undefined) {
    for (auto code : {
        "66 c5 f4 58 c2", "f2 c5 f4 58 c2", "f3 c5 f4 58 c2", "f0 c5 f4 58 03", "40 c5 f4 58 c2",      // a prefix that VEX has itself
        "c5 f4 10 03",                  // vmovups with a register in vvvv
        "c5 f2 10 03",                  // vmovss from memory with one
        "c5 f5 51 c2",                  // vsqrtpd
        "c5 f0 77",                     // vzeroupper
        "c5 f4 12 c2",                  // vmovhlps with L
        "c5 fd 6e c1",                  // vmovd with L
        "c4 e2 79 19 03",               // vbroadcastsd without L
        "c4 e2 fd 18 03",               // vbroadcastss with W
        "c4 e3 7d 00 c1 1b",            // vpermq without W
        "c4 e2 71 36 c2",               // vpermd without L
        "c4 e4 75 58 c2",               // map 4
        "c5 fc 2b c1",                  // vmovntps to a register
    }) EXPECT_EQ(fault(code), ud_vector) << code;
    TestMachine real(TestMode::real16);
    prepare(real);
    EXPECT_EQ(real.run_one("c5 f4 58 c2"), Outcome::fault);
    EXPECT_EQ(real.cpu.fault_.vector, ud_vector);
}

TEST_F(Avx, what_a_cpu_lacks_is_undefined) {
    TestMachine old(TestMode::long64, "nehalem-ep");
    prepare(old);
    EXPECT_EQ(old.run_one("c5 f8 77"), Outcome::fault);
    EXPECT_EQ(old.cpu.fault_.vector, ud_vector);
    auto features = cpu.features;
    features.remove(Feature::avx2);
    auto exists = [&](const char* code) {
        auto bytes = hex_bytes(code);
        Insn insn;
        return decode::decode(bytes, {.features = &features}, insn) == decode::Result::ok;
    };
    EXPECT_TRUE(exists("c5 f1 d4 c2"));                          // vpaddq xmm
    EXPECT_FALSE(exists("c5 f5 d4 c2"));                         // vpaddq ymm
    EXPECT_FALSE(exists("c4 e2 79 18 c1"));                      // vbroadcastss from a register
    EXPECT_TRUE(exists("c4 e2 79 18 03"));
}

TEST_F(Avx, an_unmasked_exception_in_the_upper_half_leaves_the_destination) {
    v.mxcsr = 0x1f80 & ~0x200;                                   // ZM = 0
    put({{7, 7, 7, 7}, {one, one, one, one}, {three, one, one, 0}});
    EXPECT_EQ(fault("c5 f5 5e c2"), xm_vector);                  // vdivpd: 1/0 in the last lane, the inexact 1/3 goes undetected
    EXPECT_EQ(v.mxcsr, (0x1f80u & ~0x200u) | 4);
    EXPECT_EQ(ymm(0), (Four{7, 7, 7, 7}));
    cpu.control.cr4 &= ~cr4::osxmmexcpt;
    EXPECT_EQ(fault("c5 f5 5e c2"), ud_vector);
}

TEST_F(Avx, comparisons_signal_as_their_predicate_says) {
    put({{}, {0x7ff8000000000000}, {one}});                      // a quiet NaN
    struct { u8 predicate; bool invalid; } rows[] = {{0, false}, {1, true}, {3, false}, {8, false}, {9, true}, {0xc, false}, {0xf, false},
                                                     {0x10, true}, {0x11, false}, {0x13, true}, {0x1b, true}, {0x1e, false}, {0x1f, true}};
    for (auto& r : rows) {
        v.mxcsr = 0x1f80;
        char code[32];
        std::snprintf(code, sizeof code, "c5 f5 c2 c2 %02x", r.predicate);
        ASSERT_EQ(m.run_one(code), Outcome::next);
        EXPECT_EQ(v.mxcsr & 1, u32(r.invalid)) << code;
    }
}

TEST_F(Avx, masked_moves_touch_what_the_mask_chooses_alone) {
    m.put(0x3000 + 8, u64{0});                                   // from 2 MiB on nothing is mapped
    flush();
    cpu.gpr[rbx] = (2 << 20) - 16;
    put({{5, 6, 7, 8}, {top, top, 0, 0}});
    EXPECT_EQ(fault("c4 e2 75 2d 03"), -1);
    EXPECT_EQ(fault("c4 e2 75 2f 03"), -1);
    put({{5, 6, 7, 8}, {top, 0, 0, top}});
    m.put((2 << 20) - 16, u64{0x77});
    EXPECT_EQ(fault("c4 e2 75 2f 03"), pf_vector);
    EXPECT_EQ(cpu.fault_.address, u64{(2 << 20) + 15});          // the last byte chosen: Intel (vendor_order.cpp)
    EXPECT_EQ(m.get<u64>((2 << 20) - 16), 0x77u);                // nothing is written
}

TEST_F(Avx, gathers_clear_their_mask_and_go_on_behind_what_is_done) {
    for (unsigned n = 0; n < 16; n++) m.put(TestMachine::data + n * 8, u64{0x100 + n});
    auto gather = "c4 e2 ed 90 04 cb";                           // vpgatherdq ymm0, [rbx + xmm1 * 8], ymm2
    put({{9, 9, 9, 9}, {0x0000000300000001, 0x0000000500000002, 0, 0}, {top, 0, all, top}});
    for (unsigned n = 0; n < 16; n++) m.put(TestMachine::data + n * 8, u64{0x100 + n});
    ASSERT_EQ(m.run_one(gather), Outcome::next);
    EXPECT_EQ(ymm(0), (Four{0x101, 9, 0x102, 0x105}));
    EXPECT_EQ(ymm(2), Four{});
    EXPECT_EQ(ymm(1), (Four{0x0000000300000001, 0x0000000500000002, 0, 0}));

    u64 mapped = m.get<u64>(0x3008);
    m.put(0x3008, u64{0});
    flush();
    u32 far = ((2 << 20) - TestMachine::data) / 8;
    put({{9, 9, 9, 9}, {u64{1} | u64{far} << 32, 2, 0, 0}, {top, top, top, 1}});
    for (unsigned n = 0; n < 16; n++) m.put(TestMachine::data + n * 8, u64{0x100 + n});
    EXPECT_EQ(fault(gather), pf_vector);
    EXPECT_EQ(ymm(0), (Four{0x101, 9, 9, 9}));
    EXPECT_EQ(ymm(2), (Four{0, all, all, 0}));
    cpu.rflags |= rflags::tf;                                    // a step is over with its first lane
    put({{9, 9, 9, 9}, {u64{1} | u64{far} << 32, 2, 0, 0}, {top, top, top, 1}});
    for (unsigned n = 0; n < 16; n++) m.put(TestMachine::data + n * 8, u64{0x100 + n});
    EXPECT_EQ(m.run_one(gather), Outcome::again);
    EXPECT_EQ(fault(gather), pf_vector);
    EXPECT_EQ(ymm(0), (Four{0x101, 9, 9, 9}));
    cpu.rflags &= ~rflags::tf;
    m.put(0x3008, mapped);
    m.put(2 << 20, u64{0x55});
    ASSERT_EQ(m.run_one(gather), Outcome::next);
    EXPECT_EQ(ymm(0), (Four{0x101, 0x55, 0x102, 9}));
    EXPECT_EQ(ymm(2), Four{});
}

TEST_F(Avx, gathers_want_three_registers_and_a_sib_byte) {
    EXPECT_EQ(fault("c4 e2 ed 90 04 d3"), ud_vector);            // index and mask: ymm2
    EXPECT_EQ(fault("c4 e2 ed 90 04 c3"), ud_vector);            // index and destination: ymm0
    EXPECT_EQ(fault("c4 e2 fd 90 04 cb"), ud_vector);            // mask and destination
    EXPECT_EQ(fault("c4 e2 ed 90 03"), ud_vector);               // no SIB
    put({{}, {}, {}});
    EXPECT_EQ(fault("c4 e2 ed 90 04 e3"), -1);                   // [rbx + xmm4 * 8]
}
