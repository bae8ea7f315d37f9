// SPDX-License-Identifier: MIT
// Banks: a cache of the architectural TLB for the inline probe (docs: what may be in a bank is settled at fill time).
#pragma once
#include "base/bits.h"
#include <array>

struct BankEntry {
    u64 read_tag = ~u64{0}, write_tag = ~u64{0}, execute_tag = ~u64{0};   // linear page, or no page at all
    u64 addend = 0;               // host address less linear address

    bool holds(u64 page) const { return read_tag == page || write_tag == page || execute_tag == page; }
};

// One array per context and permission word (cpu/banks.h). An access that crosses a page misses by construction: the index
// is of its last byte, the tag of its first.
struct alignas(64) Bank {
    static constexpr unsigned entries = 2048;
    std::array<BankEntry, entries> e;

    static constexpr unsigned index(u64 address) { return unsigned(address >> 12) % entries; }
    BankEntry& at(u64 linear, unsigned width) { return e[index(linear + width - 1)]; }
};
static_assert(sizeof(Bank) == Bank::entries * 32, "generated code knows the layout");
