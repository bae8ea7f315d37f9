// SPDX-License-Identifier: MIT
// The table of invalidations (SDM vol. 3, 4.10.4 and 29.4.3; APM vol. 2, 5.5.3 and 15.16) and what carries it out.
#include "memory/scopes.h"

namespace paging {

namespace {

// The words of the table.
constexpr bool of_linear(const Tag& t) { return t.dimension != Dimension::guest_physical; }
constexpr bool own(const Tag& t, const Target& x) { return of_linear(t) && t.vpid == x.context.vpid; }
constexpr bool own_asid(const Tag& t, const Target& x) { return t.vpid == x.context.vpid; }
constexpr bool at(const Tag& t, const Target& x) { return t.of_page(x.address); }
constexpr bool pcid(const Tag& t, const Target& x) { return t.pcid == x.context.pcid; }
constexpr bool root(const Tag& t, const Target& x) {
    return t.ept != Context::no_ept && x.context.ept != Context::no_ept && (t.ept & mask(51, 12)) == (x.context.ept & mask(51, 12));
}

// What more than one row says.
constexpr bool everything(const Tag&, const Target&) { return true; }
constexpr bool page(const Tag& t, const Target& x) { return own(t, x) && at(t, x) && (pcid(t, x) || t.global); }
constexpr bool page_of_any_pcid(const Tag& t, const Target& x) { return own(t, x) && at(t, x); }
constexpr bool page_but_globals(const Tag& t, const Target& x) { return own(t, x) && at(t, x) && pcid(t, x) && !t.global; }
constexpr bool pcid_but_globals(const Tag& t, const Target& x) { return own(t, x) && pcid(t, x) && !t.global; }
constexpr bool pcid_and_globals(const Tag& t, const Target& x) { return own(t, x) && (pcid(t, x) || t.global); }
constexpr bool all_but_globals(const Tag& t, const Target& x) { return own(t, x) && !t.global; }
constexpr bool all_but_vpid_0(const Tag& t, const Target&) { return of_linear(t) && t.vpid != 0; }
constexpr bool untagged(const Tag& t, const Target&) { return of_linear(t) && t.vpid == 0; }
constexpr bool of_root(const Tag& t, const Target& x) { return root(t, x); }
constexpr bool of_any_root(const Tag& t, const Target&) { return t.ept != Context::no_ept; }
constexpr bool asid(const Tag& t, const Target& x) { return own_asid(t, x); }
constexpr bool asid_but_globals(const Tag& t, const Target& x) { return own_asid(t, x) && !t.global; }
constexpr bool faulting_page(const Tag& t, const Target& x) { return page(t, x) && t.ept == x.context.ept; }
// The guest-physical mapping, and what combines it with the linear address. On AMD the ASID stands for the root.
constexpr bool violating_page(const Tag& t, const Target& x) {
    if (of_linear(t)) return faulting_page(t, x);
    bool same = t.ept == Context::no_ept ? own_asid(t, x) && x.context.ept == Context::no_ept : root(t, x);
    return same && t.of_page(x.guest);
}

using enum Operation;
constexpr Reach nothing = Reach::nothing, by_page = Reach::page, scan = Reach::any;

constexpr Scope table[] = {
    // operation                    name                                              reach    Intel             AMD
    {invlpg,                       "INVLPG",                                         by_page, page,             page},
    {invlpga,                      "INVLPGA",                                        by_page, nullptr,          page_of_any_pcid},
    {invpcid_address,              "INVPCID individual-address",                     by_page, page_but_globals, page_but_globals},
    {invpcid_context,              "INVPCID single-context",                         scan,    pcid_but_globals, pcid_but_globals},
    {invpcid_all_and_globals,      "INVPCID all-context including globals",          scan,    own,              own},
    {invpcid_all,                  "INVPCID all-context",                            scan,    all_but_globals,  all_but_globals},
    {mov_cr3,                      "MOV CR3, task switch",                           scan,    pcid_but_globals, pcid_but_globals},
    {mov_cr3_keeping,              "MOV CR3 with bit 63",                            nothing, nullptr,          nullptr},
    {clear_pg,                     "CR0.PG 1 to 0",                                  scan,    own,              own},
    {change_pge,                   "CR4.PGE changed",                                scan,    own,              own},
    {clear_pcide,                  "CR4.PCIDE 1 to 0",                               scan,    own,              own},
    {change_pae,                   "CR4.PAE changed",                                scan,    pcid_and_globals, own},
    {change_pse,                   "CR4.PSE changed",                                scan,    nullptr,          own},
    {set_smep,                     "CR4.SMEP 0 to 1",                                scan,    pcid_and_globals, pcid_and_globals},
    {invvpid_address,              "INVVPID individual-address",                     by_page, page_of_any_pcid, nullptr},
    {invvpid_context,              "INVVPID single-context",                         scan,    own,              nullptr},
    {invvpid_all,                  "INVVPID all-context",                            scan,    all_but_vpid_0,   nullptr},
    {invvpid_retaining_globals,    "INVVPID single-context retaining globals",       scan,    all_but_globals,  nullptr},
    {invept_context,               "INVEPT single-context",                          scan,    of_root,          nullptr},
    {invept_all,                   "INVEPT all-context",                             scan,    of_any_root,      nullptr},
    {vmrun_nothing,                "VMRUN TLB_CONTROL 0",                            nothing, nullptr,          nullptr},
    {vmrun_all,                    "VMRUN TLB_CONTROL 1",                            scan,    nullptr,          everything},
    {vmrun_asid,                   "VMRUN TLB_CONTROL 3",                            scan,    nullptr,          asid},
    {vmrun_asid_retaining_globals, "VMRUN TLB_CONTROL 7",                            scan,    nullptr,          asid_but_globals},
    {world_switch_untagged,        "VM entry or exit without VPID",                  scan,    untagged,         nullptr},
    {world_switch,                 "VM entry or exit with VPID, VMRUN, #VMEXIT",     nothing, nullptr,          nullptr},
    {vmx_on_off,                   "VMXON, VMXOFF",                                  nothing, nullptr,          nullptr},
    {vmfunc_eptp,                  "VMFUNC EPTP switching",                          nothing, nullptr,          nullptr},
    {page_fault,                   "page fault",                                     by_page, faulting_page,    faulting_page},
    {second_stage_fault,           "EPT violation, nested page fault",               by_page, violating_page,   violating_page},
    {wp_or_key_change,             "CR0.WP, CR4.SMAP/PKE/PKS, EFER.NXE, PKRU, AC",   nothing, nullptr,          nullptr},
    {a20,                          "A20 changed",                                    scan,    nullptr,          everything},
    {mtrr,                         "MTRR written",                                   scan,    nullptr,          everything},
    {smm_enter,                    "SMM entry",                                      scan,    nullptr,          everything},
    {rsm,                          "RSM",                                            scan,    nullptr,          everything},
    {reset,                        "RESET",                                          scan,    everything,       everything},
};

constexpr bool in_order() {
    for (unsigned i = 0; i < std::size(table); i++)
        if (unsigned(table[i].operation) != i) return false;
    return true;
}
static_assert(in_order(), "a row stands where its operation says");
static_assert(std::size(table) <= ContextCounts::operations);

u64 drop_page(Tlb& tlb, const Target& x, auto&& forgets, auto&& tell) {
    u64 dropped = tlb.data.drop_page(x.context.vpid, x.address, forgets, tell);
    dropped += tlb.instruction.drop_page(x.context.vpid, x.address, forgets, tell);
    return dropped + tlb.guest_physical.drop_page(x.context.second().vpid, x.guest, forgets, tell);
}

// The rows that reach anywhere ask for nothing of a tag that its group doesn't share.
u64 drop_groups(Tlb& tlb, auto&& forgets, auto&& tell) {
    u64 dropped = tlb.data.drop_groups(forgets, tell) + tlb.instruction.drop_groups(forgets, tell);
    return dropped + tlb.guest_physical.drop_groups(forgets, tell);
}

}

std::span<const Scope> scopes() { return table; }
const Scope& scope(Operation operation) { return table[unsigned(operation)]; }

u64 invalidate(Tlb& tlb, Operation operation, const Target& target, Vendor vendor) {
    const Scope& row = scope(operation);
    auto named = vendor == Vendor::intel ? row.intel : row.amd;
    u64 dropped = 0;
    if (named) {
        auto forgets = [&](const Tag& t) { return named(t, target); };
        auto tell = [&](const Tag& t, u64 number) { tlb.counters.contexts.of(t.vpid, t.ept).dropped[unsigned(operation)] += number; };
        dropped = row.reach == Reach::page ? drop_page(tlb, target, forgets, tell) : drop_groups(tlb, forgets, tell);
    }
    tlb.counters.flushes[unsigned(operation)]++;
    tlb.counters.dropped[unsigned(operation)] += dropped;
    return dropped;
}

}
