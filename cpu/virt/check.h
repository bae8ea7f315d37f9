// SPDX-License-Identifier: MIT
// Rules that a VM entry (VMX) or VMRUN (SVM) must satisfy, as rows that the CPU, the debugger, listings and tests read.
#pragma once
#include "base/bits.h"
#include <span>
#include <string>
#include <string_view>

namespace virt {

// One rule that a VM entry (VMX) or VMRUN (SVM) must satisfy.
template <class View>
struct Check {
    std::string_view id;          // stable name: tests, logs and the debugger all use it
    std::string_view manual;      // section of the pinned manual edition
    std::string_view rule;        // one sentence, as a person would say it
    bool (*applies)(const View&);
    bool (*holds)(const View&);
    u8 over = 0;                  // set of segment registers the rule ranges over; 0 = once
};

template <class View, class Outcome>
struct Group {
    std::string_view title;
    std::span<const Check<View>> checks;
    Outcome otherwise;            // what the instruction does when a rule here is broken
};

// The test of a rule's own in the unit tests: the parameterised test's name, and the rule's id in letters that GoogleTest takes.
inline std::string test_of(std::string_view suite, std::string_view id) {
    std::string name = "Breaks/" + std::string(suite) + "/";
    for (char c : id) name += (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ? c : '_';
    return name;
}

enum class Verdict : u8 { not_applicable, holds, broken };

template <class View>
Verdict judge(const Check<View>& check, const View& view) {
    if (!check.applies(view)) return Verdict::not_applicable;
    return check.holds(view) ? Verdict::holds : Verdict::broken;
}

// Calls see(group, check, view, verdict) for every rule until it returns false.
template <class Groups, class View, class Visitor>
bool examine(const Groups& groups, const View& view, Visitor&& see) {
    for (auto& group : groups)
        for (auto& check : group.checks)
            if (!view.subjects(check.over, [&](const View& about) { return see(group, check, about, judge(check, about)); }))
                return false;
    return true;
}

}
