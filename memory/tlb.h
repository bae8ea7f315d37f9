// SPDX-License-Identifier: MIT
// The architectural TLB: what was translated, under the architecture's tag, until an invalidation names it.
#pragma once
#include "base/archive.h"
#include "memory/counts.h"
#include <functional>
#include <vector>

namespace paging {

// Whose translations are in use now. VPID 0 and ASID 0 are the host's.
struct Context {
    static constexpr u64 no_ept = ~u64{0};
    u16 vpid = 0;                            // Intel VPID or AMD ASID
    u16 pcid = 0;                            // 0 while CR4.PCIDE is clear
    u64 ept = no_ept;                        // Intel: EPTP[51:12] in place; bits 11:0 keep variants of one root apart
    constexpr bool operator==(const Context&) const = default;
    // What guest-physical mappings are found by: the EPT root or, where the context names none, the ASID.
    constexpr Context second() const { return ept == no_ept ? Context{vpid, 0, ept} : Context{0, 0, ept}; }
};

enum class Dimension : u8 { linear, combined, guest_physical };

// What a cached translation belongs to.
struct Tag {
    u64 page = ~u64{0};                      // linear or, in the guest-physical array, guest-physical; all ones: no entry
    u64 ept = Context::no_ept;
    u16 vpid = 0, pcid = 0;
    u8 shift = 12;                           // log2 of the size cached ...
    u8 first_shift = 12;                     // ... and of the first stage's page that it is (a piece of)
    bool global = false;
    Dimension dimension = Dimension::linear;

    constexpr bool valid() const { return page != ~u64{0}; }
    constexpr bool holds(u64 address) const { return address >> shift == page >> shift; }
    constexpr bool of_page(u64 address) const { return address >> first_shift == page >> first_shift; }
    constexpr bool in(const Context& c) const { return vpid == c.vpid && ept == c.ept && (pcid == c.pcid || global); }
    constexpr bool operator==(const Tag&) const = default;
};

struct Entry {
    Tag tag;
    u64 base = 0;                            // physical
    u64 order = 0;                           // of its fill: the oldest of a set gives way
    u64 leaf1 = 0, leaf2 = 0;                // physical addresses of the leaf entries
    Rights rights;
    bool dirty1 = true, dirty2 = true;
    Caching caching;

    Physical physical(u64 address) const { return Physical(base | (address & (bit(tag.shift) - 1))); }
    void visit(Archive&);
    bool operator==(const Entry&) const = default;
    // Whether whatever `old` answered is answered the same: a flag is set meanwhile, or a right added.
    constexpr bool extends(const Entry& old) const {
        return tag == old.tag && base == old.base && caching == old.caching && rights.key == old.rights.key && rights.has(old.rights.allowed) &&
               dirty1 >= old.dirty1 && dirty2 >= old.dirty2;
    }
};

// One array: sets of four ways, found by page number at each of the four sizes.
class TlbArray {
public:
    static constexpr unsigned ways = 4;
    static constexpr u8 shifts[4] = {12, 21, 22, 30};

    explicit TlbArray(unsigned sets);

    // The entry for an address, smallest page first, or null.
    const Entry* find(const Context& c, u64 address) const {
        for (unsigned size = 0; size < 4; size++) {
            if (!count[size]) continue;
            u64 first = u64{set_of(address >> shifts[size], c.vpid)} * ways, key = key_of(address, size);
            for (u64 slot = first; slot < first + ways; slot++)
                if (keys[slot] == key && entries[slot].tag.in(c)) return &entries[slot];
        }
        return nullptr;
    }
    // Replaces what translates `address` in the same context, else takes a free way, else the oldest.
    const Entry& fill(const Context& c, u64 address, Entry entry);

    // Drop what `forgets` says, and tell(tag, number) of it: anywhere; by what a group has in common, page and sizes apart,
    // so that what stays costs nothing; or only looking where a page holding `address` can be.
    template <class Predicate> u64 drop(Predicate&& forgets) {
        u64 dropped = 0;
        for (u64 left = live; left; left &= left - 1) dropped += drop_in(unsigned(std::countr_zero(left)), forgets, silent);
        return dropped;
    }
    template <class Predicate, class Tell> u64 drop_groups(Predicate&& forgets, Tell&& tell) {
        u64 dropped = 0;
        for (u64 left = live; left; left &= left - 1) {
            unsigned n = unsigned(std::countr_zero(left));
            if (n == mixed) dropped += drop_in(n, forgets, tell);
            else if (forgets(group[n].tag)) tell(group[n].tag, group[n].entries), dropped += drop_in(n, everything, silent);
        }
        return dropped;
    }
    template <class Predicate, class Tell> u64 drop_page(u16 vpid, u64 address, Predicate&& forgets, Tell&& tell) {
        u64 dropped = 0;
        for (unsigned size = 0; size < 4; size++) {
            u64 first = u64{set_of(address >> shifts[size], vpid)} * ways;
            for (u64 slot = first; count[size] && slot < first + ways; slot++)
                if (entries[slot].tag.valid() && forgets(entries[slot].tag)) tell(entries[slot].tag, 1), remove(slot), dropped++;
        }
        for (u64 left = live; left; left &= left - 1)                  // pieces of a larger page lie anywhere
            if (unsigned n = unsigned(std::countr_zero(left)); group[n].fragments) dropped += drop_in(n, forgets, tell);
        return dropped;
    }

