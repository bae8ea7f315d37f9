// SPDX-License-Identifier: MIT
// The walk of the first stage: every format, every reason to refuse with its error code, accessed and dirty flags.
#include "tests/memory/tables.h"
#include <gtest/gtest.h>
#include <string>

using namespace tables;

namespace {

constexpr u64 nx = bit(63);
constexpr u64 key3 = u64{3} << 59;
constexpr u32 ad3 = 1 << 6, wd3 = 2 << 6;

struct Case {
    const char* what;
    u64 leaf;                                // flags of the PTE; 9000h is the page
    Access access;
    Reason reason;
    u64 code;
    void (*change)(Stage1&) = [](Stage1&) {};
};

constexpr auto smep = [](Stage1& s) { s.smep = true; };
constexpr auto smap = [](Stage1& s) { s.smap = true; };
constexpr auto no_wp = [](Stage1& s) { s.wp = false; };
constexpr auto no_nxe = [](Stage1& s) { s.nxe = false; };
constexpr auto no_nxe_smep = [](Stage1& s) { s.nxe = false, s.smep = true; };
constexpr auto pke_ad = [](Stage1& s) { s.pke = true, s.pkru = ad3; };
constexpr auto pke_wd = [](Stage1& s) { s.pke = true, s.pkru = wd3; };
constexpr auto pke_wd_no_wp = [](Stage1& s) { s.pke = true, s.pkru = wd3, s.wp = false; };
constexpr auto pke_other = [](Stage1& s) { s.pke = true, s.pkru = ~(ad3 | wd3); };
constexpr auto pkru_without_pke = [](Stage1& s) { s.pkru = ~0u; };
constexpr auto pks_ad = [](Stage1& s) { s.pks = true, s.pkrs = ad3; };
constexpr auto pks_wd = [](Stage1& s) { s.pks = true, s.pkrs = wd3; };
constexpr auto pks_wd_no_wp = [](Stage1& s) { s.pks = true, s.pkrs = wd3, s.wp = false; };

constexpr Access ac_read = access(Kind::read, Privilege::supervisor, true);
constexpr Access ac_write = access(Kind::write, Privilege::supervisor, true);
constexpr Access implicit_read = access(Kind::read, Privilege::implicit, true);
constexpr Access implicit_write = access(Kind::write, Privilege::implicit, true);
constexpr Access user_update = access(Kind::read_write, Privilege::user);

// SDM vol. 3, 4.6 (rights) and 4.7 (error code: P 1, W 2, U 4, RSVD 8, I/D 10h, PK 20h). Leaf flags: P 1, R/W 2, U/S 4.
const Case cases[] = {
    {"a user reads a user page",                             7,        user_read,      Reason::none,           0},
    {"a user writes a writable user page",                   7,        user_write,     Reason::none,           0},
    {"a user runs a user page",                              7,        user_fetch,     Reason::none,           0},
    {"a supervisor reads a supervisor page",                 3,        reading,           Reason::none,           0},
    {"nothing is there for a supervisor's read",             0,        reading,           Reason::not_present,    0},
    {"nothing is there for a supervisor's write",            0,        writing,          Reason::not_present,    2},
    {"nothing is there for a user's read",                   0,        user_read,      Reason::not_present,    4},
    {"nothing is there for a user's write",                  0,        user_write,     Reason::not_present,    6},
    {"nothing is there for a fetch under NXE",               0,        user_fetch,     Reason::not_present,    0x14},
    {"nothing is there for a fetch without NXE",             0,        user_fetch,     Reason::not_present,    4,    no_nxe},
    {"nothing is there for a fetch under SMEP",              0,        fetching,          Reason::not_present,    0x10, no_nxe_smep},
    {"a not-present entry has no reserved bits",             nx | mask(51, 40), reading,  Reason::not_present,    0,    no_nxe},
    {"a user writes a read-only page",                       5,        user_write,     Reason::write,          7},
    {"a user updates a read-only page",                      5,        user_update,    Reason::write,          7},
    {"a user reads a read-only page",                        5,        user_read,      Reason::none,           0},
    {"a supervisor writes a read-only user page under WP",   5,        writing,          Reason::write,          3},
    {"a supervisor writes a read-only page under WP",        1,        writing,          Reason::write,          3},
    {"a supervisor writes a read-only page without WP",      1,        writing,          Reason::none,           0,    no_wp},
    {"a user writes a read-only page without WP",            5,        user_write,     Reason::write,          7,    no_wp},
    {"a user reads a supervisor page",                       3,        user_read,      Reason::user,           5},
    {"a user writes a supervisor page",                      3,        user_write,     Reason::user,           7},
    {"a user runs a supervisor page",                        3,        user_fetch,     Reason::user,           0x15},
    {"a user runs a supervisor page, no NXE",                3,        user_fetch,     Reason::user,           5,    no_nxe},
    {"a user runs a supervisor page, SMEP only",             3,        user_fetch,     Reason::user,           0x15, no_nxe_smep},
    {"a user runs an NX page",                               7 | nx,   user_fetch,     Reason::execute,        0x15},
    {"a supervisor runs an NX page",                         3 | nx,   fetching,          Reason::execute,        0x11},
    {"a user reads an NX page",                              7 | nx,   user_read,      Reason::none,           0},
    {"NX is reserved without NXE, read",                     7 | nx,   user_read,      Reason::reserved,       0xd,  no_nxe},
    {"NX is reserved without NXE, write",                    7 | nx,   user_write,     Reason::reserved,       0xf,  no_nxe},
    {"NX is reserved without NXE, fetch",                    7 | nx,   user_fetch,     Reason::reserved,       0xd,  no_nxe},
    {"NX is reserved without NXE, fetch under SMEP",         7 | nx,   user_fetch,     Reason::reserved,       0x1d, no_nxe_smep},
    {"reserved goes before rights",                          3 | bit(51), user_write,  Reason::reserved,       0xf},
    {"a supervisor runs a user page",                        7,        fetching,          Reason::none,           0},
    {"a supervisor runs a user page under SMEP",             7,        fetching,          Reason::smep,           0x11, smep},
    {"a supervisor runs a supervisor page under SMEP",       3,        fetching,          Reason::none,           0,    smep},
    {"a user runs a user page under SMEP",                   7,        user_fetch,     Reason::none,           0,    smep},
    {"SMAP stops a supervisor's read",                       7,        reading,           Reason::smap,           1,    smap},
    {"SMAP stops a supervisor's write",                      7,        writing,          Reason::smap,           3,    smap},
    {"SMAP goes before WP",                                  5,        writing,          Reason::smap,           3,    smap},
    {"AC lets a supervisor read",                            7,        ac_read,        Reason::none,           0,    smap},
    {"AC lets a supervisor write",                           7,        ac_write,       Reason::none,           0,    smap},
    {"AC does not lift WP",                                  5,        ac_write,       Reason::write,          3,    smap},
    {"AC does not help an implicit read",                    7,        implicit_read,  Reason::smap,           1,    smap},
    {"AC does not help an implicit write",                   7,        implicit_write, Reason::smap,           3,    smap},
    {"an implicit read of a supervisor page",                3,        implicit_read,  Reason::none,           0,    smap},
    {"an implicit read without SMAP",                        7,        implicit_read,  Reason::none,           0},
    {"SMAP is not about fetches",                            7,        fetching,          Reason::none,           0,    smap},
    {"SMAP is not about users",                              7,        user_read,      Reason::none,           0,    smap},
    {"AD stops a user's read",                               7 | key3, user_read,      Reason::protection_key, 0x25, pke_ad},
    {"AD stops a user's write",                              7 | key3, user_write,     Reason::protection_key, 0x27, pke_ad},
    {"AD stops a supervisor's read of a user page",          7 | key3, reading,           Reason::protection_key, 0x21, pke_ad},
    {"AD stops an implicit read of a user page",             7 | key3, implicit_read,  Reason::protection_key, 0x21, pke_ad},
    {"AD stops no fetch",                                    7 | key3, user_fetch,     Reason::none,           0,    pke_ad},
    {"PKRU is not about supervisor pages",                   3 | key3, reading,           Reason::none,           0,    pke_ad},
    {"WD stops a user's write",                              7 | key3, user_write,     Reason::protection_key, 0x27, pke_wd},
    {"WD stops no read",                                     7 | key3, user_read,      Reason::none,           0,    pke_wd},
    {"WD stops a supervisor's write under WP",               7 | key3, writing,          Reason::protection_key, 0x23, pke_wd},
    {"WD stops no supervisor's write without WP",            7 | key3, writing,          Reason::none,           0,    pke_wd_no_wp},
    {"WD stops a user's write without WP",                   7 | key3, user_write,     Reason::protection_key, 0x27, pke_wd_no_wp},
    {"another key's bits do not matter",                     7 | key3, user_write,     Reason::none,           0,    pke_other},
    {"PKRU does not matter without PKE",                     7 | key3, user_write,     Reason::none,           0,    pkru_without_pke},
    {"PK is reported beside a write refused anyway",         5 | key3, user_write,     Reason::write,          0x27, pke_ad},
    {"PK is not reported for a reserved bit",                7 | key3 | bit(51), user_read, Reason::reserved,  0xd,  pke_ad},
    {"PKRS AD stops a supervisor's read",                    3 | key3, reading,           Reason::protection_key, 0x21, pks_ad},
    {"PKRS is not about user pages",                         7 | key3, reading,           Reason::none,           0,    pks_ad},
    {"PKRS WD stops a supervisor's write under WP",          3 | key3, writing,          Reason::protection_key, 0x23, pks_wd},
    {"PKRS WD stops no supervisor's write without WP",       3 | key3, writing,          Reason::none,           0,    pks_wd_no_wp},
};

Regime regime32(bool pse = true) {
    Regime r;
    r.stage1 = {.mode = Mode::bits32, .root = 0x1000, .wp = true, .pse = pse, .pge = true};
    return r;
}
Regime pae() {
    Regime r;
    r.stage1 = {.mode = Mode::pae, .root = 0x1000, .pdpte = {0x2001, 0, 0, 0}, .wp = true, .nxe = true, .maxphyaddr = 36};
    return r;
}

Reason reason_of(const Walk& w) { return w.fault() ? w.fault()->reason : Reason::none; }

// Sets each bit of `candidates` alone in the entry and asks whether it is refused as reserved.
u64 reserved_bits(Sparse memory, const Regime& r, u64 at, unsigned width, u64 candidates) {
    u64 found = 0, entry = memory.peek(at, width);
    for (unsigned i = 0; i < 64; i++) {
        if (!(candidates & bit(i))) continue;
        memory.put(at, entry | bit(i), width);
        Walk w = walk(r, LinearAddress(0), user_read, memory);
        if (reason_of(w) != Reason::reserved) continue;
        EXPECT_EQ(w.fault()->flaw, bit(i));
        EXPECT_EQ(w.fault()->entry, entry | bit(i));
        EXPECT_EQ(w.fault()->information, 0xdu);
        found |= bit(i);
    }
    return found;
}

}

