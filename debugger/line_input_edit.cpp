// SPDX-License-Identifier: MIT
// Lines by libedit, a byte at a time: history, editing, completion of command names.
#include "debugger/commands.h"
#include "debugger/line_input.h"
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <editline/readline.h>
#include <unistd.h>
#include <utility>

namespace debugger {

namespace {

// One name that begins so at each call; null when there are no more.
char* completion(const char* beginning, int state) {
    static std::size_t next;
    if (!state) next = 0;
    while (next < commands().size()) {
        std::string name(commands()[next++].name);
        if (name.starts_with(beginning)) return ::strdup(name.c_str());
    }
    return nullptr;
}

// There is one terminal.
std::optional<std::string> line;
bool over, asked;

void take(char* text) {
    asked = false;
    ::rl_callback_handler_remove();
    if (!text) return void(over = true);
    line = text;
    if (*text) ::add_history(text);
    std::free(text);
}

class EditedInput final : public LineInput {
public:
    explicit EditedInput(const std::string& prompt) : prompt(prompt) { rl_completion_entry_function = completion; }
    ~EditedInput() override {
        if (asked) ::rl_callback_handler_remove();
    }
    std::optional<std::string> poll() override {
        if (!asked && !over) ::rl_callback_handler_install(prompt.c_str(), take), asked = true;
        while (asked && input_waits()) ::rl_callback_read_char();
        return std::exchange(line, std::nullopt);
    }
    bool ended() const override { return over; }
    void again() override {
        if (asked) ::rl_forced_update_display();
    }

private:
    std::string prompt;
};

}

std::unique_ptr<LineInput> open_line_input(const std::string& prompt) {
    std::fflush(stdout);
    if (::isatty(0)) return std::make_unique<EditedInput>(prompt);
    return plain_line_input("");
}

}
