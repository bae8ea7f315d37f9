// SPDX-License-Identifier: MIT
// Guest, 64-bit: what each invalidation under VMX drops, and what it keeps (SDM vol. 3, 29.4.3). Tables of both stages are changed
// behind the TLB's back; "stale" cases hold on silicon with a quiet TLB, and are what a hypervisor that forgets to invalidate sees.
#include "inner.h"

using namespace vmx;

static Inner one, two, other_root, untagged, flat;        // VPID 1 and 2 under root A; VPID 1 under root B; no VPID; VPID 3 without EPT
static u64 root_a, root_b, frame[4];      // pages whose first word is 0x100 + their number

// The guest's own entry leads from frame 0 to frame 1; or the second stage leads from frame 2 to frame 3.
static void map_first(u64 more = 0) { entry(inner_va, 1) = frame[0] | P | W | U | more; }
static void map_second(u64 more = 0) { entry(inner_va, 1) = frame[1] | P | W | U | more; }
static void all_fresh() {
    invept(2, {0, 0}), invvpid(2, {0, 0});
    for (u64 root : {root_a, root_b}) second_stage_entry(root, frame[2]) = frame[2] | 0x37;
    entry(inner_va + 0x1000, 1) = frame[2] | P | W | U;
}
static void prepare(Inner& i, u64 more = 0) {
    all_fresh();
    map_first(more);
    is("  before", i.read(inner_va), 0x100);
    map_second(more);
}
static void prepare_second_stage(Inner& i, u64 root) {
    all_fresh();
    is("  before", i.read(inner_va + 0x1000), 0x102);
    second_stage_entry(root, frame[2]) = frame[3] | 0x37;
}
static void stale(const char* name, Inner& i) { is(name, i.read(inner_va), 0x100); }
static void fresh(const char* name, Inner& i) { is(name, i.read(inner_va), 0x101); }
static void stale_2(const char* name, Inner& i) { is(name, i.read(inner_va + 0x1000), 0x102); }
static void fresh_2(const char* name, Inner& i) { is(name, i.read(inner_va + 0x1000), 0x103); }

static bool invvpid_type(unsigned type) { return ept_vpid_capabilities() >> (40 + type) & 1; }

static void by_invvpid() {
    prepare(one), stale("with VPIDs, exit and entry keep combined mappings", one);
    prepare(flat), stale("and linear ones", flat);
    if (invvpid_type(0)) {
        prepare(one), is("INVVPID 0", invvpid(0, {1, inner_va + 0x123}), 0), fresh("  drops the page of the VPID", one);
        prepare(one), invvpid(0, {1, inner_va + 0x1000}), stale("  no other page", one);
        prepare(one), invvpid(0, {2, inner_va}), stale("  of no other VPID", one);
        prepare(one, G), invvpid(0, {1, inner_va}), fresh("  a global one too", one);
        prepare(flat), invvpid(0, {3, inner_va}), fresh("  without EPT likewise", flat);
        prepare(other_root), one.select(), invvpid(0, {1, inner_va}), fresh("  under every EPT", other_root);
    }
    prepare(one), is("INVVPID 1", invvpid(1, {1, 0}), 0), fresh("  drops the VPID's", one);
    prepare(one), invvpid(1, {2, 0}), stale("  not another's", one);
    prepare(one, G), invvpid(1, {1, 0}), fresh("  global ones too", one);
    prepare(flat), invvpid(1, {3, 0}), fresh("  without EPT likewise", flat);
    prepare(two), is("INVVPID 2", invvpid(2, {0, 0}), 0), fresh("  drops every VPID's", two);
    if (invvpid_type(3)) {
        one.set_cr4(get_cr4() | 0x80);
        prepare(one), is("INVVPID 3", invvpid(3, {1, 0}), 0), fresh("  drops the VPID's", one);
        prepare(one, G), invvpid(3, {1, 0}), stale("  but for global ones", one);
        one.set_cr4(get_cr4());
    }
    prepare_second_stage(one, root_a);
    invvpid(1, {1, 0});
    stale_2("INVVPID keeps guest-physical mappings", one);
}

