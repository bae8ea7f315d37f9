// SPDX-License-Identifier: MIT
// MMX, SSE and SSE2 instructions on a CPU: operands, alignment, MXCSR and the x87 state around them.
#include "tests/cpu/isa/sse/example.h"
#include <cmath>
#include <gtest/gtest.h>

namespace {

using namespace vector_examples;

constexpr u64 ones64 = ~u64{0}, top = bit(63), big = 0x1122334455667788, tera = bit(40);

const Example examples[] = {
    // code                  text                        before                                       after
    {"66 0f 6e c0",          "movd xmm0, eax",           {{ones64, ones64}, {}, {}, big},             {{0, 0x55667788}, {}, {}, big}},
    {"66 48 0f 6e c0",       "movq xmm0, rax",           {{ones64, ones64}, {}, {}, big},             {{0, big}, {}, {}, big}},
    {"66 0f 7e c0",          "movd eax, xmm0",           {{1, big}, {}, {}, ones64},                  {{1, big}, {}, {}, 0x55667788}},
    {"f3 0f 7e c1",          "movq xmm0, xmm1",          {{ones64, ones64}, {7, 8}},                  {{0, 8}, {7, 8}}},
    {"66 0f d6 03",          "movq [rbx], xmm0",         {{5, 6}, {}, {1, 2}},                        {{5, 6}, {}, {1, 6}}},
    {"f3 0f 10 c1",          "movss xmm0, xmm1",         {{3, 0xaaaaaaaabbbbbbbb}, {7, 8}},           {{3, 0xaaaaaaaa00000008}, {7, 8}}},
    {"f3 0f 10 03",          "movss xmm0, [rbx]",        {{3, ones64}, {}, {1, 0x1111111122222222}},  {{0, 0x22222222}, {}, {1, 0x1111111122222222}}},
    {"f2 0f 11 03",          "movsd [rbx], xmm0",        {{3, 4}, {}, {1, 2}},                        {{3, 4}, {}, {1, 4}}},
    {"0f 12 c1",             "movhlps xmm0, xmm1",       {{3, 4}, {7, 8}},                            {{3, 7}, {7, 8}}},
    {"0f 16 c1",             "movlhps xmm0, xmm1",       {{3, 4}, {7, 8}},                            {{8, 4}, {7, 8}}},
    {"0f 12 03",             "movlps xmm0, [rbx]",       {{3, 4}, {}, {1, 2}},                        {{3, 2}, {}, {1, 2}}},
    {"66 0f 16 03",          "movhpd xmm0, [rbx]",       {{3, 4}, {}, {1, 2}},                        {{2, 4}, {}, {1, 2}}},
    {"0f 17 03",             "movhps [rbx], xmm0",       {{3, 4}, {}, {1, 2}},                        {{3, 4}, {}, {1, 3}}},
    {"66 0f ef c0",          "pxor xmm0, xmm0",          {{3, 4}},                                    {}},
    {"66 0f 73 f8 08",       "pslldq xmm0, 8",           {{3, 4}},                                    {{4, 0}}},
    {"66 0f 70 c1 4e",       "pshufd xmm0, xmm1, 4e",    {{}, {7, 8}},                                {{8, 7}, {7, 8}}},
    {"66 0f c4 c0 07",       "pinsrw xmm0, eax, 7",      {{0, 1}, {}, {}, 0xffff8765},                {{0x8765000000000000, 1}, {}, {}, 0xffff8765}},
    {"66 0f c5 c1 04",       "pextrw eax, xmm1, 4",      {{}, {0x1234fedc, 0}, {}, ones64},           {{}, {0x1234fedc, 0}, {}, 0xfedc}},
    {"66 0f d7 c1",          "pmovmskb eax, xmm1",       {{}, {top, 0x80}, {}, ones64},               {{}, {top, 0x80}, {}, 0x8001}},
    {"66 0f 50 c1",          "movmskpd eax, xmm1",       {{}, {top, 1}, {}, ones64},                  {{}, {top, 1}, {}, 2}},
    {"48 0f c3 03",          "movnti [rbx], rax",        {{}, {}, {1, 2}, 9},                         {{}, {}, {1, 9}, 9}},
    {"f3 48 0f 2a c0",       "cvtsi2ss xmm0, rax",       {{1, ones64}, {}, {}, tera},                 {{1, 0xffffffff53800000}, {}, {}, tera}},
    {"f2 0f 2c c1",          "cvttsd2si eax, xmm1",      {{}, {0, 0xc00c000000000000}, {}, ones64},   {{}, {0, 0xc00c000000000000}, {}, 0xfffffffd}},
    {"f3 0f e6 c1",          "cvtdq2pd xmm0, xmm1",      {{}, {0, 0xffffffff00000000}},               {{0xbff0000000000000, 0}, {0, 0xffffffff00000000}}},
    {"0f c2 c1 01",          "cmpltps xmm0, xmm1",       {{}, {0, 0x3f80000000000000}},               {{0, 0xffffffff00000000}, {0, 0x3f80000000000000}}},
};

int fault(TestMachine& m, const char* code) {
    return m.run_one(code) == Outcome::fault ? m.cpu.fault_.vector : -1;
}

struct SseInstructions : testing::Test {
    TestMachine m;
    Vector& v = m.cpu.vector;
    Fpu& fpu = m.cpu.fpu;
    void SetUp() override { m.cpu.gpr[rbx] = TestMachine::data; }
    void singles(unsigned n, float low, float next = 1) {
        v.v[n].set(0, std::array<float, 4>{low, next, 1, 1});
    }
};

}

