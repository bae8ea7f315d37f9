// SPDX-License-Identifier: MIT
// Statistics of translation, for each context: what was missed, which table entries were read, what was dropped. No state.
#pragma once
#include "memory/by_context.h"
#include "memory/walk.h"

namespace paging {

struct ContextCounts : CountedContext {
    static constexpr unsigned operations = 48, levels = 5, sizes = 5;

    u64 data_misses = 0, instruction_misses = 0;             // walks, whatever they came to
    u64 guest_physical_hits = 0;                             // walks of the second stage that a mapping spared
    u64 page_faults = 0, second_stage_faults = 0;
    std::array<std::array<u64, levels + 1>, 3> references{}; // table entries read from memory, by stage and level
    std::array<std::array<u64, sizes>, sizes> by_size{};     // misses that found a page, by size_of() in each stage
    std::array<u64, operations> dropped{};                   // entries, by Operation (memory/scopes.h)

    // A stage without tables; 4 KiB, 2 MiB, 4 MiB, 1 GiB.
    static constexpr unsigned size_of(u8 shift) { return shift < 12 ? 0 : shift == 12 ? 1 : shift == 21 ? 2 : shift == 22 ? 3 : 4; }
    u64 references_of(Stage stage) const {
        u64 sum = 0;
        for (u64 n : references[unsigned(stage)]) sum += n;
        return sum;
    }
    ContextCounts& operator+=(const ContextCounts&);
};

struct ContextTable : ByContext<ContextCounts> {
    ContextCounts total() const;
};

// The observer that the CPU's walks have, and one for walks that may come to nothing.
struct CountingObserver {
    ContextCounts& counts;
    void operator()(const Step& step) const {
        if (!step.in_register) counts.references[unsigned(step.stage)][unsigned(step.level)]++;
    }
    void spared(const Mapping&) const { counts.guest_physical_hits++; }
};
class LaterCountingObserver {
public:
    void operator()(const Step& step) {
        if (!step.in_register) note(u8(unsigned(step.stage) << 4 | unsigned(step.level)));
    }
    void spared(const Mapping&) { note(hit); }
    void count(ContextCounts& in) const {
        for (unsigned i = 0; i < noted; i++)
            seen[i] == hit ? in.guest_physical_hits++ : in.references[seen[i] >> 4][seen[i] & 15]++;
    }

private:
    static constexpr u8 hit = 0;
    void note(u8 what) {
        if (noted < seen.size()) seen[noted++] = what;
    }
    std::array<u8, 64> seen;                 // more than a walk reads
    unsigned noted = 0;
};

}
