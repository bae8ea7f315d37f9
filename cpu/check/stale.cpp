// SPDX-License-Identifier: MIT
// The stale-use detector: what is remembered with a fill, and what becomes of a use.
#include "cpu/check/stale.h"
#include "cpu/mmu.h"
#include "cpu/notice.h"
#include <algorithm>
#include <cstdio>

namespace check {

using paging::Nesting;
using paging::Stage;

static constexpr std::size_t most_pending = 1024, most_reported = 1024, most_loaded = 4096;

// What a walk reads ...
struct Stale::Reader {
    Stale& stale;
    void operator()(const paging::Step& step) const {
        if (step.in_register) return;
        auto& regime = stale.cpu.mmu->regime;
        bool second = step.stage == Stage::second, ept = second && regime.stage2.kind == Nesting::ept;
        auto mode = second ? regime.stage2.mode : regime.stage1.mode;
        u8 width = !ept && mode == paging::Mode::bits32 ? 4 : 8;
        u64 flags = ept ? bit(8) | bit(9) : bit(5) | bit(6);
        stale.read.push_back({step.stage, u8(step.level), width, step.input, step.at, step.entry, flags});
    }
};
// ... and the same of a walk of the CPU's own, which is counted.
struct Stale::Observer {
    Reader reader;
    paging::CountingObserver count;
    void operator()(const paging::Step& step) const { count(step), reader(step); }
    void spared(const paging::Mapping& m) const {
        count.spared(m);
        reader.stale.spared.push_back(m.page);
    }
};

Stale::Stale(Cpu& cpu, StaleUses& shared) : cpu(cpu), shared(shared), entries(cpu.memory) {
    auto& tlb = cpu.mmu->tlb;
    paging::TlbArray* arrays[] = {&tlb.data, &tlb.instruction, &tlb.guest_physical};
    for (unsigned n = 0; n < 3; n++)
        arrays[n]->removed = [this, n, others = arrays[n]->removed](const paging::Tag& tag) {
            if (others) others(tag);
            forget(Array(n), tag);
        };
    cpu.memory.observe(this, [this](const u8* bytes, u64 width) {
        Writer by = this->shared.writer;
        by.tick = this->cpu.clock.ticks;
        if (entries.written(bytes, width, by)) this->cpu.memory_map_changed();
    });
}
Stale::~Stale() { cpu.memory.leave(this); }

// ---- what translations rest on

Stale::Array Stale::array_of(const paging::Tag& tag, bool fetches) {
    if (tag.dimension == paging::Dimension::guest_physical) return guest_physical;
    return fetches ? instruction : data;
}
const paging::TlbArray& Stale::array(Array n) const {
    auto& tlb = cpu.mmu->tlb;
    return n == data ? tlb.data : n == instruction ? tlb.instruction : tlb.guest_physical;
}

u64 Stale::first_root() const {
    auto& s = cpu.mmu->regime.stage1;
    return s.mode == paging::Mode::off ? 0 : s.root & ~u64{0xfff};
}
// On Intel's it is part of the tag.
u64 Stale::second_root() const {
    auto& s = cpu.mmu->regime.stage2;
    return s.kind == Nesting::npt ? s.root & ~u64{0xfff} : 0;
}

bool Stale::root_changed(Array n, const Sources& s) const {
    bool first = n != guest_physical && s.first_root && s.first_root != first_root();
    return first || (s.second_root && s.second_root != second_root());
}
bool Stale::changed(Array n, const Sources& s) const {
    return root_changed(n, s) || std::ranges::any_of(s.list, &Sources::Source::changed);
}
bool Stale::clean(const paging::Entry& e, bool fetches) const {
    Array n = array_of(e.tag, fetches);
    auto found = known[n].find(e.tag);
    return found == known[n].end() || !changed(n, found->second);
}

void Stale::forget(Array n, const paging::Tag& tag) {
    auto found = known[n].find(tag);
    if (found == known[n].end()) return;
    for (auto& source : found->second.list) entries.release(*source.entry);
    known[n].erase(found);
}
void Stale::take(Array n, const paging::Tag& tag, Sources&& sources) {
    forget(n, tag);
    known[n].emplace(tag, std::move(sources));
}

// An entry that was read again because it had changed counts as it was read last.
void Stale::add(Sources& to, const Read& r) {
    auto same = std::ranges::find_if(to.list, [&](auto& s) { return s.entry->at == r.at; });
    if (same != to.list.end()) return void(same->was = r.entry);
    if (auto* entry = entries.use(r)) to.list.push_back({entry, r.entry});
}
void Stale::add(Sources& to, const Sources& from) {
    for (auto& s : from.list) s.entry->users++, to.list.push_back(s);
}

// The mappings of the second stage that the walk has made: each rests on the entries read for an address in its page.
void Stale::keep_mappings() {
    auto& mmu = *cpu.mmu;
    for (std::size_t first = 0; first < read.size(); first++) {
        if (read[first].stage != Stage::second || (first && read[first - 1].stage == Stage::second && read[first - 1].input == read[first].input)) continue;
        auto* e = mmu.tlb.find_guest_physical(mmu.context, GuestPhysical(read[first].input));
        if (!e) continue;
        Sources sources;
        sources.second_root = second_root();
        for (auto& r : read)
            if (r.stage == Stage::second && e->tag.holds(r.input)) add(sources, r);
        take(guest_physical, e->tag, std::move(sources));
    }
}

void Stale::keep(LinearAddress at, paging::Access access) {
    auto& mmu = *cpu.mmu;
    keep_mappings();
    Array n = access.fetches() ? instruction : data;
    auto* e = mmu.regime.stage1.mode == paging::Mode::off ? nullptr : array(n).find(mmu.context, at.value);
    if (!e) return;
    Sources sources;
    sources.first_root = e->tag.global ? 0 : first_root(), sources.second_root = second_root();
    for (auto& r : read) add(sources, r);
    for (u64 page : spared) {
        auto* m = mmu.tlb.find_guest_physical(mmu.context, GuestPhysical(page));
        if (!m) continue;
        if (auto found = known[guest_physical].find(m->tag); found != known[guest_physical].end()) {
            add(sources, found->second);
            sources.second_root = found->second.second_root;
        }
    }
    take(n, e->tag, std::move(sources));
}

paging::Result Stale::translate(LinearAddress at, paging::Access access) {
    auto& mmu = *cpu.mmu;
    read.clear(), spared.clear();
    auto result = paging::translate(mmu.regime, mmu.tlb, mmu.context, mmu.vendor(), cpu.memory, at, access,
                                    Observer{{*this}, {mmu.tlb.counts(mmu.context)}});
    bool untranslated = mmu.regime.stage1.mode == paging::Mode::off && mmu.regime.stage2.kind == Nesting::none;
    if (untranslated || !std::holds_alternative<Physical>(result)) return result;
    if (!read.empty() || !spared.empty()) keep(at, access);
    if (auto* e = paging::hit(mmu.tlb, mmu.context, mmu.regime, at, access)) used(array_of(e->tag, access.fetches()), e, at.value, access);
    return result;
}

paging::Result Stale::translate_guest_physical(GuestPhysical at, paging::Access access) {
    auto& mmu = *cpu.mmu;
    read.clear(), spared.clear();
    auto result = paging::translate_guest_physical(mmu.regime, mmu.tlb, mmu.context, mmu.vendor(), cpu.memory, at, access,
                                                   Observer{{*this}, {mmu.tlb.counts(mmu.context)}});
    if (!std::holds_alternative<Physical>(result) || mmu.regime.stage2.kind == Nesting::none) return result;
    keep_mappings();
    used(guest_physical, paging::hit_guest_physical(mmu.tlb, mmu.context, at, access), at.value, access);
    return result;
}

// ---- what has changed, and by whom

Writer Stale::here() const { return {cpu.number, cpu.gpr[rip_reg], cpu.clock.ticks, cpu.mmu->context}; }

void Stale::write(Physical at, unsigned width, u64 value) {
    shared.writer = here();
    cpu.memory.write(at, width, value);
    shared.writer = {};
}

// Banks of a context that has got another root would answer for its old one. Another VPID, ASID or EPT root comes with a VM entry.
void Stale::regime_changed() {
    auto& c = cpu.mmu->context;
    bool entered = c.vpid != last.vpid || c.ept != last.ept;
    last = c;
    if (loaded.size() > most_loaded) loaded.clear();
    Loaded& now = loaded[{c.vpid, c.pcid, c.ept}];
    if (now.first == first_root() && now.second == second_root()) return;
    now = {first_root(), second_root(), here()};
    if (entered) now.by.rip = entry_rip, now.by.context = {};
    cpu.memory_map_changed();
}

// ---- uses

// Memory as the tables lie in it; what a device would answer for is left alone.
struct Looking {
    const PhysicalMap& map;
    u64 load(Physical at, unsigned width) const { return map.page_for_read(at) ? map.read(at, width) : 0; }
};

paging::Walk Stale::walk_now(Array n, u64 address, paging::Access access) {
    Looking tables{cpu.memory};
    auto& regime = cpu.mmu->regime;
    read.clear(), spared.clear();
    Reader see{*this};
    if (n == guest_physical) return paging::walk_guest_physical(regime, GuestPhysical(address), access, tables, see);
    return paging::walk(regime, LinearAddress(address), access, tables, see);
}

paging::Types Stale::types() const {
    paging::Types t;
    t.pat = cpu.msr.pat, t.cd = cpu.control.cr0 & cr0::cd;
    t.mtrrs.default_type = cpu.msr.mtrr_def_type, t.mtrrs.fixed = cpu.msr.mtrr_fixed;
    for (unsigned i = 0; i < std::min(t.mtrrs.variable.size(), cpu.msr.mtrr_variable.size() / 2); i++)
        t.mtrrs.variable[i] = {cpu.msr.mtrr_variable[2 * i], cpu.msr.mtrr_variable[2 * i + 1]};
    return t;
}
bool Stale::same_type(const paging::Caching& a, const paging::Caching& b, Physical at) const {
    return a == b || paging::memory_type(types(), a, at) == paging::memory_type(types(), b, at);
}

// A change that the entry takes nothing from: it rests on what the walk of now has read.
void Stale::renew(Array n, const paging::Entry& e, const paging::Translation& now) {
    bool same = now.caching == e.caching && now.rights.key == e.rights.key && now.rights.has(e.rights.allowed) && now.shift >= e.tag.shift;
    if (!same) return;
    Sources sources;
    sources.first_root = n == guest_physical || e.tag.global ? 0 : first_root(), sources.second_root = second_root();
    for (auto& r : read) add(sources, r);
    take(n, e.tag, std::move(sources));
}

void Stale::used(Array n, const paging::Entry* e, u64 address, paging::Access access) {
    if (!e || clean(*e, access.fetches())) return;
    if (uses++ % shared.settings.every) return;
    shared.counters.walks++;
    auto now = walk_now(n, address, access);
    auto* t = now.translation();
    bool as_cached = t && t->physical == e->physical(address) && same_type(t->caching, e->caching, t->physical);
    if (as_cached) renew(n, *e, *t);
    else suspect(n, *e, address, access, now.verdict);
}

void Stale::suspect(Array n, const paging::Entry& e, u64 address, paging::Access access, const paging::Verdict& now) {
    shared.counters.stale++;
    expire();
    auto& sources = known[n].find(e.tag)->second;
    auto source = std::ranges::find_if(sources.list, &Sources::Source::changed);
    bool root = root_changed(n, sources) || source == sources.list.end();
    Use use{e.tag, cpu.mmu->context, cpu.retired + shared.settings.grace, root ? Physical(~u64{0}) : source->entry->at, cpu.gpr[rip_reg], ""};
    bool waits = std::ranges::any_of(pending, [&](auto& p) { return p.tag == use.tag && p.place == use.place && p.rip == use.rip; });
    if (waits) return;
    if (pending.size() == most_pending) return void(shared.counters.overlooked++);
    char text[160];
    const char* kind = access.fetches() ? "fetch from" : access.writes() ? "write to" : "read of";
    std::snprintf(text, sizeof text, "stale use on CPU %u at RIP %llx (VPID or ASID %u): %s %llx", cpu.number, static_cast<unsigned long long>(use.rip),
                  use.context.vpid, kind, static_cast<unsigned long long>(address));
    use.text = std::string(text) + "\n  " + describe(e.tag) + "\n  cached: " + describe(e.caching, e.physical(address)) +
               "; walked now: " + describe(now) + "\n  " + cause(n, sources);
    pending.push_back(std::move(use));
}

// ---- what follows

void Stale::report(const Use& use, const std::string& because) {
    if (reported.size() >= most_reported && !reported.contains({use.place.value, use.rip})) return;
    if (reported[{use.place.value, use.rip}]++) return;
    shared.counters.reported++;
    shared.report(use.text + "\n  " + because);
    notice::tell(nullptr, {notice::Kind::stale_use});
}

void Stale::expire() {
    std::erase_if(pending, [&](const Use& use) {
        if (cpu.retired < use.until) return false;
        report(use, "no invalidation covers it within " + std::to_string(shared.settings.grace) + " instructions");
        return true;
    });
}

void Stale::invalidated(paging::Operation operation, const paging::Target& target) {
    using enum paging::Operation;
    if (operation >= vmrun_nothing && operation <= world_switch) entry_rip = cpu.gpr[rip_reg];
    if (pending.empty()) return;
    expire();
    auto& row = paging::scope(operation);
    auto covers = cpu.mmu->vendor() == paging::Vendor::intel ? row.intel : row.amd;
    if (covers) shared.counters.in_flight += std::erase_if(pending, [&](const Use& use) { return covers(use.tag, target); });
}

void Stale::faulted(const paging::Fault& fault) {
    if (fault.event == paging::Event::ept_misconfiguration) return;
    auto cause = fault.event == paging::Event::page_fault ? paging::Operation::page_fault : paging::Operation::second_stage_fault;
    invalidated(cause, {cpu.mmu->context, fault.linear.value, fault.guest.value});
}

// A guest's use must be covered before another guest is entered; the host's own, within the grace.
void Stale::entered() {
    auto& c = cpu.mmu->context;
    auto of_host = [](const paging::Context& x) { return !x.vpid && x.ept == paging::Context::no_ept; };
    if (of_host(c) || pending.empty()) return;
    expire();
    std::erase_if(pending, [&](const Use& use) {
        if (of_host(use.context) || (use.context.vpid == c.vpid && use.context.ept == c.ept)) return false;
        report(use, "no invalidation covers it before the VM entry of another context");
        return true;
    });
}

void Stale::finish() {
    expire();
    for (auto& use : pending) {
        shared.counters.undecided++;
        shared.report("undecided at the end of the run: " + use.text + "\n  no invalidation has covered it so far");
    }
    pending.clear();
}

}
