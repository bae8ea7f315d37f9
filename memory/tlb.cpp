// SPDX-License-Identifier: MIT
// The architectural TLB's arrays: fills in order, drops, and their state.
#include "memory/tlb.h"
#include <algorithm>

namespace paging {

void Entry::visit(Archive& a) {
    a("page", tag.page);
    a("ept", tag.ept);
    a("vpid", tag.vpid);
    a("pcid", tag.pcid);
    a("shift", tag.shift);
    a("first_shift", tag.first_shift);
    a("global", tag.global);
    a("dimension", tag.dimension);
    a("base", base);
    a("order", order);
    a("leaf1", leaf1);
    a("leaf2", leaf2);
    a("rights", rights.allowed);
    a("key", rights.key);
    a("dirty1", dirty1);
    a("dirty2", dirty2);
    a("pat", caching.pat);
    a("nesting", caching.nesting);
    a("second", caching.second);
    a("ignore_pat", caching.ignore_pat);
}

TlbArray::TlbArray(unsigned sets)
    : set_bits(unsigned(std::bit_width(sets) - 1)), entries(bit(set_bits) * ways),
      keys(entries.size(), no_key), words((entries.size() + 63) / 64), group_of(entries.size()), members(groups * words) {}

// A free way, else the one filled longest ago.
u64 TlbArray::victim(u64 first) const {
    for (u64 slot = first; slot < first + ways; slot++)
        if (keys[slot] == no_key) return slot;
    auto set = std::span(entries).subspan(first, ways);
    return first + u64(std::ranges::min_element(set, {}, &Entry::order) - set.begin());
}

// The group of those with the same tag but for the page, else a free one.
unsigned TlbArray::group_for(const Tag& tag) {
    auto same = [&](const Tag& t) {
        return t.vpid == tag.vpid && t.pcid == tag.pcid && t.ept == tag.ept && t.global == tag.global && t.dimension == tag.dimension;
    };
    if (group[recent].entries && recent != mixed && same(group[recent].tag)) return recent;
    for (u64 left = live & ~bit(mixed); left; left &= left - 1)
        if (unsigned n = unsigned(std::countr_zero(left)); same(group[n].tag)) return recent = n;
    return recent = std::min(unsigned(std::countr_one(live)), mixed);
}

void TlbArray::put(u64 slot, const Entry& entry) {
    entries[slot] = entry;
    keys[slot] = key_of(entry.tag.page, size_of(entry.tag.shift));
    count[size_of(entry.tag.shift)]++;
    unsigned n = group_for(entry.tag);
    group_of[slot] = u8(n);
    members[n * words + slot / 64] |= bit(slot % 64);
    live |= bit(n);
    group[n].tag = entry.tag;
    group[n].entries++;
    group[n].fragments += entry.tag.shift != entry.tag.first_shift;
    generation++;
}

void TlbArray::remove(u64 slot) {
    const Tag tag = entries[slot].tag;
    count[size_of(tag.shift)]--;
    unsigned n = group_of[slot];
    members[n * words + slot / 64] &= ~bit(slot % 64);
    group[n].fragments -= tag.shift != tag.first_shift;
    if (!--group[n].entries) live &= ~bit(n);
    entries[slot] = {};
    keys[slot] = no_key;
    generation++;
    if (removed) removed(tag);
}

// What other PCIDs have for the page of a new global entry goes, so that each address has one translation in each.
void TlbArray::drop_hidden(const Tag& global) {
    for (unsigned size = size_of(global.shift); size < 4; size++) {
        u64 first = u64{set_of(global.page >> shifts[size], global.vpid)} * ways, key = key_of(global.page, size);
        for (u64 slot = first; count[size] && slot < first + ways; slot++) {
            if (keys[slot] != key) continue;
            const Tag& t = entries[slot].tag;
            if (t.vpid == global.vpid && t.ept == global.ept && t.pcid != global.pcid) remove(slot);
        }
    }
}

const Entry& TlbArray::fill(const Context& c, u64 address, Entry entry) {
    entry.order = ++order, fills++;
    const Entry* old = find(c, address);
    if (old && entry.extends(*old)) {
        u64 slot = u64(old - entries.data());
        return generation++, entries[slot] = entry;
    }
    for (; old; old = find(c, address)) remove(u64(old - entries.data()));
    if (entry.tag.global) drop_hidden(entry.tag);
    u64 slot = victim(u64{set_of(entry.tag.page >> entry.tag.shift, entry.tag.vpid)} * ways);
    if (entries[slot].tag.valid()) remove(slot), evictions++;
    put(slot, entry);
    return entries[slot];
}

// Whether fill() could have left this entry in this slot; a saved state may say anything.
bool TlbArray::sane(u64 slot, const Entry& e) const {
    auto known = [](u8 shift) { return std::ranges::find(shifts, shift) != std::end(shifts); };
    if (slot >= entries.size() || !known(e.tag.shift) || !known(e.tag.first_shift)) return false;
    if (e.tag.first_shift < e.tag.shift) return false;
    u64 offset = bit(e.tag.shift) - 1;
    return !((e.tag.page | e.base) & offset) && e.order <= order && e.tag.dimension <= Dimension::guest_physical &&
           e.caching.nesting <= Nesting::npt && e.rights.key < 16 &&
           set_of(e.tag.page >> e.tag.shift, e.tag.vpid) == slot / ways;
}

void TlbArray::visit(Archive& a) {
    struct Kept {
        u32 slot;
        Entry entry;
        bool operator==(const Kept&) const = default;
    };
    std::vector<Kept> kept;
    for (u32 slot = 0; slot < entries.size(); slot++)
        if (entries[slot].tag.valid()) kept.push_back({slot, entries[slot]});
    const std::vector<Kept> before = kept;

    a("order", order);
    u64 number = kept.size();
    a("entries", number);
    kept.resize(std::min<u64>(number, entries.size()));
    for (Kept& k : kept) {
        a("slot", k.slot);
        k.entry.visit(a);
    }
    if (kept == before) return;
    drop([](const Tag&) { return true; });
    for (const Kept& k : kept)
        if (sane(k.slot, k.entry) && !entries[k.slot].tag.valid()) put(k.slot, k.entry);
}

const Entry& Tlb::fill(const Context& c, LinearAddress address, Access access, const Translation& t) {
    Entry e;
    e.tag = {address.value & ~(t.size() - 1), c.ept, c.vpid, c.pcid, t.shift, t.first_shift, t.global,
             c.ept == Context::no_ept ? Dimension::linear : Dimension::combined};
    e.base = t.base().value;
    e.leaf1 = t.leaf1.value;
    e.leaf2 = t.leaf2.value;
    e.rights = t.rights;
    e.dirty1 = t.dirty1;
    e.dirty2 = t.dirty2;
    e.caching = t.caching;
    return array(access).fill(c, address.value, e);
}

const Entry& Tlb::fill(const Context& c, const Mapping& m) {
    Context second = c.second();
    Entry e;
    e.tag = {m.page, second.ept, second.vpid, 0, m.shift, m.shift, false, Dimension::guest_physical};
    e.base = m.base;
    e.leaf2 = m.leaf;
    e.rights = m.rights;
    e.dirty2 = m.dirty;
    e.caching = m.caching;
    return guest_physical.fill(second, m.page, e);
}

void Tlb::visit(Archive& a) {
    a("data", data);
    a("instruction", instruction);
    a("guest_physical", guest_physical);
}

}