TEST(FirstStage, rights_and_error_codes_are_the_manuals) {
    for (Mode mode : {Mode::level4, Mode::level5})
        for (const Case& c : cases) {
            Sparse memory;
            chain(memory, 0x1000, mode == Mode::level5 ? 5 : 4, 0x9000 | c.leaf);
            Regime r = long_mode(mode);
            c.change(r.stage1);
            Walk w = walk(r, LinearAddress(0x123), c.access, memory);
            EXPECT_EQ(int(reason_of(w)), int(c.reason)) << c.what;
            if (w.fault()) {
                EXPECT_EQ(w.fault()->information, c.code) << c.what;
                EXPECT_EQ(w.fault()->level, 1) << c.what;
                EXPECT_EQ(w.fault()->at.value, entry_at(0x1000, mode == Mode::level5 ? 5 : 4, 1)) << c.what;
                EXPECT_EQ(w.fault()->linear.value, 0x123u) << c.what;
                EXPECT_EQ(w.plan.updates, 0u) << c.what;
            } else {
                EXPECT_EQ(w.translation()->physical.value, 0x9123u) << c.what;
            }
        }
}

TEST(FirstStage, a_hit_judges_as_the_walk_does) {
    for (const Case& c : cases) {
        if (c.reason == Reason::not_present || c.reason == Reason::reserved) continue;
        Stage1 s = long_mode().stage1;
        c.change(s);
        Rights rights{u8(Rights::second | (c.leaf >> 1 & 3) | (c.leaf & nx ? 0 : Rights::execute)), u8(c.leaf >> 59 & 15)};
        EXPECT_EQ(permits(rights, c.access, s), c.reason == Reason::none) << c.what;
    }
}

