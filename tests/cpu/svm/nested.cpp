// SPDX-License-Identifier: MIT
// Nested paging and ASIDs: what a nested page fault says, in which formats the host's tables are read, what VMRUN flushes and
// what it must not (APM vol. 2, 15.16 and 15.25).
#include "tests/cpu/svm/host.h"

using namespace svm;

namespace {

constexpr u64 page = 0xa0000, moved = 0xb0000;             // a page of the guest, and another place for it

// MOV RAX, [A0000h]; HLT
constexpr const char* read_page = "48 8b 04 25 00 00 0a 00 f4";

u64 walks(SvmHost& m) { return m.cpu.mmu->tlb.counters.data_misses + m.cpu.mmu->tlb.counters.instruction_misses; }

}

TEST(SvmNested, a_nested_page_fault_says_what_was_asked_for_and_where) {
    struct { const char* code; u64 entry, want; } rows[] = {
        {"8a 04 25 00 00 0a 00", 0, 0x100000004},          // MOV AL, [A0000h]: not present, a user's read
        {"88 04 25 00 00 0a 00", 0, 0x100000006},          // a write
        {"88 04 25 00 00 0a 00", page | 0x65, 0x100000007},                // not writable
        {"8a 04 25 00 00 0a 00", page | 0x63, 0x100000005},                // not the user's
        {"8a 04 25 00 00 0a 00", page | 0x67 | bit(51), 0x10000000d},      // reserved
        {"b8 00 00 0a 00 ff e0", page | 0x67 | bit(63), 0x100000015},      // JMP there: no execution
    };
    for (auto& r : rows) {
        SvmHost m;
        m.split_nested();
        m.put(m.nested_entry(page), r.entry);
        EXPECT_EQ(m.run_guest(r.code), 0x400u) << r.code;
        EXPECT_EQ(m.get_field(Field::exit_info1), r.want) << r.code;
        EXPECT_EQ(m.get_field(Field::exit_info2), page) << r.code;
        EXPECT_EQ(m.get_field(Field::next_rip), 0u);
        bool fetch = r.want & 0x10;
        EXPECT_EQ(m.get_field(Field::fetched_count), fetch ? 0u : 15u) << r.code;
        EXPECT_EQ(m.get_field(Field::rip), fetch ? page : m.guest_code) << r.code;
    }
}

// The guest's own tables are read and written as by a user: bit 33, and a write even where the guest only reads.
TEST(SvmNested, a_fault_on_the_guests_tables_says_so) {
    SvmHost m;
    m.split_nested();
    m.put(m.nested_entry(0x3000), u64{0x3065});            // the guest's page directory, read-only
    EXPECT_EQ(m.run_guest(read_page), 0x400u);
    EXPECT_EQ(m.get_field(Field::exit_info1), 0x200000007u);
    EXPECT_EQ(m.get_field(Field::exit_info2) & ~0xfffull, 0x3000u);
}

// GMET: pages that are a user's at every level are no code below CPL 3; all others are code and data for everybody.
TEST(SvmNested, the_guest_mode_execute_trap_is_about_supervisors_fetches) {
    constexpr u64 user = 0x67, supervisor = 0x63;
    struct { u64 control, directory, leaf; bool ring3; u64 exit; } rows[] = {
        {9, user, user, false, 0x400},      {9, user, supervisor, false, 0x81}, {9, supervisor, user, false, 0x81},
        {9, user, user, true, 0x81},        {9, user, supervisor, true, 0x81},  {1, user, user, false, 0x81},
        {1, user, supervisor, false, 0x400},
    };
    for (auto& r : rows) {
        SvmHost m;
        m.split_nested();
        m.set(Field::nested_control, r.control);
        m.put(m.nested_cr3 + 0x2000, (m.nested_cr3 + 0x3000) | r.directory);
        m.put(m.nested_entry(m.guest_code), m.guest_code | r.leaf);
        if (r.ring3) {
            m.set(Field::cpl, 3);
            m.set(Field::cs_selector, m.user_code64), m.set(Field::cs_attributes, 0xafb);
            m.set(Field::ss_selector, m.user_data), m.set(Field::ss_attributes, 0xcf3);
        }
        EXPECT_EQ(m.run_guest("0f 01 d9"), r.exit) << r.control << std::hex << " " << r.directory << " " << r.leaf << " " << r.ring3;
        if (r.exit != 0x400) continue;
        EXPECT_EQ(m.get_field(Field::exit_info1), r.control == 9 ? 0x100000011u : 0x100000015u);
        EXPECT_EQ(m.get_field(Field::exit_info2), m.guest_code);
    }
}

