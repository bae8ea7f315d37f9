// SPDX-License-Identifier: MIT
// Lines by libedit: history, editing, completion of command names.
#include "debugger/commands.h"
#include "debugger/line_input.h"
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <editline/readline.h>
#include <unistd.h>

namespace debugger {

// One name that begins so at each call; null when there are no more.
static char* completion(const char* beginning, int state) {
    static std::size_t next;
    if (!state) next = 0;
    while (next < commands().size()) {
        std::string name(commands()[next++].name);
        if (name.starts_with(beginning)) return ::strdup(name.c_str());
    }
    return nullptr;
}

std::optional<std::string> read_line(const char* prompt) {
    std::fflush(stdout);
    if (!::isatty(0)) return plain_line();
    rl_completion_entry_function = completion;
    char* text = ::readline(prompt);
    if (!text) return {};
    std::string line = text;
    std::free(text);
    if (!line.empty()) ::add_history(line.c_str());
    return line;
}

}
