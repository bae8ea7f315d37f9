// SPDX-License-Identifier: MIT
// The walk of two stages: how many entries it reads, exit qualifications, EXITINFO1, misconfigurations, flags of both stages.
#include "tests/memory/tables.h"
#include <gtest/gtest.h>

using namespace tables;

namespace {

constexpr u64 ept_root = 0x100000;
constexpr u64 nx = bit(63);

Regime under_ept(Mode first = Mode::level4, Mode second = Mode::level4) {
    Regime r = long_mode(first);
    r.stage2 = {.kind = Nesting::ept, .mode = second, .root = ept_root | 0x1e};
    return r;
}
Regime under_npt(Mode first = Mode::level4, Mode second = Mode::level4) {
    Regime r = long_mode(first);
    r.stage2 = {.kind = Nesting::npt, .mode = second, .root = ept_root, .nxe = true};
    return r;
}

// A guest whose tables lie at 1000h to 5000h and whose page 0 is at 9000h, over an identity map of 4-KiB pages.
struct Guest {
    Sparse memory;
    Regime regime;
    int first_levels, second_levels;

    explicit Guest(Regime r, u64 leaf = 0x9067, u64 link = 0x27) : regime(r) {
        first_levels = r.stage1.mode == Mode::level5 ? 5 : 4;
        second_levels = r.stage2.mode == Mode::level5 ? 5 : 4;
        chain(memory, 0x1000, first_levels, leaf, link);
        bool npt = r.stage2.kind == Nesting::npt;
        identity(memory, ept_root, second_levels, npt ? 0x67 : 0x37, npt ? 0x27 : 7);
    }
    // The second stage's last entry for a guest page.
    u64 leaf_at(u64 page) const { return entry_at(ept_root, second_levels, 1) + (page >> 12) * 8; }
    void set_leaf(u64 page, u64 flags) { memory.put(leaf_at(page), page | flags); }
    Walk ask(Access a) { return walk(regime, LinearAddress(0x123), a, memory); }
    u64 information(Access a) {
        Walk w = ask(a);
        return w.fault() ? w.fault()->information : 0;
    }
};

unsigned references(Guest guest) {
    Walk w = guest.ask(reading);
    EXPECT_TRUE(w.translation());
    EXPECT_EQ(w.translation()->physical.value, 0x9123u);
    return guest.memory.loads;
}

Regime with_pae(Regime r) {
    r.stage1.mode = Mode::pae;
    r.stage1.pdpte = {0x3001, 0, 0, 0};
    r.stage1.maxphyaddr = 36;
    return r;
}

}

TEST(Nested, a_four_on_four_walk_reads_24_entries) {
    // Each of the guest's 4 entries costs 4 of the second stage and itself; the address they lead to costs 4 more.
    // Not 16: the 4 x 4 leaves out the guest's own entries and the last translation.
    EXPECT_EQ(references(Guest(under_ept())), 4u * (4 + 1) + 4);
    EXPECT_EQ(references(Guest(under_npt())), 24u);
}

TEST(Nested, a_five_on_five_walk_reads_35_entries) {
    EXPECT_EQ(references(Guest(under_ept(Mode::level5, Mode::level5))), 5u * (5 + 1) + 5);
    EXPECT_EQ(references(Guest(under_npt(Mode::level5, Mode::level5))), 35u);
}

TEST(Nested, a_pae_guest_reads_14_under_ept_and_19_under_npt) {
    auto guest = [](Regime r) {
        Guest g(with_pae(r));
        g.memory.put(0x1000, 0x3001), g.memory.put(0x3000, 0x4027), g.memory.put(0x4000, 0x9067);
        return g;
    };
    // Under EPT the four PDPTEs are registers: two levels remain. Under NPT they are read at each walk: three.
    EXPECT_EQ(references(guest(under_ept())), 2u * (4 + 1) + 4);
    Regime npt = under_npt();
    npt.stage1.pdptes_in_memory = true;
    EXPECT_EQ(references(guest(npt)), 3u * (4 + 1) + 4);
}

TEST(Nested, npt_takes_the_hosts_32_bit_and_pae_formats) {
    Guest g(under_npt(Mode::level4, Mode::bits32));
    g.memory.put(ept_root, 0xe7, 4);                   // one 4-MiB page
    EXPECT_EQ(references(g), 4u * (1 + 1) + 1);
    Guest p(under_npt(Mode::level4, Mode::pae));
    p.memory.put(ept_root, 0x101001), p.memory.put(0x101000, 0xe7);
    EXPECT_EQ(references(p), 4u * (2 + 1) + 2);
}

