// SPDX-License-Identifier: MIT
// A walk's references in the order of the grid: rows are what the guest needs, columns the levels of the second stage.
#pragma once
#include "gui/panels/feed.h"
#include <vector>

namespace gui {

struct Reference {
    const Line* line = nullptr;            // null: none there
    int number = 0;                        // from 1, in the order of the walk
    bool refused = false;                  // this one's entry decided against the access
};

struct WalkRow {
    std::vector<Reference> second;         // by column, the highest level first
    Reference first;                       // the guest's own entry; none: the row is the page itself
    u64 input = 0;                         // guest-physical address that the row translates
};

struct WalkGrid {
    bool nested = false;
    int columns = 0;                       // of the second stage
    std::vector<WalkRow> rows;
    std::vector<Reference> all;
    const Line* verdict = nullptr;
    bool granted = false;
    int refused_at = 0;                    // the number of the reference; 0: none
    int first_stage = 0, second_stage = 0, cache_lines = 0;

    int row_of(int number) const;
    const Reference* reference(int number) const;
};

// The lines have to outlive the grid.
WalkGrid grid_of(const Result& walk);
std::string level_name(std::string_view entry_name);            // "PML4E" is of a PML4

struct BitRow {
    unsigned high, low;
    std::string_view name, set, clear;
};
// What an entry's bits mean, by its format and whether it maps a page.
std::vector<BitRow> bits_of(const Line& step);
std::vector<BitRow> bits_of_event(std::string_view event);      // of error code, qualification, EXITINFO1

}
