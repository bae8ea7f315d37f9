// SPDX-License-Identifier: MIT
// Finding an exit by its code or by the event of an instruction.
#include "cpu/svm/intercepts.h"

namespace svm {

constexpr auto by_event = [] {
    std::array<const ExitRow*, 256> rows{};
    for (auto& r : exits)
        if (r.event != isa::Event::none) rows[unsigned(r.event)] = &r;
    return rows;
}();

const ExitRow* exit_of(isa::Event event) { return by_event[unsigned(event)]; }

const ExitRow* exit_row(u64 code) {
    for (auto& r : exits)
        if (code - u16(r.exit) < r.count) return &r;
    return nullptr;
}

}
