// SPDX-License-Identifier: MIT
// The checks of VM entry (SDM vol. 3, 27.2 and 27.3) as tables in the manual's order.
#pragma once
#include "cpu/virt/check.h"
#include "cpu/vmx/entry_view.h"
#include <string>

namespace vmx {

// What VMLAUNCH or VMRESUME does when a rule is broken.
struct Outcome {
    enum Kind : u8 { vmfail, entry_failure } kind;
    u8 number;                    // VM-instruction error, or basic exit reason
    u8 qualification = 0;         // of the exit
    constexpr bool operator==(const Outcome&) const = default;
};

using Check = virt::Check<EntryView>;
using Group = virt::Group<EntryView, Outcome>;

struct Broken {
    const Check* check;
    Outcome outcome;
    Subject subject;              // where check->over is not 0
};

std::span<const Group> entry_checks();
std::optional<Broken> first_broken(const EntryView&);

// The rule, its section, and the fields it looked at with their values.
std::string explain(const Broken&, const Vmcs&, const Surroundings&);
// "ES" to "TR".
std::string_view subject_name(Subject);

// Exit qualifications of entry failures due to invalid guest state (SDM vol. 3, 27.8).
namespace qualification {
constexpr u8 pdpte = 2, nmi = 3, link_pointer = 4;
}

}
