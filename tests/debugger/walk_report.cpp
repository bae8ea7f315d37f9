// SPDX-License-Identifier: MIT
// Walks in words. Expected: SDM vol. 3, 4.5, 4.7, 28.2.1; APM vol. 2, 15.25.6.
#include "tests/debugger/board.h"
#include <gtest/gtest.h>

using namespace debugger;

namespace {

const Line& verdict(const Result& r) { return r.lines.back(); }

// EPT at 400000h: the first 2 MiB by 4-KiB pages, the rest of 1 GiB by 2-MiB pages; all of it itself.
void nest(Debugged& m, u64 rights = 7) {
    m.put(0x400000, u64{0x401007}), m.put(0x401000, u64{0x402007}), m.put(0x402000, u64{0x403007});
    for (u64 i = 1; i < 512; i++) m.put(0x402000 + i * 8, i << 21 | 0xb0 | rights);
    for (u64 i = 0; i < 512; i++) m.put(0x403000 + i * 8, i << 12 | 0x30 | rights);
    auto& s = m.cpu.mmu->regime.stage2;
    s.kind = paging::Nesting::ept, s.root = 0x40001e, s.maxphyaddr = 40;
}

}

TEST(WalkReport, ALinePerReferenceAndTheVerdict) {
    Debugged m;
    auto r = m.command("walk 0x212345 w");
    ASSERT_EQ(r.lines.size(), 4u);
    const char* names[] = {"PML4E", "PDPTE", "PDE"};
    const char* at[] = {"0x1000", "0x2000", "0x3008"};
    const char* entries[] = {"0x2007", "0x3007", "0x2000e7"};
    for (unsigned i = 0; i < 3; i++) {
        EXPECT_EQ(field(r.lines[i], "entry_name"), names[i]);
        EXPECT_EQ(field(r.lines[i], "physical"), at[i]);
        EXPECT_EQ(field(r.lines[i], "entry"), entries[i]);
        EXPECT_EQ(field(r.lines[i], "rights"), "user writable executable");
    }
    EXPECT_EQ(field(r.lines[0], "bits"), "P RW US");
    EXPECT_EQ(field(r.lines[0], "would_set"), "A");
    EXPECT_EQ(field(r.lines[2], "bits"), "P RW US A D PS");
    EXPECT_EQ(field(r.lines[2], "would_set"), "");
    EXPECT_EQ(field(r.lines[2], "index"), "1");
    EXPECT_EQ(field(verdict(r), "granted"), "true");
    EXPECT_EQ(field(verdict(r), "physical"), "0x212345");
    EXPECT_EQ(field(verdict(r), "page_size"), "2097152");
}

TEST(WalkReport, PageFaultsHaveTheirErrorCode) {
    struct { const char* walk; u64 pde; const char* code; } cases[] = {
        {"walk 0x40000000", 0xe7, "0x0"},                // not present
        {"walk 0x40000000 w u", 0xe7, "0x6"},
        {"walk 0x200000 w u", 0x2000e5, "0x7"},          // read-only
        {"walk 0x200000 w s", 0x2000e5, "0x3"},          // CR0.WP is set
        {"walk 0x200000 r u", 0x2000e3, "0x5"},          // a supervisor's page
        {"walk 0x200000 x s", 0x80000000002000e7, "0x11"},
        {"walk 0x200000 r s", 0x2020e7, "0x9"},          // bit 13 of a 2-MiB page is reserved
    };
    for (auto& c : cases) {
        Debugged m;
        m.put(0x3008, c.pde);
        auto r = m.command(c.walk);
        EXPECT_EQ(field(verdict(r), "granted"), "false") << c.walk;
        EXPECT_EQ(field(verdict(r), "event"), "page_fault") << c.walk;
        EXPECT_EQ(field(verdict(r), "information"), c.code) << c.walk;
    }
}

TEST(WalkReport, NonCanonicalAddressesAreNotWalked) {
    Debugged m;
    auto r = m.command("walk 0x800000000000");
    EXPECT_EQ(r.lines.size(), 1u);
    EXPECT_EQ(field(verdict(r), "event"), "not_canonical");
}

// Three entries of the guest's, each behind four of EPT, and four more for the page (3 where it is large).
TEST(WalkReport, TwoDimensions) {
    Debugged m;
    nest(m);
    auto r = m.command("walk 0x212345 w");
    EXPECT_EQ(r.lines.size(), 3 * (4 + 1) + 3 + 1u);
    EXPECT_EQ(field(r.lines[0], "entry_name"), "EPT PML4E");
    EXPECT_EQ(field(r.lines[0], "input"), "0x1000");
    EXPECT_EQ(field(r.lines[4], "entry_name"), "PML4E");
    EXPECT_EQ(field(r.lines[4], "guest_physical"), "0x1000");
    EXPECT_EQ(field(r.lines[3], "rights"), "R W X");
    EXPECT_EQ(field(verdict(r), "granted"), "true");
    EXPECT_EQ(field(verdict(r), "physical"), "0x212345");
}

TEST(WalkReport, EptViolationsHaveTheirQualification) {
    Debugged m;
    nest(m);
    m.put(0x402008, u64{0x2000b5});                      // the page at 2 MiB: R and X
    auto r = m.command("walk 0x200000 w");
    EXPECT_EQ(field(verdict(r), "event"), "ept_violation");
    EXPECT_EQ(field(verdict(r), "information"), "0x1aa"); // a write; readable, executable; linear address valid; of it itself
    EXPECT_EQ(field(verdict(r), "guest_physical"), "0x200000");
    m.put(0x403000 + 2 * 8, u64{0});                     // the table at 2000h
    r = m.command("walk 0x200000");
    EXPECT_EQ(field(verdict(r), "event"), "ept_violation");
    EXPECT_EQ(field(verdict(r), "information"), "0x81"); // a read; nothing allowed; valid, but of a table's entry
    EXPECT_EQ(field(verdict(r), "guest_physical"), "0x2000");
    m.put(0x402008, u64{0x2000b2});                      // W without R
    r = m.command("walk g:0x200000");
    EXPECT_EQ(field(verdict(r), "event"), "ept_misconfiguration");
}

TEST(WalkReport, NestedPageFaultsHaveTheirExitInformation) {
    Debugged m(TestMode::long64, "max-amd");
    auto& s = m.cpu.mmu->regime.stage2;
    s.kind = paging::Nesting::npt, s.mode = paging::Mode::level4, s.root = 0x1000, s.maxphyaddr = 40;     // the same tables: themselves
    m.put(0x3008, u64{0x2000e5});
    auto r = m.command("walk 0x200000 r");
    EXPECT_EQ(field(verdict(r), "granted"), "true");
    m.put(0x5000, u64{0x6007}), m.put(0x6000, u64{0x7007});
    for (u64 i = 0; i < 512; i++) m.put(0x7000 + i * 8, i << 21 | 0xe7);
    m.cpu.mmu->regime.stage1.root = 0x5000;              // the guest's own allow all
    r = m.command("walk 0x200000 w");
    EXPECT_EQ(field(verdict(r), "event"), "nested_page_fault");
    EXPECT_EQ(field(verdict(r), "information"), "0x100000007");          // P, W, U; the final address
    EXPECT_EQ(field(verdict(r), "guest_physical"), "0x200000");
}
