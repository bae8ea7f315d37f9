// SPDX-License-Identifier: MIT
// Every operation of the invalidation table, with what it drops and what it keeps, on both vendors.
#include "memory/scopes.h"
#include <gtest/gtest.h>

using namespace paging;

namespace {

constexpr u64 address = 0x234567, guest = 0x9123;
constexpr u64 root_x = 0x70000, root_y = 0x80000;

// One cached translation, by a letter. The page of `address` unless another; the current context is VPID/ASID 1, PCID 1.
struct Cached {
    char letter;
    Tag tag;
};
constexpr Tag linear(u16 vpid, u16 pcid, u64 page, bool global = false, u8 shift = 12, u8 first = 0, u64 ept = Context::no_ept) {
    return {page, ept, vpid, pcid, shift, first ? first : shift, global, ept == Context::no_ept ? Dimension::linear : Dimension::combined};
}
constexpr Tag combined(u16 vpid, u16 pcid, u64 page, u64 ept) { return linear(vpid, pcid, page, false, 12, 12, ept); }
constexpr Tag second(u64 page, u64 ept, u16 asid = 0) { return {page, ept, asid, 0, 12, 12, false, Dimension::guest_physical}; }

constexpr u64 here = 0x234000, elsewhere = 0x555000;
constexpr Cached all[] = {
    {'A', linear(1, 1, here)},
    {'B', linear(1, 1, elsewhere)},
    {'C', linear(1, 2, here)},
    {'D', linear(1, 1, here, true)},
    {'E', linear(1, 2, here, true)},
    {'F', linear(1, 1, elsewhere, true)},
    {'G', linear(1, 1, 0x200000, false, 21)},           // a large page that holds the address
    {'H', linear(1, 1, 0x201000, false, 12, 21)},       // another piece of the guest's large page
    {'I', linear(2, 1, here)},
    {'J', linear(0, 1, here)},
    {'K', combined(1, 1, here, root_x)},
    {'L', combined(1, 1, here, root_x | 5)},            // another variant of the root
    {'M', combined(1, 1, here, root_y)},
    {'N', combined(2, 2, elsewhere, root_x)},
    {'O', combined(0, 1, here, root_x)},
    {'P', second(0x9000, root_x)},
    {'Q', second(0xa000, root_x)},
    {'R', second(0x9000, root_y)},
    {'S', second(0x9000, Context::no_ept, 1)},          // on AMD the ASID stands for the root
    {'T', second(0xa000, Context::no_ept, 1)},
    {'U', second(0x9000, Context::no_ept, 2)},
};
constexpr std::string_view of_intel = "ABCDEFGHIJKLMNOPQR", of_amd = "ABCDEFGHIJSTU";

struct Row {
    Operation operation;
    std::string_view intel, amd;             // the letters that are dropped
};
// From SDM vol. 3, 4.10.4 and 29.4.3, and APM vol. 2, 5.5.3, 15.16; the current root is X.
using enum Operation;
constexpr Row rows[] = {
    {invlpg,                       "ADEGHKLM",           "ADEGH"},
    {invlpga,                      "",                   "ACDEGH"},
    {invpcid_address,              "AGHKLM",             "AGH"},
    {invpcid_context,              "ABGHKLM",            "ABGH"},
    {invpcid_all_and_globals,      "ABCDEFGHKLM",        "ABCDEFGH"},
    {invpcid_all,                  "ABCGHKLM",           "ABCGH"},
    {mov_cr3,                      "ABGHKLM",            "ABGH"},
    {mov_cr3_keeping,              "",                   ""},
    {clear_pg,                     "ABCDEFGHKLM",        "ABCDEFGH"},
    {change_pge,                   "ABCDEFGHKLM",        "ABCDEFGH"},
    {clear_pcide,                  "ABCDEFGHKLM",        "ABCDEFGH"},
    {change_pae,                   "ABDEFGHKLM",         "ABCDEFGH"},
    {change_pse,                   "",                   "ABCDEFGH"},
    {set_smep,                     "ABDEFGHKLM",         "ABDEFGH"},
    {invvpid_address,              "ACDEGHKLM",          ""},
    {invvpid_context,              "ABCDEFGHKLM",        ""},
    {invvpid_all,                  "ABCDEFGHIKLMN",      ""},
    {invvpid_retaining_globals,    "ABCGHKLM",           ""},
    {invept_context,               "KLNOPQ",             ""},
    {invept_all,                   "KLMNOPQR",           ""},
    {vmrun_nothing,                "",                   ""},
    {vmrun_all,                    "",                   "ABCDEFGHIJSTU"},
    {vmrun_asid,                   "",                   "ABCDEFGHST"},
    {vmrun_asid_retaining_globals, "",                   "ABCGHST"},
    {world_switch_untagged,        "JO",                 ""},
    {world_switch,                 "",                   ""},
    {vmx_on_off,                   "",                   ""},
    {vmfunc_eptp,                  "",                   ""},
    {page_fault,                   "K",                  "ADEGH"},
    {second_stage_fault,           "KP",                 "ADEGHS"},
    {wp_or_key_change,             "",                   ""},
    {a20,                          "",                   "ABCDEFGHIJSTU"},
    {mtrr,                         "",                   "ABCDEFGHIJSTU"},
    {smm_enter,                    "",                   "ABCDEFGHIJSTU"},
    {rsm,                          "",                   "ABCDEFGHIJSTU"},
    {reset,                        "ABCDEFGHIJKLMNOPQR", "ABCDEFGHIJSTU"},
};

TlbArray& put(Tlb& tlb, const Tag& tag, bool instruction) {
    TlbArray& array = tag.dimension == Dimension::guest_physical ? tlb.guest_physical : instruction ? tlb.instruction : tlb.data;
    Entry e;
    e.tag = tag;
    array.fill({tag.vpid, tag.pcid, tag.ept}, tag.page, e);
    return array;
}

// The letters of those entries that the operation drops, each tried alone.
std::string dropped(Operation operation, Vendor vendor, const Target& target, bool instruction) {
    std::string letters;
    static Tlb tlb;
    for (const Cached& c : all) {
        if ((vendor == Vendor::intel ? of_intel : of_amd).find(c.letter) == std::string_view::npos) continue;
        TlbArray& array = put(tlb, c.tag, instruction);
        u64 count = invalidate(tlb, operation, target, vendor);
        EXPECT_EQ(count, array.size() == 0 ? 1u : 0u) << c.letter;
        if (count) letters += c.letter;
        invalidate(tlb, reset, {}, Vendor::intel);
    }
    return letters;
}

}

