// SPDX-License-Identifier: MIT
// Reading a whole file of the host, with a bound on its size, and writing one; one clear line when it cannot be.
#pragma once
#include "base/bits.h"
#include <span>
#include <string>
#include <string_view>
#include <vector>

// The bytes of a regular file. Throws Error naming the path, the reason and what to do when it is
// missing, unreadable, no regular file, or larger than max_bytes (`when_larger` says what to do then).
std::vector<u8> read_file(const std::string& path, u64 max_bytes,
                          std::string_view when_larger = "use a smaller file");

// Throws Error likewise; what was there before is replaced.
void write_file(const std::string& path, std::span<const u8> bytes);
// A new file, which appears whole or not at all. Throws Error likewise.
void create_file(const std::string& path, std::span<const u8> bytes);
