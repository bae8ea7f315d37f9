// SPDX-License-Identifier: MIT
// One walk for every table format and both stages: a verdict, and a plan of what it would write.
#pragma once
#include "memory/formats.h"
#include <type_traits>
#include <variant>

namespace paging {

// What an observer is shown at each entry.
struct Step {
    Stage stage;
    std::string_view format;
    int level;                               // 1 is the level of 4-KiB pages
    u64 input;                               // the address being translated by this stage
    u64 table, index;                        // the table's base in the space it lives in
    GuestPhysical guest;                     // the entry's address there, where a second stage translates it
    Physical at;
    bool in_register;                        // a PDPTE that was not read from memory
    u64 entry;
    Rights rights;                           // by the entries of this stage so far
    u64 written;                             // accessed and dirty flags set, if the walk succeeds
    u64 size;                                // of the page, if this is a leaf; else 0
    Purpose purpose;                         // what this stage's walk is for
};

// An observer may also have   void spared(const Mapping&)   to be told of each walk of the second stage that a cached
// mapping spares.
struct NoObserver {
    void operator()(const Step&) const {}
};

// What the entries say about caching; memory_type.h makes a memory type of it.
struct Caching {
    static constexpr u8 no_paging = 8;
    u8 pat = no_paging;                      // index into the PAT by the first stage
    Nesting nesting = Nesting::none;
    u8 second = 6;                           // EPT: the leaf's memory type; NPT: index into the host's PAT
    bool ignore_pat = false;                 // EPT
    bool operator==(const Caching&) const = default;
};

struct Translation {
    Physical physical;                       // of the very address asked for
    GuestPhysical guest;
    u8 shift = 12;                           // log2 of the page size: the smaller of the two stages' ...
    u8 first_shift = 12;                     // ... and the first stage's, which INVLPG goes by
    u8 second_shift = 0;                     // 0: there is no second stage
    Rights rights;
    bool global = false;
    bool dirty1 = true, dirty2 = true;       // nothing is left to be set by a write, once the plan is carried out
    Caching caching;
    Physical leaf1, leaf2;                   // the leaf entries; 0 where a stage has none

    constexpr u64 size() const { return bit(shift); }
    constexpr Physical base() const { return Physical(physical.value & ~(size() - 1)); }
};

enum class Event : u8 { page_fault, ept_violation, ept_misconfiguration, nested_page_fault, log_full, sub_page, apic_access };

struct Fault {
    Event event = Event::page_fault;
    Stage stage = Stage::first;
    Reason reason = Reason::none;
    int level = 0;
    Physical at;                             // the entry that decided ...
    GuestPhysical entry_guest;               // ... and where the guest sees it, if a second stage is on
    u64 entry = 0;
    u64 flaw = 0;                            // its reserved or misconfigured bits
    LinearAddress linear;
    GuestPhysical guest;                     // second stage: the address it was asked for
    u64 information = 0;                     // #PF error code, exit qualification of the EPT violation, or EXITINFO1
};

// Page-fault error code bits (SDM vol. 3, 4.7); EXITINFO1 uses the same.
namespace code {
constexpr u64 present = bit(0), write = bit(1), user = bit(2), reserved = bit(3), fetch = bit(4), key = bit(5),
              shadow_stack = bit(6), final_address = bit(32), guest_table = bit(33);
}

// An entry in which flags are to be set, if it still is as it was read.
struct Update {
    u64 at, guest, entry, set;               // plain numbers: an unused Update costs nothing
    u8 width, level;
    Stage stage;
    Physical physical() const { return Physical(at); }
};

// A guest-physical mapping that the walk used: what a cache of the second stage keeps.
struct Mapping {
    u64 page = 0, base = 0;                  // guest-physical and physical
    u8 shift = 12;
    Rights rights;                           // first stage's part: all
    bool dirty = true;
    Caching caching;
    u64 leaf = 0;                            // physical address of the leaf entry
};

// What a walk would change. Every entry at most once: 5 of the first stage, 6 walks of 5 of the second.
struct Plan {
    std::array<Update, 35> update;
    unsigned updates = 0;
    std::array<Mapping, 6> mapping;
    unsigned mappings = 0;
    bool probe = false;

