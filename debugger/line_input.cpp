// SPDX-License-Identifier: MIT
// Lines of standard input, of bounded length.
#include "debugger/line_input.h"
#include <cstdio>

namespace debugger {

std::optional<std::string> plain_line() {
    constexpr std::size_t longest = 4096;
    std::string line;
    for (int c; (c = std::getchar()) != '\n';) {
        if (c == EOF) return line.empty() ? std::nullopt : std::optional(line);
        if (line.size() < longest) line += char(c);
    }
    return line;
}

}
