// SPDX-License-Identifier: MIT
// A VM exit to a host with PAE paging loads its PDPTEs, or aborts (SDM vol. 3, 28.5.4 and 28.7).
#include "tests/cpu/vmx/host.h"

namespace {

using vmx::Field;

struct PaeHost : VmxHost {
    static constexpr u64 pdptes = 0x57020, low = 0x58000, high = 0x59000, linear = 0x40000000, place = 0x600000;

    PaeHost() {
        auto& c = m.cpu.control;
        c.efer = 0;
        m.cpu.seg[Seg::cs] = {TestMachine::code32, 0, 0xffffffff, {0xc09b}};
        for (u64 n = 0; n < 8; n++) m.put(low + n * 8, n << 21 | 0xe7);
        m.put(high, place | 0xe7);
        m.put(place, u32{0x1234});
        set_pdptes({low | 1, 0, 0, 0});
        c.cr3 = pdptes;
        EXPECT_TRUE(m.cpu.load_pdptes(c.cr3));
        m.cpu.translation_mode_changed(), m.cpu.mode_changed();

        take(of_32_bit_host());
        v.vmcs.set(Field::host_cr3, pdptes), v.vmcs.set(Field::host_cr4, v.vmcs[Field::host_cr4] | cr4::pae);
    }
    void set_pdptes(const std::array<u64, 4>& values) {
        for (unsigned n = 0; n < 4; n++) m.put(pdptes + n * 8, values[n]);
    }
    // The host's PDPTEs change in memory while the guest runs.
    void exit_with(const std::array<u64, 4>& values) {
        v.enter();
        ASSERT_TRUE(m.cpu.guest);
        set_pdptes(values);
        v.exit_now({});
    }
    u32 indicator() { return m.get<u32>(region + 4); }
};

TEST_F(PaeHost, has_the_pdptes_that_are_in_memory_at_the_exit) {
    std::array<u64, 4> now{low | 1, high | 1, 0, ~u64{1}};             // what is not present may have any bits
    exit_with(now);
    EXPECT_EQ(indicator(), 0u);
    EXPECT_EQ(m.cpu.control.pdpte, now);
    EXPECT_EQ(m.run_one("a1 00 00 00 40"), Outcome::next);             // MOV EAX, [40000000h]
    EXPECT_EQ(u32(m.cpu.gpr[rax]), 0x1234u);
}

struct ReservedBit : PaeHost, testing::WithParamInterface<unsigned> {};

TEST_P(ReservedBit, of_a_pdpte_aborts_the_exit) {
    exit_with({low | 1, high | 1 | bit(GetParam()), 0, 0});
    EXPECT_EQ(indicator(), 2u);
    EXPECT_EQ(m.cpu.activity, Activity::shutdown);
}
INSTANTIATE_TEST_SUITE_P(PaeHost, ReservedBit, testing::Values(1, 2, 5, 8, 39, 63));

TEST_F(PaeHost, has_none_without_pae) {
    v.vmcs.set(Field::host_cr4, v.vmcs[Field::host_cr4] & ~cr4::pae);
    exit_with({low | 1 | bit(1), 0, 0, 0});
    EXPECT_EQ(indicator(), 0u);
    EXPECT_EQ(m.cpu.activity, Activity::active);
}

}