TEST(Nested, the_smaller_page_is_the_pages_size) {
    struct { int first, second; u8 shift, first_shift; } rows[] = {
        {1, 1, 12, 12}, {1, 2, 12, 12}, {2, 1, 12, 21}, {2, 2, 21, 21}, {2, 3, 21, 21}, {3, 2, 21, 30}, {3, 3, 30, 30}, {3, 1, 12, 30},
    };
    for (auto& row : rows) {
        Guest g(under_ept());
        chain(g.memory, 0x1000, 4, row.first > 1 ? 0x87 : 0x9007, 7, row.first);
        if (row.second > 1) chain(g.memory, ept_root, 4, 0xb7, 7, row.second);
        Walk w = g.ask(reading);
        ASSERT_TRUE(w.translation());
        EXPECT_EQ(w.translation()->shift, row.shift);
        EXPECT_EQ(w.translation()->first_shift, row.first_shift);
        EXPECT_EQ(w.translation()->physical.value, row.first > 1 ? 0x123u : 0x9123u);
    }
}

TEST(Nested, paging_off_goes_through_the_second_stage) {
    Guest g(under_ept());
    g.regime.stage1 = {};
    Walk w = walk(g.regime, LinearAddress(0x9123), writing, g.memory);
    ASSERT_TRUE(w.translation());
    EXPECT_EQ(w.translation()->physical.value, 0x9123u);
    EXPECT_EQ(g.memory.loads, 4u);
    g.set_leaf(0x9000, 0);
    EXPECT_EQ(walk(g.regime, LinearAddress(0x9123), writing, g.memory).fault()->information, 0x182u);
}

// Exit qualification (SDM vol. 3, table 28-7): bits 2:0 the access, 5:3 what EPT grants, 7 a linear address is known,
// 8 it is the access itself and not one to the guest's tables.
TEST(Nested, ept_violations_carry_access_rights_and_target) {
    struct { const char* what; u64 page; u64 leaf; Access access; bool accessed_dirty; u64 qualification; } rows[] = {
        {"read of nothing",                             0x9000, 0,    reading,                    false, 0x181},
        {"write to nothing",                            0x9000, 0,    writing,                    false, 0x182},
        {"fetch of nothing",                            0x9000, 0,    fetching,                   false, 0x184},
        {"write to a page to read and run",             0x9000, 0x35, writing,                    false, 0x1aa},
        {"update of a page to read",                    0x9000, 0x31, access(Kind::read_write),   false, 0x18b},
        {"fetch of a page to read and write",           0x9000, 0x33, fetching,                   false, 0x19c},
        {"read of an execute-only page",                0x9000, 0x34, reading,                    false, 0x1a1},
        {"a table is not there",                        0x3000, 0,    reading,                    false, 0x81},
        {"a table is not there, for a fetch",           0x3000, 0,    fetching,                   false, 0x81},
        {"a table is not there, and reads are writes",  0x3000, 0,    reading,                    true,  0x83},
        {"a table is read-only, and reads are writes",  0x3000, 0x31, reading,                    true,  0x8b},
        {"a read-only table whose flags are set",       0x3000, 0x31, reading,                    false, 0},
    };
    for (auto& row : rows) {
        Guest g(under_ept());
        g.regime.stage2.accessed_dirty = row.accessed_dirty;
        g.set_leaf(row.page, row.leaf);
        Walk w = g.ask(row.access);
        EXPECT_EQ(w.fault() ? w.fault()->information : 0, row.qualification) << row.what;
        if (!w.fault()) continue;
        EXPECT_EQ(w.fault()->event, Event::ept_violation) << row.what;
        EXPECT_EQ(w.fault()->guest.value, row.page == 0x9000 ? 0x9123u : 0x3000u) << row.what;
        EXPECT_EQ(w.fault()->linear.value, 0x123u) << row.what;
        EXPECT_EQ(w.fault()->at.value, g.leaf_at(row.page)) << row.what;
        EXPECT_EQ(w.plan.updates, 0u) << row.what;
    }
}

