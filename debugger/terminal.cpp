// SPDX-License-Identifier: MIT
// The prompt, and Ctrl-C.
#include "debugger/terminal.h"
#include "base/error.h"
#include "base/file.h"
#include "debugger/commands.h"
#include <csignal>
#include <cstdio>
#include <sstream>

namespace debugger {

static volatile std::sig_atomic_t control_c;

Terminal::Terminal(Session& session, const std::string& commands) {
    if (!commands.empty()) {
        auto bytes = read_file(commands, 1 << 20);
        std::istringstream in(std::string(bytes.begin(), bytes.end()));
        for (std::string line; std::getline(in, line);) from_file.push_back(line);
    }
    std::signal(SIGINT, [](int) { control_c = 1; });
    show(stop_report(session, {}));
    input = open_line_input("(slate) ");
}

void Terminal::show(const Result& result) {
    std::fputs(result.text().c_str(), stdout);
    std::fflush(stdout);
}

// A file's commands are shown before what they say. An empty line that is typed does the last one again, as debuggers do.
bool Terminal::next(std::string& line) {
    if (!from_file.empty()) {
        line = from_file.front(), from_file.pop_front();
        std::printf("(slate) %s\n", Error::one_line(line).c_str());
        return true;
    }
    auto typed = input->poll();
    if (!typed) return false;
    if (!typed->empty()) last = *typed;
    line = last;
    return true;
}

bool Terminal::poll(Desk& desk, bool standing) {
    if (control_c && !standing) desk.request_stop();
    control_c = 0;
    std::string line;
    if (*waits) return true;
    if (!next(line)) return !input->ended();
    *waits = true;
    desk.post(line, [this, weak = std::weak_ptr(waits)](const Result& result) {
        if (auto alive = weak.lock()) *alive = false, show(result);
    });
    return true;
}

void Terminal::wait_for(std::vector<int>& descriptors) const { descriptors.push_back(input->descriptor()); }

// What its own command has to say of the stop comes as that command's result.
void Terminal::stopped(const Stop&, const Result& report) {
    if (*waits) return;
    std::fputs("\n", stdout);
    show(report);
    input->again();
}

}
