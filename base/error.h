// SPDX-License-Identifier: MIT
// A host-side error that ends the run: one line for the user, and the exit status to end with.
#pragma once
#include <stdexcept>
#include <string>

struct Error : std::runtime_error {
    explicit Error(const std::string& line, int status = 2) : std::runtime_error(line), status(status) {}
    int status;               // 2: wrong use or unusable input; 4: internal error
};
