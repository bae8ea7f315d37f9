// SPDX-License-Identifier: MIT
// The stale-use detector: uses of cached translations whose table entries have changed, and that no invalidation follows.
//
// What a walk reads is remembered with what it fills into the TLB, and watched. While nothing of it has changed, the walk of now
// would come to the same, and the entry may be in a bank; so only uses of changed entries come here, and only they are walked again.
#pragma once
#include "cpu/check/settings.h"
#include "cpu/check/table_entries.h"
#include "cpu/cpu.h"
#include "memory/memory_type.h"
#include <map>
#include <string>

namespace check {

// What all CPUs of a machine share: who stores at the moment, what was found.
struct StaleUses {
    explicit StaleUses(StaleSettings settings) : settings(settings) {}
    const StaleSettings settings;
    Writer writer;
    std::function<void(const std::string&)> report = [](const std::string&) {};
    struct Counters {
        u64 walks = 0;                    // of changed entries that were used
        u64 stale = 0;                    // of those that came to something else
        u64 reported = 0;                 // places: an entry and an instruction
        u64 in_flight = 0;                // an invalidation followed in time
        u64 undecided = 0;                // the run ended in time
        u64 overlooked = 0;               // there were too many at once
    } counters;
};

// One CPU's part.
class Stale {
public:
    Stale(Cpu& cpu, StaleUses& shared);
    ~Stale();
    Stale(const Stale&) = delete;
    Stale& operator=(const Stale&) = delete;

    // paging::translate() and paging::translate_guest_physical(), with what is read kept, and what is used judged.
    paging::Result translate(LinearAddress, paging::Access);
    paging::Result translate_guest_physical(GuestPhysical, paging::Access);
    // Whether a bank may answer for the entry.
    bool clean(const paging::Entry&, bool fetches) const;
    // A store of the CPU's to watched memory.
    void write(Physical at, unsigned width, u64 value);
    // Every operation that makes the TLB forget, before it does.
    void invalidated(paging::Operation, const paging::Target&);
    void faulted(const paging::Fault&);
    // Another regime, in the same context or in another; a guest or the host has been entered.
    void regime_changed();
    void entered();
    // The run is over.
    void finish();

private:
    enum Array : unsigned { data, instruction, guest_physical };
    struct HashTag {
        std::size_t operator()(const paging::Tag& t) const {
            return (t.page ^ t.ept >> 3 ^ u64{t.vpid} << 48 ^ u64{t.pcid} << 36 ^ t.shift) * 0x9e3779b97f4a7c15;
        }
    };
    using Known = std::unordered_map<paging::Tag, Sources, HashTag>;
    // A use that was stale, until it is known what follows.
    struct Use {
        paging::Tag tag;
        paging::Context context;
        u64 until = 0;                    // retired instructions
        Physical place;                   // of the entry that has changed; all ones: a root
        u64 rip = 0;
        std::string text;
    };
    struct Reader;
    struct Observer;
    struct Loaded {                       // roots of a context
        u64 first = 0, second = 0;
        Writer by;
    };

    static Array array_of(const paging::Tag&, bool fetches);
    const paging::TlbArray& array(Array) const;
    u64 first_root() const;
    u64 second_root() const;
    bool changed(Array, const Sources&) const;
    bool root_changed(Array, const Sources&) const;
    void forget(Array, const paging::Tag&);
    void take(Array, const paging::Tag&, Sources&&);
    void add(Sources&, const Read&);
    void add(Sources&, const Sources&);
    void keep(LinearAddress, paging::Access);
    void keep_mappings();
    void used(Array, const paging::Entry*, u64 address, paging::Access);
    paging::Walk walk_now(Array, u64 address, paging::Access);
    void renew(Array, const paging::Entry&, const paging::Translation&);
    bool same_type(const paging::Caching&, const paging::Caching&, Physical) const;
    void suspect(Array, const paging::Entry&, u64 address, paging::Access, const paging::Verdict&);
    void expire();
    void report(const Use&, const std::string& because);
    Writer here() const;
    std::string describe(const paging::Tag&) const;
    std::string describe(const paging::Verdict&) const;
    std::string describe(const paging::Caching&, Physical) const;
    std::string cause(Array, const Sources&) const;
    paging::Types types() const;

    Cpu& cpu;
    StaleUses& shared;
    TableEntries entries;
    Known known[3];
    std::vector<Read> read;               // by the walk that is going on
    std::vector<u64> spared;              // guest-physical addresses whose walk a mapping spared
    std::vector<Use> pending;
    std::map<std::pair<u64, u64>, u64> reported;          // place and RIP: how often
    std::map<std::array<u64, 3>, Loaded> loaded;          // by VPID or ASID, PCID, EPT root
    u64 entry_rip = 0;                    // of the instruction that enters or has entered a guest
    paging::Context last;
    u64 uses = 0;                         // of changed entries
};

}
