// SPDX-License-Identifier: MIT
// Adding up the counts of contexts.
#include "memory/counts.h"

namespace paging {

static void add(auto& to, const auto& from) {
    for (unsigned n = 0; n < to.size(); n++) to[n] += from[n];
}

ContextCounts& ContextCounts::operator+=(const ContextCounts& o) {
    data_misses += o.data_misses, instruction_misses += o.instruction_misses;
    guest_physical_hits += o.guest_physical_hits;
    page_faults += o.page_faults, second_stage_faults += o.second_stage_faults;
    for (unsigned n = 0; n < references.size(); n++) add(references[n], o.references[n]);
    for (unsigned n = 0; n < by_size.size(); n++) add(by_size[n], o.by_size[n]);
    add(dropped, o.dropped);
    return *this;
}

ContextCounts ContextTable::total() const {
    ContextCounts sum;
    for (auto& c : all()) sum += c;
    return sum;
}

}
