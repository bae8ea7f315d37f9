// SPDX-License-Identifier: MIT
// Tests of the banks: a bank for each context and permission word, scrubbed with the architectural TLB.
#include "base/hash.h"
#include "tests/archive_roundtrip.h"
#include "tests/cpu/machine.h"
#include <gtest/gtest.h>

namespace {

using paging::Operation;

constexpr u64 page = 0x400000, other = 0x401000;               // 4-KiB pages of the tests' own
constexpr u64 table = 0x8000;                                  // their page table

// Long mode with SMAP, SMEP, PGE and PCID to switch on; 400000h to 5FFFFFh by 4-KiB pages, user and writable.
struct BankTest : ::testing::Test {
    TestMachine m;
    Cpu& cpu = m.cpu;
    Mmu& mmu = *m.cpu.mmu;

    BankTest() {
        m.put(0x3000 + 2 * 8, table | 7);
        for (u64 i = 0; i < 512; i++) map(page + i * 4096, (page + i * 4096) | 0x67);
        m.memory.map_changed = [this] { cpu.memory_map_changed(); };
        cpu.control.cr4 |= cr4::pge;
        cpu.translation_mode_changed();
    }
    ~BankTest() { EXPECT_TRUE(mmu.banks_hold()); }

    void map(u64 at, u64 entry) { m.put(table + (at >> 12 & 511) * 8, entry); }
    void set_cpl(u8 cpl) { cpu.cpl = cpl, cpu.mode_changed(); }
    void set_cr4(u64 bits) {
        u64 old = std::exchange(cpu.control.cr4, cpu.control.cr4 | bits);
        cpu.cr4_written(old);
    }
    void load_cr3(u64 value, bool keep = false) { cpu.control.cr3 = value, cpu.cr3_written(keep); }
    bool read(u64 at) {
        u8 value;
        return cpu.load(at, value);
    }
    bool write(u64 at) { return cpu.store(at, u8{1}); }
    bool fetch(u64 at) {
        Physical physical;
        u8* host;
        return mmu.translate(at, Kind::execute, As::current, physical, host);
    }
    bool in_bank(u64 at) { return cpu.bank->at(at, 1).read_tag == (at & ~u64{0xfff}); }
    bool writable_in_bank(u64 at) { return cpu.bank->at(at, 1).write_tag == (at & ~u64{0xfff}); }
    u64 walks() { return mmu.tlb.counters.data_misses + mmu.tlb.counters.instruction_misses; }
    u8* host(u64 physical) { return m.ram.data() + physical; }
};

// ---- the regime

// SDM vol. 3, 4.1.1 and 4.1.3; APM vol. 2, 5.1: what each bit decides.
paging::Stage1 regime_of(const Control& c, const paging::Stage1& model) {
    paging::Stage1 s = model;
    bool paged = c.cr0 >> 31 & 1, pae = c.cr4 >> 5 & 1, lma = c.efer >> 10 & 1, la57 = c.cr4 >> 12 & 1;
    s.mode = !paged ? paging::Mode::off : !pae ? paging::Mode::bits32 : !lma ? paging::Mode::pae : la57 ? paging::Mode::level5 : paging::Mode::level4;
    s.root = c.cr3, s.pdpte = c.pdpte;
    s.wp = c.cr0 >> 16 & 1, s.pse = c.cr4 >> 4 & 1, s.pge = c.cr4 >> 7 & 1, s.smep = c.cr4 >> 20 & 1, s.smap = c.cr4 >> 21 & 1;
    s.pke = c.cr4 >> 22 & 1, s.nxe = c.efer >> 11 & 1, s.pkru = c.pkru;
    return s;
}

TEST_F(BankTest, each_bit_of_the_control_registers_is_seen_at_once_and_to_and_fro) {
    const Control plain = cpu.control;
    const paging::Stage1 model = mmu.regime.stage1;
    u64 stamp = mmu.stamp;
    auto both = [&](auto flip) {
        Control other = plain;
        flip(other);
        for (bool guest : {false, true})
            for (unsigned times = 0; times < 3; times++) {
                cpu.control = other;
                if (guest) mmu.enter_guest({}, 1);
                else cpu.translation_mode_changed();
                EXPECT_EQ(mmu.regime.stage1, regime_of(other, model));
                EXPECT_EQ(mmu.context.pcid, other.cr4 & cr4::pcide ? other.cr3 & 0xfff : 0);
                cpu.control = plain;
                if (guest) mmu.leave_guest();
                else cpu.translation_mode_changed();
                EXPECT_EQ(mmu.regime.stage1, regime_of(plain, model));
                EXPECT_EQ(mmu.stamp, stamp);
            }
    };
    for (unsigned n = 0; n < 64; n++) {
        SCOPED_TRACE(n);
        both([&](Control& c) { c.cr0 ^= bit(n); });
        both([&](Control& c) { c.cr3 ^= bit(n); });
        both([&](Control& c) { c.cr4 ^= bit(n); });
        both([&](Control& c) { c.efer ^= bit(n); });
        both([&](Control& c) { c.pdpte[n % 4] ^= bit(n); });
        both([&](Control& c) { c.pkru ^= u32(bit(n % 32)); });
        both([&](Control& c) { c.cr4 ^= bit(n) | cr4::pcide, c.cr3 = 0x1005; });
    }
}

// The bank of a selection that is left may get another owner meanwhile.
TEST_F(BankTest, a_selection_that_comes_back_has_no_bank_of_anothers) {
    ASSERT_TRUE(read(page));
    for (unsigned more = 0; more <= Banks::count; more++) {
        mmu.enter_guest({}, 1);
        ASSERT_TRUE(read(page));
        for (u32 n = 0; n < more; n++) {
            cpu.control.cr4 |= cr4::pke, cpu.control.pkru = (n + 1) << 2;
            cpu.translation_mode_changed();
            ASSERT_TRUE(read(page));
        }
        cpu.control.cr4 &= ~cr4::pke, cpu.control.pkru = 0;
        mmu.leave_guest();
        ASSERT_TRUE(read(page));
        ASSERT_TRUE(mmu.banks_hold()) << more;
    }
}

// ---- selection

TEST_F(BankTest, what_fill_time_decides_on_selects_a_bank_and_drops_none) {
    ASSERT_TRUE(write(page));
    Bank* supervisor = cpu.bank;
    set_cpl(3);
    EXPECT_NE(cpu.bank, supervisor);
    EXPECT_FALSE(in_bank(page));
    ASSERT_TRUE(read(page));
    set_cpl(0);
    EXPECT_EQ(cpu.bank, supervisor);
    EXPECT_TRUE(writable_in_bank(page));

    u64 old = std::exchange(cpu.control.cr0, cpu.control.cr0 & ~cr0::wp);
    cpu.cr0_written(old);
    EXPECT_NE(cpu.bank, supervisor);
    EXPECT_FALSE(in_bank(page));
    old = std::exchange(cpu.control.cr0, cpu.control.cr0 | cr0::wp);
    cpu.cr0_written(old);
    EXPECT_EQ(cpu.bank, supervisor);

    old = std::exchange(cpu.control.efer, cpu.control.efer & ~efer::nxe);
    cpu.efer_written(old);
    EXPECT_NE(cpu.bank, supervisor);
    old = std::exchange(cpu.control.efer, cpu.control.efer | efer::nxe);
    cpu.efer_written(old);
    EXPECT_EQ(cpu.bank, supervisor);
    EXPECT_TRUE(writable_in_bank(page));
    EXPECT_EQ(mmu.banks.counters.drops, 0u);
}

TEST_F(BankTest, ts_and_ac_without_smap_change_nothing) {
    Bank* bank = cpu.bank;
    u64 old = std::exchange(cpu.control.cr0, cpu.control.cr0 | cr0::ts);
    cpu.cr0_written(old);
    EXPECT_EQ(cpu.bank, bank);
    cpu.set_rflags(rflags::ac, rflags::ac);
    EXPECT_EQ(cpu.bank, bank);
}

TEST_F(BankTest, stac_and_clac_go_between_two_banks) {
    set_cr4(cr4::smap);
    EXPECT_FALSE(read(page));
    cpu.set_rflags(rflags::ac, rflags::ac);
    Bank* open = cpu.bank;
    ASSERT_TRUE(read(page));
    cpu.set_rflags(0, rflags::ac);
    EXPECT_NE(cpu.bank, open);
    EXPECT_FALSE(in_bank(page));
    EXPECT_FALSE(read(page));
    cpu.set_rflags(rflags::ac, rflags::ac);
    EXPECT_EQ(cpu.bank, open);
}

TEST_F(BankTest, a_value_of_pkru_has_its_bank) {
    set_cr4(cr4::pke);
    map(page, page | 0x67 | u64{1} << 59);
    set_cpl(3);
    ASSERT_TRUE(write(page));
    Bank* all = cpu.bank;
    cpu.control.pkru = 8, cpu.translation_mode_changed();      // key 1: no writes
    EXPECT_NE(cpu.bank, all);
    EXPECT_TRUE(read(page));
    EXPECT_FALSE(writable_in_bank(page));
    EXPECT_FALSE(write(page));
    cpu.control.pkru = 0, cpu.translation_mode_changed();
    EXPECT_EQ(cpu.bank, all);
}

TEST_F(BankTest, watched_accesses_use_the_empty_bank) {
    ASSERT_TRUE(read(page));
    Bank* bank = cpu.bank;
    cpu.control.dr[7] |= 1, cpu.mode_changed();
    EXPECT_NE(cpu.bank, bank);
    EXPECT_TRUE(read(page));
    EXPECT_FALSE(in_bank(page));
    EXPECT_FALSE(mmu.fill(page, 1, Kind::read));
    cpu.control.dr[7] &= ~u64{1}, cpu.mode_changed();
    EXPECT_EQ(cpu.bank, bank);
    EXPECT_TRUE(in_bank(page));

    cpu.control.cr0 |= cr0::am;
    set_cpl(3);
    Bank* user = cpu.bank;
    cpu.set_rflags(rflags::ac, rflags::ac);
    EXPECT_NE(cpu.bank, user);
    EXPECT_FALSE(mmu.fill(page, 1, Kind::read));
}

TEST_F(BankTest, the_bank_selected_longest_ago_gives_way_and_comes_back_empty) {
    set_cr4(cr4::pke);
    set_cpl(3);
    ASSERT_TRUE(read(page));
    u64 walked = walks();
    for (u32 n = 1; n <= Banks::count; n++) {
        cpu.control.pkru = n << 4, cpu.translation_mode_changed();
        EXPECT_FALSE(in_bank(page)) << n;
        ASSERT_TRUE(read(page));
    }
    EXPECT_GT(mmu.banks.counters.evicted, 0u);
    cpu.control.pkru = 0, cpu.translation_mode_changed();
    EXPECT_FALSE(in_bank(page));
    ASSERT_TRUE(read(page));
    EXPECT_EQ(walks(), walked) << "the architectural TLB had it all the time";
}

// ---- contexts

TEST_F(BankTest, mov_cr3_drops_what_is_not_global) {
    map(other, other | 0x167);
    ASSERT_TRUE(read(page));
    ASSERT_TRUE(read(other));
    u64 walked = walks();
    load_cr3(0x1000);
    EXPECT_FALSE(in_bank(page));
    ASSERT_TRUE(read(other));
    EXPECT_EQ(walks(), walked);
    ASSERT_TRUE(read(page));
    EXPECT_EQ(walks(), walked + 1);
}

TEST_F(BankTest, a_pcid_keeps_its_bank) {
    set_cr4(cr4::pcide);
    load_cr3(0x1001);
    ASSERT_TRUE(read(page));
    Bank* one = cpu.bank;
    load_cr3(0x1002, true);
    EXPECT_NE(cpu.bank, one);
    EXPECT_FALSE(in_bank(page));
    ASSERT_TRUE(read(page));
    load_cr3(0x1001, true);
    EXPECT_EQ(cpu.bank, one);
    EXPECT_TRUE(in_bank(page));
    load_cr3(0x1002);
    EXPECT_FALSE(in_bank(page));
    load_cr3(0x1001, true);
    EXPECT_TRUE(in_bank(page));
}

TEST_F(BankTest, invlpg_scrubs_its_pcid_and_a_global_page_everywhere) {
    set_cr4(cr4::pcide);
    map(other, other | 0x167);
    for (u64 pcid : {1, 2}) {
        load_cr3(0x1000 | pcid, true);
        ASSERT_TRUE(read(page));
        ASSERT_TRUE(read(other));
    }
    cpu.invalidate_page(page);
    EXPECT_FALSE(in_bank(page));
    load_cr3(0x1001, true);
    EXPECT_TRUE(in_bank(page));
    EXPECT_TRUE(in_bank(other));
    cpu.invalidate_page(other);
    EXPECT_FALSE(in_bank(other));
    load_cr3(0x1002, true);
    EXPECT_FALSE(in_bank(other));
}

TEST_F(BankTest, a_new_global_page_hides_what_other_pcids_had_there) {
    set_cr4(cr4::pcide);
    load_cr3(0x1001);
    ASSERT_TRUE(read(page));
    map(page, other | 0x167);
    load_cr3(0x1002, true);
    ASSERT_TRUE(read(page));
    load_cr3(0x1001, true);
    EXPECT_FALSE(in_bank(page));
    EXPECT_TRUE(mmu.banks_hold());
}

// ---- invalidations

TEST_F(BankTest, invlpg_scrubs_a_page_from_every_sibling) {
    for (u8 cpl : {0, 3}) {
        set_cpl(cpl);
        ASSERT_TRUE(read(page));
        ASSERT_TRUE(read(other));
    }
    set_cpl(0);
    cpu.invalidate_page(page);
    EXPECT_FALSE(in_bank(page));
    EXPECT_TRUE(in_bank(other));
    set_cpl(3);
    EXPECT_FALSE(in_bank(page));
    EXPECT_TRUE(in_bank(other));
}

TEST_F(BankTest, a_large_page_goes_with_all_its_pieces_and_nothing_else) {
    for (u64 at = 0x600000; at < 0x800000; at += 0x10000) ASSERT_TRUE(read(at));
    ASSERT_TRUE(read(0x800000));
    ASSERT_TRUE(read(0x5ff000));
    cpu.invalidate_page(0x712345);
    for (u64 at = 0x600000; at < 0x800000; at += 0x10000) EXPECT_FALSE(in_bank(at)) << at;
    EXPECT_TRUE(in_bank(0x800000));
    EXPECT_TRUE(in_bank(0x5ff000));
    EXPECT_EQ(mmu.banks.counters.drops, 0u);
}

TEST_F(BankTest, a_page_of_1_gib_goes_whole) {
    m.put(0x2000 + 8, u64{0xe7});                              // 1 GiB to 2 GiB is memory from 0 on
    u64 at = 0x40000000;
    for (u64 i = 0; i < 512; i += 37) ASSERT_TRUE(read(at + i * 4096 * 7));
    ASSERT_TRUE(read(page));
    cpu.invalidate_page(at);
    for (u64 i = 0; i < 512; i += 37) EXPECT_FALSE(in_bank(at + i * 4096 * 7));
    EXPECT_TRUE(in_bank(page));
}

TEST_F(BankTest, the_topmost_large_page_is_no_empty_entry) {
    u64 top = ~u64{0} << 21;
    m.put(0x1000 + 511 * 8, u64{0x2007});
    m.put(0x2000 + 511 * 8, u64{0x9007});
    m.put(0x9000 + 511 * 8, u64{0x4000e7});
    ASSERT_TRUE(read(top));
    ASSERT_TRUE(read(~u64{0}));
    u64 scrubbed = mmu.banks.counters.scrubbed;
    cpu.invalidate_page(top);
    EXPECT_FALSE(in_bank(top));
    EXPECT_EQ(mmu.banks.counters.scrubbed - scrubbed, 2u);
}

TEST_F(BankTest, a_change_of_the_memory_map_drops_all_banks) {
    ASSERT_TRUE(read(page));
    m.memory.set_a20(false);
    EXPECT_FALSE(in_bank(page));
    m.memory.set_a20(true);
}

TEST_F(BankTest, with_paging_off_banks_have_no_entries_behind_them) {
    TestMachine flat(TestMode::protected32);
    u8 value;
    ASSERT_TRUE(flat.cpu.load(0x20000, value));
    EXPECT_EQ(flat.cpu.bank->at(0x20000, 1).read_tag, 0x20000u);
    EXPECT_TRUE(flat.cpu.mmu->fill(0x21000, 4, Kind::execute));
    EXPECT_TRUE(flat.cpu.mmu->banks_hold());
    flat.cpu.invalidate_page(0x20000);
    EXPECT_EQ(flat.cpu.bank->at(0x20000, 1).read_tag, 0x20000u);
}

// ---- stamps

TEST_F(BankTest, a_stamp_holds_until_an_instruction_entry_of_its_context_goes) {
    u64 stamp = mmu.stamp;
    ASSERT_TRUE(fetch(page));
    ASSERT_TRUE(read(page));
    ASSERT_TRUE(read(other));
    EXPECT_EQ(mmu.stamp, stamp);
    cpu.invalidate_page(other);
    EXPECT_EQ(mmu.stamp, stamp) << "no code was there";
    set_cpl(3);
    cpu.set_rflags(rflags::ac, rflags::ac);
    EXPECT_EQ(mmu.stamp, stamp);
    cpu.invalidate_page(page);
    EXPECT_NE(mmu.stamp, stamp);
}

TEST_F(BankTest, a_context_that_comes_back_has_its_stamp) {
    set_cr4(cr4::pcide);
    load_cr3(0x1001);
    ASSERT_TRUE(fetch(page));
    u64 one = mmu.stamp;
    load_cr3(0x1002, true);
    u64 two = mmu.stamp;
    EXPECT_NE(one, two);
    ASSERT_TRUE(fetch(page));
    load_cr3(0x1001, true);
    EXPECT_EQ(mmu.stamp, one);
    cpu.invalidate_pcid(1, 2, 0);                              // all of PCID 2
    EXPECT_EQ(mmu.stamp, one);
    load_cr3(0x1002, true);
    EXPECT_NE(mmu.stamp, two);
    EXPECT_GT(mmu.stamp, one);
}

TEST_F(BankTest, a_global_instruction_entry_is_in_every_stamp) {
    set_cr4(cr4::pcide);
    map(page, page | 0x167);
    load_cr3(0x1001);
    u64 one = mmu.stamp;
    load_cr3(0x1002, true);
    ASSERT_TRUE(fetch(page));
    cpu.invalidate_page(page);
    load_cr3(0x1001, true);
    EXPECT_NE(mmu.stamp, one);
}

TEST_F(BankTest, what_a_fetch_depends_on_has_stamps_of_its_own) {
    u64 stamp = mmu.stamp;
    u64 old = std::exchange(cpu.control.efer, cpu.control.efer & ~efer::nxe);
    cpu.efer_written(old);
    u64 without = mmu.stamp;
    EXPECT_NE(without, stamp);
    old = std::exchange(cpu.control.efer, cpu.control.efer | efer::nxe);
    cpu.efer_written(old);
    EXPECT_EQ(mmu.stamp, stamp);
    set_cr4(cr4::smep);
    EXPECT_NE(mmu.stamp, stamp);
    EXPECT_NE(mmu.stamp, without);
}

TEST_F(BankTest, a_change_of_the_memory_map_renews_every_stamp) {
    set_cr4(cr4::pcide);
    load_cr3(0x1001);
    u64 one = mmu.stamp;
    load_cr3(0x1002, true);
    u64 two = mmu.stamp;
    cpu.memory_map_changed();
    EXPECT_NE(mmu.stamp, two);
    load_cr3(0x1001, true);
    EXPECT_NE(mmu.stamp, one);
}

TEST_F(BankTest, an_instruction_entry_that_gives_way_renews_the_stamp) {
    set_cr4(cr4::pcide);
    std::array<u64, 5> stamps;
    for (u64 n = 0; n < 5; n++) {                              // five of one set of four
        load_cr3(0x1001 + n, true);
        stamps[n] = mmu.stamp;
        ASSERT_TRUE(fetch(page));
    }
    EXPECT_EQ(mmu.tlb.instruction.evictions, 1u);
    for (u64 n = 0; n < 5; n++) {
        load_cr3(0x1001 + n, true);
        EXPECT_EQ(mmu.stamp == stamps[n], n != 0) << n;
    }
}

// ---- filling from the architectural TLB alone

TEST_F(BankTest, fill_asks_the_tlb_and_never_walks) {
    EXPECT_FALSE(mmu.fill(page, 8, Kind::read));
    EXPECT_EQ(walks(), 0u);
    ASSERT_TRUE(read(page));
    mmu.drop_banks();
    u64 walked = walks();
    EXPECT_TRUE(mmu.fill(page + 8, 8, Kind::read));
    EXPECT_TRUE(in_bank(page));
    EXPECT_TRUE(mmu.fill(page + 4088, 8, Kind::read));
    EXPECT_FALSE(mmu.fill(page + 4089, 8, Kind::read)) << "crosses";
    EXPECT_FALSE(mmu.fill(page, 1, Kind::execute)) << "no instruction entry";
    ASSERT_TRUE(fetch(page));
    EXPECT_TRUE(mmu.fill(page, 1, Kind::execute));
    EXPECT_EQ(walks(), walked + 1) << "the fetch";
}

TEST_F(BankTest, fill_leaves_a_first_write_to_the_walk_that_sets_dirty) {
    map(page, page | 0x27);
    ASSERT_TRUE(read(page));
    EXPECT_FALSE(writable_in_bank(page));
    EXPECT_FALSE(mmu.fill(page, 1, Kind::write));
    ASSERT_TRUE(write(page));
    EXPECT_TRUE(writable_in_bank(page));
    mmu.drop_banks();
    EXPECT_TRUE(mmu.fill(page, 1, Kind::write));
    EXPECT_TRUE(in_bank(page)) << "what may be written may be read";
}

TEST_F(BankTest, fill_refuses_what_is_no_plain_memory) {
    map(page, 0xa0000000 | 0x67);                              // nothing there
    ASSERT_TRUE(read(page));
    EXPECT_FALSE(mmu.fill(page, 1, Kind::read));
    EXPECT_FALSE(mmu.fill(0x800000000000, 1, Kind::read));     // not canonical
    m.memory.watch(Physical(other), true);
    ASSERT_TRUE(write(other));
    EXPECT_FALSE(mmu.fill(other, 1, Kind::write));
    EXPECT_TRUE(mmu.fill(other, 1, Kind::read));
    EXPECT_FALSE(writable_in_bank(other));
}

TEST_F(BankTest, fill_gives_no_rights_that_the_privilege_lacks) {
    map(page, page | 0x63);                                    // supervisor's
    ASSERT_TRUE(write(page));
    set_cpl(3);
    EXPECT_FALSE(mmu.fill(page, 1, Kind::read));
    map(other, other | 0x65);                                  // read-only
    ASSERT_TRUE(read(other));
    EXPECT_FALSE(writable_in_bank(other));
    EXPECT_FALSE(mmu.fill(other, 1, Kind::write));
}

// ---- state

TEST_F(BankTest, a_look_at_the_state_drops_nothing_and_a_load_what_was_replaced) {
    ASSERT_TRUE(fetch(page));
    ASSERT_TRUE(read(page));
    u64 stamp = mmu.stamp;
    hash_of(cpu);
    EXPECT_TRUE(in_bank(page));
    EXPECT_EQ(mmu.stamp, stamp);
    auto saved = save(cpu);
    cpu.invalidate_page(page);
    ASSERT_TRUE(read(other));
    load(cpu, saved);
    EXPECT_TRUE(mmu.banks_hold());
    EXPECT_FALSE(in_bank(other));
    EXPECT_NE(mmu.stamp, stamp);
}

// ---- code pages

TEST_F(BankTest, strip_write_takes_the_write_tags_of_a_page_of_memory_wherever_it_is_mapped) {
    map(other, page | 0x67);                                   // an alias
    ASSERT_TRUE(write(page));
    ASSERT_TRUE(write(other));
    ASSERT_TRUE(write(0x600000));
    set_cpl(3);
    ASSERT_TRUE(write(page));
    m.memory.watch(Physical(page), true);
    mmu.strip_write(host(page));
    for (u8 cpl : {3, 0}) {
        set_cpl(cpl);
        EXPECT_FALSE(writable_in_bank(page));
        EXPECT_TRUE(in_bank(page));
    }
    EXPECT_FALSE(writable_in_bank(other));
    EXPECT_TRUE(writable_in_bank(0x600000));
    EXPECT_TRUE(write(other));
    EXPECT_FALSE(writable_in_bank(other));
    EXPECT_EQ(mmu.banks.counters.stripped, 3u);
    m.memory.watch(Physical(page), false);
    EXPECT_TRUE(write(page));
    EXPECT_TRUE(writable_in_bank(page));
    m.memory.watch(Physical(page), true);
    mmu.strip_write(host(page));
    EXPECT_FALSE(writable_in_bank(page));
}

// ---- the property, whatever happens

TEST_F(BankTest, every_entry_has_its_architectural_entry_after_random_operations) {
    set_cr4(cr4::pcide | cr4::smap | cr4::pke);
    u64 seed = 1;
    auto random = [&](u64 below) {
        seed = seed * 6364136223846793005u + 1442695040888963407u;
        return (seed >> 33) % below;
    };
    auto address = [&] { return random(3) ? page + random(64) * 4096 : random(16) << 21; };
    for (unsigned n = 0; n < 20000; n++) {
        switch (random(16)) {
        case 0: map(page + random(64) * 4096, (page + random(512) * 4096) | 0x61 | random(4) << 1 | random(2) << 8 | random(4) << 59 | random(2) << 63); break;
        case 1: cpu.invalidate_page(address()); break;
        case 2: cpu.invalidate_pcid(unsigned(random(4)), random(4), address()); break;
        case 3: load_cr3(0x1000 | random(4), random(4)); break;
        case 4: set_cpl(random(2) ? 3 : 0); break;
        case 5: cpu.set_rflags(random(2) ? rflags::ac : 0, rflags::ac); break;
        case 6: cpu.control.pkru = u32(random(4)) << 2, cpu.translation_mode_changed(); break;
        case 7: {
            u64 old = std::exchange(cpu.control.cr0, cpu.control.cr0 ^ cr0::wp);
            cpu.cr0_written(old);
            break;
        }
        case 8: {
            u64 old = std::exchange(cpu.control.cr4, cpu.control.cr4 ^ (random(2) ? cr4::smap : cr4::smep));
            cpu.cr4_written(old);
            break;
        }
        case 9: fetch(address()); break;
        case 10: case 11: write(address()); break;
        case 12: mmu.fill(address(), 1, Kind(random(3))); break;
        case 13: {
            Physical at(page + random(64) * 4096);
            bool on = random(2);
            m.memory.watch(at, on);
            if (on) mmu.strip_write(host(at.value));
            break;
        }
        default: read(address());
        }
        if (n % 16 == 0) {
            ASSERT_TRUE(mmu.banks_hold()) << n;
        }
    }
}

}