    void add(const Update& u) {
        for (unsigned i = 0; i < updates; i++)
            if (update[i].at == u.at && update[i].width == u.width) return void(update[i].set |= u.set);
        if (updates < update.size()) update[updates++] = u;
    }
};

using Verdict = std::variant<Translation, Fault>;

struct Walk {
    Verdict verdict;
    Plan plan;                               // empty if the verdict is a fault: a walk that faults writes nothing
    const Translation* translation() const { return std::get_if<Translation>(&verdict); }
    const Fault* fault() const { return std::get_if<Fault>(&verdict); }
};

// How far one stage has come.
struct Descent {
    u64 input = 0, table = 0, index = 0, entry = 0;
    GuestPhysical guest;
    Physical at;
    int level = 0;
    u8 shift = 12;
    u8 home = Rights::all;                   // what the second stage allows on the page the entry lies in
    Rights rights;
    Flaw flaw;
    u64 base = 0;
    struct Used {
        u64 at, guest, entry;
        u8 level, home;
    };
    std::array<Used, 5> used;
    unsigned count = 0;
};

// Memory offers   u64 load(Physical, unsigned width)   and, for commit(),
// bool replace(Physical, unsigned width, u64 expected, u64 desired).
// It may offer   const Mapping* cached(GuestPhysical)   to spare walks of the second stage.
template <class Memory, class Observer> class Walker {
public:
    Walker(const Regime& regime, LinearAddress linear, Access access, Memory& memory, Observer& see, Walk& out)
        : s1(regime.stage1), s2(regime.stage2), linear(linear), access(access), memory(memory), see(see),
          out(out) {
        out.plan.probe = access.probes();
    }

    void run() {
        switch (s1.mode) {
        case Mode::off:    return finish(untranslated());
        case Mode::bits32: return first(Bits32(s1.root, s1.pse, s1.pse36, s1.maxphyaddr));
        case Mode::pae:    return first(pae());
        case Mode::level4: return first(long_mode(4));
        case Mode::level5: return first(long_mode(5));
        }
    }

    // The second stage alone, for an access that no linear address leads to.
    void run_second(GuestPhysical guest) {
        has_linear = false;
        Translation t;
        t.guest = guest;
        finish(t);
    }

private:
    Pae pae() const {
        const u64* registers = s1.pdptes_in_memory ? nullptr : s1.pdpte.data();
        return {{}, s1.root & mask(31, 5), s1.maxphyaddr, s1.nxe, registers};
    }
    Long long_mode(int levels) const {
        u64 root = s1.root & mask(s1.maxphyaddr - 1u, 12);
        return {{}, levels, root, s1.maxphyaddr, s1.nxe, s1.gib_pages, s1.global_reserved};
    }

    bool nested() const { return s2.kind != Nesting::none; }

    Translation untranslated() const {
        Translation t;
        t.guest = GuestPhysical(linear.value);
        t.shift = nested() ? 30 : 12;
        return t;
    }

    // A walk that faults writes nothing (silicon may have set accessed flags on the way; SDM vol. 3, 4.8, requires none).
    void fail(const Fault& fault) {
        out.verdict = fault;
        out.plan.updates = out.plan.mappings = 0;
    }

    // Down one set of tables. False: a load failed, or an entry ends the walk (then the flaw says why).
    template <class Format, class Load>
    bool descend(const Format& format, Stage stage, Access of, Descent& d, Load&& load) {
        d.table = format.root;
        for (d.level = format.levels;; d.level--) {
            d.index = format.index(d.input, d.level);
            if (!load(d, d.table + d.index * Format::entry_size)) return false;
            d.rights = d.rights & format.rights_of(d.entry, d.level);
            show(format, stage, of, d);
            if (!format.present(d.entry)) return d.flaw = {Reason::not_present, 0}, false;
            if (d.flaw = format.flaw(d.entry, d.level); d.flaw.reason != Reason::none) return false;
            bool leaf = format.leaf(d.entry, d.level);
            if (!format.in_register(d.level))
                d.used[d.count++] = {d.at.value, d.guest.value, d.entry, u8(d.level), d.home};
            u64 frame = format.frame(d.entry, d.level);
            if (leaf) return d.base = frame, d.shift = u8(format.low(d.level)), true;
            d.table = frame;
        }
    }

    // The flags that an access sets in an entry and that are still clear.
    template <class Format> static u64 unset(const Format& format, u64 entry, int level, Access of) {
        bool dirties = of.writes() && format.leaf(entry, level);
        return (format.accessed(level) | (dirties ? format.dirty() : 0)) & ~entry;
    }

    template <class Format> void show(const Format& format, Stage stage, Access of, const Descent& d) {
        if constexpr (!std::is_same_v<std::remove_const_t<Observer>, NoObserver>) {
            bool present = format.present(d.entry), leaf = present && format.leaf(d.entry, d.level);
            see(Step{stage, Format::name, d.level, d.input, d.table, d.index, d.guest, d.at, format.in_register(d.level),
                     d.entry, d.rights, present ? unset(format, d.entry, d.level, of) : 0,
                     leaf ? bit(format.low(d.level)) : 0, of.purpose});
        }
    }

    // ---- first stage

    template <class Format> void first(const Format& format) {
        Descent d;
        d.input = linear.value;
        auto load = [&](Descent& to, u64 address) { return load_first(format, to, address); };
        if (!descend(format, Stage::first, access, d, load))
            return d.flaw.reason == Reason::none ? void() : page_fault(d, d.flaw.reason);
        if (Reason why = refusal(d.rights, access, s1); why != Reason::none) return page_fault(d, why);
        if (!mark_first(format, d)) return;
        finish(translation(format, d));
    }

    template <class Format> bool load_first(const Format& format, Descent& d, u64 address) {
        if (format.in_register(d.level)) return d.entry = s1.pdpte[d.index & 3], true;
        d.at = Physical(address);
        if (nested()) {
            Mapping m;
            d.guest = GuestPhysical(address);
            if (!map(d.guest, table_read(), {}, m)) return false;
            d.at = Physical(m.base | (address & (bit(m.shift) - 1)));
            d.home = m.rights.allowed;
            if (d.at.page() == s2.apic_access) return reach_apic(d.guest), false;
        }
        d.entry = memory.load(d.at, Format::entry_size);
        return true;
    }

    // How the second stage sees the reads of first-stage entries: as writes by EPT with accessed and dirty flags
    // (SDM vol. 3, 29.3.3.2) and by NPT (APM vol. 2, 15.25.5).
    Access table_read() const {
        bool as_write = s2.kind == Nesting::npt || s2.accessed_dirty;
        return {as_write ? Kind::read_write : Kind::read, Privilege::user, false, Purpose::table};
    }

    // Plans the flags of the first stage's entries; each is a write that the second stage may refuse.
    template <class Format> bool mark_first(const Format& format, const Descent& d) {
        for (unsigned i = 0; i < d.count; i++) {
            auto& used = d.used[i];
            u64 set = unset(format, used.entry, used.level, access);
            if (!set) continue;
            Mapping m;
            constexpr Access update{Kind::read_write, Privilege::user, false, Purpose::accessed_dirty};
            if (nested() && second_refusal({used.home}, update) != Reason::none)
                if (!map(GuestPhysical(used.guest), update, {}, m)) return false;
            out.plan.add({used.at, used.guest, used.entry, set, Format::entry_size, used.level, Stage::first});
        }
        return true;
    }

    template <class Format> Translation translation(const Format& format, const Descent& d) {
        Translation t;
        t.guest = GuestPhysical(d.base | (d.input & (bit(d.shift) - 1)));
        t.shift = t.first_shift = d.shift;
        t.rights = d.rights;
        t.global = s1.pge && format.global(d.entry);
        t.dirty1 = access.writes() || d.entry & format.dirty();
        t.caching.pat = format.pat_index(d.entry, d.level);
        t.leaf1 = d.at;
        return t;
    }

    void finish(Translation t) {
        t.physical = Physical(t.guest.value);
        if (nested()) {
            Mapping m;
            if (!map(t.guest, access, t.rights, m)) return;
            t.physical = Physical(m.base | (t.guest.value & (bit(m.shift) - 1)));
            t.shift = std::min(t.shift, m.shift);
            t.second_shift = m.shift;
            t.rights = t.rights & m.rights;
            t.dirty2 = m.dirty;
            u8 pat = t.caching.pat;
            t.caching = m.caching;
            t.caching.pat = pat;
            t.leaf2 = Physical(m.leaf);
            if (has_linear) show_apic(t);
            else if (t.physical.page() == s2.apic_access) return reach_apic(t.guest);
        }
        out.verdict = t;
    }

    // The guest's local APIC lies in a page of its own, whatever the size of the page around it.
    void show_apic(Translation& t) const {
        if (s2.apic_page == Stage2::no_page || (t.guest.value ^ s2.apic_page) >> t.shift) return;
        t.shift = 12;
        if (t.guest.page() == s2.apic_page) t.physical = Physical(virtual_apic_page | t.guest.offset());
    }

    // SDM vol. 3, 30.4.6: what the second stage grants, but the guest-physical access exits.
    void reach_apic(GuestPhysical guest) {
        Fault fault;
        fault.event = Event::apic_access, fault.stage = Stage::second, fault.reason = Reason::apic_access;
        fault.linear = has_linear ? linear : LinearAddress(), fault.guest = guest;
        fail(fault);
    }

    // SDM vol. 3, 4.7: I/D only where fetches can be refused for themselves; PK whatever else refused the page.
    u64 error_code(const Descent& d, Reason why) const {
        bool page = why != Reason::not_present && why != Reason::reserved;
        bool fetch = access.fetches() && (s1.smep || (s1.nxe && s1.mode >= Mode::pae));
        return (why != Reason::not_present ? code::present : 0) | (access.writes() ? code::write : 0) |
               (access.user() ? code::user : 0) | (why == Reason::reserved ? code::reserved : 0) |
               (fetch ? code::fetch : 0) | (page && key_refuses(d.rights, access, s1) ? code::key : 0);
    }

    void page_fault(const Descent& d, Reason why) {
        fail({Event::page_fault, Stage::first, why, d.level, d.at, d.guest, d.entry, d.flaw.bits, linear,
              GuestPhysical(0), error_code(d, why)});
    }

    // ---- second stage

    // `first` are the rights by the first stage's entries: they say whose page it is.
    bool map(GuestPhysical guest, Access of, Rights first, Mapping& m) {
        if constexpr (requires { memory.cached(guest); })
            if (const Mapping* known = memory.cached(guest); known && usable(*known, of, first)) {
                if constexpr (requires { see.spared(*known); }) see.spared(*known);
                return m = *known, true;
            }
        if (s2.kind == Nesting::ept) return second(ept(), guest, of, first, m);
        if (s2.mode == Mode::bits32) return second(npt_bits32(), guest, of, first, m);
        if (s2.mode == Mode::pae) return second(npt_pae(), guest, of, first, m);
        return second(npt_long(), guest, of, first, m);
    }

    int second_levels() const { return s2.mode == Mode::level5 ? 5 : 4; }
    u64 second_root() const { return s2.root & mask(s2.maxphyaddr - 1u, 12); }
    Ept ept() const {
        return {second_levels(), second_root(), s2.maxphyaddr, s2.gib_pages, s2.large_pages,
                s2.accessed_dirty, s2.execute_only, s2.mode_based_execute};
    }
    Npt<Bits32> npt_bits32() const { return {Bits32(s2.root, s2.large_pages, s2.pse36, s2.maxphyaddr), s2.execute_trap}; }
    Npt<Pae> npt_pae() const { return {Pae{{}, s2.root & mask(31, 5), s2.maxphyaddr, s2.nxe}, s2.execute_trap}; }
    Npt<Long> npt_long() const {
        return {Long{{}, second_levels(), second_root(), s2.maxphyaddr, s2.nxe, s2.gib_pages, s2.global_reserved}, s2.execute_trap};
    }

    static bool usable(const Mapping& m, Access of, Rights first) {
        return second_refusal(first & m.rights, of) == Reason::none && (m.dirty || !of.writes());
    }

    template <class Format>
    bool second(const Format& format, GuestPhysical guest, Access of, Rights first, Mapping& m) {
        Descent d;
        d.input = guest.value;
        auto load = [&](Descent& to, u64 address) {
            to.at = Physical(address);
            to.entry = memory.load(to.at, Format::entry_size);
            return true;
        };
        if (!format.reaches(guest.value)) return d.rights = {Rights::first}, refuse(d, Reason::too_wide, of, first);
        if (!descend(format, Stage::second, of, d, load)) return refuse(d, d.flaw.reason, of, first);
        d.rights = format.settled(d.rights);
        Reason why = second_refusal(first & d.rights, of);
        if constexpr (std::is_same_v<Format, Ept>)
            if (why == Reason::write && by_sub_pages(d, of)) why = sub_page_refusal(d);
        if (why != Reason::none) return refuse(d, why, of, first);

        for (unsigned i = 0; i < d.count; i++) {
            auto& used = d.used[i];
            if (u64 set = unset(format, used.entry, used.level, of))
                out.plan.add({used.at, guest.value, used.entry, set, Format::entry_size, used.level, Stage::second});
        }
        m = mapping(format, d, of);
        if (out.plan.mappings < out.plan.mapping.size()) out.plan.mapping[out.plan.mappings++] = m;
        return true;
    }

    // Sub-page write permissions (SDM vol. 3, 29.3.4): a write by linear address to a 4-KiB page whose entry has bit 61 may be granted
    // for 128 bytes. It is never cached: no mapping says that the page is writable.
    bool by_sub_pages(const Descent& d, Access of) const {
        return s2.sub_pages && d.level == 1 && d.entry & bit(61) && has_linear && is_final(of);
    }
    Reason sub_page_refusal(const Descent& d) {
        u64 address = mask(s2.maxphyaddr - 1u, 12), e = s2.sub_page_table;
        for (int level = 4; level > 1; level--) {
            e = memory.load(Physical((e & address) + Ept::index(d.input, level) * 8), 8);
            if (!(e & 1)) return Reason::sub_page_miss;
            if (e & ~(address | 1)) return Reason::sub_page_misconfigured;
        }
        e = memory.load(Physical((e & address) + Ept::index(d.input, 1) * 8), 8);
        constexpr u64 odd = 0xaaaaaaaaaaaaaaaa;
        if (e & odd) return Reason::sub_page_misconfigured;
        return e >> 2 * bits(d.input, 11, 7) & 1 ? Reason::none : Reason::write;
    }

    template <class Format> Mapping mapping(const Format& format, const Descent& d, Access of) {
        Mapping m;
        m.page = d.input & ~(bit(d.shift) - 1);
        m.base = d.base;
        m.shift = d.shift;
        m.rights.allowed = d.rights.allowed;
        m.dirty = !format.dirty() || of.writes() || d.entry & format.dirty();
        m.caching.nesting = s2.kind;
        if constexpr (std::is_same_v<Format, Ept>) {
            m.caching.second = Ept::memory_type(d.entry);
            m.caching.ignore_pat = Ept::ignores_pat(d.entry);
        } else {
            m.caching.second = format.pat_index(d.entry, d.level);
        }
        m.leaf = d.at.value;
        return m;
    }

    bool refuse(const Descent& d, Reason why, Access of, Rights first) {
        bool npt = s2.kind == Nesting::npt, entry = why == Reason::reserved || why >= Reason::misconfigured;
        bool sub_page = why == Reason::sub_page_miss || why == Reason::sub_page_misconfigured;
        if (npt && why == Reason::read) why = Reason::user;
        Event event = npt ? Event::nested_page_fault : sub_page ? Event::sub_page : entry ? Event::ept_misconfiguration : Event::ept_violation;
        u64 information = npt ? exit_information(why, of) : sub_page ? miss_or_misconfiguration(why) : entry ? 0 : qualification(d, of, first);
        fail({event, Stage::second, why, d.level, d.at, {}, d.entry, d.flaw.bits, has_linear ? linear : LinearAddress(),
              GuestPhysical(d.input), information});
        return false;
    }

    // Exit qualification of an SPP-related event (SDM vol. 3, 28.2.1).
    static u64 miss_or_misconfiguration(Reason why) { return why == Reason::sub_page_miss ? bit(11) : 0; }

    static bool is_final(Access of) { return of.purpose != Purpose::table && of.purpose != Purpose::accessed_dirty; }

    // Exit qualification of an EPT violation (SDM vol. 3, 28.2.1). An update of flags reads and writes: bits 0 and 1.
    u64 qualification(const Descent& d, Access of, Rights first) const {
        u64 granted = d.rights.allowed & Rights::second & ~Rights::by_page & (s2.mode_based_execute ? 0xff : ~Rights::user_execute2);
        u64 q = u64(of.kind) | granted | (has_linear ? bit(7) : 0);
        if (!has_linear || !is_final(of)) return q;
        q |= bit(8);
        if (!s2.advanced_information) return q;
        return q | (first.has(Rights::user) ? bit(9) : 0) | (first.has(Rights::write) ? bit(10) : 0) |
               (first.has(Rights::execute) ? 0 : bit(11));
    }

    // EXITINFO1 of a nested page fault (APM vol. 2, 15.25.6): the walk is a user's, but a supervisor's fetch under GMET.
    u64 exit_information(Reason why, Access of) const {
        bool present = why != Reason::not_present && why != Reason::too_wide;
        bool supervisors = s2.execute_trap && of.fetches() && !of.user();
        return (present ? code::present : 0) | (of.writes() ? code::write : 0) | (supervisors ? 0 : code::user) |
               (why == Reason::reserved ? code::reserved : 0) | (of.fetches() && (s2.nxe || s2.execute_trap) ? code::fetch : 0) |
               (is_final(of) ? code::final_address : code::guest_table);
    }

    const Stage1& s1;
    const Stage2& s2;
    LinearAddress linear;
    Access access;
    Memory& memory;
    Observer& see;
    Walk& out;
    bool has_linear = true;
};

// What `access` to `linear` comes to, and what it would write. Whether the address is canonical is the
// caller's question. Left out: shadow stacks, HLAT, paging-write and guest-paging
// verification, LAM (each needs a bit in Stage1 or Stage2 and its rule here).
template <class Memory, class Observer = const NoObserver>
Walk walk(const Regime& regime, LinearAddress linear, Access access, Memory& memory, Observer&& see = NoObserver{}) {
    Walk out;
    Walker<Memory, std::remove_reference_t<Observer>>(regime, linear, access, memory, see, out).run();
    return out;
}

// The second stage alone: an access by guest-physical address, such as MOV CR3's to the PDPTEs.
template <class Memory, class Observer = const NoObserver>
Walk walk_guest_physical(const Regime& regime, GuestPhysical guest, Access access, Memory& memory,
                         Observer&& see = NoObserver{}) {
    Walk out;
    Walker<Memory, std::remove_reference_t<Observer>>(regime, {}, access, memory, see, out).run_second(guest);
    return out;
}

// Carries the plan out. False: an entry is no longer as the walk read it, and the walk must be done again;
// flags that were set until then stay, which is harmless. Memory may have   bool may_set(const Update&)   to be asked before
// each, false ending it too, and   void has_set(const Update&)   to be told behind it.
template <class Memory> bool commit(const Plan& plan, Memory& memory) {
    for (unsigned i = 0; i < plan.updates && !plan.probe; i++) {
        const Update& u = plan.update[i];
        if constexpr (requires { memory.may_set(u); })
            if (!memory.may_set(u)) return false;
        if (!memory.replace(u.physical(), u.width, u.entry, u.entry | u.set)) return false;
        if constexpr (requires { memory.has_set(u); }) memory.has_set(u);
    }
    return true;
}

}