TEST(Nested, the_rights_reported_are_those_of_all_levels) {
    Guest g(under_ept());
    g.memory.put(ept_root, 0x101005);                  // the top entry lets read and run
    EXPECT_EQ(g.information(writing), 0x1aau);
    g.memory.put(0x101000, 0x102000);                  // the next is not there
    EXPECT_EQ(g.information(writing), 0x81u);
}

TEST(Nested, a_flag_of_the_guests_tables_is_a_write_that_ept_may_refuse) {
    Guest g(under_ept(), 0x9007, 0x27);                // accessed and dirty clear in the PTE at 4000h
    g.set_leaf(0x4000, 0x35);
    // Without flags of EPT's own, a table is read as a read, and then updated: a read and a write (bits 0 and 1).
    EXPECT_EQ(g.information(reading), 0x3u | 0x28 | 0x80);
    g.memory.put(0x4000, 0x9027);                      // accessed is set: a read passes, a write needs dirty
    EXPECT_EQ(g.information(reading), 0u);
    EXPECT_EQ(g.information(writing), 0x3u | 0x28 | 0x80);
    g.memory.put(0x4000, 0x9067);
    EXPECT_EQ(g.information(writing), 0u);
}

TEST(Nested, the_guests_page_fault_comes_before_the_violation_of_its_page) {
    Guest g(under_ept(), 0x9065);                      // read-only for the guest
    g.set_leaf(0x9000, 0);
    Walk w = g.ask(writing);
    EXPECT_EQ(w.fault()->event, Event::page_fault);
    EXPECT_EQ(w.fault()->information, 3u);
    EXPECT_EQ(w.fault()->entry_guest.value, 0x4000u);
}

TEST(Nested, mode_based_execute_goes_by_whose_page_it_is) {
    struct { const char* what; u64 guest_leaf, ept_leaf; Access access; u64 qualification; } rows[] = {
        {"user page, user right",                     0x9067, 0x31 | bit(10), user_fetch, 0},
        {"user page, no user right",                  0x9067, 0x35,           user_fetch, 0x1ac},
        {"user page run by a supervisor, user right", 0x9067, 0x31 | bit(10), fetching,   0},
        {"supervisor page, supervisor right",         0x9063, 0x35,           fetching,   0},
        {"supervisor page, no supervisor right",      0x9063, 0x31 | bit(10), fetching,   0x1cc},
        {"execute-only for users is present",         0x9067, 0x30 | bit(10), user_fetch, 0},
    };
    for (auto& row : rows) {
        Guest g(under_ept(), row.guest_leaf);
        for (u64 at = ept_root; at < 0x103000; at += 0x1000) g.memory.put(at, g.memory.peek(at, 8) | bit(10));
        g.regime.stage2.mode_based_execute = true;
        g.set_leaf(0x9000, row.ept_leaf);
        EXPECT_EQ(g.information(row.access), row.qualification) << row.what;
    }
}

TEST(Nested, advanced_information_tells_the_guests_rights) {
    Guest g(under_ept(), 0x9067 | nx);
    g.regime.stage2.advanced_information = true;
    g.set_leaf(0x9000, 0x31);
    EXPECT_EQ(g.information(writing), 0x18au | bit(9) | bit(10) | bit(11));
    g.memory.put(0x4000, 0x9061);
    g.set_leaf(0x9000, 0);
    EXPECT_EQ(g.information(reading), 0x181u);
    g.set_leaf(0x3000, 0);
    EXPECT_EQ(g.information(reading), 0x81u) << "not for the tables";
}