TEST_F(SseInstructions, move_what_the_manual_says) {
    run(examples);
}

TEST_F(SseInstructions, demand_aligned_operands_of_sixteen_bytes) {
    m.cpu.gpr[rbx]++;
    for (auto code : {"0f 58 03", "66 0f fc 03", "0f 28 03", "66 0f 7f 03", "0f 2b 03", "66 0f e7 03",
                      "66 0f 2d 03"}) {
        EXPECT_EQ(fault(m, code), gp_vector) << code;
        EXPECT_TRUE(m.cpu.fault_.has_code);
        EXPECT_EQ(m.cpu.fault_.code, 0u);
    }
    for (auto code : {"0f 10 03", "66 0f 11 03", "f3 0f 6f 03", "f3 0f 7f 03", "f3 0f 58 03", "f2 0f 5e 03",
                      "0f 5a 03", "0f 6f 03", "0f 16 03", "66 0f d6 03"})
        EXPECT_EQ(fault(m, code), -1) << code;
}

TEST_F(SseInstructions, refuse_reserved_bits_of_mxcsr) {
    m.put(TestMachine::data, u32{0x10000});
    EXPECT_EQ(fault(m, "0f ae 13"), gp_vector);
    EXPECT_EQ(v.mxcsr, 0x1f80u);
    m.put(TestMachine::data, u32{0xffbf});
    EXPECT_EQ(fault(m, "0f ae 13"), -1);
    EXPECT_EQ(v.mxcsr, 0xffbfu);
    m.cpu.gpr[rbx] += 8;
    EXPECT_EQ(fault(m, "0f ae 1b"), -1);
    EXPECT_EQ(m.get<u32>(TestMachine::data + 8), 0xffbfu);
}

TEST_F(SseInstructions, raise_an_unmasked_exception_with_the_flag_set_and_the_destination_unchanged) {
    v.mxcsr = 0x1f80 & ~0x200;                           // ZM = 0
    singles(0, 1, 1), singles(1, 0, 3);
    EXPECT_EQ(fault(m, "0f 5e c1"), xm_vector);          // divps: 1/0, and the inexact 1/3 goes undetected
    EXPECT_EQ(v.mxcsr, (0x1f80u & ~0x200u) | 4);
    EXPECT_EQ(v.v[0].get<float>(0), 1.0f);

    v.mxcsr = 0x1f80 & ~0x1000;                          // PM = 0: the masked zero divide is flagged too
    EXPECT_EQ(fault(m, "0f 5e c1"), xm_vector);
    EXPECT_EQ(v.mxcsr, (0x1f80u & ~0x1000u) | 0x24);
}

