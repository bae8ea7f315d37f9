// SPDX-License-Identifier: MIT
// Selecting, filling and scrubbing banks.
#include "cpu/banks.h"
#include <algorithm>

namespace {

// Calls act(n) for each bit of a set, from bit 0 up.
template <class Set, class Act> void each_bit(Set set, Act&& act) {
    for (; set; set &= set - 1) act(unsigned(std::countr_zero(set)));
}

}

Banks::Banks() : banks(std::make_unique<Bank[]>(count)), written(std::make_unique<u32[]>(buckets)) {}

Bank* Banks::select(const paging::Context& context, PermissionWord word) {
    counters.selected++;
    unsigned oldest = 0;
    for (unsigned n = 0; n < count; n++) {
        Key& k = key[n];
        if (k.order && k.word == word && k.context == context) return counters.reused++, k.order = ++order, &banks[n];
        if (k.order < key[oldest].order) oldest = n;
    }
    counters.evicted += live >> oldest & 1;
    empty(oldest);
    key[oldest] = {context, word, ++order};
    return &banks[oldest];
}

void Banks::fill(Bank* bank, u64 page, unsigned tags, u8* host, bool piece) {
    unsigned n = number(bank), index = Bank::index(page);
    u64 addend = reinterpret_cast<u64>(host) - page;
    BankEntry& e = bank->e[index];
    u64& marks = pieces[n][index / group];
    if (e.addend != addend || !e.holds(page)) e = {}, marks &= ~bit(index % group);
    if (piece) marks |= bit(index % group), with_pieces |= 1u << n;
    e.addend = addend;
    if (tags & reads) e.read_tag = page;
    if (tags & writes) e.write_tag = page, bucket(reinterpret_cast<u64>(host)) |= 1u << index / group;
    if (tags & executes) e.execute_tag = page;
    filled[n] |= 1u << index / group;
    live |= 1u << n;
    counters.fills++;
}

// The banks that may hold what the entry translated.
u32 Banks::of(const paging::Tag& tag) const {
    u32 set = 0;
    each_bit(live, [&](unsigned n) {
        set |= u32{key[n].word.rests_on(tag, key[n].context)} << n;
    });
    return set;
}

void Banks::empty(unsigned n) {
    if (!(live >> n & 1)) return;
    each_bit(filled[n], [&](unsigned g) { std::fill_n(&banks[n].e[g * group], group, BankEntry{}), pieces[n][g] = 0; });
    filled[n] = 0;
    live &= ~(1u << n), with_pieces &= ~(1u << n);
    counters.drops++;
}

void Banks::drop() {
    each_bit(live, [&](unsigned n) { empty(n); });
}

void Banks::drop_pieces(unsigned n) {
    if (!(with_pieces >> n & 1)) return;
    each_bit(filled[n], [&](unsigned g) {
        each_bit(pieces[n][g], [&](unsigned i) { banks[n].e[g * group + i] = {}, counters.scrubbed++; });
        pieces[n][g] = 0;
    });
    with_pieces &= ~(1u << n);
}

void Banks::scrub_page(unsigned n, u64 page) {
    BankEntry& e = banks[n].e[Bank::index(page)];
    if (e.holds(page)) e = {}, counters.scrubbed++;
}

// A large page's pieces lie in consecutive entries, or all over.
void Banks::scrub_range(unsigned n, u64 page, unsigned shift) {
    u64 span = bit(shift - 12) / group;                                // groups
    u32 searched = span >= groups ? ~u32{0} : u32(ones(4) >> (groups - span)) << Bank::index(page) / group;
    each_bit(searched & filled[n], [&](unsigned g) {
        for (unsigned i = g * group; i < (g + 1) * group; i++) {
            BankEntry& e = banks[n].e[i];
            auto within = [&](u64 tag) { return tag != none && tag >> shift == page >> shift; };
            if (within(e.read_tag) || within(e.write_tag) || within(e.execute_tag)) e = {}, counters.scrubbed++;
        }
    });
}

void Banks::scrub(const paging::Tag& tag) {
    if (!live) return;
    bool known = in_operation && memo.tag.valid() && memo.tag.vpid == tag.vpid && memo.tag.pcid == tag.pcid && memo.tag.ept == tag.ept &&
                 memo.tag.global == tag.global && memo.tag.dimension == tag.dimension;
    if (!known) memo = {tag, of(tag)};
    each_bit(memo.banks & live, [&](unsigned n) {
        if (tag.shift == 12) scrub_page(n, tag.page);
        else if (in_operation) drop_pieces(n);
        else scrub_range(n, tag.page, tag.shift);
    });
}

void Banks::strip_write(const u8* host) {
    u64 page = reinterpret_cast<u64>(host);
    u32& maybe = bucket(page);
    if (!maybe) return;
    u32 left = 0;                                                      // groups with other pages of this bucket
    each_bit(live, [&](unsigned n) {
        each_bit(maybe & filled[n], [&](unsigned g) {
            for (unsigned i = g * group; i < (g + 1) * group; i++) {
                BankEntry& e = banks[n].e[i];
                if (e.write_tag == none) continue;
                u64 to = e.write_tag + e.addend;
                if (to == page) e.write_tag = none, counters.stripped++;
                else if (&bucket(to) == &maybe) left |= 1u << g;
            }
        });
    });
    maybe = left;
}
