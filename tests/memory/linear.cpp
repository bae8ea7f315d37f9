// SPDX-License-Identifier: MIT
// Translation as a CPU does it: hits, misses, stale entries until they are invalidated, flags, nested contexts.
#include "memory/linear.h"
#include "base/hash.h"
#include <gtest/gtest.h>

using namespace paging;

namespace {

constexpr Access reading{}, writing{.kind = Kind::write}, fetching{Kind::execute, Privilege::supervisor, false, Purpose::code};
constexpr Access user_read{.privilege = Privilege::user};

// Two MiB of RAM with 4-level tables at 1000h; linear pages are entries of the table at 4000h.
struct Machine {
    std::vector<u8> ram = std::vector<u8>(0x200000);
    PhysicalMap map;
    Tlb tlb;
    Regime regime;
    Context context;
    unsigned steps = 0;

    Machine() {
        map.map_ram(Physical(0), ram);
        for (u64 at : {0x1000, 0x2000, 0x3000}) put(at, (at + 0x1000) | 7);
        regime.stage1 = {.mode = Mode::level4, .root = 0x1000, .wp = true, .pge = true, .nxe = true};
    }
    void put(u64 at, u64 value) { map.write(Physical(at), 8, value); }
    u64 get(u64 at) { return map.read(Physical(at), 8); }
    void page(u64 linear, u64 entry) { put(0x4000 + (linear >> 12) * 8, entry); }
    Result ask(u64 linear, Access access) {
        steps = 0;
        return translate(regime, tlb, context, Vendor::intel, map, LinearAddress(linear), access, [&](const Step&) { steps++; });
    }
    u64 at(u64 linear, Access access) {
        Result r = ask(linear, access);
        return std::holds_alternative<Physical>(r) ? std::get<Physical>(r).value : ~u64{0};
    }
    u64 code(u64 linear, Access access) {
        Result r = ask(linear, access);
        return std::holds_alternative<Fault>(r) ? std::get<Fault>(r).information : ~u64{0};
    }
    void invalidate(Operation o, u64 address = 0) { paging::invalidate(tlb, o, {context, address, 0}, Vendor::intel); }

    // An identity map of 2 MiB below the first stage, in tables at 100000h.
    void nest() {
        for (u64 at : {0x100000, 0x101000, 0x102000}) put(at, (at + 0x1000) | 7);
        for (u64 i = 0; i < 512; i++) put(0x103000 + i * 8, i << 12 | 0x37);
        regime.stage2 = {.kind = Nesting::ept, .mode = Mode::level4, .root = 0x10001e};
        context = {1, 0, 0x100000};
    }
};

constexpr u64 none = ~u64{0};

}

TEST(Linear, the_second_access_walks_no_more) {
    Machine m;
    m.page(0x5000, 0x9007);
    EXPECT_EQ(m.at(0x5123, reading), 0x9123u);
    EXPECT_EQ(m.steps, 4u);
    EXPECT_EQ(m.at(0x5456, reading), 0x9456u);
    EXPECT_EQ(m.steps, 0u);
    EXPECT_EQ(m.at(0x5456, fetching), 0x9456u);
    EXPECT_EQ(m.steps, 4u) << "fetches have an array of their own";
    EXPECT_EQ(m.tlb.counters.data_misses, 1u);
    EXPECT_EQ(m.tlb.counters.instruction_misses, 1u);
}

TEST(Linear, a_stale_entry_is_used_until_an_invalidation_names_it) {
    Machine m;
    m.page(0x5000, 0x9007);
    m.at(0x5000, reading);
    m.page(0x5000, 0xa007);
    EXPECT_EQ(m.at(0x5000, reading), 0x9000u);
    m.invalidate(Operation::invlpg, 0x6000);
    EXPECT_EQ(m.at(0x5000, reading), 0x9000u);
    m.invalidate(Operation::invlpg, 0x5fff);
    EXPECT_EQ(m.at(0x5000, reading), 0xa000u);
}

TEST(Linear, a_write_after_a_read_sets_dirty_by_a_walk_of_its_own) {
    Machine m;
    m.page(0x5000, 0x9007);
    m.at(0x5000, reading);
    EXPECT_EQ(m.get(0x4028), 0x9027u);
    m.at(0x5000, writing);
    EXPECT_EQ(m.steps, 4u);
    EXPECT_EQ(m.get(0x4028), 0x9067u);
    m.at(0x5008, writing);
    EXPECT_EQ(m.steps, 0u);
    EXPECT_EQ(m.tlb.data.size(), 1u);
}