static void by_invept() {
    bool single = ept_vpid_capabilities() >> 25 & 1;
    prepare_second_stage(one, root_a), stale_2("a changed EPT entry is not seen at once", one);
    if (single) {
        prepare_second_stage(one, root_a), is("INVEPT 1", invept(1, {ept_pointer(root_a), 0}), 0), fresh_2("  drops the root's mappings", one);
        prepare_second_stage(one, root_a), invept(1, {ept_pointer(root_b), 0}), stale_2("  not another's", one);
        prepare_second_stage(two, root_a), invept(1, {ept_pointer(root_a), 0}), fresh_2("  under every VPID", two);
        prepare(one), invept(1, {ept_pointer(root_a), 0}), fresh("  combined ones too", one);
        prepare(flat), invept(1, {ept_pointer(root_a), 0}), stale("  but none of a guest without EPT", flat);
    }
    prepare_second_stage(one, root_a), is("INVEPT 2", invept(2, {0, 0}), 0), fresh_2("  drops every root's", one);
    prepare_second_stage(other_root, root_b), invept(2, {0, 0}), fresh_2("  another's too", other_root);
    prepare(flat), invept(2, {0, 0}), stale("  but none of a guest without EPT", flat);
}

// The guest has used its mapping under both roots; under each of them it must be found out alone.
static void two_roots() {
    all_fresh();
    map_first();
    is("VPID 1 under root A", one.read(inner_va), 0x100), is("  and under root B", other_root.read(inner_va), 0x100);
    second_stage_entry(root_b, frame[0]) = frame[3] | 0x37;
    stale("one root's cached mapping", other_root);
    if (ept_vpid_capabilities() >> 25 & 1) {
        invept(1, {ept_pointer(root_b), 0});
        is("  dropped: the other page", other_root.read(inner_va), 0x103), is("  while root A's is what it was", one.read(inner_va), 0x100);
    }
    second_stage_entry(root_b, frame[0]) = frame[0] | 0x37;
}

static void by_the_guest() {
    prepare(one), one.run(inner_invlpg, inner_va), fresh("the guest's INVLPG drops its page", one);
    prepare(one), one.run(inner_invlpg, inner_va + 0x1000), stale("  no other", one);
    prepare(one), two.run(inner_invlpg, inner_va), stale("  of no other VPID", one);
    prepare(one), one.run(inner_cr3, get_cr3()), fresh("its MOV to CR3 drops what is not global", one);
    prepare(one), two.run(inner_cr3, get_cr3()), stale("  of no other VPID", one);
    one.set_cr4(get_cr4() | 0x80);
    prepare(one, G), one.run(inner_cr3, get_cr3()), stale("  but global ones", one);
    prepare(one, G), one.run(inner_cr4, read(guest_cr4) & ~0x80ull), fresh("its change of CR4.PGE drops them", one);
    one.set_cr4(get_cr4());
    prepare_second_stage(one, root_a), one.run(inner_cr3, get_cr3()), stale_2("its MOV to CR3 keeps guest-physical mappings", one);
    prepare_second_stage(one, root_a), one.run(inner_invlpg, inner_va + 0x1000), stale_2("its INVLPG too", one);
    prepare(one), set_cr3(get_cr3()), stale("our own MOV to CR3 drops none of its", one);
}

static void of_ours() {
    poke<u64>(page(0), 0x200), poke<u64>(page(1), 0x201);
    auto prepare_ours = [] {
        map(outer_va, page(0) | P | W), peek<u64>(outer_va), entry(outer_va, 1) = page(1) | P | W;
    };
    auto ours = [] { return peek<u64>(outer_va); };
    prepare_ours(), one.run(inner_nothing), is("entry and exit with a VPID keep ours", ours(), 0x200);
    prepare_ours(), invept(2, {0, 0}), is("INVEPT keeps ours", ours(), 0x200);
    prepare_ours(), invvpid(2, {0, 0}), is("INVVPID 2 keeps VPID 0", ours(), 0x200);
    prepare_ours(), one.run(inner_cr3, get_cr3()), is("the guest's MOV to CR3 keeps ours", ours(), 0x200);
    prepare_ours(), untagged.run(inner_nothing), is("entry and exit without a VPID drop ours", ours(), 0x201);
}