TEST(SvmNested, under_the_execute_trap_supervisors_pages_are_data_as_well) {
    SvmHost m;
    m.split_nested();
    m.set(Field::nested_control, 9);
    m.put(m.nested_entry(m.guest_code), m.guest_code | 0x63);
    m.put(m.nested_entry(page), page | 0x61);
    m.put(page, u64{0x1234});
    EXPECT_EQ(m.run_guest(read_page), 0x78u);
    EXPECT_EQ(m.get_field(Field::rax), 0x1234u);
    EXPECT_EQ(m.run_guest("88 04 25 00 00 0a 00"), 0x400u);
    EXPECT_EQ(m.get_field(Field::exit_info1), 0x100000007u);
}

// Without paging of its own a guest may be in ring 3 and in ring 0: what one fetches isn't the other's.
TEST(SvmNested, the_execute_trap_tells_rings_apart_without_paging) {
    SvmHost m;
    m.split_nested();
    m.set(Field::nested_control, 9);
    m.set(Field::cr0, 0x11), m.set(Field::efer, efer::svme), m.set(Field::cr4, 0);
    auto ring = [&](unsigned cpl) {
        m.set(Field::cpl, cpl);
        m.set(Field::cs_attributes, 0xc9b | cpl << 5), m.set(Field::ss_attributes, 0xc93 | cpl << 5);
        return m.run_guest("0f 01 d9");
    };
    EXPECT_EQ(ring(3), 0x81u);
    EXPECT_EQ(ring(0), 0x400u);
    EXPECT_EQ(ring(3), 0x81u);
}

TEST(SvmNested, an_asids_translations_survive_exit_and_entry) {
    SvmHost m;
    m.split_nested();
    EXPECT_EQ(m.run_guest(read_page), 0x78u);
    EXPECT_EQ(m.run_guest(read_page), 0x78u);
    u64 before = walks(m);
    EXPECT_EQ(m.run_guest(read_page), 0x78u);
    EXPECT_EQ(m.run_guest(read_page), 0x78u);
    EXPECT_EQ(walks(m), before) << "guest to host and back: no new walk";
}

TEST(SvmNested, tlb_control_flushes_what_it_names_and_nothing_else_does) {
    struct { u64 control, other_asid; bool stale; } rows[] = {{0, 0, true}, {1, 0, false}, {3, 0, false}, {7, 0, false}, {3, 2, true}, {1, 2, false}};
    for (auto& r : rows) {
        SvmHost m;
        m.split_nested();
        m.put(page, u64{1}), m.put(moved, u64{2});
        EXPECT_EQ(m.run_guest(read_page), 0x78u);
        EXPECT_EQ(m.get_field(Field::rax), 1u);
        m.put(m.nested_entry(page), moved | 0x67);
        if (r.other_asid) {                                // another guest flushes its own ASID, or all
            m.set(Field::asid, r.other_asid), m.set(Field::tlb_control, r.control);
            EXPECT_EQ(m.run_guest("f4"), 0x78u);
            m.set(Field::asid, 1), m.set(Field::tlb_control, 0);
        } else {
            m.set(Field::tlb_control, r.control);
        }
        EXPECT_EQ(m.run_guest(read_page), 0x78u);
        EXPECT_EQ(m.get_field(Field::rax), r.stale ? 1u : 2u) << r.control << " " << r.other_asid;
    }
}

