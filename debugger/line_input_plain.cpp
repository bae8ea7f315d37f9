// SPDX-License-Identifier: MIT
// Lines without editing.
#include "debugger/line_input.h"
#include <cstdio>
#include <unistd.h>

namespace debugger {

std::optional<std::string> read_line(const char* prompt) {
    if (::isatty(0)) std::fputs(prompt, stdout);
    std::fflush(stdout);
    return plain_line();
}

}
