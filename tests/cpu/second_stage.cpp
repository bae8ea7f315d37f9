// SPDX-License-Identifier: MIT
// Tests of translation under a second stage: banks, tagged contexts, faults, guests without paging, what invalidations take.
#include "base/hash.h"
#include "tests/archive_roundtrip.h"
#include "tests/cpu/guest_memory.h"
#include <gtest/gtest.h>

namespace {

using paging::Event;
using paging::Nesting;
using paging::Operation;

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
        EXPECT_EQ(m.misses(), 2u * 201 + 1) << round;
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

}
