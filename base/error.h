// SPDX-License-Identifier: MIT
// A host-side error that ends the run: one line for the user, and the exit status to end with.
#pragma once
#include <algorithm>
#include <stdexcept>
#include <string>

struct Error : std::runtime_error {
    explicit Error(const std::string& line, int status = 2) : std::runtime_error(one_line(line)), status(status) {}
    // What a file or an argument holds may be quoted: no line ends, nothing that a terminal obeys.
    static std::string one_line(std::string text) {
        auto control = [](unsigned char c) { return c < ' ' || c == 0x7f; };
        std::replace_if(text.begin(), text.end(), control, ' ');
        return text;
    }
    int status;               // 2: wrong use or unusable input; 4: internal error
};
