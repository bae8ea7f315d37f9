// SPDX-License-Identifier: MIT
// The walk against a second one, written straight down the manual's pages, over random tables.
#include "tests/memory/tables.h"
#include <gtest/gtest.h>
#include <random>

using namespace tables;

namespace {

struct Answer {
    bool fault = false;
    u64 value = 0;                           // physical address or error code
    std::vector<std::pair<u64, u64>> writes; // address, new entry
};

// 4-level paging, SDM vol. 3, 4.5 to 4.8, without loops over levels, formats or tables of rights.
Answer oracle(const Sparse& m, const Stage1& s, u64 la, Access a) {
    u64 width_mask = (u64{1} << s.maxphyaddr) - 1, frame_mask = width_mask & ~u64{0xfff};
    bool user = a.privilege == Privilege::user;
    bool w = a.kind == Kind::write || a.kind == Kind::read_write, x = a.kind == Kind::execute;
    u64 base_code = (w ? 2 : 0) | (user ? 4 : 0) | (x && (s.nxe || s.smep) ? 16 : 0);
    u64 always = 0x000fffffffffffff & ~width_mask;
    if (!s.nxe) always |= u64{1} << 63;

    u64 at4 = (s.root & frame_mask) + (la >> 39 & 511) * 8, e4 = m.peek(at4, 8);
    if (!(e4 & 1)) return {true, base_code, {}};
    if (e4 & (always | 0x80)) return {true, base_code | 9, {}};
    u64 at3 = (e4 & frame_mask) + (la >> 30 & 511) * 8, e3 = m.peek(at3, 8);
    if (!(e3 & 1)) return {true, base_code, {}};
    if (e3 & always) return {true, base_code | 9, {}};
    if (e3 & 0x80 && (!s.gib_pages || e3 & 0x3fffe000)) return {true, base_code | 9, {}};

    u64 at2 = 0, e2 = 0, at1 = 0, e1 = 0, leaf = e3, pa = (e3 & width_mask & ~u64{0x3fffffff}) | (la & 0x3fffffff);
    if (!(e3 & 0x80)) {
        at2 = (e3 & frame_mask) + (la >> 21 & 511) * 8, e2 = m.peek(at2, 8);
        if (!(e2 & 1)) return {true, base_code, {}};
        if (e2 & always) return {true, base_code | 9, {}};
        if (e2 & 0x80 && e2 & 0x1fe000) return {true, base_code | 9, {}};
        leaf = e2, pa = (e2 & width_mask & ~u64{0x1fffff}) | (la & 0x1fffff);
        if (!(e2 & 0x80)) {
            at1 = (e2 & frame_mask) + (la >> 12 & 511) * 8, e1 = m.peek(at1, 8);
            if (!(e1 & 1)) return {true, base_code, {}};
            if (e1 & always) return {true, base_code | 9, {}};
            leaf = e1, pa = (e1 & frame_mask) | (la & 0xfff);
        }
    }
    u64 all = e4 & e3 & (at2 ? e2 : ~u64{0}) & (at1 ? e1 : ~u64{0});
    u64 any = e4 | e3 | e2 | e1;
    bool page_user = all & 4, page_writable = all & 2, no_execute = any >> 63;
    unsigned key = leaf >> 59 & 15;
    bool ad = s.pkru >> (2 * key) & 1, wd = s.pkru >> (2 * key + 1) & 1;

    bool refused = false;
    if (user && !page_user) refused = true;
    if (x && no_execute) refused = true;
    if (x && !user && page_user && s.smep) refused = true;
    if (!x && !user && page_user && s.smap && (a.privilege == Privilege::implicit || !a.ac)) refused = true;
    if (w && !page_writable && (user || s.wp)) refused = true;
    bool pk = s.pke && !x && page_user && (ad || (wd && w && (user || s.wp)));
    if (refused || pk) return {true, base_code | 1 | (pk ? 32 : 0), {}};

    Answer answer{false, pa, {}};
    auto touch = [&](u64 at, u64 e, bool is_leaf) {
        u64 after = e | 0x20 | (is_leaf && w ? 0x40 : 0);
        if (after != e) answer.writes.push_back({at, after});
    };
    touch(at4, e4, false);
    touch(at3, e3, !at2);
    if (at2) touch(at2, e2, !at1);
    if (at1) touch(at1, e1, true);
    return answer;
}

struct Random {
    std::mt19937_64 source{20240607};
    u64 below(u64 n) { return source() % n; }
    bool once_in(u64 n) { return below(n) == 0; }