TEST(FirstStage, every_level_takes_part_in_the_rights) {
    for (int level = 1; level <= 4; level++) {
        auto refused = [&](u64 flags, Access a) {
            Sparse memory;
            chain(memory, 0x1000, 4, 0x9007);
            u64 at = entry_at(0x1000, 4, level);
            memory.put(at, (memory.peek(at, 8) & ~u64{7}) | flags);
            Walk w = walk(long_mode(), LinearAddress(0), a, memory);
            return w.fault() ? w.fault()->information : 0;
        };
        EXPECT_EQ(refused(5, user_write), 7u) << "not writable at level " << level;
        EXPECT_EQ(refused(3, user_read), 5u) << "not the user's at level " << level;
        EXPECT_EQ(refused(7 | nx, user_fetch), 0x15u) << "not executable at level " << level;
        EXPECT_EQ(refused(6, user_read), 4u) << "not present at level " << level;
    }
}

TEST(FirstStage, paging_off_translates_to_itself_and_refuses_nothing) {
    Sparse memory;
    Regime r;
    r.stage1.smep = r.stage1.smap = r.stage1.wp = true;
    for (Access a : {reading, writing, fetching, user_write}) {
        Walk w = walk(r, LinearAddress(0xfffff123), a, memory);
        ASSERT_TRUE(w.translation());
        EXPECT_EQ(w.translation()->physical.value, 0xfffff123u);
    }
    EXPECT_EQ(memory.loads, 0u);
}

