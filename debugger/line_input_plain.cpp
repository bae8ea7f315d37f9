// SPDX-License-Identifier: MIT
// Lines without editing.
#include "debugger/line_input.h"
#include <unistd.h>

namespace debugger {

std::unique_ptr<LineInput> open_line_input(const std::string& prompt) { return plain_line_input(::isatty(0) ? prompt : ""); }

}
