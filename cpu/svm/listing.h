// SPDX-License-Identifier: MIT
// SVM's part of `slate --list`: the tables as text.
#pragma once
#include <string>

namespace svm {

std::string list_exits();
std::string list_fields();
std::string list_checks();
std::string list_capabilities();

}
