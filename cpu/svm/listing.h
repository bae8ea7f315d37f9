// SPDX-License-Identifier: MIT
// SVM's part of `slate --list`: the tables as text.
#pragma once
#include <string>
#include <string_view>

namespace svm {

std::string list_exits();
std::string list_fields();
std::string list_checks();
// The test of a check's own.
std::string test_of(std::string_view check);
std::string list_capabilities();

}