TEST(FirstStage, long_mode_pages_have_three_sizes) {
    struct { int level; u64 leaf, linear, physical; u8 shift; } sizes[] = {
        {1, 0x9000 | 7,          0xabc,      0x9abc,     12},
        {2, 0x40000000 | 0x87,   0x1fabc,    0x4001fabc, 21},
        {3, 0xc0000000 | 0x87,   0xfabc,     0xc000fabc, 30},
    };
    for (auto& s : sizes) {
        Sparse memory;
        chain(memory, 0x1000, 4, s.leaf, 7, s.level);
        Walk w = walk(long_mode(), LinearAddress(s.linear), reading, memory);
        ASSERT_TRUE(w.translation());
        EXPECT_EQ(w.translation()->physical.value, s.physical);
        EXPECT_EQ(w.translation()->shift, s.shift);
        EXPECT_EQ(w.translation()->first_shift, s.shift);
        EXPECT_EQ(w.translation()->leaf1.value, entry_at(0x1000, 4, s.level));
        EXPECT_EQ(memory.loads, unsigned(5 - s.level));
    }
}

TEST(FirstStage, each_level_is_indexed_by_its_nine_bits) {
    Sparse memory;
    // Linear address with indices 1, 2, 3, 4, 5 from level 5 down and offset 678h.
    u64 linear = u64{1} << 48 | u64{2} << 39 | u64{3} << 30 | u64{4} << 21 | u64{5} << 12 | 0x678;
    memory.put(0x1000 + 1 * 8, 0x2007), memory.put(0x2000 + 2 * 8, 0x3007), memory.put(0x3000 + 3 * 8, 0x4007);
    memory.put(0x4000 + 4 * 8, 0x5007), memory.put(0x5000 + 5 * 8, 0x77007);
    EXPECT_EQ(walk(long_mode(Mode::level5), LinearAddress(linear), reading, memory).translation()->physical.value, 0x77678u);
    Regime four = long_mode();
    four.stage1.root = 0x2018;               // CR3's low bits (PWT, PCD, PCID) are no address
    EXPECT_EQ(walk(four, LinearAddress(linear & mask(47, 0)), reading, memory).translation()->physical.value, 0x77678u);
    EXPECT_EQ(memory.loads, 9u);
}

