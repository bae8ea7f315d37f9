// SPDX-License-Identifier: MIT
// The stale-use detector: what is a stale use, what is legal, what is in flight, and what a report says.
#include "cpu/check/stale.h"
#include "tests/cpu/two_stages.h"
#include <gtest/gtest.h>

using paging::Operation;

namespace {
struct Detector : TwoStages {
    check::StaleUses shared;
    std::vector<std::string> reports;
    static constexpr u64 page = 0x400000, guest_entry = guest_tables + 0x4000, storing_rip = 0x12340, using_rip = 0x56780;

    explicit Detector(bool amd = false, check::StaleSettings settings = {}) : TwoStages(amd, false), shared(settings) {
        shared.report = [this](const std::string& text) { reports.push_back(text); };
        mmu.stale = std::make_unique<check::Stale>(cpu, shared);
        // The guest's page 400000h is its page 16, which each root has elsewhere.
        put(guest_entry, u64{16 << 12 | 0x67});
        for (u64 n : {0, 1}) put(second_entry(n), (frames + n * 4096) | second_all());
    }
    static u64 second_entry(u64 root) { return roots[root] + 0x3000 + 16 * 8; }

    u64 read(u64 at) {
        u64 value = 0;
        cpu.rip() = using_rip;
        EXPECT_TRUE(cpu.load(at, value));
        return value;
    }
    void store(u64 at, u64 value) {
        cpu.rip() = storing_rip;
        cpu.write_physical(Physical(at), 8, value);
    }
    void let_pass(u64 instructions) { cpu.retired += instructions; }
    void end() { mmu.stale->finish(); }
    // In the host: 2 MiB at 6 MiB, by the entry at 3018h, lead to 10 MiB from now on.
    static constexpr u64 host_page = 0x600000, host_entry = 0x3018, host_frame = 0x6000e7, other_frame = 0xa000e7;
    void make_stale() {
        read(host_page);
        store(host_entry, other_frame);
        read(host_page);
    }
    bool says(const std::string& what) const { return reports.size() == 1 && reports[0].find(what) != std::string::npos; }
    std::string all() const {
        std::string text;
        for (auto& r : reports) text += r + "\n";
        return text;
    }
};
}  // namespace

TEST(Stale, AForgottenInvlpgIsReportedWithItsWriter) {
    Detector d;
    d.make_stale();
    EXPECT_TRUE(d.reports.empty());
    d.let_pass(1'000'000);
    d.end();
    EXPECT_EQ(d.shared.counters.reported, 1u);
    EXPECT_EQ(d.shared.counters.in_flight, 0u);
    for (auto* part : {"at RIP 56780", "read of 600000", "linear mapping: page 600000 of 2 MiB, VPID 0, PCID 0", "cached: physical 600000, ", "walked now: physical a00000, ",
                       "level 2, at 3018, was 6000e7, is a000e7", "written by CPU 0 at RIP 12340 of the host", "within 1000000 instructions"})
        EXPECT_TRUE(d.says(part)) << part << "\n" << d.all();
}

