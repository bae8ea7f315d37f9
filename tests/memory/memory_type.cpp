// SPDX-License-Identifier: MIT
// Memory types: the PAT, fixed and variable ranges and their overlaps, and the manual's table of combinations.
#include "memory/memory_type.h"
#include <gtest/gtest.h>

using namespace paging;

namespace {

using enum MemoryType;

Mtrrs enabled(u64 default_type = 6) {
    Mtrrs m;
    m.default_type = bit(11) | default_type;
    return m;
}
// A range of 2^n bytes on a bus of 40 bits.
Mtrrs::Variable range(u64 base, u64 size, u64 type) { return {base | type, ((bit(40) - 1) & ~(size - 1)) | bit(11)}; }

}

TEST(MemoryType, the_pat_after_reset_is_wb_wt_uc_minus_uc_twice) {
    MemoryType expected[] = {wb, wt, uc_minus, uc, wb, wt, uc_minus, uc};
    for (u8 i = 0; i < 8; i++) EXPECT_EQ(pat_type(reset_pat, i), expected[i]);
    EXPECT_EQ(pat_type(0, Caching::no_paging), wb);
    EXPECT_TRUE(valid_pat(reset_pat));
    EXPECT_TRUE(valid_pat(0x0105040700010406));
    EXPECT_FALSE(valid_pat(0x0007040600070402));
    EXPECT_FALSE(valid_pat(0x0307040600070406));
    EXPECT_FALSE(valid_pat(0x0007040800070406));
}

TEST(MemoryType, disabled_mtrrs_make_all_memory_uc) {
    Mtrrs m = enabled();
    m.default_type = 6;
    EXPECT_EQ(m.type(Physical(0x100000)), uc);
    EXPECT_EQ(enabled().type(Physical(0x100000)), wb);
}

TEST(MemoryType, fixed_ranges_cover_the_first_mebibyte_in_64_16_and_4_kib) {
    Mtrrs m = enabled();
    m.fixed[0] = 0x0000000000000400;                    // 64K_00000: byte 1 is 10000h to 1FFFFh
    m.fixed[1] = u64{5} << 56;                          // 16K_80000: byte 7 is 9C000h to 9FFFFh
    m.fixed[2] = 1;                                     // 16K_A0000
    m.fixed[3] = 4;                                     // 4K_C0000
    m.fixed[10] = u64{6} << 56;                         // 4K_F8000: byte 7 is FF000h
    EXPECT_EQ(m.type(Physical(0x10000)), wb) << "not enabled: the default";
    m.default_type |= bit(10);
    EXPECT_EQ(m.type(Physical(0xffff)), uc);
    EXPECT_EQ(m.type(Physical(0x10000)), wt);
    EXPECT_EQ(m.type(Physical(0x1ffff)), wt);
    EXPECT_EQ(m.type(Physical(0x9bfff)), uc);
    EXPECT_EQ(m.type(Physical(0x9c000)), wp);
    EXPECT_EQ(m.type(Physical(0xa0000)), wc);
    EXPECT_EQ(m.type(Physical(0xc0fff)), wt);
    EXPECT_EQ(m.type(Physical(0xc1000)), uc);
    EXPECT_EQ(m.type(Physical(0xfffff)), wb);
    EXPECT_EQ(m.type(Physical(0x100000)), wb);
}

TEST(MemoryType, variable_ranges_cover_what_matches_base_under_mask) {
    Mtrrs m = enabled(0);
    m.variable[0] = range(0, 0x80000000, 6);
    m.variable[9] = range(0xe0000000, 0x10000000, 1);
    EXPECT_EQ(m.type(Physical(0x7fffffff)), wb);
    EXPECT_EQ(m.type(Physical(0x80000000)), uc);
    EXPECT_EQ(m.type(Physical(0xefffffff)), wc);
    m.variable[9].mask &= ~bit(11);
    EXPECT_EQ(m.type(Physical(0xefffffff)), uc) << "not valid";
}

TEST(MemoryType, where_ranges_overlap_uc_wins_and_wt_wins_over_wb) {
    struct { u64 a, b; MemoryType result; } rows[] = {
        {6, 6, wb}, {6, 0, uc}, {0, 1, uc}, {4, 6, wt}, {6, 4, wt}, {4, 4, wt}, {1, 1, wc}, {5, 0, uc},
    };
    for (auto& row : rows) {
        Mtrrs m = enabled(6);
        m.variable[0] = range(0, 0x40000000, row.a);
        m.variable[1] = range(0x20000000, 0x20000000, row.b);
        EXPECT_EQ(m.type(Physical(0x20000000)), row.result) << row.a << " and " << row.b;
    }
}

