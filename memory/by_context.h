// SPDX-License-Identifier: MIT
// Counts kept for each context: a VPID or ASID, and an EPT root. No state.
#pragma once
#include "base/bits.h"
#include <algorithm>
#include <deque>

namespace paging {

// Whose counts they are; guest-physical mappings count for VPID 0.
struct CountedContext {
    u16 vpid = 0;
    u64 ept = ~u64{0};
    bool others = false;                                     // of all contexts that came too late for counts of their own
};

template <class Counts> class ByContext {
public:
    static constexpr unsigned most = 256;                    // more share the last
    ByContext() = default;
    ByContext(const ByContext&) = delete;
    Counts& of(u16 vpid, u64 ept) {
        if (last && asked.vpid == vpid && asked.ept == ept) return *last;
        asked = {vpid, ept};
        return *(last = &find());
    }
    const std::deque<Counts>& all() const { return counts; }

private:
    Counts& find() {
        auto found = std::ranges::find_if(counts, [&](auto& c) { return c.vpid == asked.vpid && c.ept == asked.ept && !c.others; });
        if (found != counts.end()) return *found;
        if (counts.size() == most) return counts.back();
        Counts& added = counts.emplace_back();
        added.vpid = asked.vpid, added.ept = asked.ept, added.others = counts.size() == most;
        return added;
    }
    std::deque<Counts> counts;                               // references stay good
    CountedContext asked;                                    // the context asked for last, which may be one of the others
    Counts* last = nullptr;
};

}
