// SPDX-License-Identifier: MIT
// What comes first where an instruction meets two faults, or a fault and an effect, and the vendors differ: as seen on a Sapphire Rapids and on a Zen 5.
#include "tests/cpu/machine.h"
#include <gtest/gtest.h>

namespace {

constexpr u64 unmapped = u64{1} << 40;

struct Both {
    TestMachine intel, amd;
    explicit Both(TestMode mode = TestMode::long64) : intel(mode), amd(mode, "max-amd") {}
    template <class Set> void each(Set&& set) { set(intel), set(amd); }
};
int fault_of(TestMachine& m, const char* code) { return m.run_one(code) == Outcome::fault ? m.cpu.fault_.vector : -1; }

TEST(VendorOrder, sysret_exists_on_intel_in_64_bit_mode_whatever_the_ring) {
    Both c(TestMode::compatibility32), l;
    for (auto* both : {&c, &l}) both->each([](TestMachine& m) { m.cpu.control.efer |= efer::sce, m.cpu.cpl = 3; });
    EXPECT_EQ(fault_of(c.intel, "0f 07"), ud_vector);
    EXPECT_EQ(fault_of(c.amd, "0f 07"), gp_vector);
    EXPECT_EQ(fault_of(l.intel, "0f 07"), gp_vector);
    EXPECT_EQ(fault_of(l.amd, "0f 07"), gp_vector);
}

TEST(VendorOrder, a_call_to_no_address_has_written_where_it_would_return_on_intel) {
    Both b;
    b.each([](TestMachine& m) {
        u64 top = m.cpu.gpr[rsp];
        m.put(top - 8, u64{0x55});
        m.cpu.gpr[rax] = u64{1} << 47;
        EXPECT_EQ(fault_of(m, "ff d0"), gp_vector);
        EXPECT_EQ(m.cpu.gpr[rsp], top);
        EXPECT_EQ(m.get<u64>(top - 8), m.cpu.intel() ? TestMachine::code + 2 : 0x55);
    });
}

TEST(VendorOrder, bound_needs_no_upper_bound_below_the_lower_on_intel) {
    Both b(TestMode::protected32);
    b.each([](TestMachine& m) {
        m.cpu.seg[Seg::ds].limit = TestMachine::data + 3;
        m.put(TestMachine::data, u32{5});
        m.cpu.gpr[rsi] = TestMachine::data, m.cpu.gpr[rax] = 4;
        EXPECT_EQ(fault_of(m, "62 06"), m.cpu.intel() ? br_vector : gp_vector);
        m.cpu.gpr[rax] = 5;
        EXPECT_EQ(fault_of(m, "62 06"), gp_vector);
    });
}

TEST(VendorOrder, an_mmx_store_that_faults_has_left_the_x87_state_on_intel) {
    for (const char* store : {"0f 7e 06", "48 0f 7e 06", "0f 7f 06", "0f e7 06"}) {
        Both b;
        b.each([&](TestMachine& m) {
            m.cpu.gpr[rsi] = unmapped;
            m.cpu.fpu.empty = 0xff, m.cpu.fpu.set_top(3);
            EXPECT_EQ(fault_of(m, store), pf_vector) << store;
            EXPECT_EQ(m.cpu.fpu.empty, m.cpu.intel() ? 0 : 0xff) << store;
            EXPECT_EQ(m.cpu.fpu.top(), m.cpu.intel() ? 0u : 3u) << store;
        });
    }
    Both b;
    b.each([](TestMachine& m) {                   // a load has not
        m.cpu.gpr[rsi] = unmapped, m.cpu.fpu.empty = 0xff;
        EXPECT_EQ(fault_of(m, "0f 6f 06"), pf_vector);
        EXPECT_EQ(m.cpu.fpu.empty, 0xff);
    });
}

// FST m32 of what is too large, FISTP of it, FSTP of an empty register; FST of what is inexact is stored, so that its memory counts.
TEST(VendorOrder, an_x87_store_that_an_exception_stops_needs_no_memory_on_intel) {
    constexpr u16 overflow = 0x8, invalid = 0x1, precision = 0x20, summary = 0x80;
    struct Case { const char* code; u16 unmasked; bool empty; };
    for (auto [code, unmasked, empty] : {Case{"d9 16", overflow, false}, {"db 1e", invalid, false}, {"dd 1e", invalid, true}}) {
        Both b;
        b.each([&, code = code, unmasked = unmasked, empty = empty](TestMachine& m) {
            m.cpu.control.cr0 = (m.cpu.control.cr0 | cr0::ne) & ~u64{cr0::em | cr0::ts};
            m.cpu.fpu.control = u16(0x37f & ~unmasked), m.cpu.fpu.status = 0, m.cpu.fpu.empty = empty ? 0xff : 0;
            m.cpu.fpu.r[0] = {0x8000000000000000, 0x3fff + 1000};
            m.cpu.gpr[rsi] = unmapped;
            EXPECT_EQ(fault_of(m, code), m.cpu.intel() ? -1 : pf_vector) << code;
            EXPECT_EQ(m.cpu.fpu.status & (unmasked | summary), m.cpu.intel() ? unmasked | summary : 0) << code;
        });
    }
    Both b;
    b.each([](TestMachine& m) {
        m.cpu.control.cr0 = (m.cpu.control.cr0 | cr0::ne) & ~u64{cr0::em | cr0::ts};
        m.cpu.fpu.control = u16(0x37f & ~precision), m.cpu.fpu.empty = 0, m.cpu.fpu.status = 0;
        m.cpu.fpu.r[0] = {0x8000000000000001, 0x3fff};
        m.cpu.gpr[rsi] = unmapped;
        EXPECT_EQ(fault_of(m, "d9 16"), pf_vector);
        EXPECT_EQ(m.cpu.fpu.status, 0);
    });
}

// VCVTPS2PH [RSI], XMM1, 0 of signalling NaNs.
TEST(VendorOrder, halves_are_made_before_their_memory_is_looked_at_on_intel) {
    constexpr u32 ie = 1, im = 0x80;
    for (bool masked : {true, false}) {
        Both b;
        b.each([&](TestMachine& m) {
            m.cpu.control.cr0 &= ~u64{cr0::em | cr0::ts};
            m.cpu.control.cr4 |= cr4::osfxsr | cr4::osxsave | cr4::osxmmexcpt, m.cpu.control.xcr0 = 7;
            m.cpu.mode_changed();
            m.cpu.vector.mxcsr = masked ? 0x1f80 : 0x1f80 & ~im;
            for (unsigned n = 0; n < 16; n += 4) m.cpu.vector.v[1].set(n, std::array<u8, 4>{1, 0, 0x80, 0x7f});
            m.cpu.gpr[rsi] = unmapped;
            EXPECT_EQ(fault_of(m, "c4 e3 79 1d 0e 00"), m.cpu.intel() && !masked ? xm_vector : pf_vector);
            EXPECT_EQ(m.cpu.vector.mxcsr & ie, m.cpu.intel() ? ie : 0);
        });
    }
}

}
