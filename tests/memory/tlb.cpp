// SPDX-License-Identifier: MIT
// The architectural TLB: what is found under which tag, what gives way, and its state.
#include "memory/tlb.h"
#include "base/hash.h"
#include "tests/memory/store.h"
#include <gtest/gtest.h>
#include <random>

using namespace paging;

namespace {

constexpr Access reading{}, fetching{Kind::execute, Privilege::supervisor, false, Purpose::code};

Translation to(u64 physical, u8 shift = 12, bool global = false, u8 first_shift = 0) {
    Translation t;
    t.physical = Physical(physical);
    t.shift = shift;
    t.first_shift = first_shift ? first_shift : shift;
    t.global = global;
    return t;
}
// Where `address` leads, or all ones.
u64 found(const Tlb& tlb, const Context& c, u64 address) {
    const Entry* e = tlb.data.find(c, address);
    return e ? e->physical(address).value : ~u64{0};
}
constexpr u64 nothing = ~u64{0};

// Page number k << 20 falls in one set whatever k: the index folds 10 bits, and 20 are zero.
constexpr u64 rival(u64 k) { return k << 32; }

}

TEST(Tlb, finds_pages_of_each_size) {
    for (u8 shift : {12, 21, 22, 30}) {
        Tlb tlb;
        u64 page = u64{5} << 30, inside = page + bit(shift) - 3;
        tlb.fill({}, LinearAddress(inside), reading, to((u64{9} << 30) + bit(shift) - 3, shift));
        EXPECT_EQ(found(tlb, {}, page), u64{9} << 30);
        EXPECT_EQ(found(tlb, {}, page + bit(shift) - 1), (u64{9} << 30) + bit(shift) - 1);
        EXPECT_EQ(found(tlb, {}, page + bit(shift)), nothing);
        EXPECT_EQ(found(tlb, {}, page - 1), nothing);
    }
}

TEST(Tlb, an_entry_belongs_to_its_vpid_pcid_and_root) {
    Tlb tlb;
    Context own{1, 2, 0x5000};
    tlb.fill(own, LinearAddress(0x1000), reading, to(0x9000));
    EXPECT_EQ(found(tlb, own, 0x1000), 0x9000u);
    EXPECT_EQ(found(tlb, {3, 2, 0x5000}, 0x1000), nothing);
    EXPECT_EQ(found(tlb, {1, 3, 0x5000}, 0x1000), nothing);
    EXPECT_EQ(found(tlb, {1, 2, 0x6000}, 0x1000), nothing);
    EXPECT_EQ(found(tlb, {1, 2, 0x5001}, 0x1000), nothing) << "a variant of the same root";
    EXPECT_EQ(found(tlb, {1, 2}, 0x1000), nothing);
    tlb.fill({1, 2, 0}, LinearAddress(0x2000), reading, to(0x8000));
    EXPECT_EQ(found(tlb, {1, 2, 0}, 0x2000), 0x8000u) << "a root at address 0 is a root";
    EXPECT_EQ(found(tlb, {1, 2}, 0x2000), nothing);
}

TEST(Tlb, a_global_entry_serves_every_pcid_of_its_vpid) {
    Tlb tlb;
    tlb.fill({1, 2}, LinearAddress(0x1000), reading, to(0x9000, 12, true));
    EXPECT_EQ(found(tlb, {1, 7}, 0x1000), 0x9000u);
    EXPECT_EQ(found(tlb, {2, 2}, 0x1000), nothing);
}

TEST(Tlb, a_new_global_entry_takes_the_place_of_what_other_pcids_have_there) {
    Tlb tlb;
    tlb.fill({1, 1}, LinearAddress(0x200000), reading, to(0x40000000, 21));
    tlb.fill({1, 2}, LinearAddress(0x201000), reading, to(0x8000));
    tlb.fill({1, 2}, LinearAddress(0x202000), reading, to(0x7000));
    tlb.fill({2, 2}, LinearAddress(0x201000), reading, to(0x6000));
    tlb.fill({1, 3}, LinearAddress(0x201000), reading, to(0x9000, 12, true));
    for (u16 pcid = 1; pcid < 4; pcid++) EXPECT_EQ(found(tlb, {1, pcid}, 0x201000), 0x9000u) << pcid;
    EXPECT_EQ(found(tlb, {1, 1}, 0x203000), nothing) << "the large page it was a part of";
    EXPECT_EQ(found(tlb, {1, 2}, 0x202000), 0x7000u);
    EXPECT_EQ(found(tlb, {2, 2}, 0x201000), 0x6000u);
}