    u64 flags(unsigned key_odds) {
        u64 e = 1 | (once_in(6) ? 0 : 2) | (once_in(5) ? 0 : 4) | (below(2) << 5) | (below(2) << 6) | (below(2) << 8);
        if (once_in(15)) e &= ~u64{1};
        if (once_in(12)) e |= bit(63);
        if (once_in(25)) e |= bit(unsigned(12 + below(51)));
        if (!once_in(key_odds)) e |= below(16) << 59;
        return e;
    }
    Stage1 stage1() {
        auto coin = [&] { return below(2) == 1; };
        Stage1 s = long_mode().stage1;
        s.wp = coin(), s.smep = coin(), s.smap = coin(), s.pke = coin(), s.nxe = !once_in(5), s.gib_pages = !once_in(4);
        s.pkru = u32(below(3) == 0 ? source() : 0);
        s.maxphyaddr = u8(36 + below(17));
        return s;
    }
    Access any_access() {
        constexpr Kind kinds[] = {Kind::read, Kind::write, Kind::read_write, Kind::execute};
        return access(kinds[below(4)], Privilege(below(3)), below(2));
    }
};

}

TEST(RandomTables, a_hundred_thousand_walks_agree_with_the_straight_one) {
    Random random;
    unsigned faults = 0, translated = 0;
    for (int i = 0; i < 100'000; i++) {
        Sparse m;
        u64 la = random.below(bit(47));
        u64 table = 0x1000;
        int leaf_level = random.once_in(4) ? 2 : random.once_in(6) ? 3 : 1;
        for (int level = 4; level >= 1; level--) {
            u64 at = table + (la >> (12 + 9 * (level - 1)) & 511) * 8, next = table + 0x1000;
            bool large = level == leaf_level && level > 1;
            u64 target = large ? random.below(64) << 30 : level == 1 ? random.below(1 << 20) << 12 : next;
            m.put(at, target | random.flags(4) | (large || random.once_in(60) ? 0x80 : 0));
            table = next;
        }
        Regime r;
        r.stage1 = random.stage1();
        Access a = random.any_access();
        Answer expected = oracle(m, r.stage1, la, a);
        Sparse before = m;
        Walk w = walk(r, LinearAddress(la), a, m);
        ASSERT_EQ(w.fault() != nullptr, expected.fault) << "case " << i;
        if (expected.fault) {
            ASSERT_EQ(w.fault()->information, expected.value) << "case " << i;
            faults++;
            continue;
        }
        ASSERT_EQ(w.translation()->physical.value, expected.value) << "case " << i;
        ASSERT_TRUE(permits(w.translation()->rights, a, r.stage1)) << "case " << i;
        ASSERT_TRUE(commit(w.plan, m));
        for (auto [at, value] : expected.writes) before.put(at, value);
        ASSERT_EQ(m.word, before.word) << "case " << i;
        translated++;
    }
    EXPECT_GT(faults, 20'000u);
    EXPECT_GT(translated, 20'000u);
}

TEST(RandomTables, over_a_scattered_second_stage_the_verdict_is_that_over_the_guests_own_memory) {
    // Guest page n lies at physical page n ^ 5Ah: what the guest finds must not depend on it.
    Random random;
    constexpr u64 scatter = 0x5a000, ept = 0x800000;
    unsigned translated = 0;
    for (int i = 0; i < 5'000; i++) {
        Sparse guest, machine;
        u64 la = random.below(bit(47)), table = 0x1000;
        for (int level = 4; level >= 1; level--, table += 0x1000) {
            u64 at = table + (la >> (12 + 9 * (level - 1)) & 511) * 8;
            u64 entry = (level == 1 ? random.below(0x100) << 12 : table + 0x1000) | random.flags(4);
            guest.put(at, entry), machine.put(at ^ scatter, entry);
        }
        bool npt = random.below(2), flags = random.below(2);
        chain(machine, ept, 4, 0, 7);
        for (u64 page = 0; page < 0x100; page++)
            machine.put(ept + 0x3000 + page * 8, ((page << 12) ^ scatter) | (npt ? 7 : 0x37));
        Regime r;
        r.stage1 = random.stage1();
        r.stage2 = {.kind = npt ? Nesting::npt : Nesting::ept, .root = ept, .accessed_dirty = !npt && flags, .nxe = true};
        Access a = random.any_access();
        Answer expected = oracle(guest, r.stage1, la, a);
        Walk w = walk(r, LinearAddress(la), a, machine);
        if (expected.fault) {
            ASSERT_TRUE(w.fault()) << "case " << i;
            if (w.fault()->event != Event::page_fault) continue;
            ASSERT_EQ(w.fault()->information, expected.value) << "case " << i;
            continue;
        }
        if (expected.value >= 0x100000) {        // a stray frame bit leads where the second stage has nothing
            ASSERT_TRUE(w.fault() && w.fault()->stage == Stage::second) << "case " << i;
            continue;
        }
        ASSERT_TRUE(w.translation()) << "case " << i;
        ASSERT_EQ(w.translation()->guest.value, expected.value);
        ASSERT_EQ(w.translation()->physical.value, expected.value ^ scatter);
        ASSERT_TRUE(commit(w.plan, machine));
        for (auto [at, value] : expected.writes) ASSERT_EQ(machine.peek(at ^ scatter, 8), value) << "case " << i;
        translated++;
    }
    EXPECT_GT(translated, 700u);
}
