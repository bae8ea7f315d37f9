// SPDX-License-Identifier: MIT
// Where blocks have a look before an instruction: what a debugger may want to stop at. Not the guest's state.
//
// A mark is an Op of its own in front of the instruction's. It lies wherever an offset in a page or the instruction's event asks
// for one; whether the run ends there is decided when it is met, and the last word is the debugger's. While nobody is armed
// every mark lets pass.
#pragma once
#include "cpu/isa/row.h"
#include <array>
#include <bitset>
#include <functional>

namespace fast {

struct Marks {
    static constexpr unsigned filter_bits = 12;
    static constexpr u8 by_filter = 1, by_asking = 2, always = 4, by_stack = 8;       // how a mark finds out: in its Op's src

    std::bitset<4096> linear;             // by offset: `filter` knows the whole linear address
    std::bitset<4096> asked;              // by offset: `asks` does
    u64 events = 0;                       // by isa::Event: always
    bool returns = false;                 // RET, where RSP is at least ...
    u64 least_stack = 0;                  // ... this
    std::array<u64, (1 << filter_bits) / 64> filter{};       // linear addresses by their hash
    std::function<bool(u64 linear)> asks;
    bool armed = false;
    bool met = false;                     // the run has ended at one

    bool operator==(const Marks& o) const { return linear == o.linear && asked == o.asked && events == o.events && returns == o.returns; }
    bool none() const { return linear.none() && asked.none() && !events && !returns; }
    u8 at(unsigned offset) const { return u8(linear[offset] * by_filter | asked[offset] * by_asking); }
    u8 at(unsigned offset, const isa::Row& row) const {
        bool ret = returns && row.name.starts_with("ret");
        return u8(at(offset) | (events >> unsigned(row.event) & 1) * always | ret * by_stack);
    }

    u8 of_unknown(unsigned offset) const { return u8(at(offset) | (events || returns ? always : 0)); }      // not decoded yet

    static unsigned hash(u64 address) { return unsigned(address * 0x9e3779b97f4a7c15 >> (64 - filter_bits)); }
    void add(u64 address) { linear.set(address & 0xfff), filter[hash(address) / 64] |= bit(hash(address) % 64); }
    bool may_be(u64 address) const { return filter[hash(address) / 64] >> hash(address) % 64 & 1; }
};
static_assert(unsigned(isa::Event::getsec) < 64);

}
