// SPDX-License-Identifier: MIT
// Which instructions have begun, by linear address and guest level: a bit each, in pages that are there once one of theirs has.
#pragma once
#include "debugger/stops.h"
#include <bitset>
#include <functional>
#include <unordered_map>
#include <vector>

namespace debugger {

class Coverage {
public:
    static constexpr std::size_t most_pages = 1 << 18;       // 128 MiB of bits

    struct Range {
        u64 low = 0, high = ~u64{0};
    };

    std::vector<Range> ranges;             // none: everywhere
    StopContext context;
    bool on = true;
    bool full = false;                     // something was left out

    // Offsets in pages that anything of its ranges has.
    std::bitset<4096> offsets() const;
    // Whether the instruction is one that counts, and isn't known yet.
    bool wants(const Cpu& cpu, u64 linear) {
        auto* page = page_of(linear, running_level(cpu));
        return !(page && page->test(linear & 0xfff)) && in_ranges(linear) && context.holds(cpu);
    }
    void add(u64 linear, unsigned level);

    std::size_t size() const;
    // Addresses of a level (0: of any, each once), in order.
    std::vector<u64> addresses(unsigned level) const;

private:
    using Page = std::bitset<4096>;
    // Null: none yet. The last one is mostly the next one.
    Page* page_of(u64 linear, unsigned level) {
        u64 key = key_of(linear, level);
        if (key == last_key) return last;
        auto found = pages.find(key);
        return found == pages.end() ? nullptr : (last_key = key, last = &found->second);
    }
    static u64 key_of(u64 linear, unsigned level) { return (linear & ~u64{0xfff}) | level; }
    bool in_ranges(u64 linear) const;

    std::unordered_map<u64, Page> pages;
    u64 last_key = 0;                      // of no page: levels begin with 1
    Page* last = nullptr;
};

}
