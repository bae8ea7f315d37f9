// SPDX-License-Identifier: MIT
// Which instructions have begun.
#include "debugger/coverage.h"
#include <algorithm>

namespace debugger {

std::bitset<4096> Coverage::offsets() const {
    std::bitset<4096> all;
    if (ranges.empty()) return all.set();
    for (auto& r : ranges) {
        u64 count = std::min<u64>(r.high - r.low, 4095) + 1;
        for (u64 n = 0; n < count; n++) all.set((r.low + n) & 0xfff);
    }
    return all;
}

bool Coverage::in_ranges(u64 linear) const {
    return ranges.empty() || std::ranges::any_of(ranges, [&](auto& r) { return linear >= r.low && linear <= r.high; });
}

void Coverage::add(u64 linear, unsigned level) {
    auto* page = page_of(linear, level);
    if (!page && pages.size() >= most_pages) return void(full = true);
    if (!page) page = &pages[key_of(linear, level)];
    page->set(linear & 0xfff);
}

std::size_t Coverage::size() const {
    std::size_t count = 0;
    for (auto& [key, page] : pages) count += page.count();
    return count;
}

std::vector<u64> Coverage::addresses(unsigned level) const {
    std::vector<u64> all;
    for (auto& [key, page] : pages) {
        if (level && (key & 0xfff) != level) continue;
        for (u64 n = 0; n < 4096; n++)
            if (page[n]) all.push_back((key & ~u64{0xfff}) + n);
    }
    std::ranges::sort(all);
    all.erase(std::unique(all.begin(), all.end()), all.end());
    return all;
}

}