TEST(SvmNested, asids_keep_guests_apart) {
    SvmHost m;
    m.split_nested();
    m.put(page, u64{1}), m.put(moved, u64{2});
    EXPECT_EQ(m.run_guest(read_page), 0x78u);
    m.put(m.nested_entry(page), moved | 0x67);
    m.set(Field::asid, 2);
    EXPECT_EQ(m.run_guest(read_page), 0x78u);
    EXPECT_EQ(m.get_field(Field::rax), 2u);
    m.set(Field::asid, 1);
    EXPECT_EQ(m.run_guest(read_page), 0x78u);
    EXPECT_EQ(m.get_field(Field::rax), 1u) << "still cached";
}

// INVLPGA names one page of one ASID (by the guest's linear address).
TEST(SvmNested, invlpga_drops_a_page_of_an_asid) {
    for (u64 asid : {1, 2}) {
        SvmHost m;
        m.set(Field::nested_control, 0);
        for (u64 i = 0; i < 512; i++) m.put(0xc0000 + i * 8, i << 12 | 0x67);
        m.put(u64{0xc1000}, u64{0xc2007}), m.put(u64{0xc2000}, u64{0xc3007}), m.put(u64{0xc3000}, u64{0xc0007});
        m.set(Field::cr3, 0xc1000);
        m.put(page, u64{1}), m.put(moved, u64{2});
        EXPECT_EQ(m.run_guest(read_page), 0x78u);
        EXPECT_EQ(m.get_field(Field::rax), 1u);
        m.put(0xc0000 + (page >> 12) * 8, moved | 0x67);
        m.cpu.gpr[rax] = page, m.cpu.gpr[rcx] = asid;
        EXPECT_EQ(m.run_one("0f 01 df"), Outcome::changed);
        m.put_code("0f 01 d8 f4");
        EXPECT_EQ(m.run_guest(read_page), 0x78u);
        EXPECT_EQ(m.get_field(Field::rax), asid == 1 ? 2u : 1u);
    }
}

// Without nested paging the guest's CR3 is the host's business alone, and its tables are physical.
TEST(SvmNested, without_nested_paging_the_guests_tables_are_physical) {
    SvmHost m;
    m.set(Field::nested_control, 0);
    m.put(page, u64{0x77});
    EXPECT_EQ(m.run_guest(read_page), 0x78u);
    EXPECT_EQ(m.get_field(Field::rax), 0x77u);
    EXPECT_EQ(m.cpu.mmu->context.vpid, 0);
}

// A 32-bit host: nested tables of 4-byte entries, or PAE's. The guest is real-mode code.
TEST(SvmNested, the_hosts_paging_mode_is_the_nested_tables_format) {
    for (bool pae : {false, true}) {
        SvmHost m;
        auto& c = m.cpu.control;
        if (pae) {
            for (u64 i = 0; i < 4; i++) m.put(0xd0000 + i * 8, u64{0xd1001} + (i << 12)), m.put(0xe0000 + i * 8, u64{0xe1001} + (i << 12));
            for (u64 i = 0; i < 512; i++) m.put(0xd1000 + i * 8, i << 21 | 0xe7), m.put(0xe1000 + i * 8, i << 21 | 0xe7);
            m.put(u64{0xe1008}, u64{0x400000 | 0xe7});     // 200000h is at 400000h
        } else {
            for (u64 i = 0; i < 1024; i++) m.put(0xd0000 + i * 4, u32(i << 22 | 0xe7)), m.put(0xe0000 + i * 4, u32(i << 22 | 0xe7));
            m.put(u64{0xe0000}, u32(0xe2067));
            for (u64 i = 0; i < 1024; i++) m.put(0xe2000 + i * 4, u32(i << 12 | 0x67));
            m.put(u64{0xe2000 + 0x200 * 4}, u32(0x400067));
        }
        c.efer = efer::svme;
        c.cr3 = 0xd0000, c.cr4 = pae ? cr4::pae : cr4::pse;
        m.cpu.seg[Seg::cs] = {m.code32, 0, 0xffffffff, {0xc09b}};
        m.cpu.translation_mode_changed();
        ASSERT_TRUE(!pae || m.cpu.load_pdptes(c.cr3));
        m.cpu.translation_mode_changed(), m.cpu.mode_changed();
        m.set(Field::efer, efer::svme), m.set(Field::cr0, 0x11), m.set(Field::cr4, 0), m.set(Field::nested_cr3, 0xe0000);
        m.set(Field::cs_attributes, 0xc9b);
        m.put(u64{0x200000}, u32{1}), m.put(u64{0x400000}, u32{2});
        EXPECT_EQ(m.run_guest("a1 00 00 20 00 f4"), 0x78u) << pae;     // MOV EAX, [200000h]
        EXPECT_EQ(m.get_field(Field::rax), 2u) << pae;
        EXPECT_EQ(m.cpu.rip(), m.code + 3);
        EXPECT_EQ(m.cpu.mmu->regime.stage1.mode, pae ? paging::Mode::pae : paging::Mode::bits32);
    }
}

