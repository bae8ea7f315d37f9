// SPDX-License-Identifier: MIT
// Two machines in lockstep: the first runs on the fast engine, the second follows tick by tick on the slow one.
#pragma once
#include "tests/lockstep/compare.h"
#include <vector>

namespace lockstep {

struct Step {
    bool block;                   // one block of the fast engine's; else all that fits into `ticks`
    u64 ticks;                    // no more than these
};

class Twins {
public:
    Twins(Side& a, Side& b);
    ~Twins();
    Twins(const Twins&) = delete;

    // False: they differ now, and complaint() says how.
    bool take(const Step& step);
    bool compare_state();
    bool compare_ram();
    std::string complaint();

    // The second machine's stores are kept from one comparison to the next, and compared in the first one's memory.
    void watch_stores(bool on);

    Side &a, &b;                  // fast, slow
    u64 steps = 0;

private:
    struct Store {
        u64 offset;               // in RAM
        u64 width;
    };
    bool same_stores();
    std::vector<Store> stores;
    bool watching = false;
    std::string first;
};

}
