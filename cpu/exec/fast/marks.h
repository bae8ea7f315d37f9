// SPDX-License-Identifier: MIT
// Where blocks have a look before an instruction: what a debugger may want to stop at. Not the guest's state.
//
// A mark is an Op of its own in front of the instruction's. It lies wherever an offset in a page or the instruction's event asks
// for one; whether the run ends there is decided when it is met, and the last word is the debugger's. While nobody is armed
// every mark lets pass. What is asked for by linear address lies in blocks of its page alone, else the same offset in each other page
// would have to be looked at: a block's key has the page's hash where that page has marks (mode::page).
#pragma once
#include "cpu/isa/row.h"
#include <algorithm>
#include <array>
#include <bitset>
#include <functional>
#include <vector>

namespace fast {

struct Marks {
    static constexpr unsigned filter_bits = 12;
    static constexpr u8 by_filter = 1, by_asking = 2, always = 4, by_stack = 8;       // how a mark finds out: in its Op's src

    std::vector<u64> addresses;           // linear ones, in order
    std::bitset<4096> linear;             // by offset: `filter` knows the whole linear address,
    std::bitset<1 << filter_bits> pages;  // and this the pages, by hash
    std::bitset<4096> asked;              // by offset: `asks` does
    u64 events = 0;                       // by isa::Event: always
    bool returns = false;                 // RET, where RSP is at least ...
    u64 least_stack = 0;                  // ... this
    std::array<u64, (1 << filter_bits) / 64> filter{};       // linear addresses by their hash
    std::function<bool(u64 linear)> asks;
    bool armed = false;
    bool met = false;                     // the run has ended at one

    bool operator==(const Marks& o) const { return addresses == o.addresses && asked == o.asked && events == o.events && returns == o.returns; }
    bool none() const { return linear.none() && asked.none() && !events && !returns; }
    // The key of a linear address's page: 0 where it has none, else its hash and 1.
    u32 page_of(u64 address) const {
        unsigned h = hash(address >> 12);
        return pages[h] ? h + 1 : 0;
    }
    bool any_at(unsigned offset, u32 page) const {
        if (!page || !linear[offset]) return false;
        return std::ranges::any_of(addresses, [&](u64 a) { return (a & 0xfff) == offset && hash(a >> 12) + 1 == page; });
    }
    u8 at(unsigned offset, u32 page) const { return u8(any_at(offset, page) * by_filter | asked[offset] * by_asking); }
    u8 at(unsigned offset, u32 page, const isa::Row& row) const {
        bool ret = returns && row.name.starts_with("ret");
        return u8(at(offset, page) | (events >> unsigned(row.event) & 1) * always | ret * by_stack);
    }

    u8 of_unknown(unsigned offset, u32 page) const { return u8(at(offset, page) | (events || returns ? always : 0)); }      // not decoded yet

    static unsigned hash(u64 address) { return unsigned(address * 0x9e3779b97f4a7c15 >> (64 - filter_bits)); }
    void add(u64 address) {
        addresses.insert(std::ranges::lower_bound(addresses, address), address);
        linear.set(address & 0xfff), pages.set(hash(address >> 12)), filter[hash(address) / 64] |= bit(hash(address) % 64);
    }
    bool may_be(u64 address) const { return filter[hash(address) / 64] >> hash(address) % 64 & 1; }
};
static_assert(unsigned(isa::Event::getsec) < 64);

}