TEST(FirstStage, long_mode_reserves_what_the_width_leaves_and_a_large_pages_low_bits) {
    constexpr u64 high = mask(51, 40);       // MAXPHYADDR is 40 here
    Regime r = long_mode();
    for (int level = 1; level <= 4; level++) {
        Sparse memory;
        chain(memory, 0x1000, 4, 0x9007);
        u64 at = entry_at(0x1000, 4, level);
        EXPECT_EQ(reserved_bits(memory, r, at, 8, ~mask(7, 0)), high) << "table or 4-KiB page at level " << level;
        r.stage1.nxe = false;
        EXPECT_EQ(reserved_bits(memory, r, at, 8, ~mask(7, 0)), high | nx) << "without NXE, level " << level;
        r.stage1.nxe = true;
    }
    Sparse two, one;
    chain(two, 0x1000, 4, 0x87, 7, 2);
    EXPECT_EQ(reserved_bits(two, r, 0x3000, 8, ~mask(7, 0)), high | mask(20, 13)) << "bit 12 is PAT";
    chain(one, 0x1000, 4, 0x87, 7, 3);
    EXPECT_EQ(reserved_bits(one, r, 0x2000, 8, ~mask(7, 0)), high | mask(29, 13));
    r.stage1.maxphyaddr = 52;
    EXPECT_EQ(reserved_bits(two, r, 0x3000, 8, ~mask(7, 0)), mask(20, 13)) << "52 bits leave none";
}

TEST(FirstStage, bit_7_is_reserved_above_the_directory_pointers_and_there_without_gib_pages) {
    for (auto [mode, levels] : {std::pair{Mode::level4, 4}, {Mode::level5, 5}})
        for (int level = 3; level <= levels; level++) {
            Sparse memory;
            chain(memory, 0x1000, levels, 0x9007);
            Regime r = long_mode(mode);
            r.stage1.gib_pages = false;
            EXPECT_EQ(reserved_bits(memory, r, entry_at(0x1000, levels, level), 8, bit(7)), bit(7)) << level;
        }
}

TEST(FirstStage, amd_reserves_the_global_bit_in_the_top_tables_only) {
    Sparse memory;
    chain(memory, 0x1000, 5, 0x9007);
    Regime r = long_mode(Mode::level5);
    r.stage1.global_reserved = true;
    for (int level = 1; level <= 5; level++)
        EXPECT_EQ(reserved_bits(memory, r, entry_at(0x1000, 5, level), 8, bit(8)), level >= 4 ? bit(8) : 0) << level;
}

TEST(FirstStage, thirty_two_bit_paging_has_two_levels_of_4_byte_entries) {
    Sparse memory;
    memory.put(0x1000 + 0x300 * 4, 0x2007, 4), memory.put(0x2000 + 0x3ff * 4, 0xfedcb007, 4);
    Walk w = walk(regime32(), LinearAddress(0xc03ff123), user_write, memory);
    ASSERT_TRUE(w.translation());
    EXPECT_EQ(w.translation()->physical.value, 0xfedcb123u);
    EXPECT_EQ(memory.loads, 2u);
    EXPECT_EQ(walk(regime32(), LinearAddress(0), user_write, memory).fault()->information, 6u);
    EXPECT_EQ(walk(regime32(), LinearAddress(0), user_fetch, memory).fault()->information, 4u) << "no I/D without SMEP";
}