TEST_F(SseInstructions, raise_ud_where_the_system_knows_no_xm) {
    m.cpu.control.cr4 &= ~cr4::osxmmexcpt;
    v.mxcsr = 0x1f00;                                    // IM = 0
    singles(0, -1);
    EXPECT_EQ(fault(m, "0f 51 c0"), ud_vector);          // sqrtps of -1
    EXPECT_EQ(v.mxcsr, 0x1f01u);
}

TEST_F(SseInstructions, keep_status_flags_sticky) {
    singles(0, 1), singles(1, 3);
    EXPECT_EQ(fault(m, "f3 0f 5e c1"), -1);
    EXPECT_EQ(v.mxcsr, 0x1fa0u);
    singles(0, 1), singles(1, 1);
    EXPECT_EQ(fault(m, "f3 0f 5e c1"), -1);
    EXPECT_EQ(v.mxcsr, 0x1fa0u);
}

TEST_F(SseInstructions, set_flags_by_a_comparison_and_not_if_it_faults) {
    singles(0, 1), singles(1, 1);
    m.cpu.rflags = rflags::one | rflags::status;
    EXPECT_EQ(fault(m, "0f 2f c1"), -1);
    EXPECT_EQ(m.cpu.rflags, rflags::one | rflags::zf);
    singles(1, NAN);
    v.mxcsr = 0x1f00;
    EXPECT_EQ(fault(m, "0f 2f c1"), xm_vector);
    EXPECT_EQ(m.cpu.rflags, rflags::one | rflags::zf);
}

TEST_F(SseInstructions, on_mmx_registers_take_over_the_x87_stack) {
    fpu.set_top(3), fpu.empty = 0xff;
    fpu.r[0].significand = 0x0102030405060708, fpu.r[1].significand = 0x0101010101010101;
    EXPECT_EQ(fault(m, "0f fc c1"), -1);                 // paddb mm0, mm1
    EXPECT_EQ(fpu.r[0], (F80{0x0203040506070809, 0xffff}));
    EXPECT_EQ(fpu.top(), 0u);
    EXPECT_EQ(fpu.empty, 0);
    EXPECT_EQ(fpu.r[1].sign_exponent, 0);                // only written registers

    fpu.set_top(5);
    EXPECT_EQ(fault(m, "0f 77"), -1);                    // emms
    EXPECT_EQ(fpu.top(), 0u);
    EXPECT_EQ(fpu.empty, 0xff);
}

TEST_F(SseInstructions, leave_the_x87_stack_alone_where_mmx_is_only_in_the_name) {
    fpu.set_top(3), fpu.empty = 0xff;
    m.put(TestMachine::data, u64{0xffffffff00000002});
    EXPECT_EQ(fault(m, "0f 2a 03"), -1);                 // cvtpi2ps xmm0, [rbx]
    EXPECT_EQ(v.v[0].get<float>(0), 2.0f);
    EXPECT_EQ(v.v[0].get<float>(1), -1.0f);
    EXPECT_EQ(fpu.top(), 3u);
    EXPECT_EQ(fpu.empty, 0xff);
    EXPECT_EQ(fault(m, "0f 2a c0"), -1);                 // cvtpi2ps xmm0, mm0
    EXPECT_EQ(fpu.top(), 0u);
    EXPECT_EQ(fpu.empty, 0);
}

