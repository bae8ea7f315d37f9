// SPDX-License-Identifier: MIT
// Model-specific registers: which exist, what may be written, and what a write does.
#include "base/log.h"
#include "cpu/msr/access.h"
#include "tests/cpu/machine.h"
#include <gtest/gtest.h>

namespace {

struct Msr : testing::Test {
    TestMachine intel, amd{TestMode::long64, "max-amd"};
    Msr() { set_logging(false); }
    ~Msr() { set_logging(true); }
    static bool put(TestMachine& m, u32 index, u64 value) { return write_msr(m.cpu, index, value); }
    static u64 get(TestMachine& m, u32 index) {
        u64 value = 0xdead;
        EXPECT_TRUE(read_msr(m.cpu, index, value)) << std::hex << index;
        return value;
    }
    static bool exists(TestMachine& m, u32 index) {
        u64 value;
        return read_msr(m.cpu, index, value);
    }
};

TEST_F(Msr, unknown_ones_are_refused) {
    EXPECT_FALSE(exists(intel, 0x12345678));
    EXPECT_FALSE(put(intel, 0x12345678, 0));
    EXPECT_FALSE(exists(intel, 0xc0010015));                 // HWCR is AMD's
    EXPECT_FALSE(exists(amd, 0x1a0));                        // MISC_ENABLE is Intel's
}

TEST_F(Msr, efer_keeps_lma_and_refuses_lme_under_paging) {
    u64 now = get(intel, 0xc0000080);
    EXPECT_EQ(now, 0xd01u);
    EXPECT_FALSE(put(intel, 0xc0000080, now & ~efer::lme));
    EXPECT_FALSE(put(intel, 0xc0000080, now | bit(1)));
    EXPECT_FALSE(put(intel, 0xc0000080, now | efer::ffxsr));
    EXPECT_TRUE(put(amd, 0xc0000080, now | efer::ffxsr));
    EXPECT_TRUE(put(intel, 0xc0000080, now & ~(efer::lma | efer::sce)));
    EXPECT_EQ(get(intel, 0xc0000080), 0xd00u);
}

TEST_F(Msr, addresses_must_be_canonical) {
    for (u32 index : {0xc0000082u, 0xc0000083u, 0xc0000100u, 0xc0000101u, 0xc0000102u, 0x175u, 0x176u}) {
        EXPECT_FALSE(put(intel, index, 0x0100000000000000)) << std::hex << index;
        EXPECT_TRUE(put(intel, index, 0x0000800000000000)) << std::hex << index;      // without CR4.LA57 too
        EXPECT_TRUE(put(intel, index, 0xffff800000000000)) << std::hex << index;
        EXPECT_EQ(get(intel, index), 0xffff800000000000) << std::hex << index;
    }
    EXPECT_EQ(intel.cpu.seg[Seg::fs].base, 0xffff800000000000);
}

TEST_F(Msr, writing_the_tsc_moves_the_adjustment_and_the_reverse) {
    intel.clock.ticks = 1000;
    EXPECT_TRUE(put(intel, 0x10, 5000));
    EXPECT_EQ(get(intel, 0x10), 5000u);
    u64 adjust = get(intel, 0x3b);
    intel.clock.ticks += 10;
    EXPECT_EQ(get(intel, 0x10), 5010u);
    EXPECT_TRUE(put(intel, 0x3b, adjust + 100));
    EXPECT_EQ(get(intel, 0x10), 5110u);
}

TEST_F(Msr, the_tsc_starts_at_0) {
    intel.clock.ticks = 123456;
    intel.cpu.reset(false);
    EXPECT_EQ(get(intel, 0x10), 0u);
    EXPECT_EQ(get(intel, 0x3b), 0u);
}

TEST_F(Msr, memory_types_must_exist) {
    EXPECT_EQ(get(intel, 0x277), 0x0007040600070406u);
    EXPECT_TRUE(put(intel, 0x277, 0x0706050401000706));
    EXPECT_FALSE(put(intel, 0x277, 0x0706050402000706));
    EXPECT_FALSE(put(intel, 0x277, 0x0806050401000706));
    EXPECT_EQ(get(intel, 0xfe), 0x508u);
    EXPECT_TRUE(put(intel, 0x2ff, 0xc06));
    EXPECT_FALSE(put(intel, 0x2ff, 0xc02));
    EXPECT_FALSE(put(intel, 0x2ff, 0x1c06));
    EXPECT_TRUE(put(intel, 0x250, 0x0606060606060606));
    EXPECT_FALSE(put(intel, 0x26f, 0x0606060706060606));     // 7 is PAT's alone
    EXPECT_TRUE(put(intel, 0x26f, 0x0505050505050505));
    EXPECT_EQ(get(intel, 0x250), 0x0606060606060606u);
}

TEST_F(Msr, variable_ranges_have_reserved_bits) {
    EXPECT_TRUE(put(intel, 0x200, 0xc0000006));
    EXPECT_FALSE(put(intel, 0x200, 0xc0000106));
    EXPECT_FALSE(put(intel, 0x200, bit(46)));
    EXPECT_TRUE(put(intel, 0x20f, 0x3fffc0000800));
    EXPECT_FALSE(put(intel, 0x20f, 0x3fffc0000801));
    EXPECT_EQ(get(intel, 0x20f), 0x3fffc0000800u);
    EXPECT_FALSE(exists(intel, 0x210));
}

TEST_F(Msr, what_an_emulator_is_not_affected_by) {
    u64 a = get(intel, 0x10a);
    for (unsigned n : {0, 3, 4, 5, 6, 8, 13, 14, 15, 20, 24, 26, 27, 62}) EXPECT_TRUE(a & bit(n)) << n;
    EXPECT_FALSE(put(intel, 0x10a, a));
    EXPECT_FALSE(exists(amd, 0x10a));
}

TEST_F(Msr, ibrs_always_on_is_not_claimed_without_ibrs) {
    EXPECT_TRUE(get(intel, 0x10a) & bit(1));
    auto chosen = parse_cpu("max-intel,-spec_ctrl");
    Cpu without(0, chosen.model, chosen.features, intel.memory, intel.clock, {});
    u64 value = 0;
    EXPECT_TRUE(read_msr(without, 0x10a, value));
    EXPECT_EQ(value, get(intel, 0x10a) & ~bit(1));
}

TEST_F(Msr, commands_are_written_and_never_read) {
    for (u32 index : {0x49u, 0x10bu}) {
        EXPECT_TRUE(put(intel, index, 1));
        EXPECT_FALSE(put(intel, index, 2));
        EXPECT_FALSE(exists(intel, index));
    }
}

TEST_F(Msr, the_microcode_revision_is_each_vendors) {
    EXPECT_EQ(get(intel, 0x8b) >> 32, intel.cpu.model.microcode);
    EXPECT_EQ(get(amd, 0x8b), amd.cpu.model.microcode);
    EXPECT_TRUE(put(intel, 0x8b, 0));
    EXPECT_TRUE(put(intel, 0x79, 0x1000));
    EXPECT_TRUE(put(amd, 0xc0010020, 0x1000));
}

TEST_F(Msr, feature_control_is_written_until_locked) {
    EXPECT_FALSE(put(intel, 0x3a, bit(1)));                  // no SMX
    EXPECT_TRUE(put(intel, 0x3a, bit(2)));
    EXPECT_TRUE(put(intel, 0x3a, bit(2) | bit(0)));
    EXPECT_FALSE(put(intel, 0x3a, 1));
}

TEST_F(Msr, machine_check_banks_are_as_many_as_mcg_cap_says) {
    u32 banks = u32(get(intel, 0x179));
    EXPECT_TRUE(put(intel, 0x400, ~u64{0}));
    EXPECT_EQ(get(intel, 0x400), ~u64{0});
    EXPECT_EQ(get(intel, 0x401), 0u);
    EXPECT_TRUE(put(intel, 0x401, 0));
    EXPECT_FALSE(put(intel, 0x401, 1));
    EXPECT_TRUE(exists(intel, 0x400 + banks * 4 - 1));
    EXPECT_FALSE(exists(intel, 0x400 + banks * 4));
}

TEST_F(Msr, amds_that_linux_reads) {
    EXPECT_EQ(get(amd, 0xc0010015), bit(24));
    for (u32 index : {0xc0010010u, 0xc001001au, 0xc001001du, 0xc001001fu, 0xc0010055u, 0xc0011029u, 0xc0010140u}) EXPECT_EQ(get(amd, index), 0u);
    EXPECT_TRUE(put(amd, 0xc0011029, 2));
    EXPECT_EQ(get(amd, 0xc0011029), 2u);
    EXPECT_TRUE(put(amd, 0xc001001f, bit(46)));
    EXPECT_TRUE(get(amd, 0xc0011005) & bit(29));             // 8000_0001h: EDX below, ECX above
    EXPECT_EQ(u8(get(amd, 0xc0010030)), 'S');
}

TEST_F(Msr, spec_ctrl_has_the_bits_of_cpuid) {
    EXPECT_TRUE(put(intel, 0x48, 7));
    EXPECT_FALSE(put(intel, 0x48, 8));
    TestMachine old(TestMode::long64, "barcelona");
    EXPECT_FALSE(exists(old, 0x48));
}

TEST_F(Msr, tsc_aux_has_32_bits) {
    EXPECT_TRUE(put(intel, 0xc0000103, 0xffffffff));
    EXPECT_FALSE(put(intel, 0xc0000103, bit(32)));
}

TEST_F(Msr, every_index_is_survived) {
    for (u32 base : {0u, 0xc0000000u, 0xc0010000u, 0xc0011000u})
        for (u32 n = 0; n < 0x1100; n++)
            for (auto* m : {&intel, &amd}) {
                u64 value;
                read_msr(m->cpu, base + n, value);
                write_msr(m->cpu, base + n, 0x5a5a5a5a5a5a5a5a);
            }
}

}
