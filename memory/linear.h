// SPDX-License-Identifier: MIT
// From a linear address to a physical one the way a CPU does it: ask the TLB, else walk, set flags and remember.
#pragma once
#include "memory/physical.h"
#include "memory/scopes.h"

namespace paging {

// The tables as the walk reads them: host memory where there is some, else the bus.
struct BusTables {
    PhysicalMap& map;
    u64 load(Physical at, unsigned width) const { return map.read(at, width); }
    bool replace(Physical at, unsigned width, u64 expected, u64 desired) { return map.replace(at, width, expected, desired); }
};

// A hit: an entry that permits the access as it stands, with no flag left to set. Anything else is for the walk.
inline const Entry* hit(const TlbArray& array, const Context& context, const Stage1& stage1, LinearAddress at, Access access) {
    const Entry* e = array.find(context, at.value);
    if (!e || !permits(e->rights, access, stage1)) return nullptr;
    if (access.writes() && !(e->dirty1 && e->dirty2)) return nullptr;
    return e;
}

using Result = std::variant<Physical, Fault>;

// Forgets what a fault makes the CPU forget.
inline void forget(Tlb& tlb, const Context& context, Vendor vendor, const Fault& fault) {
    if (fault.event == Event::ept_misconfiguration) return;
    Operation cause = fault.event == Event::page_fault ? Operation::page_fault : Operation::second_stage_fault;
    invalidate(tlb, cause, {context, fault.linear.value, fault.guest.value}, vendor);
}

// The tables, and the guest-physical mappings that spare walks of the second stage. A probe asks the tables alone.
struct CachedTables : BusTables {
    const Tlb& tlb;
    const Context& context;
    bool probes;
    Mapping found{};
    const Mapping* cached(GuestPhysical guest) {
        const Entry* e = probes ? nullptr : tlb.find_guest_physical(context, guest);
        if (e) found = {e->tag.page, e->base, e->tag.shift, e->rights, e->dirty2, e->caching, e->leaf2};
        return e ? &found : nullptr;
    }
};

// The walk, with its flags set and its result in the TLB. With paging off nothing is kept but guest-physical mappings:
// what CR0.PG would have to drop does not arise. An entry that changes under each of four walks (one that a device
// answers for) is used as read.
template <class Observer = const NoObserver>
Result walk_and_fill(const Regime& regime, Tlb& tlb, const Context& context, Vendor vendor, PhysicalMap& map, LinearAddress at,
                     Access access, Observer&& see = NoObserver{}) {
    CachedTables tables{{map}, tlb, context, access.probes()};
    Walk done = walk(regime, at, access, tables, see);
    for (int again = 0; again < 3 && !done.fault() && !commit(done.plan, tables); again++)
        done = walk(regime, at, access, tables, see);

    if (const Fault* fault = done.fault()) {
        if (!access.probes()) tlb.counters.faults++, forget(tlb, context, vendor, *fault);
        return *fault;
    }
    const Translation& t = *done.translation();
    if (access.probes()) return t.physical;
    for (unsigned i = 0; i < done.plan.mappings; i++) tlb.fill(context, done.plan.mapping[i]);
    if (regime.stage1.mode != Mode::off) tlb.fill(context, at, access, t);
    return t.physical;
}

// What an access to `at` reaches. A probe looks at the tables, not at what is cached, and leaves no trace.
template <class Observer = const NoObserver>
Result translate(const Regime& regime, Tlb& tlb, const Context& context, Vendor vendor, PhysicalMap& map, LinearAddress at,
                 Access access, Observer&& see = NoObserver{}) {
    if (regime.stage1.mode == Mode::off && regime.stage2.kind == Nesting::none) return Physical(at.value);
    if (!access.probes()) {
        if (const Entry* e = hit(tlb.array(access), context, regime.stage1, at, access)) return e->physical(at.value);
        (access.fetches() ? tlb.counters.instruction_misses : tlb.counters.data_misses)++;
    }
    return walk_and_fill(regime, tlb, context, vendor, map, at, access, see);
}

}