// SDM vol. 3, 29.3.4 and 28.2.1: the table's indices are those of EPT; bit 2n of its last entry is for 128 bytes n.
TEST(Nested, sub_page_write_permissions_grant_128_bytes) {
    Guest g(under_ept());
    g.regime.stage2.sub_pages = true, g.regime.stage2.sub_page_table = 0x200000;
    u64 last = 0x203000 + 9 * 8;
    auto make = [&](u64 permissions) {
        g.memory.put(0x200000, 0x201001), g.memory.put(0x201000, 0x202001), g.memory.put(0x202000, 0x203001), g.memory.put(last, permissions);
        g.set_leaf(0x9000, 0x31 | bit(61));
    };
    make(bit(4));                                            // bytes 100h to 17Fh
    g.memory.loads = 0;
    Walk w = g.ask(writing);
    ASSERT_TRUE(w.translation());
    EXPECT_EQ(g.memory.loads, 28u) << "24 as without, and 4 of the table";
    EXPECT_EQ(w.translation()->physical.value, 0x9123u);
    EXPECT_FALSE(w.translation()->rights.has(Rights::write2)) << "the page as a whole can't be written";
    for (unsigned n = 0; n < 32; n++)
        EXPECT_EQ(bool(walk(g.regime, LinearAddress(n * 128 + 127), writing, g.memory).translation()), n == 2) << n;
    make(~bit(4) & 0x5555555555555555);
    EXPECT_EQ(g.information(writing), 0x18au);
    EXPECT_TRUE(g.ask(reading).translation());

    auto event = [&](u64 at, u64 value) {
        make(bit(4)), g.memory.put(at, value);
        Walk refused = g.ask(writing);
        EXPECT_TRUE(refused.fault() && refused.fault()->event == Event::sub_page);
        EXPECT_EQ(refused.fault()->guest.value, 0x9123u);
        return refused.fault()->information;
    };
    for (u64 at : {0x200000, 0x201000, 0x202000}) EXPECT_EQ(event(at, 0x201000), bit(11)) << "a miss";
    for (u64 at : {0x200000, 0x201000, 0x202000})
        for (u64 reserved : {bit(1), bit(11), bit(52), bit(63)}) EXPECT_EQ(event(at, 0x201001 | reserved), 0u) << "a misconfiguration";
    EXPECT_EQ(event(last, bit(4) | bit(1)), 0u);
    EXPECT_EQ(event(last, bit(63)), 0u);
    make(~u64{0}), g.set_leaf(0x9000, 0x33 | bit(61));
    EXPECT_TRUE(g.ask(writing).translation()) << "not asked where the page can be written";
    make(bit(4)), g.set_leaf(0x9000, 0x31);
    EXPECT_EQ(g.information(writing), 0x18au) << "without bit 61";
}

TEST(Nested, sub_page_write_permissions_are_not_for_the_guests_tables) {
    Guest g(under_ept(), 0x9007, 7);
    g.regime.stage2.sub_pages = true, g.regime.stage2.sub_page_table = 0x200000;
    g.memory.put(0x200000, 0x201001), g.memory.put(0x201000, 0x202001), g.memory.put(0x202000, 0x203001);
    for (u64 n = 0; n < 512; n++) g.memory.put(0x203000 + n * 8, 0x5555555555555555);
    g.set_leaf(0x4000, 0x31 | bit(61));
    Walk w = g.ask(reading);                                 // the page's entry would get its accessed flag
    ASSERT_TRUE(w.fault());
    EXPECT_EQ(w.fault()->event, Event::ept_violation);
    EXPECT_EQ(w.fault()->information, 0x8bu);
}

TEST(Nested, an_access_without_a_linear_address_says_so) {
    Guest g(under_ept());
    g.set_leaf(0x1000, 0);
    Walk w = walk_guest_physical(g.regime, GuestPhysical(0x1008), reading, g.memory);
    EXPECT_EQ(w.fault()->information, 1u);
    EXPECT_EQ(w.fault()->guest.value, 0x1008u);
    EXPECT_EQ(walk_guest_physical(g.regime, GuestPhysical(0x2008), reading, g.memory).translation()->physical.value, 0x2008u);
}