TEST(Scopes, every_operation_has_a_row_here) {
    EXPECT_EQ(std::size(rows), scopes().size());
    for (unsigned i = 0; i < std::size(rows); i++) EXPECT_EQ(scopes()[i].operation, rows[i].operation) << i;
}

TEST(Scopes, each_operation_drops_what_the_manuals_say_and_nothing_else) {
    const Target intel{{1, 1, root_x}, address, guest}, amd{{1, 1}, address, guest};
    for (const Row& row : rows)
        for (bool instruction : {false, true}) {
            EXPECT_EQ(dropped(row.operation, Vendor::intel, intel, instruction), row.intel) << scope(row.operation).name << ", Intel";
            EXPECT_EQ(dropped(row.operation, Vendor::amd, amd, instruction), row.amd) << scope(row.operation).name << ", AMD";
        }
}

TEST(Scopes, a_page_fault_without_a_second_stage_forgets_the_linear_mapping) {
    EXPECT_EQ(dropped(page_fault, Vendor::intel, {{1, 1}, address, 0}, false), "ADEGH");
}

TEST(Scopes, invvpid_all_spares_the_host) {
    Tlb tlb;
    put(tlb, linear(0, 1, here), false), put(tlb, linear(1, 1, here), false), put(tlb, linear(0xffff, 1, here), true);
    EXPECT_EQ(invalidate(tlb, invvpid_all, {}, Vendor::intel), 2u);
    EXPECT_NE(tlb.data.find({0, 1}, here), nullptr);
}

