// SPDX-License-Identifier: MIT
// The banks: which one serves a context and a permission word, and what scrubs them.
//
// Two rules. Every bank entry has its entry in the architectural TLB, and goes with it: a guest-physical mapping with paging
// off, and none where there is no second stage either. What an access needs besides that entry is in the permission word, so
// a change of it selects another bank and drops nothing.
#pragma once
#include "cpu/bank.h"
#include "memory/tlb.h"
#include <memory>

// Everything that fill time decides on: what `paging::permits` reads besides the rights found and the kind of access.
struct PermissionWord {
    u64 value = 0;
    // bits 2:0 mode, 3 user, 4 AC suspends SMAP, 5 WP, 6 SMEP, 7 SMAP, 8 NXE, 9 PKE, 10 PKS, 11 paging off under a second
    // stage; 31:12 free (SPP, SMM); 63:32 PKRU. Left out: PKRS.
    static constexpr PermissionWord of(const paging::Regime& regime, bool user, bool ac) {
        auto& s = regime.stage1;
        if (s.mode == paging::Mode::off) return unpaged(regime.stage2, user);
        u64 word = u64(s.mode) | u64{user} << 3 | u64{s.wp} << 5 | u64{s.smep} << 6 | u64{s.smap} << 7 | u64{s.nxe} << 8;
        if (s.smap && !user) word |= u64{ac} << 4;
        if (s.pke && s.mode >= paging::Mode::level4) word |= u64{1} << 9 | u64{s.pkru} << 32;
        return {word | u64{s.pks} << 10};
    }
    // Under GMET the CPL counts without paging too.
    static constexpr PermissionWord unpaged(const paging::Stage2& second, bool user) {
        if (second.kind == paging::Nesting::none) return {0};
        return {bit(11) | u64{second.execute_trap && user} << 3};
    }
    // The part that a fetch depends on, whatever the CPL: mode, SMEP, NXE.
    constexpr u64 execution() const { return value & (7 | bit(6) | bit(8) | bit(11)); }
    constexpr bool paged() const { return value & 7; }
    constexpr bool guest_physical() const { return value & bit(11); }
    constexpr bool translated() const { return paged() || guest_physical(); }
    // Whether what was derived under this word in a context may come from an entry with this tag.
    constexpr bool rests_on(const paging::Tag& tag, const paging::Context& c) const {
        if (tag.dimension != paging::Dimension::guest_physical) return paged() && tag.in(c);
        return guest_physical() && tag.in(c.second());
    }
    constexpr bool operator==(const PermissionWord&) const = default;
};

class Banks {
public:
    static constexpr unsigned count = 32;
    enum : u8 { reads = 1, writes = 2, executes = 4 };                 // tags of an entry

    Banks();

    // The bank of a context and word: the one it had, or the one selected longest ago, emptied.
    Bank* select(const paging::Context&, PermissionWord);
    u64 taken() const { return counters.selected - counters.reused; }  // how often a bank has got another owner
    void used(const Bank* bank) { key[number(bank)].order = ++order; }

    // Sets tags of the entry of a page (4 KiB), be it a piece of a larger one; those it had of another page or at another place go.
    void fill(Bank*, u64 page, unsigned tags, u8* host, bool piece);
    // The architectural entry is gone.
    void scrub(const paging::Tag&);
    // Between these the entries of one operation go: a bank that loses a large page loses the pieces of all of them at once.
    void begin_operation() { memo = {}, in_operation = true; }
    void end_operation() { in_operation = false; }
    // Takes the write tags for a page of the host's memory out of every bank.
    void strip_write(const u8* host);
    void drop();                                                       // all

    // Calls see(context, word, bank, entry) for each entry that has a tag.
    template <class See> void each(See&& see) const {
        for (unsigned n = 0; n < count; n++)
            for (auto& e : banks[n].e)
                if (e.read_tag != none || e.write_tag != none || e.execute_tag != none) see(key[n].context, key[n].word, banks[n], e);
    }

    struct Counters {                     // statistics, no state
        u64 fills = 0, drops = 0, scrubbed = 0, stripped = 0, selected = 0, reused = 0, evicted = 0;
    } counters;

private:
    static constexpr u64 none = ~u64{0};
    static constexpr unsigned group = 64, groups = Bank::entries / group, buckets = 1 << 15;
    static_assert(groups == 32 && count == 32 && group == 64, "sets of the first two are u32, of entries u64");

    struct Key {
        paging::Context context;
        PermissionWord word;
        u64 order = 0;                    // of its last selection; 0: never
    };
    unsigned number(const Bank* bank) const { return unsigned(bank - banks.get()); }
    u32& bucket(u64 host) { return written[host >> 12 & (buckets - 1)]; }
    u32 of(const paging::Tag&) const;
    void empty(unsigned n);
    void drop_pieces(unsigned n);
    void scrub_page(unsigned n, u64 page);
    void scrub_range(unsigned n, u64 page, unsigned shift);

    std::unique_ptr<Bank[]> banks;
    std::array<Key, count> key;
    std::array<u32, count> filled{};      // of each bank the groups of entries that may hold a tag
    u32 live = 0;                         // the banks that have such
    u32 with_pieces = 0;                  // those that may hold pieces of large pages: entries with a bit here, a word for each group
    std::array<std::array<u64, groups>, count> pieces{};
    std::unique_ptr<u32[]> written;       // by host page, hashed: the groups that may have a write tag for it in some bank
    u64 order = 0;
    bool in_operation = false;
    struct { paging::Tag tag; u32 banks = 0; } memo;                   // what of() said last in this operation
};