TEST(Nested, misconfigurations_are_the_manuals) {
    struct { const char* what; int level; u64 flags; Reason reason; void (*change)(Stage2&) = [](Stage2&) {}; } rows[] = {
        {"write without read",                      1, 0x32,            Reason::misconfigured},
        {"write and execute without read",          1, 0x36,            Reason::misconfigured},
        {"write without read in a table",           3, 2,               Reason::misconfigured},
        {"execute-only where it does not exist",    1, 0x34,            Reason::misconfigured, [](Stage2& s) { s.execute_only = false; }},
        {"user-execute-only where it does not",     1, 0x30 | bit(10),  Reason::misconfigured, [](Stage2& s) { s.execute_only = false, s.mode_based_execute = true; }},
        {"memory type 2",                           1, 0x17,            Reason::memory_type},
        {"memory type 3",                           1, 0x1f,            Reason::memory_type},
        {"memory type 7",                           1, 0x3f,            Reason::memory_type},
        {"an address bit that does not exist",      1, 0x37 | bit(40),  Reason::reserved},
        {"the same in a table",                     4, 7 | bit(51),     Reason::reserved},
        {"bit 3 of the top table",                  4, 7 | bit(3),      Reason::reserved},
        {"bit 7 of the top table",                  4, 7 | bit(7),      Reason::reserved},
        {"bit 6 of a directory pointer",            3, 7 | bit(6),      Reason::reserved},
        {"bit 3 of a directory entry",              2, 7 | bit(3),      Reason::reserved},
        {"a 1-GiB page where there is none",        3, 0xb7,            Reason::reserved, [](Stage2& s) { s.gib_pages = false; }},
        {"a 2-MiB page where there is none",        2, 0xb7,            Reason::reserved, [](Stage2& s) { s.large_pages = false; }},
        {"a 2-MiB page that is not aligned",        2, 0xb7 | bit(12),  Reason::reserved},
        {"a 1-GiB page that is not aligned",        3, 0xb7 | bit(29),  Reason::reserved},
    };
    for (auto& row : rows) {
        Guest g(under_ept());
        row.change(g.regime.stage2);
        u64 at = row.level == 1 ? g.leaf_at(0x9000) : entry_at(ept_root, 4, row.level);
        u64 frame = row.level == 1 ? 0x9000 : row.flags & bit(7) && row.level < 4 ? 0 : at + 0x1000;
        g.memory.put(at, frame | row.flags);
        Walk w = g.ask(reading);
        ASSERT_TRUE(w.fault()) << row.what;
        EXPECT_EQ(w.fault()->event, Event::ept_misconfiguration) << row.what;
        EXPECT_EQ(int(w.fault()->reason), int(row.reason)) << row.what;
        EXPECT_EQ(w.fault()->level, row.level) << row.what;
        EXPECT_NE(w.fault()->flaw, 0u) << row.what;
    }
}

TEST(Nested, what_ept_ignores_is_no_misconfiguration) {
    Guest g(under_ept());
    g.set_leaf(0x9000, 0x37 | mask(62, 52) | mask(11, 6));
    EXPECT_EQ(g.information(writing), 0u);
    g.set_leaf(0x9000, 0x30 | bit(10));                // bit 10 is ignored: nothing is present
    EXPECT_EQ(g.information(reading), 0x181u);
}

TEST(Nested, an_address_too_wide_for_the_tables_is_a_violation) {
    Guest g(under_ept(), 0x9067 | bit(48));
    g.regime.stage1.maxphyaddr = 52;
    EXPECT_EQ(g.information(reading), 0x181u);
    EXPECT_EQ(g.ask(reading).fault()->reason, Reason::too_wide);
}

// EXITINFO1 (APM vol. 2, 15.25.6): the error code of the nested walk, a user's; bit 32 the final address, bit 33 the guest's tables.
TEST(Nested, nested_page_faults_carry_exitinfo1) {
    constexpr u64 final_address = u64{1} << 32, guest_table = u64{2} << 32;
    struct { const char* what; u64 page, leaf; Access access; u64 information; } rows[] = {
        {"read of nothing",                  0x9000, 0,                   reading,    final_address | 4},
        {"write to nothing",                 0x9000, 0,                   writing,    final_address | 6},
        {"fetch of nothing",                 0x9000, 0,                   fetching,   final_address | 0x14},
        {"write to a read-only page",        0x9000, 0x65,                writing,    final_address | 7},
        {"read of a supervisor page",        0x9000, 0x63,                reading,    final_address | 5},
        {"fetch of an NX page",              0x9000, 0x67 | nx,           fetching,   final_address | 0x15},
        {"read of an NX page",               0x9000, 0x67 | nx,           reading,    0},
        {"an address bit that is reserved",  0x9000, 0x67 | bit(45),      reading,    final_address | 0xd},
        {"a table is not there",             0x3000, 0,                   reading,    guest_table | 6},
        {"a table is not there for a fetch", 0x3000, 0,                   fetching,   guest_table | 6},
        {"a table is read-only",             0x3000, 0x65,                reading,    guest_table | 7},
        {"a table is the host's own",        0x3000, 0x63,                reading,    guest_table | 7},
        {"a table on an NX page",            0x3000, 0x67 | nx,           fetching,   0},
    };
    for (auto& row : rows) {
        Guest g(under_npt());
        g.set_leaf(row.page, row.leaf);
        Walk w = g.ask(row.access);
        EXPECT_EQ(w.fault() ? w.fault()->information : 0, row.information) << row.what;
        if (!w.fault()) continue;
        EXPECT_EQ(w.fault()->event, Event::nested_page_fault) << row.what;
        EXPECT_EQ(w.fault()->guest.value, row.page == 0x9000 ? 0x9123u : 0x3000u) << row.what;
    }
}

