// SPDX-License-Identifier: MIT
// From a linear address to a physical one the way a CPU does it: ask the TLB, else walk, set flags and remember.
#pragma once
#include "memory/physical.h"
#include "memory/scopes.h"

namespace paging {

// The tables as the walk reads them: host memory where there is some, else the bus.
struct BusTables {
    PhysicalMap& map;
    u64 load(Physical at, unsigned width) const { return map.read_entry(at, width); }
    bool replace(Physical at, unsigned width, u64 expected, u64 desired) { return map.replace(at, width, expected, desired); }
};

// What the TLB has for an address in a regime that translates at all, whatever it permits. With paging off that is the
// guest-physical mapping, and never what was cached while paging was on.
inline const Entry* find(const Tlb& tlb, const Context& context, const Regime& regime, LinearAddress at, bool fetches) {
    if (regime.stage1.mode != Mode::off) return (fetches ? tlb.instruction : tlb.data).find(context, at.value);
    GuestPhysical guest(at.value);
    return guest.page() == regime.stage2.apic_page ? nullptr : tlb.find_guest_physical(context, guest);
}

// Whether a mapping of the second stage serves an access as it stands, with no flag left to set.
inline bool serves_guest_physical(const Entry& e, Access access) {
    return second_refusal(e.rights, access) == Reason::none && (e.dirty2 || !access.writes());
}
inline bool serves(const Entry& e, const Regime& regime, Access access) {
    if (regime.stage1.mode == Mode::off) return serves_guest_physical(e, access);
    return permits(e.rights, access, regime.stage1) && ((e.dirty1 && e.dirty2) || !access.writes());
}

// A hit: an entry that serves the access. Anything else is for the walk.
inline const Entry* hit(const Tlb& tlb, const Context& context, const Regime& regime, LinearAddress at, Access access) {
    const Entry* e = find(tlb, context, regime, at, access.fetches());
    return e && serves(*e, regime, access) ? e : nullptr;
}
inline const Entry* hit_guest_physical(const Tlb& tlb, const Context& context, GuestPhysical at, Access access) {
    const Entry* e = tlb.find_guest_physical(context, at);
    return e && serves_guest_physical(*e, access) ? e : nullptr;
}

using Result = std::variant<Physical, Fault>;

// Forgets what a fault makes the CPU forget.
inline void forget(Tlb& tlb, const Context& context, Vendor vendor, const Fault& fault) {
    if (fault.event != Event::page_fault && fault.event != Event::ept_violation && fault.event != Event::nested_page_fault) return;
    Operation cause = fault.event == Event::page_fault ? Operation::page_fault : Operation::second_stage_fault;
    invalidate(tlb, cause, {context, fault.linear.value, fault.guest.value}, vendor);
}

// The tables, and the guest-physical mappings that spare walks of the second stage. A probe asks the tables alone.
struct CachedTables : BusTables {
    const Tlb& tlb;
    const Context& context;
    bool probes;
    PageLog* log;
    Mapping found{};
    const Update* unlogged = nullptr;        // the update for which the log had no room
    bool may_set(const Update& u) {
        if (log && u.stage == Stage::second && log->full()) unlogged = &u;
        return !unlogged;
    }
    void has_set(const Update& u) {
        if (log && u.stage == Stage::second && u.set & Ept::dirty_flag) log->add(GuestPhysical(u.guest));
    }
    const Mapping* cached(GuestPhysical guest) {
        const Entry* e = probes ? nullptr : tlb.find_guest_physical(context, guest);
        if (e) found = {e->tag.page, e->base, e->tag.shift, e->rights, e->dirty2, e->caching, e->leaf2};
        return e ? &found : nullptr;
    }
};

// What has become of a walk whose flags can't be set: a page-modification log-full event (SDM vol. 3, 29.3.6).
inline Walk log_full(const Update& u, LinearAddress linear) {
    Fault fault;
    fault.event = Event::log_full, fault.stage = Stage::second, fault.reason = Reason::log_full, fault.level = u.level;
    fault.at = u.physical(), fault.entry = u.entry, fault.linear = linear, fault.guest = GuestPhysical(u.guest);
    return {fault, {}};
}

// A fault happens, or it is left to the access itself, for which this was tried beforehand: then it leaves no trace.
enum class OnFault : u8 { happens, left };

// A walk with its flags set and its guest-physical mappings in the TLB. `ask(tables)` walks. An entry that changes under
// each of four walks (one that a device answers for) is used as read.
template <class Ask>
Walk walk_and_keep(const Stage2& second, Tlb& tlb, const Context& context, Vendor vendor, PhysicalMap& map, LinearAddress linear,
                   Access access, Ask&& ask, OnFault on_fault = OnFault::happens) {
    CachedTables tables{{map}, tlb, context, access.probes(), second.log};
    Walk done = ask(tables);
    for (int again = 0; again < 3 && !done.fault() && !commit(done.plan, tables); again++) {
        if (tables.unlogged) done = log_full(*tables.unlogged, linear);
        else done = ask(tables);
    }
    if (access.probes()) return done;
    if (const Fault* fault = done.fault(); fault && on_fault == OnFault::happens) {
        tlb.counters.faults++;
        (fault->stage == Stage::second ? tlb.counts(context).second_stage_faults : tlb.counts(context).page_faults)++;
        forget(tlb, context, vendor, *fault);
    }
    for (unsigned i = 0; i < done.plan.mappings; i++) tlb.fill(context, done.plan.mapping[i]);
    return done;
}

// The same by a linear address, with its translation in the TLB: *kept, good until the next fill. With paging off nothing is
// kept but guest-physical mappings: what CR0.PG would have to drop does not arise.
template <class Observer = const NoObserver>
Result walk_and_fill(const Regime& regime, Tlb& tlb, const Context& context, Vendor vendor, PhysicalMap& map, LinearAddress at,
                     Access access, Observer&& see = NoObserver{}, OnFault on_fault = OnFault::happens, const Entry** kept = nullptr) {
    auto ask = [&](CachedTables& tables) { return walk(regime, at, access, tables, see); };
    Walk done = walk_and_keep(regime.stage2, tlb, context, vendor, map, at, access, ask, on_fault);
    if (const Fault* fault = done.fault()) return *fault;
    const Translation& t = *done.translation();
    if (access.probes()) return t.physical;
    bool paged = regime.stage1.mode != Mode::off;
    tlb.counts(context).by_size[ContextCounts::size_of(paged ? t.first_shift : 0)][ContextCounts::size_of(t.second_shift)]++;
    const Entry* entry = paged ? &tlb.fill(context, at, access, t) : nullptr;
    if (kept) *kept = entry;
    return t.physical;
}

// What an access to `at` reaches. A probe looks at the tables, not at what is cached, and leaves no trace.
template <class Observer = const NoObserver>
Result translate(const Regime& regime, Tlb& tlb, const Context& context, Vendor vendor, PhysicalMap& map, LinearAddress at,
                 Access access, Observer&& see = NoObserver{}) {
    if (regime.stage1.mode == Mode::off && regime.stage2.kind == Nesting::none) return Physical(at.value);
    if (!access.probes()) {
        if (const Entry* e = hit(tlb, context, regime, at, access)) return e->physical(at.value);
        tlb.count_miss(context, access);
    }
    return walk_and_fill(regime, tlb, context, vendor, map, at, access, see);
}

// What a guest-physical address reaches in an access of the CPU's own that no linear address leads to (PDPTEs).
template <class Observer = const NoObserver>
Result translate_guest_physical(const Regime& regime, Tlb& tlb, const Context& context, Vendor vendor, PhysicalMap& map,
                                GuestPhysical at, Access access, Observer&& see = NoObserver{}) {
    if (regime.stage2.kind == Nesting::none) return Physical(at.value);
    const Entry* e = access.probes() ? nullptr : hit_guest_physical(tlb, context, at, access);
    if (e && e->physical(at.value).page() != regime.stage2.apic_access) return e->physical(at.value);
    auto ask = [&](CachedTables& tables) { return walk_guest_physical(regime, at, access, tables, see); };
    Walk done = walk_and_keep(regime.stage2, tlb, context, vendor, map, {}, access, ask);
    if (const Fault* fault = done.fault()) return *fault;
    return done.translation()->physical;
}

}
