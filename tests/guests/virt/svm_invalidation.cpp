// SPDX-License-Identifier: MIT
// Guest, 64-bit: what each invalidation under SVM drops, and what it keeps (APM vol. 2, 15.16 and 15.25). Tables of both stages are
// changed behind the TLB's back; "stale" cases hold on silicon with a quiet TLB, and are what a hypervisor that forgets to flush sees.
#include "inner.h"

using namespace svm;

static Inner one, two, flat;              // ASID 1 and 2 under nested paging, ASID 3 without
static u64 root_a, root_b, frame[4];      // pages whose first word is 0x100 + their number

static void map_first(u64 more = 0) { entry(inner_va, 1) = frame[0] | P | W | U | more; }
static void map_second(u64 more = 0) { entry(inner_va, 1) = frame[1] | P | W | U | more; }
static void flush_with(Inner& i, u8 control) { i.amd.vmcb->tlb_control = control, i.run(inner_nothing), i.amd.vmcb->tlb_control = 0; }
static void all_fresh() {
    flush_with(one, 1);
    for (u64 root : {root_a, root_b}) second_stage_entry(root, frame[2]) = frame[2] | npt_all;
    entry(inner_va + 0x1000, 1) = frame[2] | P | W | U;
}
static void prepare(Inner& i, u64 more = 0) {
    all_fresh();
    map_first(more);
    is("  before", i.read(inner_va), 0x100);
    map_second(more);
}
static void prepare_second_stage(Inner& i) {
    all_fresh();
    is("  before", i.read(inner_va + 0x1000), 0x102);
    second_stage_entry(root_a, frame[2]) = frame[3] | npt_all;
}
static void stale(const char* name, Inner& i) { is(name, i.read(inner_va), 0x100); }
static void fresh(const char* name, Inner& i) { is(name, i.read(inner_va), 0x101); }
static void stale_2(const char* name, Inner& i) { is(name, i.read(inner_va + 0x1000), 0x102); }
static void fresh_2(const char* name, Inner& i) { is(name, i.read(inner_va + 0x1000), 0x103); }

static void by_tlb_control() {
    prepare(one), stale("VMRUN and #VMEXIT keep what the ASID has", one);
    prepare(flat), stale("  without nested paging likewise", flat);
    prepare_second_stage(one), stale_2("a changed nested entry is not seen at once", one);
    prepare(one), flush_with(two, 1), fresh("TLB_CONTROL 1 drops every ASID's", one);
    prepare(flat), flush_with(two, 1), fresh("  without nested paging likewise", flat);
    prepare_second_stage(one), flush_with(two, 1), fresh_2("  of the second stage too", one);
    if (!(features() & feature_flush_asid)) return;
    prepare(one), flush_with(one, 3), fresh("TLB_CONTROL 3 drops the ASID's", one);
    prepare_second_stage(one), flush_with(one, 3), fresh_2("  of the second stage too", one);
    prepare(one), flush_with(two, 3), stale("  not another's", one);
    prepare_second_stage(one), flush_with(two, 3), stale_2("  of the second stage neither", one);
    one.set_cr4(get_cr4() | 0x80);
    prepare(one, G), flush_with(one, 3), fresh("  global ones too", one);
    prepare(one), flush_with(one, 7), fresh("TLB_CONTROL 7 drops the ASID's", one);
    prepare(one, G), flush_with(one, 7), stale("  but global ones", one);
    prepare(one), flush_with(two, 7), stale("  not another's", one);
    one.set_cr4(get_cr4());
}

static void by_invlpga() {
    prepare(one), invlpga(inner_va + 0x123, 1), fresh("INVLPGA drops the page of the ASID", one);
    prepare(one), invlpga(inner_va + 0x1000, 1), stale("  no other page", one);
    prepare(one), invlpga(inner_va, 2), stale("  of no other ASID", one);
    prepare(one), invlpga(inner_va, 0), stale("  nor the host's", one);
    prepare(flat), invlpga(inner_va, 3), fresh("  without nested paging likewise", flat);
    one.set_cr4(get_cr4() | 0x80);
    prepare(one, G), invlpga(inner_va, 1), fresh("  a global one too", one);
    one.set_cr4(get_cr4());
}

static void by_the_guest() {
    prepare(one), one.run(inner_invlpg, inner_va), fresh("the guest's INVLPG drops its page", one);
    prepare(one), one.run(inner_invlpg, inner_va + 0x1000), stale("  no other", one);
    prepare(one), two.run(inner_invlpg, inner_va), stale("  of no other ASID", one);
    prepare(one), one.run(inner_cr3, get_cr3()), fresh("its MOV to CR3 drops what is not global", one);
    prepare(one), two.run(inner_cr3, get_cr3()), stale("  of no other ASID", one);
    one.set_cr4(get_cr4() | 0x80);
    prepare(one, G), one.run(inner_cr3, get_cr3()), stale("  but global ones", one);
    prepare(one, G), one.run(inner_cr4, one.amd.vmcb->cr4 & ~0x80ull), fresh("its change of CR4.PGE drops them", one);
    one.set_cr4(get_cr4());
    prepare_second_stage(one), one.run(inner_cr3, get_cr3()), stale_2("its MOV to CR3 keeps the second stage's", one);
    prepare(one), set_cr3(get_cr3()), stale("our own MOV to CR3 drops none of its", one);
}