TEST(Nested, npt_ignores_the_guests_wp_and_keeps_to_the_hosts_nxe) {
    Guest g(under_npt());
    g.regime.stage1.wp = false;
    g.set_leaf(0x9000, 0x65);
    EXPECT_EQ(g.information(writing), bit(32) | 7) << "a user's write is refused whatever WP says";
    g.set_leaf(0x9000, 0x67 | nx);
    g.regime.stage2.nxe = false;
    EXPECT_EQ(g.information(fetching), bit(32) | 0xd) << "NX is reserved, and I/D not reported";
}

// GMET: pages that are a user's at each level are no code below CPL 3; every page is data.
TEST(Nested, the_execute_trap_is_about_supervisors_fetches) {
    constexpr Access supervisors{Kind::execute, Privilege::supervisor, false, Purpose::code}, users{Kind::execute, Privilege::user, false, Purpose::code};
    constexpr u64 denied = bit(32) | 0x11;                 // present, fetch; no user
    struct { const char* what; u64 directory, leaf; Access access; u64 information; } rows[] = {
        {"a supervisor's fetch of a user's page", 0x27, 0x67, supervisors, denied},  {"of a supervisor's page", 0x27, 0x63, supervisors, 0},
        {"of a page of a supervisor's directory", 0x23, 0x67, supervisors, 0},       {"a user's fetch of a user's page", 0x27, 0x67, users, 0},
        {"of a supervisor's page", 0x27, 0x63, users, 0},                            {"of an NX page", 0x27, 0x67 | nx, users, denied | 4},
        {"a supervisor's, of an NX page", 0x27, 0x63 | nx, supervisors, denied},     {"a read of a supervisor's page", 0x27, 0x61, reading, 0},
        {"a write to a read-only page", 0x27, 0x61, writing, bit(32) | 7},
    };
    for (auto& row : rows) {
        Guest g(under_npt());
        g.regime.stage2.execute_trap = true;
        u64 directory = entry_at(ept_root, 4, 2);
        g.memory.put(directory, (g.memory.peek(directory, 8) & ~u64{0xff}) | row.directory);
        g.set_leaf(0x9000, row.leaf);
        EXPECT_EQ(g.information(row.access), row.information) << row.what;
        // What is cached says the same.
        if (Walk w = g.ask(reading); w.translation()) { EXPECT_EQ(permits(w.translation()->rights, row.access, g.regime.stage1), row.information == 0) << row.what; }
    }
}

// AVIC: the guest's APIC is a page of its own within whatever maps it, for accesses by linear address alone.
TEST(Nested, the_guests_apic_has_a_page_of_its_own) {
    Guest g(under_npt());
    g.memory.put(0x3000, u64{0x800000 | 0xe7});            // 2 MiB at 0 lead to 8 MiB ...
    g.memory.put(entry_at(ept_root, 4, 2) + 4 * 8, u64{0x800000 | 0xe7});      // ... which are 2 MiB of the host's, too
    g.regime.stage2.apic_page = 0x805000;
    auto ask = [&](u64 at) { return *walk(g.regime, LinearAddress(at), reading, g.memory).translation(); };
    EXPECT_EQ(ask(0x5123).physical.value, virtual_apic_page | 0x123);
    EXPECT_EQ(ask(0x5123).shift, 12);
    EXPECT_EQ(ask(0x6123).physical.value, 0x806123u);
    EXPECT_EQ(ask(0x6123).shift, 12) << "no entry may cover the APIC";
    g.regime.stage2.apic_page = 0xa05000;
    EXPECT_EQ(ask(0x5123).physical.value, 0x805123u);
    EXPECT_EQ(ask(0x5123).shift, 21);
    g.regime.stage2.apic_page = 0x805000;
    EXPECT_EQ(walk_guest_physical(g.regime, GuestPhysical(0x805123), reading, g.memory).translation()->physical.value, 0x805123u);
}