TEST(MemoryType, pat_and_range_combine_as_in_the_table) {
    // SDM vol. 3, table 12-7: rows are ranges, columns the PAT's UC, UC-, WC, WT, WB, WP.
    constexpr MemoryType columns[] = {uc, uc_minus, wc, wt, wb, wp};
    struct { MemoryType range, results[6]; } rows[] = {
        {uc, {uc, uc, wc, uc, uc, uc}},
        {wc, {uc, wc, wc, uc, wc, uc}},
        {wt, {uc, uc, wc, wt, wt, wp}},
        {wb, {uc, uc, wc, wt, wb, wp}},
        {wp, {uc, wc, wc, uc, wp, wp}},
    };
    for (auto& row : rows)
        for (unsigned i = 0; i < 6; i++) EXPECT_EQ(combine(row.range, columns[i]), row.results[i]) << int(row.range) << " " << i;
}

// APM vol. 2, 15.25.8: the guest's PAT type (rows) upon the host's, then upon the MTRRs' type.
TEST(MemoryType, nested_paging_combines_three_types) {
    constexpr MemoryType host[] = {uc, uc_minus, wc, wp, wt, wb}, range[] = {uc, wc, wp, wt, wb};
    struct { MemoryType guest, with_host[6], with_mtrr[5]; } rows[] = {
        {uc,       {uc, uc, uc, uc, uc, uc},       {uc, uc, uc, uc, uc}},
        {uc_minus, {uc, uc_minus, wc, uc, uc, uc}, {uc, wc, uc, uc, uc}},
        {wc,       {wc, wc, wc, wc, wc, wc},       {wc, wc, wc, wc, wc}},
        {wp,       {uc, uc, uc, wp, uc, wp},       {uc, uc, wp, uc, wp}},
        {wt,       {uc, uc, uc, uc, wt, wt},       {uc, uc, uc, wt, wt}},
        {wb,       {uc, uc_minus, wc, wp, wt, wb}, {uc, wc, wp, wt, wb}},
    };
    for (auto& row : rows) {
        for (unsigned i = 0; i < 6; i++) EXPECT_EQ(combine_pats(row.guest, host[i]), row.with_host[i]) << int(row.guest) << " " << i;
        for (unsigned i = 0; i < 5; i++) EXPECT_EQ(combine_nested(range[i], row.guest), row.with_mtrr[i]) << int(row.guest) << " " << i;
    }
}

TEST(MemoryType, a_nested_guests_access_gets_its_type_from_all_three) {
    Types t{.mtrrs = enabled()};                  // the power-on PATs: WB, WT, UC-, UC
    auto type = [&](u8 guest, u8 host, u64 at) { return memory_type(t, {.pat = guest, .nesting = Nesting::npt, .second = host}, Physical(at)); };
    EXPECT_EQ(type(0, 0, 0x200000), wb);
    EXPECT_EQ(type(1, 0, 0x200000), wt); EXPECT_EQ(type(0, 1, 0x200000), wt);
    EXPECT_EQ(type(0, 3, 0x200000), uc); EXPECT_EQ(type(3, 0, 0x200000), uc);
    t.host_pat = 0x0007040600070401;              // the host's entry 0 is WC
    EXPECT_EQ(type(0, 0, 0x200000), wc); EXPECT_EQ(type(2, 0, 0x200000), wc); EXPECT_EQ(type(1, 0, 0x200000), uc);
    t.pat = 0x0007040600070401;
    EXPECT_EQ(type(0, 3, 0x200000), wc) << "a guest's WC prevails";
    EXPECT_EQ(memory_type(t, {.nesting = Nesting::npt, .second = 1}, Physical(0x200000)), wt) << "the guest's paging off: WB of its own";
}

TEST(MemoryType, an_access_gets_its_type_from_all_who_have_a_say) {
    Types t{.mtrrs = enabled()};
    EXPECT_EQ(memory_type(t, {.pat = 0}, Physical(0x200000)), wb);
    EXPECT_EQ(memory_type(t, {.pat = 3}, Physical(0x200000)), uc);
    EXPECT_EQ(memory_type(t, {.pat = 1, .nesting = Nesting::ept, .second = 6}, Physical(0)), wt);
    EXPECT_EQ(memory_type(t, {.pat = 0, .nesting = Nesting::ept, .second = 0}, Physical(0)), uc);
    EXPECT_EQ(memory_type(t, {.pat = 3, .nesting = Nesting::ept, .second = 6, .ignore_pat = true}, Physical(0)), wb);
    EXPECT_EQ(memory_type(t, {.nesting = Nesting::ept, .second = 4}, Physical(0)), wt) << "paging off: WB by the PAT";
    t.cd = true;
    EXPECT_EQ(memory_type(t, {.pat = 0}, Physical(0x200000)), uc);
}
