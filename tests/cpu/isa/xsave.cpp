// SPDX-License-Identifier: MIT
// FXSAVE, XSAVE and their kin: layouts, headers, what is refused (SDM vol. 1, 10.5 and ch. 13).
#include "tests/cpu/machine.h"
#include <gtest/gtest.h>

namespace {

struct Xsave : testing::Test {
    static constexpr u64 area = TestMachine::data;
    TestMachine m;
    Cpu& cpu = m.cpu;
    Xsave() {
        cpu.control.cr4 |= cr4::osxsave;
        cpu.control.xcr0 = 3;
        cpu.fpu.control = 0x37f, cpu.fpu.status = 0, cpu.fpu.empty = 0xff;
        cpu.gpr[rbx] = area, cpu.gpr[rax] = ~u64{0}, cpu.gpr[rdx] = ~u64{0};
        std::fill_n(m.ram.begin() + area, 1024, u8(0xcc));
    }
    template <class T> T at(u64 offset) const { return m.get<T>(area + offset); }
    void zero_header() { std::fill_n(m.ram.begin() + area + 512, 64, u8(0)); }
    void something() {
        cpu.fpu.control = 0x27f, cpu.fpu.status = 0x3800;    // TOP = 7
        cpu.fpu.empty = 0x7f;                                // R7 is full
        cpu.fpu.r[7] = {0x8000000000000000, 0x3fff};
        cpu.fpu.fop = 0x123, cpu.fpu.fip = 0x1122334455667788, cpu.fpu.fdp = 0x99aabbccddeeff00, cpu.fpu.fcs = 0x1234, cpu.fpu.fds = 0x5678;
        cpu.vector.mxcsr = 0x1fa0;
        cpu.vector.v[1].set<u64>(0, 0x0123456789abcdef);
        cpu.vector.v[15].set<u64>(1, 0xfedcba9876543210);
    }
    void wipe() {
        cpu.fpu = {};
        cpu.vector = {};
    }
};

TEST_F(Xsave, fxsave_lays_out_the_legacy_region) {
    something();
    ASSERT_EQ(m.run_one("0f ae 03"), Outcome::next);
    EXPECT_EQ(at<u16>(0), 0x27f);
    EXPECT_EQ(at<u16>(2), 0x3800);
    EXPECT_EQ(at<u8>(4), 0x80);                              // abridged: by physical register
    EXPECT_EQ(at<u16>(6), 0x123);
    EXPECT_EQ(at<u32>(8), 0x55667788u);
    EXPECT_EQ(at<u16>(12), 0x1234);
    EXPECT_EQ(at<u32>(16), 0xddeeff00u);
    EXPECT_EQ(at<u16>(20), 0x5678);
    EXPECT_EQ(at<u32>(24), 0x1fa0u);
    EXPECT_EQ(at<u32>(28), 0xffffu);
    EXPECT_EQ(at<u64>(32), 0x8000000000000000u);             // ST(0)
    EXPECT_EQ(at<u16>(40), 0x3fff);
    EXPECT_EQ(at<u64>(160 + 16), 0x0123456789abcdefu);
    EXPECT_EQ(at<u64>(160 + 15 * 16 + 8), 0xfedcba9876543210u);
    EXPECT_EQ(at<u8>(416), 0xcc);                            // software's
    ASSERT_EQ(m.run_one("48 0f ae 03"), Outcome::next);
    EXPECT_EQ(at<u64>(8), 0x1122334455667788u);
    EXPECT_EQ(at<u64>(16), 0x99aabbccddeeff00u);
}

TEST_F(Xsave, fxrstor_brings_back_what_fxsave64_stored) {
    something();
    ASSERT_EQ(m.run_one("48 0f ae 03"), Outcome::next);
    wipe();
    ASSERT_EQ(m.run_one("48 0f ae 0b"), Outcome::next);
    EXPECT_EQ(cpu.fpu.control, 0x27f);
    EXPECT_EQ(cpu.fpu.top(), 7u);
    EXPECT_EQ(cpu.fpu.empty, 0x7f);
    EXPECT_EQ(cpu.fpu.r[7], (F80{0x8000000000000000, 0x3fff}));
    EXPECT_EQ(cpu.fpu.fip, 0x1122334455667788u);
    EXPECT_EQ(cpu.vector.mxcsr, 0x1fa0u);
    EXPECT_EQ(cpu.vector.v[15].get<u64>(1), 0xfedcba9876543210u);
}

TEST_F(Xsave, fxsave_and_fxrstor_refuse) {
    cpu.gpr[rbx] = area + 8;
    for (auto code : {"0f ae 03", "0f ae 0b"}) {
        EXPECT_EQ(m.run_one(code), Outcome::fault);
        EXPECT_EQ(cpu.fault_.vector, gp_vector);             // alignment
    }
    cpu.gpr[rbx] = area;
    m.put(area + 24, u32{0x10000});
    EXPECT_EQ(m.run_one("0f ae 0b"), Outcome::fault);        // MXCSR bit 16
    EXPECT_EQ(cpu.fault_.vector, gp_vector);
    cpu.control.cr0 |= cr0::ts;
    EXPECT_EQ(m.run_one("0f ae 03"), Outcome::fault);
    EXPECT_EQ(cpu.fault_.vector, nm_vector);
}

TEST_F(Xsave, fxsave_outside_64_bit_mode_leaves_the_upper_registers_bytes) {
    TestMachine c(TestMode::compatibility32);
    std::fill_n(c.ram.begin() + area, 512, u8(0xcc));
    c.cpu.gpr[rbx] = area;
    ASSERT_EQ(c.run_one("0f ae 03"), Outcome::next);
    EXPECT_EQ(c.get<u64>(area + 160 + 7 * 16), 0u);
    EXPECT_EQ(c.get<u8>(area + 160 + 8 * 16), 0xcc);
}

TEST_F(Xsave, xsave_merges_the_header_and_keeps_what_was_not_asked_for) {
    something();
    zero_header();
    m.put(area + 512, u64{1});
    cpu.gpr[rax] = 2;
    ASSERT_EQ(m.run_one("0f ae 23"), Outcome::next);
    EXPECT_EQ(at<u64>(512), 3u);                             // bit 0 stays, bit 1 is set
    EXPECT_EQ(at<u16>(0), 0xcccc);
    EXPECT_EQ(at<u32>(24), 0x1fa0u);
    EXPECT_EQ(at<u64>(176), 0x0123456789abcdefu);
    EXPECT_EQ(at<u8>(416), 0xcc);
}

TEST_F(Xsave, a_component_in_its_initial_state_clears_its_bit) {
    zero_header();
    m.put(area + 512, u64{3});
    ASSERT_EQ(m.run_one("0f ae 23"), Outcome::next);
    EXPECT_EQ(at<u64>(512), 0u);
    EXPECT_EQ(at<u16>(0), 0x37f);                            // XSAVE writes it all the same
    std::fill_n(m.ram.begin() + area, 512, u8(0xcc));
    ASSERT_EQ(m.run_one("0f ae 33"), Outcome::next);         // XSAVEOPT does not
    EXPECT_EQ(at<u16>(0), 0xcccc);
    EXPECT_EQ(at<u64>(176), 0xccccccccccccccccu);
}

TEST_F(Xsave, xrstor_takes_the_initial_state_where_the_bit_is_clear) {
    something();
    zero_header();
    ASSERT_EQ(m.run_one("48 0f ae 23"), Outcome::next);
    m.put(area + 512, u64{1});
    cpu.fpu = {};
    ASSERT_EQ(m.run_one("48 0f ae 2b"), Outcome::next);
    EXPECT_EQ(cpu.fpu.control, 0x27f);
    EXPECT_EQ(cpu.fpu.r[7], (F80{0x8000000000000000, 0x3fff}));
    EXPECT_EQ(cpu.vector.v[1].get<u64>(0), 0u);
    EXPECT_EQ(cpu.vector.mxcsr, 0x1fa0u);                    // the standard form loads it whenever SSE is asked for
    m.put(area + 512, u64{0});
    ASSERT_EQ(m.run_one("0f ae 2b"), Outcome::next);
    EXPECT_EQ(cpu.fpu.control, 0x37f);
    EXPECT_EQ(cpu.fpu.empty, 0xff);
}

TEST_F(Xsave, xrstor_refuses_a_bad_header) {
    ASSERT_EQ(m.run_one("0f ae 23"), Outcome::next);
    auto refused = [&] { return m.run_one("0f ae 2b") == Outcome::fault && cpu.fault_.vector == gp_vector; };
    m.put(area + 24, u32{0x1f80});
    zero_header();
    EXPECT_FALSE(refused());
    m.put(area + 512, u64{4});
    EXPECT_TRUE(refused());                                  // not in XCR0
    zero_header(), m.put(area + 520, u64{1});
    EXPECT_TRUE(refused());                                  // XCOMP_BV without bit 63
    zero_header(), m.put(area + 528, u64{1});
    EXPECT_TRUE(refused());
    zero_header(), m.put(area + 520, bit(63) | 3), m.put(area + 512, u64{2});
    EXPECT_FALSE(refused());
    m.put(area + 520, bit(63) | 1);
    EXPECT_TRUE(refused());                                  // a component that the format lacks
    zero_header(), m.put(area + 24, u32{0x10000});
    EXPECT_TRUE(refused());
}

TEST_F(Xsave, xsavec_writes_the_compacted_header) {
    something();
    ASSERT_EQ(m.run_one("0f c7 23"), Outcome::next);
    EXPECT_EQ(at<u64>(512), 3u);
    EXPECT_EQ(at<u64>(520), bit(63) | 3);
    EXPECT_EQ(at<u8>(528), 0xcc);
    EXPECT_EQ(at<u64>(176), 0x0123456789abcdefu);
}

TEST_F(Xsave, xsaves_writes_the_compacted_format_and_xrstors_takes_no_other) {
    something();
    ASSERT_EQ(m.run_one("48 0f c7 2b"), Outcome::next);
    EXPECT_EQ(at<u64>(512), 3u);
    EXPECT_EQ(at<u64>(520), bit(63) | 3);
    EXPECT_EQ(at<u64>(8), 0x1122334455667788u);
    EXPECT_EQ(at<u64>(176), 0x0123456789abcdefu);
    wipe();
    zero_header();
    m.put(area + 512, u64{3}), m.put(area + 520, bit(63) | 3);
    ASSERT_EQ(m.run_one("48 0f c7 1b"), Outcome::next);
    EXPECT_EQ(cpu.fpu.control, 0x27f);
    EXPECT_EQ(cpu.vector.mxcsr, 0x1fa0u);
    EXPECT_EQ(cpu.vector.v[15].get<u64>(1), 0xfedcba9876543210u);
    m.put(area + 512, u64{1});
    ASSERT_EQ(m.run_one("48 0f c7 1b"), Outcome::next);
    EXPECT_EQ(cpu.vector.mxcsr, 0x1f80u);                    // without its component MXCSR is initial too
    auto refused = [&] { return m.run_one("0f c7 1b") == Outcome::fault && cpu.fault_.vector == gp_vector; };
    zero_header();
    EXPECT_TRUE(refused());                                  // the standard format
    m.put(area + 520, bit(63) | 7);
    EXPECT_TRUE(refused());                                  // a component neither in XCR0 nor in IA32_XSS
    m.put(area + 520, bit(63) | 1), m.put(area + 512, u64{2});
    EXPECT_TRUE(refused());                                  // one that the format lacks
    m.put(area + 512, u64{1}), m.put(area + 528, u64{1});
    EXPECT_TRUE(refused());
}

TEST_F(Xsave, xsaves_and_xrstors_are_of_ring_0) {
    cpu.cpl = 3;
    for (auto code : {"0f c7 2b", "0f c7 1b"}) {
        EXPECT_EQ(m.run_one(code), Outcome::fault);
        EXPECT_EQ(cpu.fault_.vector, gp_vector);
    }
    cpu.control.cr4 &= ~cr4::osxsave;
    for (auto code : {"0f c7 2b", "0f c7 1b"}) {
        EXPECT_EQ(m.run_one(code), Outcome::fault);
        EXPECT_EQ(cpu.fault_.vector, ud_vector);             // comes first
    }
    TestMachine old(TestMode::long64, "haswell");
    EXPECT_EQ(old.run_one("0f c7 2b"), Outcome::fault);
    EXPECT_EQ(old.cpu.fault_.vector, ud_vector);
}

TEST_F(Xsave, protection_key_rights_in_both_formats) {
    cpu.control.xcr0 = 0x203;
    cpu.control.pkru = 0x55555554;
    zero_header();
    ASSERT_EQ(m.run_one("0f ae 23"), Outcome::next);
    EXPECT_EQ(at<u64>(512), 0x200u);
    EXPECT_EQ(at<u64>(832), 0x55555554u);
    m.put(area + 832, u64{0x11223344});
    ASSERT_EQ(m.run_one("0f ae 2b"), Outcome::changed);
    EXPECT_EQ(cpu.control.pkru, 0x11223344u);
    ASSERT_EQ(m.run_one("0f c7 23"), Outcome::next);
    EXPECT_EQ(at<u64>(520), bit(63) | 0x203);
    EXPECT_EQ(at<u64>(576), 0x11223344u);
    cpu.control.pkru = 5;
    ASSERT_EQ(m.run_one("0f ae 2b"), Outcome::changed);
    EXPECT_EQ(cpu.control.pkru, 0x11223344u);
    m.put(area + 512, u64{0});
    ASSERT_EQ(m.run_one("0f ae 2b"), Outcome::changed);
    EXPECT_EQ(cpu.control.pkru, 0u);
}

TEST_F(Xsave, upper_halves_in_both_formats) {
    cpu.control.xcr0 = 0x207, cpu.control.pkru = 0x55555554;
    cpu.vector.v[0].set<u64>(2, 0x1111), cpu.vector.v[15].set<u64>(3, 0x2222);
    auto refill = [&] { std::fill_n(m.ram.begin() + area, 1024, u8(0xcc)), zero_header(); };
    auto forget = [&] { wipe(), cpu.control.pkru = 0; };
    auto expect_back = [&](const char* code) {
        cpu.vector.v[0].set<u64>(3, 7);                      // becomes what was saved: 0
        ASSERT_EQ(m.run_one(code), Outcome::changed) << code;
        EXPECT_EQ(cpu.vector.v[0].get<u64>(2), 0x1111u) << code;
        EXPECT_EQ(cpu.vector.v[0].get<u64>(3), 0u) << code;
        EXPECT_EQ(cpu.vector.v[15].get<u64>(3), 0x2222u) << code;
        EXPECT_EQ(cpu.control.pkru, 0x55555554u) << code;
    };
    refill();
    ASSERT_EQ(m.run_one("48 0f ae 23"), Outcome::next);      // xsave64
    EXPECT_EQ(at<u64>(512), 0x204u);
    EXPECT_EQ(at<u64>(576), 0x1111u);
    EXPECT_EQ(at<u64>(576 + 15 * 16 + 8), 0x2222u);
    EXPECT_EQ(at<u64>(832), 0x55555554u);
    forget(), expect_back("48 0f ae 2b");
    refill();
    ASSERT_EQ(m.run_one("48 0f c7 23"), Outcome::next);      // xsavec64: AVX, then PKRU
    EXPECT_EQ(at<u64>(520), bit(63) | 0x207);
    EXPECT_EQ(at<u64>(576), 0x1111u);
    EXPECT_EQ(at<u64>(832), 0x55555554u);
    forget(), expect_back("48 0f ae 2b");
    refill();
    ASSERT_EQ(m.run_one("48 0f c7 2b"), Outcome::next);      // xsaves64
    forget(), expect_back("48 0f c7 1b");
    cpu.gpr[rax] = 0x200;
    refill();
    ASSERT_EQ(m.run_one("48 0f c7 23"), Outcome::next);      // PKRU alone: no room for AVX
    EXPECT_EQ(at<u64>(576), 0x55555554u);
}

TEST_F(Xsave, initial_upper_halves_are_not_written_and_come_back_as_zero) {
    cpu.control.xcr0 = 7;
    zero_header();
    ASSERT_EQ(m.run_one("0f ae 33"), Outcome::next);         // xsaveopt
    EXPECT_EQ(at<u64>(512), 0u);
    EXPECT_EQ(at<u64>(576), 0xccccccccccccccccu);
    cpu.vector.v[5].set<u64>(2, 5), cpu.vector.v[5].set<u64>(1, 6);
    cpu.gpr[rcx] = 1;
    ASSERT_EQ(m.run_one("0f 01 d0"), Outcome::next);
    EXPECT_EQ(cpu.gpr[rax], 6u);                             // SSE and AVX in use
    cpu.gpr[rax] = 4, cpu.gpr[rdx] = 0;
    ASSERT_EQ(m.run_one("0f ae 2b"), Outcome::next);         // AVX alone, initial
    EXPECT_EQ(cpu.vector.v[5].get<u64>(2), 0u);
    EXPECT_EQ(cpu.vector.v[5].get<u64>(1), 6u);
}

TEST_F(Xsave, mxcsr_goes_with_avx_in_the_standard_format_alone) {
    cpu.control.xcr0 = 7, cpu.vector.mxcsr = 0x1fa0;
    zero_header();
    cpu.gpr[rax] = 4, cpu.gpr[rdx] = 0;
    ASSERT_EQ(m.run_one("0f ae 23"), Outcome::next);
    EXPECT_EQ(at<u32>(24), 0x1fa0u);
    EXPECT_EQ(at<u64>(160), 0xccccccccccccccccu);
    m.put(area + 24, u32{0x1f80});
    ASSERT_EQ(m.run_one("0f ae 2b"), Outcome::next);
    EXPECT_EQ(cpu.vector.mxcsr, 0x1f80u);
    m.put(area + 24, u32{0x10000});
    EXPECT_EQ(m.run_one("0f ae 2b"), Outcome::fault);
    m.put(area + 24, u32{0x1fbf}), m.put(area + 520, bit(63) | 4);
    ASSERT_EQ(m.run_one("0f ae 2b"), Outcome::next);         // compacted
    EXPECT_EQ(cpu.vector.mxcsr, 0x1f80u);
}

TEST_F(Xsave, outside_64_bit_mode_the_avx_component_has_eight_registers) {
    TestMachine c(TestMode::compatibility32);
    c.cpu.control.cr4 |= cr4::osxsave, c.cpu.control.xcr0 = 7;
    c.cpu.gpr[rbx] = area, c.cpu.gpr[rax] = 4;
    std::fill_n(c.ram.begin() + area, 1024, u8(0xcc)), std::fill_n(c.ram.begin() + area + 512, 64, u8(0));
    c.cpu.vector.v[7].set<u64>(3, 1), c.cpu.vector.v[8].set<u64>(2, 2);
    ASSERT_EQ(c.run_one("0f ae 23"), Outcome::next);
    EXPECT_EQ(c.get<u64>(area + 576 + 7 * 16 + 8), 1u);
    EXPECT_EQ(c.get<u64>(area + 576 + 8 * 16), 0xccccccccccccccccu);
    c.cpu.vector.v[7].set<u64>(3, 9);
    ASSERT_EQ(c.run_one("0f ae 2b"), Outcome::next);
    EXPECT_EQ(c.cpu.vector.v[7].get<u64>(3), 1u);
    EXPECT_EQ(c.cpu.vector.v[8].get<u64>(2), 2u);
}

TEST_F(Xsave, the_extended_control_register) {
    cpu.gpr[rcx] = 0;
    ASSERT_EQ(m.run_one("0f 01 d0"), Outcome::next);
    EXPECT_EQ(cpu.gpr[rax], 3u);
    EXPECT_EQ(cpu.gpr[rdx], 0u);
    auto refused = [&](u64 value, u64 n = 0) {
        cpu.gpr[rcx] = n, cpu.gpr[rax] = value, cpu.gpr[rdx] = 0;
        return m.run_one("0f 01 d1") == Outcome::fault;
    };
    EXPECT_TRUE(refused(2));
    EXPECT_TRUE(refused(5));                                 // AVX without SSE
    EXPECT_TRUE(refused(0xf));
    EXPECT_TRUE(refused(3, 1));
    EXPECT_FALSE(refused(7));
    EXPECT_FALSE(refused(1));
    EXPECT_EQ(cpu.control.xcr0, 1u);
    cpu.control.cr4 &= ~cr4::osxsave;
    EXPECT_EQ(m.run_one("0f 01 d0"), Outcome::fault);
    EXPECT_EQ(cpu.fault_.vector, ud_vector);
    EXPECT_EQ(m.run_one("0f ae 23"), Outcome::fault);
    EXPECT_EQ(cpu.fault_.vector, ud_vector);
}

TEST_F(Xsave, xgetbv_1_tells_what_is_in_use) {
    cpu.gpr[rcx] = 1;
    m.run_one("0f 01 d0");
    EXPECT_EQ(cpu.gpr[rax], 0u);
    cpu.vector.v[3].set<u64>(0, 1);
    m.run_one("0f 01 d0");
    EXPECT_EQ(cpu.gpr[rax], 2u);
}

}