TEST(FirstStage, pse_makes_4_mib_pages_and_pse_36_puts_them_above_4_gib) {
    Sparse memory;
    memory.put(0x1000, 0x00c00087 | 0xab << 13, 4);     // bits 20:13 are address bits 39:32
    Walk w = walk(regime32(), LinearAddress(0x3f1234), user_read, memory);
    ASSERT_TRUE(w.translation());
    EXPECT_EQ(w.translation()->physical.value, 0xab00ff1234u);
    EXPECT_EQ(w.translation()->shift, 22);
    memory.put(0x1000, 0x2087, 4);                      // without PSE the bit means nothing: a table at 2000h
    memory.put(0x2000, 0x5007, 4);
    EXPECT_EQ(walk(regime32(false), LinearAddress(0x12), user_read, memory).translation()->physical.value, 0x5012u);
}

TEST(FirstStage, what_a_4_mib_page_reserves_depends_on_pse_36_and_the_width) {
    struct { bool pse36; u8 width; u64 reserved; } rows[] = {
        {true, 40, mask(21, 21)}, {true, 36, mask(21, 17)}, {true, 52, mask(21, 21)}, {false, 40, mask(21, 13)}, {true, 32, mask(21, 13)},
    };
    for (auto& row : rows) {
        Sparse memory;
        memory.put(0x1000, 0x00c00087, 4);
        Regime r = regime32();
        r.stage1.pse36 = row.pse36;
        r.stage1.maxphyaddr = row.width;
        EXPECT_EQ(reserved_bits(memory, r, 0x1000, 4, mask(31, 8)), row.reserved) << int(row.width);
    }
}

TEST(FirstStage, pae_uses_its_registers_and_two_levels) {
    Sparse memory;
    Regime r = pae();
    r.stage1.pdpte[2] = 0x7001;
    memory.put(0x7000 + 3 * 8, 0x8007), memory.put(0x8000 + 4 * 8, 0xf00009007);
    Walk w = walk(r, LinearAddress(0x80604567), user_write, memory);
    ASSERT_TRUE(w.translation());
    EXPECT_EQ(w.translation()->physical.value, 0xf00009567u);
    EXPECT_EQ(memory.loads, 2u);
    memory.put(0x7000 + 3 * 8, 0x400087);               // a 2-MiB page
    w = walk(r, LinearAddress(0x80604567), user_write, memory);
    EXPECT_EQ(w.translation()->physical.value, 0x404567u);
    EXPECT_EQ(w.translation()->shift, 21);
    const Walk none = walk(r, LinearAddress(0x40000000), user_read, memory);
    EXPECT_EQ(none.fault()->reason, Reason::not_present);
    EXPECT_EQ(none.fault()->level, 3);
    EXPECT_EQ(none.fault()->information, 4u);
}

TEST(FirstStage, pae_reserves_all_from_the_width_to_bit_62) {
    Sparse memory;
    memory.put(0x2000, 0x3007), memory.put(0x3000, 0x9007);
    Regime r = pae();
    for (u64 at : {0x2000, 0x3000}) EXPECT_EQ(reserved_bits(memory, r, at, 8, ~mask(7, 0)), mask(62, 36));
    r.stage1.nxe = false;
    for (u64 at : {0x2000, 0x3000}) EXPECT_EQ(reserved_bits(memory, r, at, 8, ~mask(7, 0)), mask(63, 36));
    memory.put(0x2000, 0x400087);
    EXPECT_EQ(reserved_bits(memory, r, 0x2000, 8, ~mask(7, 0)), mask(63, 36) | mask(20, 13));
}