static void without_vpid() {
    prepare(untagged), fresh("without a VPID, exit and entry drop combined mappings", untagged);
    prepare(untagged, G), fresh("  global ones too", untagged);
    prepare_second_stage(untagged, root_a), stale_2("  not guest-physical ones", untagged);
    prepare_second_stage(one, root_a), untagged.read(inner_va), stale_2("  none of a VPID", one);
}

// Rights may grow without an invalidation: the violation itself drops what it met.
static void violations() {
    all_fresh();
    u64& e = second_stage_entry(root_a, frame[2]);
    e = frame[2] | 0x31;
    is("a page that may be read", one.read(inner_va + 0x1000), 0x102);
    is("  but not be written: EPT violation", one.run(inner_write, inner_va + 0x1000, 0x102), other_exit), is("  reason", one.raw, on_ept_violation);
    is("  qualification: write to what may be read, of a linear address, its own access", read(qualification) & 0x1bf, 0x18a);
    is("  guest-physical address", read(guest_physical_address), frame[2]), is("  linear address", read(guest_linear_address), inner_va + 0x1000);
    e = frame[2] | 0x37;
    is("  written after the right was added, without INVEPT", one.run(inner_write, inner_va + 0x1000, 0x102), exits_by_cpuid);
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
    prepare(one), invvpid(1, {1, 0}), fresh("INVVPID drops every PCID", one);
    prepare(one), one.set_cr3(cr3 | 2), one.run(inner_nothing), one.set_cr3(cr3 | 1), stale("an entry with another CR3 drops nothing", one);
    if (cpuid(7).ebx >> 10 & 1 && has_secondary(cpu2_invpcid)) {
        static u64 operand[2];
        auto invpcid = [&](u64 type, u64 pcid, u64 address) { operand[0] = pcid, operand[1] = address, one.run(inner_invpcid, type, word(operand)); };
        prepare(one), invpcid(0, 1, inner_va), fresh("the guest's INVPCID 0 drops its page", one);
        prepare(one), invpcid(0, 2, inner_va), stale("  of no other PCID", one);
        prepare(one), invpcid(1, 1, 0), fresh("INVPCID 1 drops the PCID", one);
        prepare(one), invpcid(1, 2, 0), stale("  no other", one);
        prepare(one), invpcid(2, 0, 0), fresh("INVPCID 2 drops all", one);
        prepare(one), invpcid(3, 0, 0), fresh("INVPCID 3 drops all that is not global", one);
        one.set_cr4(get_cr4() | 1 << 17 | 0x80);
        prepare(one, G), invpcid(3, 0, 0), stale("  but global ones", one);
        prepare(one, G), invpcid(2, 0, 0), fresh("INVPCID 2 drops them", one);
        prepare_second_stage(one, root_a), invpcid(2, 0, 0), stale_2("  not guest-physical mappings", one);
    }
    one.set_cr4(get_cr4()), one.set_cr3(cr3);
}

static void off_and_on() {
    prepare_second_stage(one, root_a);
    vmclear(one.intel.vmcs), one.intel.launched = false;
    vmxoff();
    vmx::start();
    stale_2("VMXOFF and VMXON keep guest-physical mappings", one);
}

extern "C" void guest() {
    if (!has_secondary(cpu2_ept | cpu2_vpid)) return holds("EPT and VPID", false);
    vmx::start();
    for (u64& f : frame) f = new_page(), poke<u64>(f, 0x100 + u64(&f - frame));
    root_a = second_stage_identity(), root_b = second_stage_identity();
    one.make(1, root_a), two.make(2, root_a), other_root.make(1, root_b), untagged.make(0, root_a), flat.make(3, 0);
    by_invvpid();
    by_invept();
    two_roots();
    by_the_guest();
    of_ours();
    without_vpid();
    violations();
    contexts();
    off_and_on();
}