TEST(Tlb, contexts_keep_their_own_translations_of_one_page) {
    Tlb tlb;
    for (u16 vpid = 0; vpid < 3; vpid++)
        for (u16 pcid = 0; pcid < 3; pcid++) tlb.fill({vpid, pcid}, LinearAddress(0x1000), reading, to(0x10000u * vpid + 0x1000u * pcid));
    for (u16 vpid = 0; vpid < 3; vpid++)
        for (u16 pcid = 0; pcid < 3; pcid++) EXPECT_EQ(found(tlb, {vpid, pcid}, 0x1000), 0x10000u * vpid + 0x1000u * pcid);
}

TEST(Tlb, a_fill_replaces_what_translated_the_address_whatever_its_size) {
    Tlb tlb;
    tlb.fill({}, LinearAddress(0x200000), reading, to(0x40000000, 21));
    tlb.fill({}, LinearAddress(0x201000), reading, to(0x9000));
    EXPECT_EQ(found(tlb, {}, 0x201000), 0x9000u);
    EXPECT_EQ(found(tlb, {}, 0x202000), nothing) << "the large one is gone";
    EXPECT_EQ(tlb.data.size(), 1u);
    tlb.fill({}, LinearAddress(0x201000), reading, to(0x40001000, 21));
    EXPECT_EQ(found(tlb, {}, 0x201000), 0x40001000u);
    EXPECT_EQ(tlb.data.size(), 1u);
}

TEST(Tlb, instruction_and_data_arrays_are_apart) {
    Tlb tlb;
    tlb.fill({}, LinearAddress(0x1000), fetching, to(0x9000));
    EXPECT_EQ(tlb.data.find({}, 0x1000), nullptr);
    EXPECT_NE(tlb.instruction.find({}, 0x1000), nullptr);
    for (u64 page = 0; page < 0x4000; page++) tlb.fill({}, LinearAddress(page << 12), reading, to(page << 12));
    EXPECT_NE(tlb.instruction.find({}, 0x1000), nullptr) << "no number of data fills evicts it";
}

TEST(Tlb, the_oldest_fill_of_a_set_gives_way_whatever_was_hit) {
    Tlb tlb;
    for (u64 k = 0; k < 4; k++) tlb.fill({}, LinearAddress(rival(k)), reading, to(k << 12));
    for (int i = 0; i < 100; i++) EXPECT_NE(found(tlb, {}, rival(0)), nothing) << "hits do not make it younger";
    tlb.fill({}, LinearAddress(rival(4)), reading, to(4 << 12));
    EXPECT_EQ(found(tlb, {}, rival(0)), nothing);
    for (u64 k = 1; k < 5; k++) EXPECT_EQ(found(tlb, {}, rival(k)), k << 12);
    tlb.fill({}, LinearAddress(rival(1)), reading, to(1 << 12));   // filled again: the youngest now
    tlb.fill({}, LinearAddress(rival(5)), reading, to(5 << 12));
    EXPECT_NE(found(tlb, {}, rival(1)), nothing);
    EXPECT_EQ(found(tlb, {}, rival(2)), nothing);
    EXPECT_EQ(tlb.data.evictions, 2u);
}

TEST(Tlb, a_dropped_entrys_way_is_used_before_anything_gives_way) {
    Tlb tlb;
    for (u64 k = 0; k < 4; k++) tlb.fill({}, LinearAddress(rival(k)), reading, to(k << 12));
    EXPECT_EQ(tlb.data.drop([](const Tag& t) { return t.page == rival(2); }), 1u);
    tlb.fill({}, LinearAddress(rival(4)), reading, to(4 << 12));
    for (u64 k : {0, 1, 3, 4}) EXPECT_NE(found(tlb, {}, rival(k)), nothing) << k;
}

TEST(Tlb, hits_leave_no_mark_in_the_state) {
    auto run = [](bool hits) {
        Tlb tlb;
        std::mt19937_64 random(7);
        for (int i = 0; i < 20'000; i++) {
            u64 page = random() % 0x9000 << 12;
            Context c{u16(random() % 2), u16(random() % 2)};
            if (hits)
                for (u64 other = 0; other < 8; other++) tlb.data.find(c, page ^ other << 12);
            tlb.fill(c, LinearAddress(page), i % 5 ? reading : fetching, to(page, i % 3 ? 12 : 21, i % 7 == 0));
        }
        return hash_of(tlb);
    };
    EXPECT_EQ(run(false), run(true));
    EXPECT_EQ(run(false), run(false));
}

