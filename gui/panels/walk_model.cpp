// SPDX-License-Identifier: MIT
// A walk's fields put in the order of the grid; and the bits of entries in words.
#include "gui/panels/walk_model.h"
#include <algorithm>
#include <set>

namespace gui {

int WalkGrid::row_of(int number) const {
    for (std::size_t r = 0; r < rows.size(); r++) {
        if (rows[r].first.number == number) return int(r);
        for (auto& c : rows[r].second)
            if (c.line && c.number == number) return int(r);
    }
    return 0;
}

const Reference* WalkGrid::reference(int number) const { return number >= 1 && number <= int(all.size()) ? &all[std::size_t(number - 1)] : nullptr; }

WalkGrid grid_of(const Result& walk) {
    WalkGrid grid;
    std::vector<const Line*> steps;
    for (auto& l : walk.lines) {
        if (has(l, "granted")) grid.verdict = &l, grid.granted = flag(l, "granted");
        if (!has(l, "entry_name") || !has(l, "stage") || has(l, "granted") || word(l, "purpose") == "accessed_dirty") continue;
        steps.push_back(&l);
        if (value(l, "stage") == 2) grid.nested = true, grid.columns = std::max(grid.columns, int(value(l, "level")));
    }
    bool refused = grid.verdict && !grid.granted && has(*grid.verdict, "entry_physical");
    std::set<u64> lines;
    WalkRow row;
    auto finish = [&] { grid.rows.push_back(std::move(row)), row = {}; };
    for (auto* l : steps) {
        Reference r{l, int(grid.all.size()) + 1};
        grid.all.push_back(r);
        lines.insert(value(*l, "physical") >> 6);
        if (value(*l, "stage") == 1) {
            row.first = r, grid.first_stage++;
            if (!grid.nested) row.input = value(*l, "input");
            finish();
            continue;
        }
        grid.second_stage++;
        row.second.resize(std::size_t(grid.columns));
        row.input = value(*l, "input");
        row.second[std::size_t(grid.columns - int(value(*l, "level")))] = r;
    }
    if (!row.second.empty()) finish();
    grid.cache_lines = int(lines.size());
    if (refused) {                                             // the last reference to that entry
        for (auto& r : grid.all)
            if (value(*r.line, "physical") == value(*grid.verdict, "entry_physical") && value(*r.line, "stage") == value(*grid.verdict, "stage"))
                grid.refused_at = r.number;
        auto tell = [&](Reference& r) { r.refused = r.number && r.number == grid.refused_at; };
        for (auto& r : grid.all) tell(r);
        for (auto& w : grid.rows) {
            tell(w.first);
            for (auto& c : w.second) tell(c);
        }
    }
    return grid;
}

std::string level_name(std::string_view entry_name) {
    if (auto blank = entry_name.rfind(' '); blank != entry_name.npos) entry_name.remove_prefix(blank + 1);
    if (entry_name.ends_with('E')) entry_name.remove_suffix(1);
    return std::string(entry_name);
}

namespace {

// SDM vol. 3, 4.5, tables of the paging-structure entries.
constexpr BitRow classic[] = {
    {0, 0, "P", "present", "not present: #PF"},
    {1, 1, "R/W", "writes allowed", "writes refused"},
    {2, 2, "U/S", "user may", "supervisor only"},
    {3, 3, "PWT", "write-through", "index of PAT, bit 0"},
    {4, 4, "PCD", "cache disabled", "index of PAT, bit 1"},
    {5, 5, "accessed", "has been used", "not used yet"},
    {6, 6, "dirty", "has been written", "not written, or a table"},
    {7, 7, "PS / PAT", "large page, or PAT bit 2", "a table, or 4 KiB"},
    {8, 8, "global", "kept when CR3 changes", "goes with CR3"},
    {51, 12, "frame", "", ""},
    {62, 59, "key", "", ""},
    {63, 63, "XD", "no fetches", "fetches allowed"},
};
// SDM vol. 3, 29.3.2.
constexpr BitRow ept[] = {
    {0, 0, "R", "read allowed", "read refused"},
    {1, 1, "W", "write allowed", "write refused"},
    {2, 2, "X", "execute allowed", "execute refused"},
    {5, 3, "memory type", "", ""},
    {6, 6, "ignore PAT", "guest PAT is ignored", "guest PAT is used"},
    {7, 7, "large page", "this entry is the leaf", "a table, or 4 KiB"},
    {8, 8, "accessed", "has been used", "not used yet"},
    {9, 9, "dirty", "has been written", "not written"},
    {10, 10, "XU", "user may execute", "with mode-based execute"},
    {51, 12, "frame", "", ""},
    {61, 61, "sub-page", "sub-page permissions", "not used"},
    {63, 63, "suppress #VE", "an exit, never #VE", "#VE where it is on"},
};
constexpr BitRow error_code[] = {
    {0, 0, "P", "the page is present", "not present"},
    {1, 1, "W", "a write", "no write"},
    {2, 2, "U", "by user code", "by the supervisor"},
    {3, 3, "RSVD", "reserved bits are set", "no reserved bits"},
    {4, 4, "I", "a fetch", "no fetch"},
    {5, 5, "PK", "a protection key", "no protection key"},
    {6, 6, "SS", "a shadow stack", "no shadow stack"},
};
constexpr BitRow exit_info[] = {
    {0, 0, "P", "the page is present", "not present"},
    {1, 1, "W", "a write", "no write"},
    {2, 2, "U", "a user's access", "a supervisor's access"},
    {3, 3, "RSVD", "reserved bits are set", "no reserved bits"},
    {4, 4, "I", "a fetch", "no fetch"},
    {32, 32, "final", "the final address", "not the final address"},
    {33, 33, "table", "a guest's table", "no guest's table"},
};
constexpr BitRow qualification[] = {
    {0, 0, "read", "data read", "no data read"},
    {1, 1, "write", "data write", "no data write"},
    {2, 2, "fetch", "instruction fetch", "no fetch"},
    {3, 3, "R", "gPA readable", "gPA not readable"},
    {4, 4, "W", "gPA writable", "gPA not writable"},
    {5, 5, "X", "gPA executable", "gPA not executable"},
    {6, 6, "XU", "gPA user-executable", "not user-executable, or off"},
    {7, 7, "linear", "linear address valid", "no linear address"},
    {8, 8, "page", "the page, not a table", "a table's entry"},
    {9, 9, "user", "linear address is user's", "supervisor's, or not told"},
    {10, 10, "R/W", "linear address writable", "not writable, or not told"},
    {11, 11, "XD", "linear address no-execute", "executable, or not told"},
    {12, 12, "NMI", "NMI unblocked by IRET", "no NMI unblocking"},
};

}

std::vector<BitRow> bits_of(const Line& step) {
    if (word(step, "format") == "EPT") return {std::begin(ept), std::end(ept)};
    return {std::begin(classic), std::end(classic)};
}

std::vector<BitRow> bits_of_event(std::string_view event) {
    if (event == "page_fault") return {std::begin(error_code), std::end(error_code)};
    if (event == "nested_page_fault") return {std::begin(exit_info), std::end(exit_info)};
    if (event == "ept_violation") return {std::begin(qualification), std::end(qualification)};
    return {};
}

}