static void of_ours() {
    poke<u64>(page(0), 0x200), poke<u64>(page(1), 0x201);
    auto prepare_ours = [] { map(outer_va, page(0) | P | W), peek<u64>(outer_va), entry(outer_va, 1) = page(1) | P | W; };
    auto ours = [] { return peek<u64>(outer_va); };
    prepare_ours(), one.run(inner_nothing), is("VMRUN and #VMEXIT keep ours", ours(), 0x200);
    prepare_ours(), invlpga(outer_va, 1), is("INVLPGA of an ASID keeps ours", ours(), 0x200);
    prepare_ours(), invlpga(outer_va, 0), is("INVLPGA of ASID 0 drops it", ours(), 0x201);
    prepare_ours(), one.run(inner_cr3, get_cr3()), is("the guest's MOV to CR3 keeps ours", ours(), 0x200);
    if (features() & feature_flush_asid) prepare_ours(), flush_with(one, 3), is("TLB_CONTROL 3 keeps ours", ours(), 0x200);
    prepare_ours(), flush_with(one, 1), is("TLB_CONTROL 1 drops ours", ours(), 0x201);
}

// The tag is the ASID alone: other nested tables under the same ASID are seen once it is flushed.
static void another_root() {
    prepare_second_stage(one);
    second_stage_entry(root_b, frame[2]) = frame[3] | npt_all;
    one.set_root(root_b);
    stale_2("another nested CR3 under the same ASID", one);
    flush_with(one, 1);
    fresh_2("  seen after a flush", one);
    one.set_root(root_a);
}

static void violations() {
    all_fresh();
    u64& e = second_stage_entry(root_a, frame[2]);
    e = frame[2] | present | user;
    is("a page that may be read", one.read(inner_va + 0x1000), 0x102);
    is("  but not be written: #NPF", one.run(inner_write, inner_va + 0x1000, 0x102), other_exit), is("  code", one.raw, on_npf);
    is("  EXITINFO1: present, write, user; the final address", one.amd.vmcb->exit_info_1, 0x100000007), is("  EXITINFO2", one.amd.vmcb->exit_info_2, frame[2]);
    e = frame[2] | npt_all;
    is("  written after the right was added, without a flush", one.run(inner_write, inner_va + 0x1000, 0x102), exits_by_cpuid);
    entry(inner_va + 0x2000, 1) = frame[1] | P | U;
    is("a read-only entry of the guest's", one.read(inner_va + 0x2000), 0x101);
    is("  page fault on a write", one.run(inner_write, inner_va + 0x2000, 0x101), page_faults_to_us);
    entry(inner_va + 0x2000, 1) = frame[1] | P | U | W;
    is("  none after the right was added, without INVLPG", one.run(inner_write, inner_va + 0x2000, 0x101), exits_by_cpuid);
}

static void contexts() {
    if (!(cpuid(1).ecx >> 17 & 1)) return;
    constexpr u64 keep = 1ull << 63;
    u64 cr3 = get_cr3();
    one.set_cr4(get_cr4() | 1 << 17), one.set_cr3(cr3 | 1);
    prepare(one), one.run(inner_cr3, cr3 | 2 | keep), one.run(inner_cr3, cr3 | 1 | keep), stale("CR3's bit 63 keeps the guest's PCIDs", one);
    one.run(inner_cr3, cr3 | 2 | keep), fresh("  another PCID has its own", one), one.run(inner_cr3, cr3 | 1);
    prepare(one), one.run(inner_cr3, cr3 | 1), fresh("without it the PCID is dropped", one);
    prepare(one), invlpga(inner_va, 1), fresh("INVLPGA drops it under every PCID", one);
    one.set_cr4(get_cr4()), one.set_cr3(cr3);
}

extern "C" void guest() {
    if (!available() || !(features() & feature_nested_paging)) return holds("nested paging", false);
    svm::start();
    for (u64& f : frame) f = new_page(), poke<u64>(f, 0x100 + u64(&f - frame));
    root_a = second_stage_identity(), root_b = second_stage_identity();
    one.make(1, root_a), two.make(2, root_a), flat.make(3, 0);
    by_tlb_control();
    by_invlpga();
    by_the_guest();
    of_ours();
    another_root();
    violations();
    contexts();
}