TEST(FirstStage, pdptes_read_at_each_walk_are_checked_there) {
    Sparse memory;
    memory.put(0x1020, 0x2001), memory.put(0x2000, 0x3007), memory.put(0x3000, 0x9007);
    Regime r = pae();
    r.stage1.pdptes_in_memory = true;
    r.stage1.root = 0x1020 | 0x18;                      // 32-byte aligned; PWT and PCD beside it
    EXPECT_EQ(walk(r, LinearAddress(0x10), user_write, memory).translation()->physical.value, 0x9010u);
    EXPECT_EQ(memory.loads, 3u);
    EXPECT_EQ(reserved_bits(memory, r, 0x1020, 8, ~bit(0)), mask(2, 1) | mask(8, 5) | mask(63, 36));
    EXPECT_EQ(Pae::pdpte_reserved(36), mask(2, 1) | mask(8, 5) | mask(63, 36));
}

TEST(FirstStage, pae_has_nx_and_no_protection_keys) {
    Sparse memory;
    memory.put(0x2000, 0x3007), memory.put(0x3000, 0x9007 | nx);
    Regime r = pae();
    r.stage1.pke = true, r.stage1.pkru = ~0u;
    EXPECT_EQ(reason_of(walk(r, LinearAddress(0), user_write, memory)), Reason::none);
    EXPECT_EQ(walk(r, LinearAddress(0), user_fetch, memory).fault()->information, 0x15u);
}

TEST(FirstStage, a_read_sets_accessed_everywhere_and_dirty_nowhere) {
    Sparse memory;
    chain(memory, 0x1000, 4, 0x9007);
    Walk w = walk(long_mode(), LinearAddress(0), reading, memory);
    EXPECT_EQ(w.plan.updates, 4u);
    EXPECT_EQ(memory.peek(0x1000, 8), 0x2007u) << "the walk itself writes nothing";
    EXPECT_TRUE(commit(w.plan, memory));
    EXPECT_EQ(memory.peek(0x1000, 8), 0x2027u);
    EXPECT_EQ(memory.peek(0x2000, 8), 0x3027u);
    EXPECT_EQ(memory.peek(0x3000, 8), 0x4027u);
    EXPECT_EQ(memory.peek(0x4000, 8), 0x9027u);
    EXPECT_FALSE(w.translation()->dirty1);
    EXPECT_EQ(walk(long_mode(), LinearAddress(0), reading, memory).plan.updates, 0u);
}

TEST(FirstStage, a_write_sets_dirty_in_the_leaf_alone) {
    Sparse memory;
    chain(memory, 0x1000, 4, 0x9027, 0x27);
    Walk w = walk(long_mode(), LinearAddress(0), writing, memory);
    ASSERT_EQ(w.plan.updates, 1u);
    EXPECT_EQ(w.plan.update[0].at, 0x4000u);
    EXPECT_EQ(w.plan.update[0].set, 0x40u);
    EXPECT_TRUE(w.translation()->dirty1);
    EXPECT_TRUE(commit(w.plan, memory));
    EXPECT_EQ(memory.peek(0x4000, 8), 0x9067u);
}

TEST(FirstStage, a_supervisors_write_to_a_read_only_page_without_wp_sets_dirty) {
    Sparse memory;
    chain(memory, 0x1000, 4, 0x9025, 0x27);
    Regime r = long_mode();
    r.stage1.wp = false;
    Walk w = walk(r, LinearAddress(0), writing, memory);
    EXPECT_TRUE(commit(w.plan, memory));
    EXPECT_EQ(memory.peek(0x4000, 8), 0x9065u);
}

TEST(FirstStage, a_32_bit_entry_is_written_as_4_bytes) {
    Sparse memory;
    memory.put(0x1000, 0x2007, 4), memory.put(0x2000, 0x9007, 4), memory.put(0x2004, 0x12345678, 4);
    Walk w = walk(regime32(), LinearAddress(0), writing, memory);
    EXPECT_TRUE(commit(w.plan, memory));
    EXPECT_EQ(memory.peek(0x1000, 4), 0x2027u);
    EXPECT_EQ(memory.peek(0x2000, 8), 0x1234567800009067u);
}

