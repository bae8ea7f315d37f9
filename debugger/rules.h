// SPDX-License-Identifier: MIT
// Rules of VM entry and VMRUN told with their verdict, section, and the fields they read.
#pragma once
#include "cpu/virt/check.h"
#include "debugger/result.h"
#include <vector>

namespace debugger {

struct Rule {
    std::string_view id, group;
    std::string section;
    std::string_view text;
    std::string outcome;                       // when it is broken
    std::string_view subject;                  // the segment register, where the rule is about one
    virt::Verdict verdict;
};
struct ReadField {
    std::string_view name, text;
    u64 value;
};
struct RuleCounts {
    unsigned broken = 0, hold = 0, not_applicable = 0;
    void add(virt::Verdict v) { (v == virt::Verdict::broken ? broken : v == virt::Verdict::holds ? hold : not_applicable)++; }
};

// A line of kind "rule", and of kind "read" for each field.
void add_rule(Result& result, const Rule& rule, const std::vector<ReadField>& fields);
void add_counts(Result& result, const RuleCounts& counts);

}
