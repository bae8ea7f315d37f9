// SPDX-License-Identifier: MIT
// Lines by libedit, a byte at a time: history, editing, completion from the tables.
#include "debugger/commands.h"
#include "debugger/line_input.h"
#include "debugger/registers.h"
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <editline/readline.h>
#include <filesystem>
#include <unistd.h>
#include <utility>
#include <vector>

namespace debugger {

namespace {

// What a word may be: a command in the first place and behind those that take one; else a register or a group of them.
std::vector<std::string> names_at(std::string_view before) {
    std::vector<std::string> names;
    auto space = before.find_last_not_of(' ');
    std::string_view first = before.substr(0, before.find(' '));
    bool command = space == before.npos || ((first == "json" || first == "help") && before.find(' ') > space);
    if (!command) {
        for (auto& r : registers()) names.emplace_back(r.name);
        for (auto* group : {"general", "segments", "control", "debug", "x87", "vector", "all"}) names.emplace_back(group);
        return names;
    }
    names.emplace_back("json");
    for (auto& c : commands()) names.emplace_back(c.name);
    return names;
}

// One name that begins so at each call; null when there are no more.
char* completion(const char* beginning, int state) {
    static std::vector<std::string> names;
    static std::size_t next;
    if (!state) {
        std::size_t typed = std::min(std::strlen(rl_line_buffer), std::size_t(std::max(rl_point, 0))), length = std::strlen(beginning);
        names = names_at(std::string_view(rl_line_buffer, typed - std::min(typed, length)));
        next = 0;
    }
    while (next < names.size()) {
        auto& name = names[next++];
        if (name.starts_with(beginning)) return ::strdup(name.c_str());
    }
    return nullptr;
}

// Where lines are kept from one run to the next; empty: nowhere.
std::string history_file() {
    namespace fs = std::filesystem;
    const char *state = std::getenv("XDG_STATE_HOME"), *home = std::getenv("HOME");
    fs::path folder = state && *state ? fs::path(state) : home && *home ? fs::path(home) / ".local/state" : fs::path();
    std::error_code error;
    if (folder.empty() || (fs::create_directories(folder / "slate", error), error)) return "";
    return folder / "slate/debugger-history";
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
    explicit EditedInput(const std::string& prompt) : prompt(prompt), history(history_file()) {
        rl_completion_entry_function = completion;
        ::using_history();
        ::stifle_history(1000);
        if (!history.empty()) ::read_history(history.c_str());
    }
    ~EditedInput() override {
        if (asked) ::rl_callback_handler_remove();
        if (!history.empty()) ::write_history(history.c_str());
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
    std::string prompt, history;
};

}

std::unique_ptr<LineInput> open_line_input(const std::string& prompt) {
    std::fflush(stdout);
    if (::isatty(0)) return std::make_unique<EditedInput>(prompt);
    return plain_line_input("");
}

}
