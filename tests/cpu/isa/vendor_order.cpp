// SPDX-License-Identifier: MIT
// What comes first where an instruction meets two faults, or a fault and an effect, and the vendors differ, and which of several NaNs is the
// result: as seen on an Emerald Rapids, and on a Zen 4 and a Zen 5.
#include "tests/cpu/machine.h"
#include <gtest/gtest.h>

namespace {

constexpr u64 unmapped = u64{1} << 40, hole = 0x800000;               // 2 MiB; RAM lies below it

struct Both {
    TestMachine intel, amd;
    explicit Both(TestMode mode = TestMode::long64) : intel(mode), amd(mode, "max-amd") {}
    template <class Set> void each(Set&& set) { set(intel), set(amd); }
    Both& with_hole() {
        each([](TestMachine& m) { m.put(0x3000 + (hole >> 21) * 8, u64{0}); });
        return *this;
    }
    Both& with_vectors() {
        each([](TestMachine& m) {
            m.cpu.control.cr0 &= ~u64{cr0::em | cr0::ts};
            m.cpu.control.cr4 |= cr4::osfxsr | cr4::osxsave | cr4::osxmmexcpt, m.cpu.control.xcr0 = 7;
            m.cpu.mode_changed();
        });
        return *this;
    }
};
template <class T, std::size_t N> void set_lanes(TestMachine& m, unsigned n, const std::array<T, N>& lanes) { m.cpu.vector.v[n].set(0, lanes); }
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

TEST(VendorOrder, a_call_beyond_the_limit_has_written_where_it_would_return_on_intel) {
    Both b(TestMode::real16);
    b.each([](TestMachine& m) {
        m.cpu.gpr[rax] = 0x10000;
        u64 top = m.cpu.seg[Seg::ss].base + m.cpu.gpr[rsp];
        m.put(top - 4, u32{0x55});
        EXPECT_EQ(fault_of(m, "66 ff d0"), gp_vector);                 // CALL EAX
        EXPECT_EQ(m.get<u32>(top - 4), m.cpu.intel() ? 3u : 0x55u);
    });
}

TEST(VendorOrder, an_mmx_store_that_faults_has_top_at_0_on_intel) {
    for (const char* store : {"0f 7e 06", "48 0f 7e 06", "0f 7f 06", "0f e7 06"}) {
        Both b;
        b.each([&](TestMachine& m) {
            m.cpu.gpr[rsi] = unmapped;
            m.cpu.fpu.empty = 0xff, m.cpu.fpu.set_top(3);
            EXPECT_EQ(fault_of(m, store), pf_vector) << store;
            EXPECT_EQ(m.cpu.fpu.empty, 0xff) << store;
            EXPECT_EQ(m.cpu.fpu.top(), m.cpu.intel() ? 0u : 3u) << store;
        });
    }
    Both b;
    b.each([](TestMachine& m) {                   // a load has not
        m.cpu.gpr[rsi] = unmapped, m.cpu.fpu.empty = 0xff, m.cpu.fpu.set_top(3);
        EXPECT_EQ(fault_of(m, "0f 6f 06"), pf_vector);
        EXPECT_EQ(m.cpu.fpu.empty, 0xff);
        EXPECT_EQ(m.cpu.fpu.top(), 3u);
    });
}

// FSTP m80 of 1.0: 8 bytes in front of the hole, 2 in it.
TEST(VendorOrder, ten_bytes_are_stored_as_eight_and_two_on_intel) {
    Both().with_hole().each([](TestMachine& m) {
        m.cpu.fpu.control = 0x37f, m.cpu.fpu.status = 0, m.cpu.fpu.empty = 0, m.cpu.fpu.r[0] = {bit(63), 0x3fff};
        m.cpu.gpr[rsi] = hole - 8;
        EXPECT_EQ(fault_of(m, "db 3e"), pf_vector);
        EXPECT_EQ(m.cpu.fault_.address, hole);
        EXPECT_EQ(m.get<u64>(hole - 8), m.cpu.intel() ? bit(63) : 0);
        EXPECT_EQ(m.cpu.fpu.top(), 0u);
    });
}

// REPE CMPSB with TF, the first bytes equal: one iteration, RCX and the pointers moved.
TEST(VendorOrder, a_comparison_sets_flags_at_its_end_on_intel) {
    Both b;
    b.each([](TestMachine& m) {
        m.cpu.gpr[rcx] = 5, m.cpu.gpr[rsi] = TestMachine::data, m.cpu.gpr[rdi] = TestMachine::data + 64;
        m.cpu.rflags |= rflags::tf | rflags::cf | rflags::sf;
        EXPECT_EQ(m.run_one("f3 a6"), Outcome::again);
        EXPECT_EQ(m.cpu.gpr[rcx], 4u);
        EXPECT_EQ(m.cpu.rflags & rflags::status, m.cpu.intel() ? rflags::cf | rflags::sf : rflags::zf | rflags::pf);
        m.cpu.gpr[rcx] = 1;
        EXPECT_EQ(m.step(), Outcome::next);
        EXPECT_EQ(m.cpu.rflags & rflags::status, rflags::zf | rflags::pf);
    });
}

// MASKMOVDQU, no byte chosen.
TEST(VendorOrder, a_byte_mask_stores_the_upper_half_first_on_intel) {
    Both().with_vectors().each([](TestMachine& m) {
        m.cpu.gpr[rdi] = unmapped;
        EXPECT_EQ(fault_of(m, "66 0f f7 c1"), pf_vector);
        EXPECT_EQ(m.cpu.fault_.address, unmapped + (m.cpu.intel() ? 8 : 0));
    });
}

// VMASKMOVPS [RSI], XMM1, XMM2 with lanes 1 to 3 chosen, lane 2 across the border of the hole; then lanes 0 and 1 of a load at the end
// of the canonical addresses.
TEST(VendorOrder, a_masked_move_on_intel_names_the_last_byte_and_looks_for_canonical_lanes_first) {
    Both().with_vectors().with_hole().each([](TestMachine& m) {
        set_lanes(m, 1, std::array<u32, 4>{0, ~0u, ~0u, ~0u});
        m.cpu.gpr[rsi] = hole - 10;
        EXPECT_EQ(fault_of(m, "c4 e2 71 2e 16"), pf_vector);
        EXPECT_EQ(m.cpu.fault_.address, m.cpu.intel() ? hole + 5 : hole);
        set_lanes(m, 1, std::array<u32, 4>{0, 0, 0, ~0u});
        EXPECT_EQ(fault_of(m, "c4 e2 71 2e 16"), pf_vector);
        EXPECT_EQ(m.cpu.fault_.address, hole + 2) << "the first byte of what lies in one page";

        set_lanes(m, 1, std::array<u32, 4>{~0u, ~0u, 0, 0});
        m.cpu.gpr[rsi] = bit(47) - 6;
        EXPECT_EQ(fault_of(m, "c4 e2 71 2c 16"), m.cpu.intel() ? gp_vector : pf_vector);
        set_lanes(m, 1, std::array<u32, 4>{~0u, 0, 0, 0});
        EXPECT_EQ(fault_of(m, "c4 e2 71 2c 16"), pf_vector);
    });
}

// VPGATHERDD XMM0, [RSI + XMM1 * 4], XMM2: lane 0 is loaded, lane 1 isn't chosen, lane 2 faults.
TEST(VendorOrder, a_gather_that_faults_on_intel_leaves_the_mask_as_ones_and_zeros) {
    Both().with_vectors().each([](TestMachine& m) {
        using Eight = std::array<u32, 8>;
        m.put(TestMachine::data, u32{77});
        m.cpu.gpr[rsi] = TestMachine::data;
        set_lanes(m, 0, Eight{1, 2, 3, 4, 5, 6, 7, 8});
        set_lanes(m, 1, Eight{0, 0, 0x70000000, 0});
        set_lanes(m, 2, Eight{0x80000000, 1, 0x80000001, 0x90000000, 9, 9, 9, 9});
        EXPECT_EQ(fault_of(m, "c4 e2 69 90 04 8e"), pf_vector);
        bool intel = m.cpu.intel();
        EXPECT_EQ(m.cpu.vector.v[0].get<Eight>(), (intel ? Eight{77, 2, 3, 4} : Eight{77, 2, 3, 4, 5, 6, 7, 8}));
        EXPECT_EQ(m.cpu.vector.v[2].get<Eight>(), (intel ? Eight{0, 0, ~0u, ~0u} : Eight{0, 0, 0x80000001, 0x90000000, 9, 9, 9, 9}));
    });
}

// DPPS XMM0, XMM1, FFh with four NaNs as products, then DPPD.
TEST(VendorOrder, each_lane_of_a_dot_product_has_its_own_nan_on_intel) {
    Both().with_vectors().each([](TestMachine& m) {
        using Four = std::array<u32, 4>;
        using Two = std::array<u64, 2>;
        constexpr u32 q = 0x7fc00000;
        constexpr u64 d = 0x7ff8000000000000;
        bool intel = m.cpu.intel();
        set_lanes(m, 0, Four{q | 1, q | 2, q | 3, q | 4}), set_lanes(m, 1, Four{});
        EXPECT_EQ(m.run_one("66 0f 3a 40 c1 ff"), Outcome::next);
        EXPECT_EQ(m.cpu.vector.v[0].get<Four>(), (intel ? Four{q | 2, q | 1, q | 4, q | 3} : Four{q | 1, q | 1, q | 1, q | 1}));
        set_lanes(m, 0, Two{d | 1, d | 2});
        EXPECT_EQ(m.run_one("66 0f 3a 41 c1 ff"), Outcome::next);
        EXPECT_EQ(m.cpu.vector.v[0].get<Two>(), (intel ? Two{d | 1, d | 2} : Two{d | 1, d | 1}));
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
    for (bool masked : {true, false})
        Both().with_vectors().each([&](TestMachine& m) {
            m.cpu.vector.mxcsr = masked ? 0x1f80 : 0x1f80 & ~im;
            for (unsigned n = 0; n < 16; n += 4) m.cpu.vector.v[1].set(n, std::array<u8, 4>{1, 0, 0x80, 0x7f});
            m.cpu.gpr[rsi] = unmapped;
            EXPECT_EQ(fault_of(m, "c4 e3 79 1d 0e 00"), m.cpu.intel() && !masked ? xm_vector : pf_vector);
            EXPECT_EQ(m.cpu.vector.mxcsr & ie, m.cpu.intel() ? ie : 0);
        });
}

// The least single and the least normal one, underflow unmasked: only the first is told to be inexact too.
TEST(VendorOrder, halves_of_denormals_are_inexact_beside_an_unmasked_underflow_on_intel) {
    constexpr u32 de = 2, ue = 0x10, pe = 0x20, um = 0x800;
    for (u32 tiny : {1u, 0x00800000u})
        Both().with_vectors().each([&](TestMachine& m) {
            m.cpu.vector.mxcsr = 0x1f80 & ~um;
            set_lanes(m, 1, std::array<u32, 4>{tiny});
            EXPECT_EQ(fault_of(m, "c4 e3 79 1d c8 00"), xm_vector);
            u32 raised = m.cpu.vector.mxcsr & 0x3f;
            EXPECT_EQ(raised, tiny == 1 ? de | ue | (m.cpu.intel() ? pe : 0) : ue);
        });
}

TEST(VendorOrder, halves_need_no_alignment_on_intel) {
    for (const char* code : {"c4 e3 79 1d 0e 00", "c4 e2 79 13 0e"})
        Both().with_vectors().each([&](TestMachine& m) {
            m.cpu.control.cr0 |= cr0::am, m.cpu.rflags |= rflags::ac, m.cpu.cpl = 3;
            m.cpu.mode_changed();
            m.cpu.gpr[rsi] = TestMachine::data + 1;
            EXPECT_EQ(fault_of(m, code), m.cpu.intel() ? -1 : ac_vector) << code;
        });
}

}