TEST(FirstStage, pdpte_registers_have_no_accessed_flag) {
    Sparse memory;
    memory.put(0x2000, 0x3007), memory.put(0x3000, 0x9007);
    EXPECT_EQ(walk(pae(), LinearAddress(0), writing, memory).plan.updates, 2u);
}

TEST(FirstStage, a_fault_plans_nothing) {
    Sparse memory;
    chain(memory, 0x1000, 4, 0);
    Walk w = walk(long_mode(), LinearAddress(0), reading, memory);
    EXPECT_TRUE(w.fault());
    EXPECT_EQ(w.plan.updates, 0u);
}

TEST(FirstStage, a_commit_notices_that_an_entry_changed) {
    Sparse memory;
    chain(memory, 0x1000, 4, 0x9007);
    Walk w = walk(long_mode(), LinearAddress(0), reading, memory);
    memory.put(0x4000, 0xa007);
    EXPECT_FALSE(commit(w.plan, memory));
    EXPECT_EQ(memory.peek(0x4000, 8), 0xa007u);
}

TEST(FirstStage, one_entry_used_at_every_level_is_updated_once) {
    Sparse memory;
    memory.put(0x1000, 0x1007);              // the table maps itself
    Walk w = walk(long_mode(), LinearAddress(0x10), writing, memory);
    EXPECT_EQ(w.translation()->physical.value, 0x1010u);
    EXPECT_EQ(w.plan.updates, 1u);
    EXPECT_TRUE(commit(w.plan, memory));
    EXPECT_EQ(memory.peek(0x1000, 8), 0x1067u);
}

TEST(FirstStage, a_probe_commits_nothing) {
    Sparse memory;
    chain(memory, 0x1000, 4, 0x9007);
    Access probe = writing;
    probe.purpose = Purpose::probe;
    Walk w = walk(long_mode(), LinearAddress(0), probe, memory);
    ASSERT_TRUE(w.translation());
    EXPECT_TRUE(commit(w.plan, memory));
    EXPECT_EQ(memory.peek(0x4000, 8), 0x9007u);
}

TEST(FirstStage, global_counts_only_under_pge) {
    Sparse memory;
    chain(memory, 0x1000, 4, 0x9107);
    Regime r = long_mode();
    EXPECT_TRUE(walk(r, LinearAddress(0), reading, memory).translation()->global);
    r.stage1.pge = false;
    EXPECT_FALSE(walk(r, LinearAddress(0), reading, memory).translation()->global);
    chain(memory, 0x1000, 4, 0x9007, 0x107);
    EXPECT_FALSE(walk(long_mode(), LinearAddress(0), reading, memory).translation()->global) << "only the leaf's G counts";
}

TEST(FirstStage, pwt_pcd_and_pat_of_the_leaf_choose_the_pat_entry) {
    Sparse memory;
    auto pat = [&] { return int(walk(long_mode(), LinearAddress(0), reading, memory).translation()->caching.pat); };
    chain(memory, 0x1000, 4, 0x9007 | bit(3));
    EXPECT_EQ(pat(), 1);
    chain(memory, 0x1000, 4, 0x9007 | bit(4) | bit(7));
    EXPECT_EQ(pat(), 6);
    chain(memory, 0x1000, 4, 0x87 | bit(12) | bit(3), 7, 2);
    EXPECT_EQ(pat(), 5);
}

TEST(FirstStage, the_observer_is_shown_each_entry) {
    Sparse memory;
    chain(memory, 0x1000, 4, 0x9005);
    std::string seen;
    walk(long_mode(), LinearAddress(0x123), reading, memory, [&](const Step& s) {
        seen += std::to_string(s.level) + ":" + std::to_string(s.at.value / 0x1000) + (s.rights.has(Rights::write) ? "w" : "r") +
                std::to_string(s.written) + (s.size ? " page " + std::to_string(s.size) : " ");
    });
    EXPECT_EQ(seen, "4:1w32 3:2w32 2:3w32 1:4r32 page 4096");
}