TEST(Linear, rights_that_were_added_need_no_invalidation) {
    Machine m;
    m.page(0x5000, 0x9001);
    m.at(0x5000, reading);
    EXPECT_EQ(m.code(0x5000, writing), 3u);
    m.page(0x5000, 0x9003);
    EXPECT_EQ(m.at(0x5000, writing), 0x9000u);
    EXPECT_EQ(m.code(0x5000, user_read), 5u);
    m.page(0x5000, 0x9007);
    EXPECT_EQ(m.at(0x5000, user_read), 0x9000u);
}

TEST(Linear, a_page_fault_forgets_its_page_and_no_other) {
    Machine m;
    m.page(0x5000, 0x9001), m.page(0x6000, 0xa001);
    m.at(0x5000, reading), m.at(0x6000, reading), m.at(0x5000, fetching);
    m.page(0x5000, 0xb001);
    EXPECT_EQ(m.code(0x5000, writing), 3u);
    EXPECT_EQ(m.at(0x5000, reading), 0xb000u);
    EXPECT_EQ(m.at(0x5000, fetching), 0xb000u);
    EXPECT_EQ(m.at(0x6000, reading), 0xa000u);
    EXPECT_EQ(m.steps, 0u);
}

TEST(Linear, mode_bits_hold_at_once_for_what_is_cached) {
    Machine m;
    m.page(0x5000, 0x9067 & ~u64{2});
    m.regime.stage1.wp = false;
    EXPECT_EQ(m.at(0x5000, writing), 0x9000u);
    m.regime.stage1.wp = true;
    EXPECT_EQ(m.code(0x5000, writing), 3u);
    EXPECT_EQ(m.at(0x5000, reading), 0x9000u);
    m.regime.stage1.smap = true;
    EXPECT_EQ(m.code(0x5000, reading), 1u);
    Access with_ac = reading;
    with_ac.ac = true;
    EXPECT_EQ(m.at(0x5000, with_ac), 0x9000u);
    EXPECT_EQ(m.at(0x5000, fetching), 0x9000u);
    m.regime.stage1.smep = true;
    EXPECT_EQ(m.code(0x5000, fetching), 0x11u);
    EXPECT_EQ(m.at(0x5000, user_read), 0x9000u);
    m.regime.stage1.pke = true, m.regime.stage1.pkru = 1;
    EXPECT_EQ(m.code(0x5000, user_read), 0x25u);
}

TEST(Linear, pcids_keep_what_another_address_space_cached_and_share_globals) {
    Machine m;
    m.page(0x5000, 0x9007), m.page(0x6000, 0xa107);
    m.context.pcid = 1;
    m.at(0x5000, reading), m.at(0x6000, reading);
    m.context.pcid = 2;
    m.at(0x6000, reading);
    EXPECT_EQ(m.steps, 0u) << "global";
    m.at(0x5000, reading);
    EXPECT_EQ(m.steps, 4u);
    m.context.pcid = 1;
    m.at(0x5000, reading);
    EXPECT_EQ(m.steps, 0u);
    m.invalidate(Operation::mov_cr3);
    m.at(0x5000, reading);
    EXPECT_EQ(m.steps, 4u);
    m.at(0x6000, reading);
    EXPECT_EQ(m.steps, 0u) << "global";
    m.context.pcid = 2;
    m.at(0x5000, reading);
    EXPECT_EQ(m.steps, 0u) << "the other PCID is untouched";
}

TEST(Linear, a_probe_leaves_no_trace) {
    Machine m;
    m.page(0x5000, 0x9007);
    u64 tlb = hash_of(m.tlb), map = hash_of(m.map);
    Access probe = writing;
    probe.purpose = Purpose::probe;
    EXPECT_EQ(m.at(0x5010, probe), 0x9010u);
    EXPECT_EQ(m.code(0x7000, probe), 2u);
    EXPECT_EQ(hash_of(m.tlb), tlb);
    EXPECT_EQ(hash_of(m.map), map);
    EXPECT_EQ(m.tlb.counters.data_misses + m.tlb.counters.faults, 0u);
    m.at(0x5000, reading);
    m.page(0x5000, 0xa007);
    EXPECT_EQ(m.at(0x5000, probe), 0xa000u) << "it sees the tables, not what is cached";
}