    // Calls see(const Entry&) for each entry, in a fixed order.
    template <class See> void each(See&& see) const {
        for (const Entry& e : entries)
            if (e.tag.valid()) see(e);
    }
    u64 size() const { return count[0] + count[1] + count[2] + count[3]; }
    u64 capacity() const { return entries.size(); }
    // Changes whenever an entry is dropped, replaced or refilled: what was derived from one may be wrong.
    u64 generation = 0;
    // Told of each entry dropped or replaced, but by one that grants all that it did.
    std::function<void(const Tag&)> removed;
    u64 fills = 0, evictions = 0;            // statistics, no state

    void visit(Archive&);

private:
    // Entries whose tags differ in page and sizes alone.
    struct Group {
        Tag tag;                             // of one that it has had
        u64 entries = 0;
        u64 fragments = 0;                   // those smaller than the first stage's page
    };
    static constexpr u64 no_key = ~u64{0};                                // no entry
    static constexpr unsigned groups = 64, mixed = groups - 1;             // the last: what found no group of its own
    static constexpr auto everything = [](const Tag&) { return true; };
    static constexpr auto silent = [](const Tag&, u64) {};

    template <class Predicate, class Tell> u64 drop_in(unsigned n, Predicate&& forgets, Tell&& tell) {
        u64 dropped = 0;
        for (u64 word = 0; word < words && group[n].entries; word++)
            for (u64 left = members[n * words + word]; left; left &= left - 1) {
                u64 slot = word * 64 + u64(std::countr_zero(left));
                if (!forgets(entries[slot].tag)) continue;
                tell(entries[slot].tag, 1);
                remove(slot), dropped++;
            }
        return dropped;
    }
    unsigned group_for(const Tag&);
    u32 set_of(u64 page_number, u16 vpid) const {
        return u32(page_number ^ page_number >> set_bits ^ u64{vpid} * 0x9e5) & (u32(bit(set_bits)) - 1);
    }
    static u64 key_of(u64 address, unsigned size) { return (address >> shifts[size] << shifts[size]) | size; }
    static unsigned size_of(u8 shift) { return shift == 12 ? 0 : shift - 20 > 2 ? 3 : shift - 20; }
    u64 victim(u64 first) const;
    void put(u64 slot, const Entry&);
    void remove(u64 slot);
    void drop_hidden(const Tag& global);
    bool sane(u64 slot, const Entry&) const;

    unsigned set_bits;
    std::vector<Entry> entries;
    std::vector<u64> keys;                   // of each entry its page and size, together for a quick look
    u64 words;                               // in a set of entries
    std::vector<u8> group_of;                // each valid entry's
    std::array<Group, groups> group;
    std::vector<u64> members;                // of each group, a bit for each entry
    u64 live = 0;                            // the groups that have entries
    unsigned recent = 0;                     // the group asked for last
    std::array<u64, 4> count{};              // valid entries by size
    u64 order = 0;
};

class Tlb {
public:
    TlbArray data{1024}, instruction{512}, guest_physical{256};

    // Where what happens to translations of a context counts.
    ContextCounts& counts(const Context& c) { return counters.contexts.of(c.vpid, c.ept); }
    void count_miss(const Context& c, Access access) {
        (access.fetches() ? counters.instruction_misses : counters.data_misses)++;
        (access.fetches() ? counts(c).instruction_misses : counts(c).data_misses)++;
    }
    TlbArray& array(Access access) { return access.fetches() ? instruction : data; }
    const Entry& fill(const Context&, LinearAddress, Access, const Translation&);
    // A mapping of the second stage: by EPT root, or by ASID where the context names no EPT.
    const Entry& fill(const Context&, const Mapping&);
    const Entry* find_guest_physical(const Context& c, GuestPhysical at) const {
        return guest_physical.find(c.second(), at.value);
    }

    struct Counters {                        // statistics, no state
        u64 data_misses = 0, instruction_misses = 0, faults = 0;
        std::array<u64, ContextCounts::operations> flushes{}, dropped{};       // by Operation (memory/scopes.h)
        ContextTable contexts;
    } counters;

    void visit(Archive&);
};

}
