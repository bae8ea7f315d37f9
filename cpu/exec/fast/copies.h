// SPDX-License-Identifier: MIT
// A block's handlers, copied into a row: most fall into the next one (templates.h).
//
// First it is said what will be in the row, so that memory for it can be found; then where the Ops are; then it is written.
#pragma once
#include "cpu/exec/fast/blocks.h"
#include "cpu/exec/fast/templates.h"

namespace fast {

class Copies {
public:
    explicit Copies(Templates& templates) : templates(templates) {}

    void clear() { steps.clear(), sites.clear(), placed = 0, main = 0, aside = 0; }
    // The next in the row. Null, or a handler without a template, becomes a jump to where the Op's `run` leads.
    void plan(Handler handler, const Op* op);
    std::size_t bytes() const { return main + aside; }

    // The Op of the next one planned, and which handler becomes its copy; in the order of plan().
    void place(Op* op, Handler* run) { steps[placed].op = op, steps[placed++].run = run; }
    void write(Blocks::Code code);

    // The sites that have been written, and of which Op's link each is.
    struct Written {
        const Op* op;
        Blocks::Code at;
    };
    std::vector<Written> sites;

private:
    struct Step {
        const Template* code;
        Op* op = nullptr;
        Handler* run = nullptr;
    };
    Templates& templates;
    std::vector<Step> steps;
    std::size_t placed = 0;
    std::size_t main = 0, aside = 0;           // bytes
};

}