TEST(Linear, without_paging_nothing_is_cached) {
    Machine m;
    m.regime = {};
    EXPECT_EQ(m.at(0xfffffff0, fetching), 0xfffffff0u);
    EXPECT_EQ(m.tlb.instruction.size(), 0u);
}

TEST(Linear, tables_on_a_device_that_changes_at_every_read_end) {
    struct Restless final : Mmio {
        u64 count = 0;
        u64 read(u64, unsigned) override { return 0x4007 | (count++ & 0xff) << 52; }
        void write(u64, unsigned, u64) override {}
    } device;
    Machine m;
    m.map.map_mmio(Physical(0x80000000), 0x1000, device);
    m.regime.stage1.root = 0x80000000;
    m.put(0x4000, 0x4007);
    EXPECT_EQ(m.at(0, reading), 0x4000u);
}

TEST(Linear, tables_in_rom_or_nowhere_read_as_the_bus_gives_them) {
    Machine m;
    m.regime.stage1.root = 0x90000000;
    EXPECT_EQ(m.code(0, reading), 9u) << "all ones: present, with reserved bits";
    m.put(0x1000, 0xffffffff00 & ~u64{0xfff});
    m.regime.stage1.root = 0x1000;
    EXPECT_EQ(m.code(0, reading), 0u);
}

TEST(Linear, a_nested_miss_reads_4_entries_where_the_guest_physical_pages_are_known) {
    Machine m;
    m.nest();
    m.page(0x5000, 0x9007), m.page(0x6000, 0xa007);
    EXPECT_EQ(m.at(0x5000, reading), 0x9000u);
    EXPECT_EQ(m.steps, 24u);
    EXPECT_EQ(m.at(0x6000, reading), 0xa000u);
    EXPECT_EQ(m.steps, 4u + 4) << "the guest's tables are known, its page is not";
    m.invalidate(Operation::invlpg, 0x5000);
    EXPECT_EQ(m.at(0x5000, reading), 0x9000u);
    EXPECT_EQ(m.steps, 4u);
    m.invalidate(Operation::invept_context);
    EXPECT_EQ(m.at(0x5000, reading), 0x9000u);
    EXPECT_EQ(m.steps, 24u);
}

TEST(Linear, a_world_switch_and_back_costs_no_walk) {
    Machine m;
    m.page(0x5000, 0x9007);
    Regime host = m.regime;
    m.at(0x5000, reading);
    m.nest();
    Regime guest = m.regime;
    m.at(0x5000, reading);
    for (int i = 0; i < 3; i++) {
        m.invalidate(Operation::world_switch);
        m.regime = host, m.context = {};
        EXPECT_EQ(m.at(0x5000, reading), 0x9000u);
        EXPECT_EQ(m.steps, 0u);
        m.invalidate(Operation::world_switch);
        m.regime = guest, m.context = {1, 0, 0x100000};
        EXPECT_EQ(m.at(0x5000, reading), 0x9000u);
        EXPECT_EQ(m.steps, 0u);
    }
}

TEST(Linear, rights_added_to_the_second_stage_need_no_invept) {
    Machine m;
    m.nest();
    m.page(0x5000, 0x9007);
    m.put(0x103000 + 9 * 8, 0x9031);
    EXPECT_EQ(m.at(0x5000, reading), 0x9000u);
    Result r = m.ask(0x5000, writing);
    ASSERT_TRUE(std::holds_alternative<Fault>(r));
    EXPECT_EQ(std::get<Fault>(r).information, 0x18au);
    m.put(0x103000 + 9 * 8, 0x9033);
    EXPECT_EQ(m.at(0x5000, writing), 0x9000u);
}

