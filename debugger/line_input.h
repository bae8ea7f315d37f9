// SPDX-License-Identifier: MIT
// A line from whoever sits at the terminal; with libedit, history and editing.
#pragma once
#include <optional>
#include <string>

namespace debugger {

// Nothing at the end of input. A script's input is answered without prompts.
std::optional<std::string> read_line(const char* prompt);
// The same without editing and without a prompt.
std::optional<std::string> plain_line();

}