TEST(Scopes, invlpg_finds_its_page_in_a_full_tlb) {
    for (bool fragments : {false, true}) {
        Tlb tlb;
        for (u64 page = 0; page < 4096; page++) put(tlb, linear(1, 1, page << 12), page & 1);
        put(tlb, linear(1, 1, bit(35), false, 21), false);
        put(tlb, linear(1, 1, bit(36), false, 30), false);
        if (fragments) put(tlb, linear(1, 1, bit(38), false, 12, 21), false);
        u64 before = tlb.data.size() + tlb.instruction.size();
        EXPECT_EQ(invalidate(tlb, invlpg, {{1, 1}, 0x777123, 0}, Vendor::intel), 1u);
        EXPECT_EQ(tlb.data.find({1, 1}, 0x777000), nullptr);
        EXPECT_EQ(tlb.instruction.find({1, 1}, 0x777000), nullptr);
        EXPECT_EQ(invalidate(tlb, invlpg, {{1, 1}, bit(35) + 0x12345, 0}, Vendor::intel), 1u);
        EXPECT_EQ(invalidate(tlb, invlpg, {{1, 1}, bit(36) + 0x12345678, 0}, Vendor::intel), 1u);
        EXPECT_EQ(tlb.data.size() + tlb.instruction.size(), before - 3);
    }
}

TEST(Scopes, invlpg_of_a_large_guest_page_drops_all_its_pieces) {
    Tlb tlb;
    for (u64 piece = 0; piece < 512; piece++) put(tlb, linear(1, 1, 0x200000 + (piece << 12), false, 12, 21), piece & 1);
    put(tlb, linear(1, 1, 0x400000, false, 12, 21), false);
    EXPECT_EQ(invalidate(tlb, invlpg, {{1, 1}, 0x3ff000, 0}, Vendor::intel), 512u);
    EXPECT_NE(tlb.data.find({1, 1}, 0x400000), nullptr);
}

TEST(Scopes, flushes_and_drops_are_counted_by_cause) {
    Tlb tlb;
    put(tlb, linear(1, 1, here), false), put(tlb, linear(1, 1, elsewhere), true);
    invalidate(tlb, mov_cr3, {{1, 1}}, Vendor::intel);
    invalidate(tlb, mov_cr3, {{1, 1}}, Vendor::intel);
    EXPECT_EQ(tlb.counters.flushes[unsigned(mov_cr3)], 2u);
    EXPECT_EQ(tlb.counters.dropped[unsigned(mov_cr3)], 2u);
}

TEST(Scopes, more_contexts_than_groups_are_told_apart) {
    Tlb tlb;
    for (u16 pcid = 0; pcid < 200; pcid++) put(tlb, linear(1, pcid, u64{pcid} << 12), false), put(tlb, linear(1, pcid, bit(40) + (u64{pcid} << 12), true), true);
    for (u16 pcid = 0; pcid < 200; pcid += 3) EXPECT_EQ(invalidate(tlb, mov_cr3, {{1, pcid}}, Vendor::intel), 1u) << pcid;
    for (u16 pcid = 0; pcid < 200; pcid++) EXPECT_EQ(tlb.data.find({1, pcid}, u64{pcid} << 12) == nullptr, pcid % 3 == 0) << pcid;
    EXPECT_EQ(tlb.instruction.size(), 200u);
    for (u16 pcid = 0; pcid < 200; pcid += 3) put(tlb, linear(1, pcid, u64{pcid} << 12), false);
    EXPECT_EQ(invalidate(tlb, invpcid_all, {{1, 0}}, Vendor::intel), 200u);
    EXPECT_EQ(tlb.data.size(), 0u);
    EXPECT_EQ(invalidate(tlb, invvpid_context, {{1, 0}}, Vendor::intel), 200u);
    EXPECT_EQ(tlb.counters.contexts.of(1, Context::no_ept).dropped[unsigned(invpcid_all)], 200u);
}

TEST(Scopes, invlpg_finds_pieces_among_more_contexts_than_groups) {
    Tlb tlb;
    for (u16 pcid = 0; pcid < 100; pcid++)
        for (u64 piece = 0; piece < 4; piece++) put(tlb, linear(1, pcid, 0x200000 + (piece << 12), false, 12, 21), false);
    for (u16 pcid : {0, 62, 63, 99}) {
        u64 held = 0;
        tlb.data.each([&](const Entry& e) { held += e.tag.pcid == pcid; });
        EXPECT_EQ(invalidate(tlb, invlpg, {{1, pcid}, 0x3ff000, 0}, Vendor::intel), held);
    }
}