TEST(Nested, without_ept_flags_only_the_guests_are_set) {
    Guest g(under_ept(), 0x9007, 7);
    Walk w = g.ask(writing);
    EXPECT_EQ(w.plan.updates, 4u);
    for (unsigned i = 0; i < w.plan.updates; i++) EXPECT_EQ(w.plan.update[i].stage, Stage::first);
    EXPECT_TRUE(w.translation()->dirty2) << "there is none to set";
}

TEST(Nested, ept_flags_are_planned_once_for_each_entry) {
    Guest g(under_ept(), 0x9007, 7);
    g.regime.stage2.accessed_dirty = true;
    Walk w = g.ask(reading);
    // 4 of the guest; of EPT: 3 tables that all walks share, 4 pages of the guest's tables, the page itself.
    EXPECT_EQ(w.plan.updates, 4u + 3 + 4 + 1);
    EXPECT_FALSE(w.translation()->dirty2);
    ASSERT_TRUE(commit(w.plan, g.memory));
    EXPECT_EQ(g.memory.peek(0x100000, 8), 0x101107u);
    EXPECT_EQ(g.memory.peek(g.leaf_at(0x1000), 8), 0x1337u) << "reading a table counts as writing it: accessed and dirty";
    EXPECT_EQ(g.memory.peek(g.leaf_at(0x9000), 8), 0x9137u) << "accessed";
    EXPECT_EQ(g.memory.peek(0x4000, 8), 0x9027u);
    EXPECT_EQ(g.ask(reading).plan.updates, 0u);
    w = g.ask(writing);
    EXPECT_EQ(w.plan.updates, 2u) << "dirty of both leaves";
    ASSERT_TRUE(commit(w.plan, g.memory));
    EXPECT_EQ(g.memory.peek(g.leaf_at(0x9000), 8), 0x9337u);
    EXPECT_EQ(g.memory.peek(0x4000, 8), 0x9067u);
}

TEST(Nested, an_update_of_the_second_stage_tells_the_guest_physical_address_that_pml_logs) {
    Guest g(under_ept());
    g.regime.stage2.accessed_dirty = true;
    for (u64 page : {0x1000, 0x2000, 0x3000, 0x4000}) g.set_leaf(page, 0x337);
    Walk w = g.ask(writing);
    bool found = false;
    for (unsigned i = 0; i < w.plan.updates; i++)
        if (w.plan.update[i].set & bit(9)) found = w.plan.update[i].guest == 0x9123 && w.plan.update[i].level == 1;
    EXPECT_TRUE(found);
}

TEST(Nested, npt_sets_the_hosts_flags) {
    Guest g(under_npt(), 0x9007, 7);
    identity(g.memory, ept_root, 4, 7, 7);
    Walk w = g.ask(reading);
    ASSERT_TRUE(commit(w.plan, g.memory));
    EXPECT_EQ(g.memory.peek(0x100000, 8), 0x101027u);
    EXPECT_EQ(g.memory.peek(g.leaf_at(0x1000), 8), 0x1067u) << "a table's read is a write";
    EXPECT_EQ(g.memory.peek(g.leaf_at(0x9000), 8), 0x9027u);
}

TEST(Nested, a_violation_of_the_page_leaves_the_guests_flags_alone) {
    Guest g(under_ept(), 0x9007, 7);
    g.set_leaf(0x9000, 0);
    Walk w = g.ask(reading);
    EXPECT_TRUE(w.fault());
    EXPECT_EQ(w.plan.updates, 0u);
}

TEST(Nested, the_observer_tells_the_stages_apart) {
    Guest g(under_ept());
    int first = 0, second = 0, for_tables = 0;
    walk(g.regime, LinearAddress(0), reading, g.memory, [&](const Step& s) {
        (s.stage == Stage::first ? first : second)++;
        for_tables += s.stage == Stage::second && s.purpose == Purpose::table;
        EXPECT_EQ(s.guest.value, s.stage == Stage::first ? s.at.value : 0) << "the map is the identity";
    });
    EXPECT_EQ(first, 4);
    EXPECT_EQ(second, 20);
    EXPECT_EQ(for_tables, 16);
}

TEST(Nested, the_ept_memory_type_and_the_pat_index_are_kept_apart) {
    Guest g(under_ept(), 0x9067 | bit(3));
    g.set_leaf(0x9000, 7 | 4 << 3 | bit(6));
    Caching c = g.ask(reading).translation()->caching;
    EXPECT_EQ(c, (Caching{1, Nesting::ept, 4, true}));
}
