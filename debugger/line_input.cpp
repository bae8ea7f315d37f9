// SPDX-License-Identifier: MIT
// Lines of standard input, of bounded length.
#include "debugger/line_input.h"
#include <cerrno>
#include <cstdio>
#include <poll.h>
#include <unistd.h>

namespace debugger {

bool input_waits() {
    pollfd p{0, POLLIN, 0};
    return ::poll(&p, 1, 0) > 0;
}

namespace {

constexpr std::size_t longest = 4096;

class PlainInput final : public LineInput {
public:
    explicit PlainInput(const std::string& prompt) : prompt(prompt) {}

    std::optional<std::string> poll() override {
        if (!asked) std::fputs(prompt.c_str(), stdout), std::fflush(stdout), asked = true;
        while (!over && got.find('\n') == got.npos && input_waits()) fill();
        auto end = got.find('\n');
        if (end == got.npos && !(over && !got.empty())) return {};
        std::string line = got.substr(0, std::min(end, longest));
        got.erase(0, end == got.npos ? end : end + 1);
        asked = false;
        return line;
    }
    bool ended() const override { return over && got.empty(); }
    void again() override { asked = false; }

private:
    // What makes a line too long is dropped.
    void fill() {
        char bytes[longest];
        ssize_t n = ::read(0, bytes, sizeof bytes);
        if (n < 0 && errno == EINTR) return;
        if (n <= 0) return void(over = true);
        if (got.size() > longest) got.resize(longest);
        got.append(bytes, std::size_t(n));
    }

    std::string prompt, got;
    bool asked = false, over = false;
};

}

std::unique_ptr<LineInput> plain_line_input(const std::string& prompt) { return std::make_unique<PlainInput>(prompt); }

}
