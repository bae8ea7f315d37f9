// SPDX-License-Identifier: MIT
// What the last VM entry found out: an entry judges again only rules that read something that has changed since they held.
#pragma once
#include "cpu/vmx/entry_checks.h"
#include <vector>

namespace vmx {

// One per VMCS. A rule is a function of the fields and named bits it reads, the surroundings and memory. A rule that held is left alone
// until something changes that it has ever read; one that read memory is judged at every entry; other surroundings make all be judged.
class CheckMemory {
public:
    CheckMemory();

    // Same as first_broken(EntryView(vmcs, around)), where `changed` has all fields whose values have changed since the last call.
    std::optional<Broken> judge(const Vmcs& vmcs, const Surroundings& around, const FieldSet& changed);
    // After anything else changed: the limits behind `around.limits`, the VMCS itself exchanged for another.
    void forget() { due = everything(); }

    u64 judged = 0;               // rules judged so far, for --stats and tests

private:
    static constexpr unsigned words = 5;
    using Rules = std::array<u64, words>;
    static Rules everything();
    static void add(Rules& to, const Rules& more);
    void learn(unsigned rule, const FieldSet& looked_at);

    std::array<Rules, part_count> readers{};      // by field or named bit: the rules that have ever read it
    std::vector<FieldSet> read;                   // by rule: what it has ever read
    Rules due;                                    // rules that must be judged
    Surroundings last;
};

}
