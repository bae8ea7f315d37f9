// SPDX-License-Identifier: MIT
// Guest, 64-bit: sub-page write permissions (SDM vol. 3, 29.3.4): which writes the table grants, its misses and misconfigurations.
#include "inner.h"

using namespace vmx;

static Inner inner;
static u64 root, frame, table, permissions;
static constexpr u64 by_part = 1ull << 61, readable = 0x31, writable = 0x33, miss = 1 << 11;
static constexpr u64 first_and_last = 1 | 1ull << 62;
static u64& leaf(u64 page) { return second_stage_entry(root, page); }
static u64& rights() { return table_entry(permissions, frame, 1, 4, 1); }
static void fresh() { invept(2, {0, 0}), invvpid(2, {0, 0}); }
static u64 store(u64 offset) {
    inner.select();
    return inner.run(inner_write, inner_va + offset, 0x1234567800000000 + offset);
}
static void writes(const char* name, u64 offset) {
    poke<u64>(frame + offset, 0);
    is(name, store(offset), exits_by_cpuid), is("  it is written", peek<u64>(frame + offset), 0x1234567800000000 + offset);
}
static void violates(const char* name, u64 offset) {
    poke<u64>(frame + offset, 0);
    is(name, store(offset), other_exit), is("  reason", inner.raw, on_ept_violation), is("  nothing is written", peek<u64>(frame + offset), 0);
    is("  qualification", read(qualification), 0x18a | of_user_page());
}
static void refers(const char* name, u64 expected) {
    fresh();
    is(name, store(8), other_exit), is("  reason", inner.raw, on_sub_page), is("  qualification", read(qualification), expected);
    is("  linear address", read(guest_linear_address), inner_va + 8), is("  guest-physical address", read(guest_physical_address), frame + 8);
    is("  no IDT-vectoring information", read(vectoring_event) >> 31, 0);
}

static void parts() {
    writes("the first 128 bytes", 0x78), writes("again", 0x40), violates("the next", 0x80), writes("the first again", 0), violates("in the middle", 0x800);
    writes("the last", 0xff8), violates("before them", 0xf78), violates("across two of which one may not be written", 0x7c);
    rights() = 5, fresh();
    writes("across two that may", 0x7c);
    rights() = first_and_last, fresh();
    is("loads need nothing of it", inner.read(inner_va + 0x800), peek<u64>(frame + 0x800));
    leaf(frame) = frame | readable, fresh();
    violates("without bit 61", 0x40);
    rights() = 2, leaf(frame) = frame | writable | by_part, fresh();
    writes("a page that can be written is not looked up", 0x800);
    rights() = first_and_last, leaf(frame) = frame | readable | by_part, fresh();
    write(cpu_controls_2, read(cpu_controls_2) & ~u64(cpu2_sub_page));
    violates("without the control", 0x40);
    write(cpu_controls_2, read(cpu_controls_2) | cpu2_sub_page);
    writes("with it", 0x40);
}

static void flags_of_entries() {
    if (!(ept_vpid_capabilities() >> 21 & 1)) return;
    write(eptp, ept_pointer(root, true)), fresh();
    writes("with accessed and dirty flags", 0x10), is("  dirty is set", leaf(frame) & (ept_accessed | ept_dirty), ept_accessed | ept_dirty);
    write(eptp, ept_pointer(root)), leaf(frame) = frame | readable | by_part, fresh();
}

// The guest's own tables are not granted by parts.
static void tables() {
    u64 all = 0x5555555555555555;
    table_entry(permissions, table, 1, 4, 1) = all;
    leaf(table) = table | readable | by_part, entry(inner_va, 1) = frame | 7, fresh();
    is("a flag to be set in a table of the guest's", inner.run(inner_read, inner_va), other_exit), is("  reason", inner.raw, on_ept_violation);
    is("  qualification: a write of an entry", read(qualification) & 0x1b2, 0x82), is("  it is not set", entry(inner_va, 1) & A, 0);
    leaf(table) = table | 0x37, entry(inner_va, 1) = frame | 0x67, fresh();
}

static void broken_tables() {
    rights() = first_and_last | 2, refers("an odd bit", 0);
    rights() = first_and_last | 1ull << 63, refers("the last odd bit", 0);
    rights() = first_and_last;
    for (int level = 2; level <= 4; level++) {
        u64 &e = table_entry(permissions, frame, level, 4, 1), old = e;
        e = old & ~1ull, refers("an entry that is not valid", miss);
        e = old | 2, refers("a reserved bit", 0);
        e = old | 1ull << 11, refers("another", 0);
        e = old | 1ull << 51, refers("an address beyond the physical ones", 0);
        e = old, fresh();
    }
    writes("all as it was", 0x20);
}

extern "C" void guest() {
    if (!available() || !has_secondary(cpu2_ept | cpu2_vpid)) return holds("EPT and VPID", false);
    vmx::start();
    if (!has_secondary(cpu2_sub_page)) return holds("without sub-page write permissions", true);
    root = second_stage_identity(), frame = new_page(), permissions = new_page();
    inner.make(1, root);
    write(cpu_controls_2, read(cpu_controls_2) | cpu2_sub_page), write(sub_page_table, permissions);
    entry(inner_va, 1) = frame | 0x67;
    table = page_of(entry(inner_va, 2));
    leaf(frame) = frame | readable | by_part, rights() = first_and_last;
    parts();
    flags_of_entries();
    tables();
    broken_tables();
    inner.select();
    is("a table of no page's beginning", (write(sub_page_table, permissions + 8), inner.run(inner_nothing), inner.raw), failed | 7);
    is("a table beyond the physical addresses", (write(sub_page_table, 1ull << 52), inner.run(inner_nothing), inner.raw), failed | 7);
    write(sub_page_table, permissions);
    is("the control without EPT", (write(cpu_controls_2, read(cpu_controls_2) & ~u64(cpu2_ept)), inner.run(inner_nothing), inner.raw), failed | 7);
}
