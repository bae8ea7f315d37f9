// SPDX-License-Identifier: MIT
// Banks: a cache of the architectural TLB for the inline probe (docs: what may be in a bank is settled at fill time).
#pragma once
#include "base/bits.h"
#include <array>

struct BankEntry {
    u64 read_tag = ~u64{0}, write_tag = ~u64{0}, execute_tag = ~u64{0};   // linear page, or no page at all
    u64 addend = 0;               // host address less linear address
};

// One array per permission word. An access that crosses a page misses by construction: the index is of its last byte,
// the tag of its first.
struct Bank {
    static constexpr unsigned entries = 1024;
    std::array<BankEntry, entries> e;

    BankEntry& at(u64 linear, unsigned width) { return e[((linear + width - 1) >> 12) % entries]; }
    void drop() { e.fill({}); }
    void drop_page(u64 page) {
        auto& x = e[(page >> 12) % entries];
        if (x.read_tag == page || x.write_tag == page || x.execute_tag == page) x = {};
    }
};
