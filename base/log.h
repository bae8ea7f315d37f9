// SPDX-License-Identifier: MIT
// Diagnostics: one line each on stderr, prefixed "slate: ". Repeats of one line are dropped.
#pragma once
#include <string>

void log_line(const std::string& line);
// Logs a line only the first time it is seen (unknown MSRs, unassigned ports, ...); bounded memory.
void log_once(const std::string& line);
// Off in tests and fuzz targets that provoke many.
void set_logging(bool on);
