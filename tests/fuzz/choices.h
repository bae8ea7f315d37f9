// SPDX-License-Identifier: MIT
// Fuzz input as choices, one byte or four each, for generators that a random source drives elsewhere.
#pragma once
#include "tests/fuzz/input.h"
#include <cstdio>
#include <string>

struct Choices {
    Input in;
    u64 below(u64 n) { return (n <= 256 ? in.byte() : in.take<u32>()) % n; }
    u64 next() { return in.take<u64>(); }
};

inline void require(const std::string& complaint) {
    if (!complaint.empty()) std::fprintf(stderr, "SUMMARY: %s\n", complaint.c_str()), std::abort();
}