TEST(Stale, AnInvalidationWithinTheGraceMakesItLegal) {
    Detector d;
    d.make_stale();
    d.let_pass(999'999);
    d.mmu.invalidate(Operation::invlpg, {d.mmu.context, d.host_page + 0x1000});
    EXPECT_EQ(d.shared.counters.in_flight, 1u);
    d.let_pass(2'000'000);
    d.end();
    EXPECT_EQ(d.shared.counters.reported, 0u) << d.all();
}

TEST(Stale, AnInvalidationBehindTheGraceComesTooLate) {
    Detector d(false, {.grace = 100});
    d.make_stale();
    d.let_pass(100);
    d.mmu.invalidate(Operation::invlpg, {d.mmu.context, d.host_page});
    EXPECT_EQ(d.shared.counters.reported, 1u);
    EXPECT_EQ(d.shared.counters.in_flight, 0u);
}

TEST(Stale, AnotherPagesInvalidationCoversNothing) {
    Detector d;
    d.make_stale();
    d.mmu.invalidate(Operation::invlpg, {d.mmu.context, 0x800000});
    d.let_pass(1'000'000);
    d.end();
    EXPECT_EQ(d.shared.counters.reported, 1u);
}

TEST(Stale, TheEndOfTheRunDecidesNothing) {
    Detector d;
    d.make_stale();
    d.end();
    EXPECT_EQ(d.shared.counters.reported, 0u);
    EXPECT_EQ(d.shared.counters.undecided, 1u);
    EXPECT_TRUE(d.says("undecided")) << d.all();
}

TEST(Stale, RepeatedUsesAreOneReport) {
    Detector d(false, {.grace = 10});
    d.make_stale();
    for (int i = 0; i < 5; i++) d.let_pass(10), d.read(d.host_page);
    d.let_pass(10);
    d.end();
    EXPECT_EQ(d.reports.size(), 1u) << d.all();
}

TEST(Stale, WhatReachesTheSameIsNotStale) {
    struct { const char* what; u64 before, after; } rows[] = {
        {"a flag", 0x600087, 0x6000e7},
        {"a right that nobody uses taken", 0x6000e7, 0x6000e5},
        {"a right added", 0x6000e5, 0x6000e7},
        {"bits that software may have", 0x6000e7, 0x600ee7},
    };
    for (auto& row : rows) {
        Detector d;
        d.put(d.host_entry, row.before);
        d.read(d.host_page), d.store(d.host_entry, row.after), d.read(d.host_page), d.read(d.host_page);
        d.let_pass(1'000'000);
        d.end();
        EXPECT_EQ(d.shared.counters.stale, 0u) << row.what << "\n" << d.all();
    }
}

TEST(Stale, ARightTakenIsStaleWhereItIsUsed) {
    Detector d;
    u64 value = 1;
    ASSERT_TRUE(d.cpu.store(d.host_page, value));
    d.store(d.host_entry, 0x6000e5);
    ASSERT_TRUE(d.cpu.store(d.host_page, value));
    d.let_pass(1'000'000);
    d.end();
    EXPECT_TRUE(d.says("write to 600000")) << d.all();
    EXPECT_TRUE(d.says("walked now: page fault")) << d.all();
}

TEST(Stale, AChangeThatIsTakenBackIsNone) {
    Detector d;
    d.read(d.host_page);
    d.store(d.host_entry, d.other_frame), d.store(d.host_entry, d.host_frame);
    d.read(d.host_page);
    EXPECT_EQ(d.shared.counters.walks, 0u);
}

TEST(Stale, AChangeBeforeTheFillIsNone) {
    Detector d;
    d.store(d.host_entry, d.other_frame);
    d.read(d.host_page), d.read(d.host_page);
    EXPECT_EQ(d.shared.counters.walks, 0u);
}

TEST(Stale, AnotherMemoryTypeIsStale) {
    Detector d;
    d.cpu.msr.mtrr_def_type = 0x806;
    d.read(d.host_page), d.store(d.host_entry, d.host_frame | 0x18), d.read(d.host_page);              // PAT entry 3: UC
    d.let_pass(1'000'000);
    d.end();
    EXPECT_TRUE(d.says("cached: physical 600000, WB; walked now: physical 600000, UC")) << d.all();
}

TEST(Stale, WhatADeviceStoresIsTheDevices) {
    Detector d;
    d.read(d.host_page);
    d.memory.write(Physical(d.host_entry), 8, d.other_frame);
    d.read(d.host_page);
    d.let_pass(1'000'000);
    d.end();
    EXPECT_TRUE(d.says("written by a device")) << d.all();
}

TEST(Stale, OneUseInSoManyIsLookedAt) {
    Detector d(false, {.every = 3});
    d.read(d.host_page), d.store(d.host_entry, d.other_frame);
    for (int i = 0; i < 7; i++) d.read(d.host_page);
    EXPECT_EQ(d.shared.counters.walks, 3u);
}

TEST(Stale, AFetchIsAUse) {
    Detector d;
    Physical at;
    u8* host;
    auto fetch = [&] { return d.mmu.translate(d.host_page, Kind::execute, As::current, at, host); };
    ASSERT_TRUE(fetch());
    d.store(d.host_entry, d.other_frame);
    ASSERT_TRUE(fetch());
    EXPECT_EQ(at.value, 0x600000u);
    d.let_pass(1'000'000);
    d.end();
    EXPECT_TRUE(d.says("fetch from 600000")) << d.all();
}

// Each CPU has its TLB, and its own invalidations; who wrote may be another.
TEST(Stale, AnotherCpusStoreIsTheWriters) {
    Detector d;
    Cpu other(1, d.cpu.model, d.cpu.features, d.memory, d.clock, {});
    other.control = d.cpu.control, other.seg = d.cpu.seg;
    other.translation_mode_changed(), other.mode_changed();
    other.mmu->stale = std::make_unique<check::Stale>(other, d.shared);
    d.read(d.host_page);
    other.rip() = 0x4440;
    other.write_physical(Physical(d.host_entry), 8, d.other_frame);
    d.read(d.host_page);
    other.mmu->invalidate(Operation::invlpg, {other.mmu->context, d.host_page});
    EXPECT_EQ(d.shared.counters.in_flight, 0u);
    d.let_pass(1'000'000);
    d.end();
    EXPECT_TRUE(d.says("stale use on CPU 0")) << d.all();
    EXPECT_TRUE(d.says("written by CPU 1 at RIP 4440 of the host")) << d.all();
}

// INVVPID leaves the guest-physical mapping, and what is combined from it anew is as stale as what it replaces.
TEST(Stale, AForgottenInveptIsSeenBehindAnInvvpid) {
    Detector d;
    d.enter(TwoStages::intel_worlds[0]);
    EXPECT_EQ(d.read(d.page), TwoStages::frames);
    d.store(d.second_entry(0), (TwoStages::frames + 0x2000) | 0x37);
    EXPECT_EQ(d.read(d.page), TwoStages::frames);
    d.mmu.invalidate(Operation::invvpid_context, {d.mmu.context});
    EXPECT_EQ(d.shared.counters.in_flight, 1u);
    EXPECT_EQ(d.read(d.page), TwoStages::frames);
    d.let_pass(1'000'000);
    d.end();
    EXPECT_EQ(d.shared.counters.reported, 1u);
    EXPECT_TRUE(d.says("combined mapping: page 400000 of 4 KiB, VPID 1, PCID 0, EPTRTA 400000")) << d.all();
    EXPECT_TRUE(d.says("entry of the second stage, level 1, at 403080")) << d.all();
}

TEST(Stale, AnInveptCoversAllOfIt) {
    Detector d;
    d.enter(TwoStages::intel_worlds[0]);
    d.read(d.page), d.store(d.second_entry(0), (TwoStages::frames + 0x2000) | 0x37), d.read(d.page);
    d.mmu.invalidate(Operation::invept_context, {{0, 0, TwoStages::roots[0]}});
    EXPECT_EQ(d.shared.counters.in_flight, 1u);
    EXPECT_EQ(d.read(d.page), TwoStages::frames + 0x2000);
    d.let_pass(1'000'000);
    d.end();
    EXPECT_EQ(d.shared.counters.reported, 0u) << d.all();
}

TEST(Stale, TheNextGuestsVmEntryEndsTheGrace) {
    Detector d;
    d.enter(TwoStages::intel_worlds[0]);
    d.read(d.page), d.store(d.second_entry(0), (TwoStages::frames + 0x2000) | 0x37), d.read(d.page);
    d.leave(), d.enter(TwoStages::intel_worlds[0]);
    EXPECT_TRUE(d.reports.empty()) << d.all();
    d.leave(), d.enter(TwoStages::intel_worlds[1]);
    EXPECT_TRUE(d.says("before the VM entry of another context")) << d.all();
}

TEST(Stale, AnAsidWithAnotherRootIsReported) {
    Detector d(true);
    auto enter = [&](unsigned root) {
        d.leave();
        d.cpu.rip() = 0x9990;
        d.mmu.invalidate(Operation::vmrun_nothing);
        static TwoStages::World world;
        world = {1, root, true};
        d.enter(world);
    };
    enter(0);
    EXPECT_EQ(d.read(d.page), TwoStages::frames);
    enter(1);
    EXPECT_EQ(d.read(d.page), TwoStages::frames);
    d.let_pass(1'000'000);
    d.end();
    EXPECT_TRUE(d.says("nCR3 was 400000, is 500000; written by CPU 0 at RIP 9990 of the host")) << d.all();
    EXPECT_TRUE(d.says("ASID 1")) << d.all();
}

TEST(Stale, AnAsidFlushedForItsNewRootIsFresh) {
    Detector d(true);
    static TwoStages::World first, second;
    first = {1, 0, true}, second = {1, 1, true};
    d.enter(first);
    d.read(d.page);
    d.leave();
    d.mmu.invalidate(Operation::vmrun_asid, {{1, 0, paging::Context::no_ept}});
    d.enter(second);
    EXPECT_EQ(d.read(d.page), TwoStages::frames + 4096);
    EXPECT_EQ(d.shared.counters.walks, 0u);
}

TEST(Stale, ACr3LoadedWithBit63KeepsWhatIsNotOfItsTables) {
    Detector d;
    d.cpu.control.cr4 |= cr4::pcide;
    d.cpu.translation_mode_changed();
    d.put(0x7000, u64{0x8007}), d.put(0x8000, u64{0x9007}), d.put(0x9018, d.other_frame);
    d.read(d.host_page);
    d.cpu.control.cr3 = 0x7000;
    d.cpu.cr3_written(true);
    d.read(d.host_page);
    d.let_pass(1'000'000);
    d.end();
    EXPECT_TRUE(d.says("CR3 was 1000, is 7000")) << d.all();
}

// The same random life as without it, with the least invalidation that the manuals ask for: every access as it should be, and
// nothing stale.
TEST(Stale, ACarefulHypervisorIsNotBlamed) {
    struct Chance {
        u64 state = 1;
        u64 below(u64 n) { return (state = state * 6364136223846793005 + 1442695040888963407, state >> 33) % n; }
    };
    for (bool amd : {false, true}) {
        Detector d(amd);
        Chance chance;
        for (unsigned n = 0; n < 40'000; n++) {
            d.turn(chance);
            d.let_pass(1000);
        }
        d.end();
        EXPECT_EQ(d.complaint, "");
        EXPECT_EQ(d.shared.counters.stale, 0u) << d.all();
    }
}

// The same life without its invalidations is one stale use after the other.
TEST(Stale, ACarelessOneIs) {
    for (bool amd : {false, true}) {
        Detector d(amd, {.grace = 0});
        d.enter(amd ? TwoStages::amd_worlds[0] : TwoStages::intel_worlds[0]);
        for (u64 n = 1; n < 20; n++) {
            d.store(d.second_entry(0), (TwoStages::frames + n * 4096) | d.second_all());
            d.read(d.page);
        }
        d.end();
        EXPECT_EQ(d.reports.size(), 1u) << d.all();
        EXPECT_EQ(d.shared.counters.stale, 18u);
    }
}
