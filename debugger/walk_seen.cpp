// SPDX-License-Identifier: MIT
// Where each reference of a walk stands in the grid, which entry refuses, and what the TLB would have spared.
#include "debugger/walk_seen.h"
#include "cpu/mmu.h"
#include <algorithm>

namespace debugger {

using paging::Reason, paging::Stage;

namespace {

unsigned levels_of(paging::Mode mode) {
    constexpr unsigned levels[] = {0, 2, 3, 4, 5};
    return levels[unsigned(mode)];
}

bool is_ept(const paging::Step& s) { return s.format == paging::Ept::name; }

struct Observer {
    SeenWalk& out;
    QuietTables& tables;
    unsigned row;                            // of the guest's entry that is looked for
    paging::Rights first{}, second{};
    bool has_first = false;

    void operator()(const paging::Step& s) {
        SeenStep seen;
        seen.step = s;
        seen.number = unsigned(out.steps.size()) + 1;
        seen.plain = s.in_register || tables.plain(s.at);
        if (s.stage == Stage::first) {
            seen.row = unsigned(s.level), row = s.size ? 0 : unsigned(s.level) - 1;
            first = s.rights, has_first = true;
        } else {
            seen.row = s.purpose == paging::Purpose::accessed_dirty ? row_of(s.input) : row;
            seen.column = unsigned(s.level);
            seen.second = s.rights, seen.has_second = true;
        }
        seen.first = first, seen.has_first = has_first;
        out.steps.push_back(seen);
    }
    // An update's: of the entry that lies there.
    unsigned row_of(u64 guest) const {
        for (auto& s : out.steps)
            if (s.step.stage == Stage::first && s.step.guest.value == guest) return s.row;
        return row;
    }
};

struct Refusing {
    u64 bits;
    bool set;                                // whether it refuses by being set
    std::string_view name;
};

Refusing refusing_of(const paging::Fault& f, const paging::Step& s) {
    bool ept = is_ept(s);
    switch (f.reason) {
    case Reason::not_present: return ept ? Refusing{7, false, "R W X"} : Refusing{1, false, "P"};
    case Reason::write: return ept ? Refusing{2, false, "W"} : Refusing{2, false, "RW"};
    case Reason::read: return {1, false, "R"};
    case Reason::user: return {4, false, "US"};
    case Reason::smep: case Reason::smap: return {4, true, "US"};
    case Reason::execute: return ept ? Refusing{4, false, "X"} : Refusing{bit(63), true, "XD"};
    case Reason::protection_key: return {mask(62, 59), true, "protection key"};
    case Reason::reserved: case Reason::misconfigured: case Reason::memory_type: return {f.flaw ? f.flaw : bit(63), true, "reserved"};
    default: return {};
    }
}

// Rights are composed of all entries: the first on the way whose own bit refuses; else the one that the walk ended at.
void mark_refusing(SeenWalk& out) {
    auto* f = out.walk.fault();
    if (!f || out.steps.empty()) return;
    auto& end = out.steps.back();
    bool composed = f->reason == Reason::user || f->reason == Reason::write || f->reason == Reason::read || f->reason == Reason::execute;
    SeenStep* found = nullptr;
    for (auto& s : out.steps) {
        bool same_walk = s.step.stage == f->stage && (f->stage == Stage::first || (s.step.input == end.step.input && s.row == end.row));
        auto why = refusing_of(*f, s.step);
        bool refuses = why.set ? s.step.entry & why.bits : why.bits && !(s.step.entry & why.bits);
        if (same_walk && refuses && !found && (composed || s.step.at.value == f->at.value)) found = &s;
    }
    if (!found) found = &end;
    auto why = refusing_of(*f, found->step);
    found->refusing = why.bits, found->refusing_name = why.name;
}

// What the TLB of the level that runs has for it now.
void mark_served(SeenWalk& out, const Viewpoint& view, Place place, paging::Access access) {
    auto& mmu = *view.cpu.mmu;
    const paging::Entry* whole = nullptr;
    if (place.space == Space::linear) whole = paging::hit(mmu.tlb, view.context, view.regime, LinearAddress(place.address), access);
    else whole = paging::hit_guest_physical(mmu.tlb, view.context, GuestPhysical(place.address), access);
    out.served = whole;
    for (auto& s : out.steps) {
        s.served = whole, s.whole = whole;
        if (!whole && s.step.stage == Stage::second) s.served = mmu.tlb.find_guest_physical(view.context, GuestPhysical(s.step.input));
        bool writes = s.step.purpose == paging::Purpose::data && access.writes();
        if (s.served && !whole && writes && !s.served->dirty2) s.served = nullptr;
    }
}

}

SeenWalk see_walk(const Viewpoint& view, Place place, paging::Access access) {
    SeenWalk out;
    bool linear = place.space == Space::linear;
    if (linear) place.address = view.linear(place.address);
    if (linear && view.long_mode() && !view.canonical(place.address)) return out.canonical = false, out;
    out.rows = linear ? levels_of(view.regime.stage1.mode) : 0;
    out.columns = view.nested() ? levels_of(view.regime.stage2.mode) : 0;
    QuietTables tables{view.cpu};
    Observer see{out, tables, out.rows};
    out.walk = linear ? paging::walk(view.regime, LinearAddress(place.address), access, tables, see)
                      : paging::walk_guest_physical(view.regime, GuestPhysical(place.address), access, tables, see);
    mark_refusing(out);
    if (view.live) mark_served(out, view, place, access);
    return out;
}

}
