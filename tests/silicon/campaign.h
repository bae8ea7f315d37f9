// SPDX-License-Identifier: MIT
// A campaign: cases of every form of one family in one mode, on both sides, and what differed.
#pragma once
#include "tests/silicon/cases.h"
#include "tests/silicon/emulator.h"
#include "tests/silicon/host.h"

namespace silicon {

struct Report {
    unsigned forms = 0, rows = 0, differing = 0;
    u64 cases = 0;
    std::string counts;                   // by form
    std::string differences;              // the first ones of each row
    std::vector<std::string> without;     // rows and forms without a case and without a reason
    std::vector<std::string> excluded;    // "name encoding: reason"
};

struct Settings {
    u64 seed = 1;
    unsigned cases_per_form = 200;
    std::string only;                     // rows of that name
};
Settings settings_from_environment();

Report run_campaign(std::span<const isa::Row> rows, Mode mode, const Settings& settings);

}