// A PAE guest's PDPTEs are read at each walk: one that changes is seen without MOV CR3.
TEST(SvmNested, a_pae_guests_pdptes_are_in_memory) {
    SvmHost m;
    for (u64 i = 0; i < 4; i++) m.put(0xd0000 + i * 8, u64{0xd1001});
    for (u64 i = 0; i < 512; i++) m.put(0xd1000 + i * 8, i << 21 | 0xe7), m.put(0xd2000 + i * 8, i << 21 | 0xe7);
    m.put(u64{0xd2000}, u64{0x400000 | 0xe7});
    m.set(Field::efer, efer::svme), m.set(Field::cr0, 0x80010011), m.set(Field::cr4, 0x20), m.set(Field::cr3, 0xd0000);
    m.set(Field::cs_attributes, 0xc9b);
    m.put(page, u32{1}), m.put(0x400000 + page, u32{2});
    // MOV dword [D0018h], D2001h: PDPTE 3; MOV EAX, [C00A0000h]; HLT
    EXPECT_EQ(m.run_guest("c7 05 18 00 0d 00 01 20 0d 00 a1 00 00 0a c0 f4"), 0x78u);
    EXPECT_EQ(m.get_field(Field::rax), 2u);
}

TEST(SvmNested, the_guests_pat_is_its_own) {
    SvmHost m;
    m.set(Field::gpat, 0x0606060606060606);
    m.cpu.gpr[rcx] = 0x277;
    EXPECT_EQ(m.run_guest("0f 32 89 c3 b8 04 04 04 04 89 c2 0f 30 f4"), 0x78u);
    EXPECT_EQ(m.cpu.gpr[rbx], 0x06060606u);
    EXPECT_EQ(m.get_field(Field::gpat), 0x0404040404040404u);
    EXPECT_EQ(m.cpu.msr.pat, 0x0007040600070406u);
}

// VMLOAD in a guest that may: rAX is guest-physical, and a nested page fault is possible.
TEST(SvmNested, virtual_vmsave_goes_through_the_nested_tables) {
    SvmHost m;
    m.split_nested();
    m.put(m.nested_entry(page), moved | 0x67);
    m.set(Field::virtual_extensions, virtual_vmload_vmsave);
    m.cpu.msr.lstar = 0x1234000;
    EXPECT_EQ(m.run_guest("b8 00 00 0a 00 0f 01 db f4"), 0x78u);
    EXPECT_EQ(m.get_field(Field::lstar, moved), 0x1234000u);
    EXPECT_EQ(m.get_field(Field::lstar, page), 0u);
    m.put(m.nested_entry(page), u64{0});
    m.set(Field::tlb_control, 1);
    EXPECT_EQ(m.run_guest("b8 00 00 0a 00 0f 01 db f4"), 0x400u);
    EXPECT_EQ(m.get_field(Field::exit_info2), page);
}
