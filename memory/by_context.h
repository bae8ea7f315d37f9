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
        if (last && last->vpid == vpid && last->ept == ept) return *last;
        return find(vpid, ept);
    }
    const std::deque<Counts>& all() const { return counts; }

private:
    Counts& find(u16 vpid, u64 ept) {
        auto found = std::ranges::find_if(counts, [&](auto& c) { return c.vpid == vpid && c.ept == ept && !c.others; });
        if (found == counts.end() && counts.size() < most) {
            Counts& added = counts.emplace_back();
            added.vpid = vpid, added.ept = ept, added.others = counts.size() == most;
            return *(last = &added);
        }
        return found == counts.end() ? counts.back() : *(last = &*found);
    }
    std::deque<Counts> counts;                               // references stay good
    Counts* last = nullptr;
};

}
