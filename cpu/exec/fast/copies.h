// SPDX-License-Identifier: MIT
// A block's handlers, copied into a row: most fall into the next one (templates.h).
//
// First it is said what will be in the row, so that memory for it can be found; then it is written.
#pragma once
#include "cpu/exec/fast/blocks.h"
#include "cpu/exec/fast/templates.h"

namespace fast {

class Copies {
public:
    explicit Copies(Templates& templates) : templates(templates) {}

    void clear() { steps.clear(), sites.clear(), main = 0, aside = 0; }
    // The next in the row, and which handler becomes its copy. Null, or a handler without a template, becomes a jump to where `run`
    // leads. The row's own code finds its Op by itself (templates.h); what is jumped to gets it in RSI.
    void plan(Handler handler, Op* op, Handler* run);
    std::size_t bytes() const { return main + aside + (steps.empty() ? 0 : way_on(steps.back(), nullptr)); }
    void write(Blocks::Code code);

    // The sites that have been written, and of which Op's link each is.
    struct Written {
        const Op* op;
        Stub::Copied site;
    };
    std::vector<Written> sites;

private:
    struct Step {
        const Template* code;                  // null: a jump
        Op* op;
        Handler* run;
        std::size_t main, aside;               // bytes of its parts
    };
    static std::size_t way_on(const Step& step, const Op* next);
    Templates& templates;
    std::vector<Step> steps;
    std::size_t main = 0, aside = 0;           // bytes
};

}
