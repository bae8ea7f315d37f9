// SPDX-License-Identifier: MIT
// VMX's tables as Markdown, for slate --list and whoever wants to know what there is.
#pragma once
#include "cpu/vmx/capabilities.h"
#include <string>

namespace vmx {

// A CPU to list, by the name of its model.
struct Listed {
    std::string_view name;
    Limits limits;
};

std::string list_checks();                                       // each with the test that breaks it
std::string list_fields(std::span<const Listed>);                // and which CPUs have them
std::string list_controls(std::span<const Listed>);
std::string list_capabilities(std::span<const Listed>);          // and the capability MSRs
// The name of the test that breaks a check.
std::string test_of(std::string_view check);

}
