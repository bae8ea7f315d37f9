// SPDX-License-Identifier: MIT
// Guest, 64-bit: page-modification logging (SDM vol. 3, 29.3.6): what is logged and where, and what happens when the log is full.
#include "inner.h"

using namespace vmx;

static Inner inner;
static u64 root, log_page, frame[2], table;
static constexpr u64 both = ept_accessed | ept_dirty;
static u64& leaf(u64 page) { return second_stage_entry(root, page); }
static void fresh() { invept(2, {0, 0}), invvpid(2, {0, 0}); }
static void set_index(u64 index) { inner.select(), write(pml_index, index); }
static u64 store(u64 address) { return inner.run(inner_write, address, 0x77); }
static u64 load(u64 address) { return inner.run(inner_read, address); }
static void clear(u64 page, u64 flags) { leaf(page) &= ~flags, fresh(); }

static void full(const char* name, u64 outcome, u64 page, u64 flags) {
    is(name, outcome, other_exit), is("  reason", inner.raw, on_pml_full), is("  qualification", read(qualification), 0);
    is("  no IDT-vectoring information", read(vectoring_event) >> 31, 0), is("  the flags are as they were", leaf(page) & both, flags);
    is("  the index too", read(pml_index), 0xffff);
}

extern "C" void guest() {
    if (!available() || !has_secondary(cpu2_ept | cpu2_vpid)) return holds("EPT and VPID", false);
    vmx::start();
    if (!has_secondary(cpu2_pml)) return holds("without PML", true);
    holds("with accessed and dirty flags", ept_vpid_capabilities() >> 21 & 1);
    root = second_stage_identity(), log_page = new_page(), frame[0] = new_page(), frame[1] = new_page();
    inner.make(1, root);
    write(eptp, ept_pointer(root, true)), write(cpu_controls_2, read(cpu_controls_2) | cpu2_pml), write(pml_address, log_page), write(pml_index, 511);
    entry(inner_va, 1) = frame[0] | 0x67, entry(inner_va + 0x1000, 1) = frame[1] | 0x67;
    table = page_of(entry(inner_va, 2));
    is("stores", store(inner_va), exits_by_cpuid), store(inner_va + 0x1000);
    bool seen[3] = {};
    u64 index = read(pml_index);
    for (u64 n = 511; n > index; n--)
        for (unsigned i = 0; i < 3; i++) seen[i] |= slot(log_page, n) == (i < 2 ? frame[i] : table);
    holds("  their pages are logged", seen[0] && seen[1]), holds("  and the guest's table, whose reads count as writes", seen[2]);

    set_index(511), clear(frame[0], both);
    is("a load", load(inner_va), exits_by_cpuid), is("  sets accessed", leaf(frame[0]) & both, ept_accessed), is("  is not logged", read(pml_index), 511);
    is("a store into the page", store(inner_va + 0x108), exits_by_cpuid), is("  is logged", read(pml_index), 510), is("  with its page", slot(log_page, 511), frame[0]);
    is("another one is not", store(inner_va + 0x210), exits_by_cpuid), is("  index", read(pml_index), 510);
    fresh();
    is("nor after INVEPT, as the page is dirty", store(inner_va), exits_by_cpuid), is("  index", read(pml_index), 510);
    clear(frame[0], ept_dirty), clear(frame[1], ept_dirty);
    store(inner_va + 0x1000), store(inner_va);
    is("in their order, downwards", slot(log_page, 510), frame[1]), is("  second", slot(log_page, 509), frame[0]), is("  index", read(pml_index), 508);
    clear(table, both);
    is("a load whose walk writes to the guest's table", load(inner_va), exits_by_cpuid), is("  logs it", slot(log_page, 508), table);
    set_index(0), clear(frame[0], ept_dirty), store(inner_va);
    is("the last entry", slot(log_page, 0), frame[0]), is("  the index wraps", read(pml_index), 0xffff);

    is("full: a store into a dirty page goes on", store(inner_va), exits_by_cpuid);
    clear(frame[0], ept_dirty), poke<u64>(frame[0], 0x11);
    full("full: a store that would set dirty", store(inner_va), frame[0], ept_accessed);
    is("  it has not happened", peek<u64>(frame[0]), 0x11);
    clear(frame[0], both);
    full("full: a load that would set accessed", load(inner_va), frame[0], 0);
    leaf(frame[0]) |= ept_accessed, fresh();
    is("full: a load that sets nothing", load(inner_va), exits_by_cpuid);
    set_index(512);
    is("an index of 512 is full", store(inner_va), other_exit), is("  reason", inner.raw, on_pml_full);
    set_index(7);
    is("with room again", store(inner_va), exits_by_cpuid), is("  logged", slot(log_page, 7), frame[0]);

    write(eptp, ept_pointer(root)), set_index(0xffff), clear(frame[0], both);
    is("without accessed and dirty flags nothing is logged", store(inner_va), exits_by_cpuid), is("  no flags", leaf(frame[0]) & both, 0);
    is("a log of no page's beginning", (write(pml_address, log_page + 8), inner.run(inner_nothing), inner.raw), failed | 7);
    is("a log beyond the physical addresses", (write(pml_address, 1ull << 52), inner.run(inner_nothing), inner.raw), failed | 7);
    write(pml_address, log_page);
    is("PML without EPT", (write(cpu_controls_2, read(cpu_controls_2) & ~u64(cpu2_ept)), inner.run(inner_nothing), inner.raw), failed | 7);
}
