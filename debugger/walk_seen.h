// SPDX-License-Identifier: MIT
// A walk kept reference by reference, each with its place in the two-dimensional grid: the guest's levels down, the nested ones across.
#pragma once
#include "debugger/viewpoint.h"
#include "debugger/look.h"
#include "memory/tlb.h"
#include <vector>

namespace debugger {

struct SeenStep {
    paging::Step step;
    unsigned number = 0;                     // from 1, in the order in which the CPU makes them (SDM vol. 3, 29.3.2; APM vol. 2, 15.25.5)
    unsigned row = 0;                        // the guest's level whose entry it is or leads to; 0: the page itself
    unsigned column = 0;                     // the nested level; 0: the guest's own entry
    bool plain = true;                       // read as memory; else a device would have answered
    paging::Rights first, second;            // composed so far of the guest's entries, and in this walk of the second stage
    bool has_first = false, has_second = false;
    u64 refusing = 0;                        // bits of the entry that refuse the access, set or clear
    std::string_view refusing_name;
    const paging::Entry* served = nullptr;   // what the TLB has that spares this reference
    bool whole = false;                      // it spares the whole walk
};

struct SeenWalk {
    std::vector<SeenStep> steps;
    paging::Walk walk;
    bool canonical = true;                   // else there is no walk
    const paging::Entry* served = nullptr;   // what the TLB has that spares all of it
    unsigned rows = 0, columns = 0;          // of the grid: the levels of the guest's tables and of the nested ones
};

SeenWalk see_walk(const Viewpoint& view, Place place, paging::Access access);

}