TEST_F(SseInstructions, move_between_mmx_and_xmm) {
    fpu.r[1].significand = 0x1234;
    v.v[0].set(1, ones64);
    EXPECT_EQ(fault(m, "f3 0f d6 c1"), -1);              // movq2dq xmm0, mm1
    EXPECT_EQ(xmm(m, 0), (Wide{0, 0x1234}));
    v.v[0].set(0, u64{0x5678});
    EXPECT_EQ(fault(m, "f2 0f d6 d0"), -1);              // movdq2q mm2, xmm0
    EXPECT_EQ(fpu.r[2], (F80{0x5678, 0xffff}));
}

TEST_F(SseInstructions, write_only_the_bytes_that_a_mask_selects) {
    m.cpu.gpr[rdi] = TestMachine::data;
    v.v[0].set(0, std::array<u64, 2>{0x1716151413121110, 0x1f1e1d1c1b1a1918});
    v.v[1].set(0, std::array<u64, 2>{0x80, 0xff00000000000000});
    EXPECT_EQ(fault(m, "66 0f f7 c1"), -1);              // maskmovdqu xmm0, xmm1
    EXPECT_EQ(memory(m), (Wide{0x1f00000000000000, 0x10}));

    m.cpu.gpr[rdi] = u64{1} << 30;                       // not mapped
    EXPECT_EQ(fault(m, "66 0f f7 c1"), pf_vector);
    v.v[1].set(0, std::array<u64, 2>{});                 // SDM vol. 2 lets a CPU fault for nothing, too: Zen 5 does
    EXPECT_EQ(fault(m, "66 0f f7 c1"), pf_vector);
}

TEST_F(SseInstructions, take_a_masked_moves_segment_from_its_prefix) {
    m.cpu.gpr[rdi] = 0x10;
    m.cpu.seg[Seg::fs].base = TestMachine::data;
    fpu.r[0].significand = 0x42, fpu.r[1].significand = 0x80;
    EXPECT_EQ(fault(m, "64 0f f7 c1"), -1);              // maskmovq mm0, mm1 at FS:RDI
    EXPECT_EQ(m.get<u64>(TestMachine::data + 0x10), 0x42u);
}

TEST_F(SseInstructions, change_nothing_where_memory_faults) {
    fpu.set_top(3);
    m.cpu.gpr[rbx] = u64{1} << 30;
    fpu.r[0].significand = 7;
    EXPECT_EQ(fault(m, "0f fc 03"), pf_vector);          // paddb mm0, [rbx]
    EXPECT_EQ(fpu.r[0].significand, 7u);
    EXPECT_EQ(fpu.top(), 3u);
    EXPECT_EQ(fault(m, "0f 58 03"), pf_vector);          // addps xmm0, [rbx]
    EXPECT_EQ(v.mxcsr, 0x1f80u);
}

TEST_F(SseInstructions, obey_the_bits_of_cr0_and_cr4) {
    m.cpu.control.cr0 |= cr0::ts;
    EXPECT_EQ(fault(m, "0f 58 c1"), nm_vector);
    EXPECT_EQ(fault(m, "0f fc c1"), nm_vector);
    m.cpu.control.cr0 |= cr0::em;
    EXPECT_EQ(fault(m, "0f 58 c1"), ud_vector);
    EXPECT_EQ(fault(m, "0f fc c1"), ud_vector);
    EXPECT_EQ(fault(m, "0f c3 03"), -1);                 // movnti needs neither
    m.cpu.control.cr0 &= ~(cr0::em | cr0::ts);
    m.cpu.control.cr4 &= ~cr4::osfxsr;
    EXPECT_EQ(fault(m, "0f 58 c1"), ud_vector);
    EXPECT_EQ(fault(m, "0f fc c1"), -1);
}

TEST_F(SseInstructions, are_undefined_with_lock_or_a_wrong_prefix) {
    for (auto code : {"f0 0f 58 03", "f3 0f fc c1", "f2 0f 28 c1", "66 0f 12 c1", "66 0f c3 03",
                      "0f d6 c1"})
        EXPECT_NE(fault(m, code), -1) << code;
}
