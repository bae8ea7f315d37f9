// SPDX-License-Identifier: MIT
// Diagnostics on stderr.
#include "base/log.h"
#include <cstdio>
#include <set>

static bool enabled = true;

void set_logging(bool on) { enabled = on; }

void log_line(const std::string& line) {
    if (enabled) std::fprintf(stderr, "slate: %s\n", line.c_str());
}

void log_once(const std::string& line) {
    static std::set<std::string> seen;
    constexpr std::size_t most = 256;
    if (!enabled || seen.size() >= most || !seen.insert(line).second) return;
    log_line(line);
}