TEST(Linear, a_stale_second_stage_entry_is_used_until_invept) {
    Machine m;
    m.nest();
    m.page(0x5000, 0x9007), m.page(0x6000, 0x9007);
    m.at(0x5000, reading);
    m.put(0x103000 + 9 * 8, 0xb037);
    EXPECT_EQ(m.at(0x6000, reading), 0x9000u) << "the guest-physical mapping";
    EXPECT_EQ(m.at(0x5000, reading), 0x9000u) << "the combined mapping";
    m.invalidate(Operation::invvpid_context);
    EXPECT_EQ(m.at(0x5000, reading), 0x9000u) << "INVVPID leaves guest-physical mappings";
    m.invalidate(Operation::invept_context);
    EXPECT_EQ(m.at(0x5000, reading), 0xb000u);
    EXPECT_EQ(m.at(0x6000, reading), 0xb000u);
}

TEST(Linear, dirty_of_the_second_stage_is_set_by_the_first_write) {
    Machine m;
    m.nest();
    m.regime.stage2.accessed_dirty = true;
    m.page(0x5000, 0x9007);
    m.at(0x5000, reading);
    EXPECT_EQ(m.get(0x103000 + 9 * 8), 0x9137u);
    m.at(0x5000, writing);
    EXPECT_EQ(m.get(0x103000 + 9 * 8), 0x9337u);
    m.at(0x5000, writing);
    EXPECT_EQ(m.steps, 0u);
}

// A log with room for so many.
struct Log : PageLog {
    std::vector<u64> pages;
    unsigned room;
    explicit Log(unsigned room) : room(room) {}
    bool full() const override { return pages.size() == room; }
    void add(GuestPhysical page) override { pages.push_back(page.value); }
};

TEST(Linear, each_page_of_the_second_stage_is_logged_when_it_becomes_dirty) {
    Machine m;
    Log log(100);
    m.nest();
    m.regime.stage2.accessed_dirty = true, m.regime.stage2.log = &log;
    m.page(0x5000, 0x9007);
    m.at(0x5123, reading);
    EXPECT_EQ(log.pages, (std::vector<u64>{0x1000, 0x2000, 0x3000, 0x4028})) << "the guest's tables, whose reads are writes";
    m.at(0x5123, writing), m.at(0x5456, writing);
    EXPECT_EQ(log.pages.size(), 5u);
    EXPECT_EQ(log.pages.back(), 0x9123u);
}

TEST(Linear, a_full_log_is_met_before_a_flag_of_the_second_stage_is_set) {
    Machine m;
    Log log(4);
    m.nest();
    m.regime.stage2.accessed_dirty = true, m.regime.stage2.log = &log;
    m.page(0x5000, 0x9007);
    Result r = m.ask(0x5123, reading);                       // its own page would be accessed: no room is left to look
    ASSERT_TRUE(std::holds_alternative<Fault>(r));
    auto& fault = std::get<Fault>(r);
    EXPECT_EQ(fault.event, Event::log_full);
    EXPECT_EQ(fault.linear.value, 0x5123u);
    EXPECT_EQ(fault.guest.value, 0x9123u);
    EXPECT_EQ(m.get(0x103000 + 9 * 8), 0x9037u);
    EXPECT_EQ(m.tlb.data.size(), 0u);
    log.room = 5;
    EXPECT_EQ(m.at(0x5123, reading), 0x9123u);
    EXPECT_EQ(m.at(0x5123, writing), 0x9123u);
    EXPECT_EQ(m.at(0x5123, writing), 0x9123u) << "full, but nothing is left to be set";
}

TEST(Linear, paging_off_under_ept_uses_guest_physical_mappings) {
    Machine m;
    m.nest();
    m.regime.stage1 = {};
    EXPECT_EQ(m.at(0x9010, reading), 0x9010u);
    EXPECT_EQ(m.steps, 4u);
    EXPECT_EQ(m.at(0x9020, writing), 0x9020u);
    EXPECT_EQ(m.steps, 0u);
    EXPECT_EQ(m.tlb.data.size(), 0u);
    EXPECT_EQ(m.tlb.guest_physical.size(), 1u);
}

TEST(Linear, two_runs_of_one_history_end_in_one_state) {
    auto run = [] {
        Machine m;
        m.nest();
        for (u64 i = 0; i < 256; i++) m.page(i << 12, (i * 7 % 200) << 12 | 7);
        for (u64 i = 0; i < 3000; i++) m.at(i * 0x3457 % 0x100000, i % 3 ? reading : writing);
        return std::pair(hash_of(m.tlb), hash_of(m.map));
    };
    EXPECT_EQ(run(), run());
    EXPECT_NE(run().first, none);
}
