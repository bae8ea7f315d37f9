// SPDX-License-Identifier: MIT
// Tests of translation under a second stage: banks, tagged contexts, faults, guests without paging, what invalidations take.
#include "base/hash.h"
#include "tests/archive_roundtrip.h"
#include "tests/cpu/guest_memory.h"
#include "tests/cpu/two_stages.h"
#include <gtest/gtest.h>

namespace {

using paging::Event;
using paging::Nesting;
using paging::Operation;
using paging::Stage;

constexpr u64 page = GuestMachine::window, other = page + 0x1000;
constexpr u64 frame = GuestMachine::frames, there = GuestMachine::base + frame;   // of `page`: guest-physical, physical

struct SecondStage : ::testing::Test {
    GuestMachine m;
    Cpu& cpu = m.cpu;
    Mmu& mmu = m.mmu;
    ~SecondStage() { EXPECT_TRUE(mmu.banks_hold()); }
};

// ---- the way through both stages

TEST_F(SecondStage, an_access_goes_through_both_stages_and_then_by_the_bank) {
    m.put(there + 5, u8{0x5a});
    m.enter();
    u8 value = 0;
    ASSERT_TRUE(cpu.load(page + 5, value));
    EXPECT_EQ(value, 0x5a);
    EXPECT_TRUE(m.in_bank(page));
    ASSERT_TRUE(m.write(page + 6, 0x77));
    EXPECT_EQ(m.get<u8>(there + 6), 0x77);
    EXPECT_EQ(m.physical(page + 7), there + 7);
    EXPECT_EQ(m.misses(), 1u);
    u64 physical;
    ASSERT_TRUE(cpu.peek(other + 1, physical));
    EXPECT_EQ(physical, there + 0x1001);
    EXPECT_EQ(m.misses(), 1u) << "a look leaves no trace";
}

TEST_F(SecondStage, the_host_and_guests_keep_what_they_have) {
    for (unsigned round = 0; round < 1000; round++) {
        for (u16 tag : {1, 2}) {
            m.tag = tag;
            m.enter();
            for (u64 n = 0; n < 200; n++) ASSERT_TRUE(m.read(page + n * 4096));
            ASSERT_TRUE(m.fetch(page));
            m.leave();
            for (u64 n = 0; n < 200; n++) ASSERT_TRUE(m.read(n * 4096));
        }
        // 200 data pages and a fetch in each guest; 400 KiB of the host lie in one large page.
        ASSERT_EQ(m.misses(), 2u * 201 + 1) << round;
        // The first stage: 4 entries a miss, 3 for the host's. The second: 4 tables and 200 pages, 4 entries each, which
        // both guests share as they are of one root.
        ASSERT_EQ(m.references(Stage::first), 2u * 201 * 4 + 3) << round;
        ASSERT_EQ(m.references(Stage::second), 204u * 4) << round;
    }
    EXPECT_EQ(mmu.banks.counters.drops, 0u);
}

TEST_F(SecondStage, what_the_second_stage_refuses_is_its_own_fault) {
    m.map_second(frame, 0);
    m.enter();
    EXPECT_FALSE(m.read(page + 3));
    EXPECT_EQ(mmu.refused.event, Event::ept_violation);
    EXPECT_EQ(mmu.refused.guest.value, frame + 3);
    EXPECT_EQ(mmu.refused.linear.value, page + 3);
    EXPECT_EQ(mmu.refused.information, 0x181u);
    EXPECT_NE(cpu.fault_.vector, pf_vector);
    m.map_first(other, 0);
    EXPECT_FALSE(m.read(other + 3));
    EXPECT_EQ(cpu.fault_.vector, pf_vector);
    EXPECT_EQ(cpu.fault_.address, other + 3);
    m.map_second(frame, there | 0x37);
    EXPECT_TRUE(m.read(page)) << "a right that is added needs no invalidation";
}

TEST_F(SecondStage, rights_of_both_stages_hold_in_banks) {
    m.map_second(frame, there | 0x31);                                    // read only
    m.enter();
    ASSERT_TRUE(m.read(page));
    EXPECT_FALSE(m.writable_in_bank(page));
    EXPECT_FALSE(m.write(page));
    EXPECT_EQ(mmu.refused.information, 0x182u | 1 << 3);
    EXPECT_FALSE(m.fetch(page));
    EXPECT_EQ(mmu.refused.information, 0x184u | 1 << 3);
    m.map_second(frame + 0x1000, (there + 0x1000) | 0x34);                // execute only
    ASSERT_TRUE(m.fetch(other));
    EXPECT_EQ(cpu.bank->at(other, 1).execute_tag, other);
    EXPECT_FALSE(m.read(other));
    EXPECT_EQ(mmu.refused.information, 0x181u | 4 << 3);
    EXPECT_EQ(cpu.bank->at(other, 1).execute_tag, ~u64{0}) << "the violation forgets the page";
}

TEST_F(SecondStage, walks_are_counted_by_stage_level_and_size) {
    m.enter();
    auto& counts = mmu.tlb.counts(mmu.context);
    ASSERT_TRUE(m.read(page));
    for (unsigned level = 1; level <= 4; level++) {
        EXPECT_EQ(counts.references[1][level], 1u);
        EXPECT_EQ(counts.references[2][level], 5u) << "four tables and the page";
    }
    EXPECT_EQ(counts.guest_physical_hits, 0u);
    ASSERT_TRUE(m.read(other));
    EXPECT_EQ(m.references(Stage::first), 8u);
    EXPECT_EQ(m.references(Stage::second), 24u) << "the tables' places are known";
    EXPECT_EQ(counts.guest_physical_hits, 4u);
    EXPECT_EQ(counts.by_size[1][1], 2u);
    EXPECT_EQ(counts.data_misses, 2u);
    m.map_second(frame + 0x2000, 0);
    EXPECT_FALSE(m.read(page + 0x2000));
    EXPECT_EQ(counts.second_stage_faults, 1u);
    m.invalidate(Operation::invvpid_context);
    EXPECT_EQ(counts.dropped[unsigned(Operation::invvpid_context)], 2u);
    m.leave();
    ASSERT_TRUE(m.read(0));
    EXPECT_EQ(mmu.tlb.counts(mmu.context).by_size[2][0], 1u);
    EXPECT_EQ(counts.data_misses, 3u);
}

// ---- page sizes

TEST_F(SecondStage, large_pages_in_both_dimensions) {
    constexpr u64 large = 0x600000;                                       // linear; guest-physical 2 MiB
    m.put_guest(0x3000 + 3 * 8, u64{0x2000e7});
    m.put(GuestMachine::root + 0x2008, (GuestMachine::base + 0x200000) | 0xb7);
    m.enter();
    EXPECT_EQ(m.physical(large + 0x123456), GuestMachine::base + 0x323456);
    u64 known = m.misses();
    EXPECT_EQ(m.physical(large + 0x1fffff), GuestMachine::base + 0x3fffff);
    EXPECT_EQ(m.misses(), known);
    EXPECT_EQ(mmu.tlb.counts(mmu.context).by_size[2][2], 1u);
}

TEST_F(SecondStage, invlpg_of_a_large_guest_page_takes_all_its_pieces) {
    constexpr u64 large = 0x600000;                                       // on 4-KiB pages of the second stage
    m.put_guest(0x3000 + 3 * 8, u64{0x2000e7});
    m.enter();
    for (u64 n = 0; n < 512; n += 5) ASSERT_TRUE(m.read(large + n * 4096));
    ASSERT_TRUE(m.read(page));
    u64 known = m.misses();
    cpu.invalidate_page(large + 0x54321);
    for (u64 n = 0; n < 512; n += 5) EXPECT_FALSE(m.in_bank(large + n * 4096)) << n;
    ASSERT_TRUE(m.read(large + 5 * 4096));
    EXPECT_EQ(m.misses(), known + 1);
    EXPECT_TRUE(m.in_bank(page));
}

TEST_F(SecondStage, nested_paging_in_each_paging_mode_of_the_host) {
    using paging::Mode;
    constexpr u64 table = 0x600000;
    struct {
        Mode mode;
        u64 references;                                                   // of the second stage, for 5 translations
    } rows[] = {{Mode::bits32, 5 * 1}, {Mode::pae, 5 * 2}, {Mode::level4, 5 * 4}, {Mode::level5, 5 * 5}};
    for (auto& row : rows) {
        GuestMachine amd(Nesting::npt, "max-amd");
        amd.second.mode = row.mode;
        amd.second.root = row.mode == Mode::level4 ? GuestMachine::root : table;
        if (row.mode == Mode::bits32) amd.put(table, u32(GuestMachine::base | 0xe7));
        if (row.mode == Mode::pae) amd.put(table, (table + 0x1000) | 1), amd.put(table + 0x1000, GuestMachine::base | 0xe7);
        if (row.mode == Mode::level5) amd.put(table, GuestMachine::root | 7);
        amd.enter();
        EXPECT_EQ(amd.physical(page + 5), there + 5);
        EXPECT_EQ(amd.references(Stage::second), row.references);
        EXPECT_EQ(amd.physical(page + 0x1000), there + 0x1000);
        u64 more = row.mode >= Mode::level4 ? row.references / 5 : 0;     // else one large page has it all
        EXPECT_EQ(amd.references(Stage::second), row.references + more);
        EXPECT_TRUE(amd.mmu.banks_hold());
    }
}

// ---- what selects a bank

TEST_F(SecondStage, wp_keys_and_ac_select_banks_in_a_guest_and_walk_nothing) {
    cpu.control.cr4 |= cr4::pke | cr4::smap;
    m.enter();
    cpu.set_rflags(rflags::ac, rflags::ac);
    ASSERT_TRUE(m.write(page));
    u64 known = m.references();
    for (unsigned round = 0; round < 3; round++) {
        cpu.set_rflags(0, rflags::ac);
        EXPECT_FALSE(m.in_bank(page));
        cpu.set_rflags(rflags::ac, rflags::ac);
        EXPECT_TRUE(m.writable_in_bank(page));
        cpu.control.cr0 ^= cr0::wp, cpu.translation_mode_changed();
        ASSERT_TRUE(m.write(page));
        cpu.control.cr0 ^= cr0::wp, cpu.translation_mode_changed();
        cpu.control.pkru = 4, cpu.translation_mode_changed();
        ASSERT_TRUE(m.write(page));
        cpu.control.pkru = 0, cpu.translation_mode_changed();
        EXPECT_TRUE(m.writable_in_bank(page));
    }
    EXPECT_EQ(m.references(), known);
    EXPECT_EQ(mmu.banks.counters.drops, 0u);
}

// ---- each row of the invalidations that virtualization knows, by what is walked again

struct Drop {
    Operation operation;
    std::string_view dropped;
};
// H the host's; in guest 1: a the page, b another, g a global one; B the page in guest 2; C in guest 1 under another root;
// u and v without paging, under the one root and the other (with AMD, of ASIDs 3 and 4).
struct Places {
    GuestMachine m;
    bool amd;
    explicit Places(bool amd) : m(amd ? Nesting::npt : Nesting::ept, amd ? "max-amd" : "max-intel"), amd(amd) {
        m.put(0x408000, m.get<u64>(GuestMachine::root));
        m.map_first(page + 0x2000, (frame + 0x2000) | 0x167);
        m.cpu.control.cr4 |= cr4::pge, m.host = m.cpu.control;
        m.cpu.translation_mode_changed();
    }
    void enter(u16 tag, bool second_root, bool paged) {
        m.leave();
        m.second.root = second_root ? 0x408000 : GuestMachine::root;
        if (!paged) m.cpu.control.cr0 &= ~cr0::pg, m.cpu.control.efer &= ~(efer::lma | efer::lme);
        m.tag = tag;
        m.mmu.enter_guest(m.second, tag, amd ? paging::Context::no_ept : m.second.root);
    }
    void visit(char letter) {
        switch (letter) {
        case 'H': m.leave(), m.read(page); break;
        case 'a': enter(1, false, true), m.read(page); break;
        case 'b': enter(1, false, true), m.read(other); break;
        case 'g': enter(1, false, true), m.read(page + 0x2000); break;
        case 'B': enter(2, false, true), m.read(page); break;
        case 'C': enter(1, true, true), m.read(page); break;
        case 'u': enter(3, false, false), m.read(frame); break;
        case 'v': enter(4, true, false), m.read(frame); break;
        }
    }
    std::string walked_again(std::string_view letters) {
        std::string again;
        for (char letter : letters) {
            u64 before = m.misses();
            visit(letter);
            if (m.misses() != before) again += letter;
        }
        return again;
    }
};

void check_drops(bool amd, std::span<const Drop> rows, std::string_view letters) {
    for (auto& row : rows) {
        Places p(amd);
        for (char letter : letters) p.visit(letter);
        EXPECT_EQ(p.walked_again(letters), "") << "before";
        p.enter(1, false, true);
        p.m.invalidate(row.operation, page, frame);
        EXPECT_TRUE(p.m.mmu.banks_hold());
        // The mapping of a page that was walked again serves guests without paging too: these are asked first.
        std::string order(letters.rbegin(), letters.rend()), again = p.walked_again(order);
        EXPECT_EQ(std::string(again.rbegin(), again.rend()), row.dropped) << paging::scope(row.operation).name;
    }
}

TEST(SecondStageDrops, of_intel) {
    using enum Operation;
    constexpr Drop rows[] = {
        {invlpg,                    "aC"},
        {invpcid_address,           "aC"},
        {mov_cr3,                   "abC"},
        {change_pge,                "abgC"},
        {invvpid_address,           "aC"},
        {invvpid_context,           "abgC"},
        {invvpid_all,               "abgBC"},
        {invvpid_retaining_globals, "abC"},
        {invept_context,            "abgBu"},
        {invept_all,                "abgBCuv"},
        {world_switch_untagged,     "H"},
        {world_switch,              ""},
        {vmx_on_off,                ""},
        {vmfunc_eptp,               ""},
        {page_fault,                "a"},
        {second_stage_fault,        "au"},
        {reset,                     "HabgBCuv"},
    };
    check_drops(false, rows, "HabgBCuv");
}

TEST(SecondStageDrops, of_amd) {
    using enum Operation;
    constexpr Drop rows[] = {
        {invlpg,                       "a"},
        {invlpga,                      "a"},
        {mov_cr3,                      "ab"},
        {vmrun_nothing,                ""},
        {vmrun_all,                    "HabgBuv"},
        {vmrun_asid,                   "abg"},
        {vmrun_asid_retaining_globals, "ab"},
        {second_stage_fault,           "a"},
    };
    check_drops(true, rows, "HabgBuv");
}

// ---- paging off

TEST_F(SecondStage, a_guest_without_paging_uses_banks_over_guest_physical_mappings) {
    m.put(there + 5, u8{0x5a});
    m.enter_unpaged();
    u8 value = 0;
    ASSERT_TRUE(cpu.load(frame + 5, value));
    EXPECT_EQ(value, 0x5a);
    EXPECT_TRUE(m.writable_in_bank(frame)) << "nothing is left to be set by a write";
    ASSERT_TRUE(m.fetch(frame));
    EXPECT_EQ(cpu.bank->at(frame, 1).execute_tag, frame);
    EXPECT_EQ(m.misses(), 1u) << "the guest-physical mapping serves all kinds of access";
    mmu.drop_banks();
    EXPECT_TRUE(mmu.fill(frame, 1, Kind::read));
    EXPECT_TRUE(mmu.banks_hold());
}

TEST_F(SecondStage, what_invept_takes_leaves_the_banks_and_stamps_of_guests_without_paging) {
    for (u16 tag : {1, 2}) {                                              // two guests of one root
        m.tag = tag;
        m.enter_unpaged();
        ASSERT_TRUE(m.fetch(frame));
        ASSERT_TRUE(m.read(frame));
    }
    u64 stamp = mmu.stamp;
    m.invalidate(Operation::invvpid_all);
    EXPECT_TRUE(m.in_bank(frame)) << "of the VPID nothing is cached";
    EXPECT_EQ(mmu.stamp, stamp);
    m.invalidate(Operation::invept_context);
    EXPECT_FALSE(m.in_bank(frame));
    EXPECT_NE(mmu.stamp, stamp);
    m.tag = 1;
    m.enter();
    EXPECT_FALSE(m.in_bank(frame));
    m.map_second(frame, (there + 0x1000) | 0x37);
    EXPECT_EQ(m.physical(frame), there + 0x1000);
}

TEST_F(SecondStage, combined_mappings_are_not_used_with_paging_off) {
    m.enter();
    ASSERT_TRUE(m.read(page));
    m.enter_unpaged();                                                    // a world switch with the same VPID
    EXPECT_FALSE(m.in_bank(page));
    m.map_second(page & (GuestMachine::guest_size - 1), 0);
    EXPECT_FALSE(m.read(page));                                           // guest-physical 4 MiB: nothing there
    EXPECT_EQ(mmu.refused.guest.value, page);
}

TEST_F(SecondStage, a_first_write_sets_dirty_and_keeps_the_stamp) {
    m.second.accessed_dirty = true;
    m.enter_unpaged();
    ASSERT_TRUE(m.fetch(frame + 0x2000));
    u64 stamp = mmu.stamp;
    ASSERT_TRUE(m.read(frame));
    EXPECT_EQ(m.second_entry(frame) & 0x300, 0x100u);
    EXPECT_FALSE(m.writable_in_bank(frame));
    ASSERT_TRUE(m.write(frame));
    EXPECT_EQ(m.second_entry(frame) & 0x300, 0x300u);
    EXPECT_TRUE(m.writable_in_bank(frame));
    EXPECT_EQ(mmu.stamp, stamp);
}

TEST_F(SecondStage, a_nested_guest_without_paging_and_one_that_is_not_nested_share_no_bank) {
    GuestMachine amd(Nesting::npt, "max-amd");
    amd.enter_unpaged();
    EXPECT_EQ(amd.physical(frame), there);
    EXPECT_TRUE(amd.in_bank(frame) || amd.read(frame));
    u64 stamp = amd.mmu.stamp;
    amd.mmu.enter_guest({}, 1);                                           // the same ASID without nested paging
    EXPECT_FALSE(amd.in_bank(frame));
    EXPECT_NE(amd.mmu.stamp, stamp);
    EXPECT_EQ(amd.physical(frame), frame);
    EXPECT_TRUE(amd.mmu.banks_hold());
}

// ---- PDPTEs

TEST_F(SecondStage, pdptes_are_loaded_through_ept) {
    m.put_guest(0x9020, u64{0xa001});
    m.enter();
    ASSERT_TRUE(cpu.load_pdptes(0x9020));
    EXPECT_EQ(cpu.control.pdpte[0], 0xa001u);
    u64 known = m.misses();
    m.invalidate(Operation::invept_context);
    m.map_second(0x9000, 0);
    EXPECT_FALSE(cpu.load_pdptes(0x9020));
    EXPECT_EQ(mmu.refused.guest.value, 0x9020u);
    EXPECT_EQ(mmu.refused.information, 1u) << "no linear address: bits 7 and 8 are clear";
    EXPECT_EQ(m.misses(), known);
}

TEST_F(SecondStage, nested_paging_reads_pdptes_at_each_walk) {
    GuestMachine amd(Nesting::npt, "max-amd");
    EXPECT_FALSE(amd.mmu.pdptes_in_memory());
    amd.enter();
    EXPECT_TRUE(amd.mmu.pdptes_in_memory());
    auto before = amd.cpu.control.pdpte;
    amd.put_guest(0x9020, ~u64{0});                                       // reserved bits: no matter here
    EXPECT_TRUE(amd.cpu.load_pdptes(0x9020));
    EXPECT_EQ(amd.cpu.control.pdpte, before);
    amd.leave();
    EXPECT_FALSE(amd.mmu.pdptes_in_memory());
}

// ---- the local APIC's page

TEST_F(SecondStage, the_apics_page_is_where_the_second_stage_says) {
    constexpr u64 apic_page = 0xfee00000, id = 0x30;                      // the version register
    m.map_second(frame, apic_page | 0x37);
    m.map_first(other, apic_page | 0x67);
    m.put(GuestMachine::root + 0x1000 + 3 * 8, u64{0x405007});            // guest-physical FEE00000h leads to plain memory
    m.put(0x405000 + 503 * 8, u64{0x406007});
    m.put(0x406000, u64{0x500037});
    m.put(0x500000 + id, u32{0x12345678});
    m.enter();
    u32 value = 0;
    ASSERT_TRUE(cpu.load(page + id, value));
    EXPECT_EQ(value, cpu.apic.read(id, 4));
    EXPECT_FALSE(m.in_bank(page));
    ASSERT_TRUE(cpu.load(other + id, value));
    EXPECT_EQ(value, 0x12345678u);
    m.enter_unpaged();
    ASSERT_TRUE(cpu.load(apic_page + id, value));
    EXPECT_EQ(value, 0x12345678u);
    ASSERT_TRUE(cpu.load(frame + id, value));
    EXPECT_EQ(value, cpu.apic.read(id, 4));
    EXPECT_FALSE(m.in_bank(frame));
}

// ---- state

TEST_F(SecondStage, a_saved_guest_comes_back_with_its_second_stage) {
    m.enter();
    ASSERT_TRUE(m.read(page));
    auto saved = save(cpu);
    u64 hash = hash_of(cpu);
    EXPECT_TRUE(m.in_bank(page));
    m.leave();
    load(cpu, saved);
    EXPECT_EQ(hash_of(cpu), hash);
    EXPECT_EQ(mmu.context.ept, GuestMachine::root);
    EXPECT_EQ(m.physical(other), there + 0x1000);
}

// ---- no access reaches what the tables do not allow, whatever is cached

TEST(TwoStages, every_access_is_as_the_tables_say_after_the_invalidations_that_the_manuals_ask_for) {
    for (bool amd : {false, true})
        for (bool flags : {false, true}) {
            TwoStages model(amd, flags);
            TestRandom chance{u64{amd} << 1 | u64{flags}};
            for (unsigned n = 0; n < 200'000 && model.complaint.empty(); n++) {
                model.turn(chance);
                if (n % 1024 == 0) {
                    ASSERT_TRUE(model.mmu.banks_hold()) << n;
                }
            }
            EXPECT_EQ(model.complaint, "") << (amd ? "AMD" : "Intel") << (flags ? " with flags" : "");
        }
}

}