TEST(Tlb, equal_histories_have_equal_hashes_and_other_ones_others) {
    Tlb a, b;
    a.fill({1, 2}, LinearAddress(0x1000), reading, to(0x9000));
    b.fill({1, 2}, LinearAddress(0x1000), reading, to(0x9000));
    EXPECT_EQ(hash_of(a), hash_of(b));
    u64 generation = a.data.generation;
    hash_of(a);
    EXPECT_EQ(a.data.generation, generation) << "looking drops nothing";
    b.fill({1, 2}, LinearAddress(0x2000), reading, to(0x9000));
    EXPECT_NE(hash_of(a), hash_of(b));
}

TEST(Tlb, the_generation_tells_of_every_drop_and_fill) {
    Tlb tlb;
    u64 before = tlb.data.generation;
    tlb.fill({}, LinearAddress(0x1000), reading, to(0x9000));
    EXPECT_NE(tlb.data.generation, before);
    before = tlb.data.generation;
    tlb.data.drop([](const Tag&) { return false; });
    EXPECT_EQ(tlb.data.generation, before);
    tlb.data.drop([](const Tag&) { return true; });
    EXPECT_NE(tlb.data.generation, before);
}

TEST(Tlb, guest_physical_mappings_go_by_root_or_by_asid) {
    Tlb tlb;
    Mapping m;
    m.page = 0x5000, m.base = 0x77000;
    tlb.fill(Context{1, 2, 0x8000}, m);
    EXPECT_NE(tlb.find_guest_physical({9, 9, 0x8000}, GuestPhysical(0x5123)), nullptr) << "VPID and PCID do not matter";
    EXPECT_EQ(tlb.find_guest_physical({1, 2, 0x9000}, GuestPhysical(0x5123)), nullptr);
    EXPECT_EQ(tlb.find_guest_physical({1, 2}, GuestPhysical(0x5123)), nullptr);
    tlb.fill(Context{4, 2}, m);
    EXPECT_NE(tlb.find_guest_physical({4, 3}, GuestPhysical(0x5123)), nullptr);
    EXPECT_EQ(tlb.find_guest_physical({5, 2}, GuestPhysical(0x5123)), nullptr);
}

TEST(Tlb, a_saved_tlb_is_loaded_as_it_was) {
    Tlb a, b;
    std::mt19937_64 random(1);
    for (int i = 0; i < 9000; i++) {
        u64 page = random() % 0x3000 << 12;
        a.fill({u16(i % 3), 1}, LinearAddress(page), i % 4 ? reading : fetching, to(page, i % 9 ? 12 : 21, i % 2, 21));
    }
    b.fill({7, 7}, LinearAddress(0x123000), reading, to(0));
    Store store;
    a.visit(store);
    store.rewind();
    b.visit(store);
    EXPECT_EQ(hash_of(a), hash_of(b));
    EXPECT_EQ(b.data.find({7, 7}, 0x123000), nullptr);
    for (Tlb* t : {&a, &b}) t->fill({0, 1}, LinearAddress(rival(9)), reading, to(0));
    EXPECT_EQ(hash_of(a), hash_of(b)) << "and goes on the same way";
    EXPECT_EQ(a.data.drop([](const Tag& t) { return t.vpid == 1; }), b.data.drop([](const Tag& t) { return t.vpid == 1; }));
}

TEST(Tlb, a_damaged_state_does_no_harm) {
    Tlb a;
    for (u64 page = 0; page < 300; page++) a.fill({}, LinearAddress(page << 12), reading, to(page << 12));
    std::mt19937_64 random(3);
    for (int round = 0; round < 10; round++) {
        Store store;
        a.visit(store);
        for (auto& [name, bytes] : store.kept)
            if (random() % 4 == 0) bytes[random() % bytes.size()] = u8(random());
        store.rewind();
        Tlb b;
        b.visit(store);
        for (u64 page = 0; page < 300; page++) found(b, {}, page << 12);
        b.fill({}, LinearAddress(0x1000), reading, to(0x1000));
        b.data.drop([](const Tag&) { return true; });
        EXPECT_EQ(b.data.size(), 0u);
    }
}
