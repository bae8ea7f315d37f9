// SPDX-License-Identifier: MIT
// What a command has to say: lines of text, each with the same facts as named fields; a face shows one or the other.
#pragma once
#include "base/bits.h"
#include <string>
#include <string_view>
#include <vector>

namespace debugger {

// As printf does it.
[[gnu::format(printf, 1, 2)]] std::string format(const char* how, ...);
std::string hex(u64 value);                    // 0x1f
std::string hex(u64 value, unsigned digits);   // 0000001f
std::string quoted(std::string_view text);     // as JSON has it (RFC 8259)

// One fact by its name. Addresses and registers are hexadecimal strings: JSON's readers lose bits of larger numbers.
struct Field {
    std::string name, value;
    bool quoted;
};

struct Line {
    std::string text;
    std::vector<Field> fields;

    Line(std::string text = "") : text(std::move(text)) {}
    Line& with(std::string name, std::string value) { return fields.push_back({std::move(name), std::move(value), true}), *this; }
    Line& with(std::string name, std::string_view value) { return with(std::move(name), std::string(value)); }
    Line& with(std::string name, const char* value) { return with(std::move(name), std::string(value)); }
    Line& address(std::string name, u64 value) { return with(std::move(name), hex(value)); }
    Line& count(std::string name, u64 value) { return fields.push_back({std::move(name), std::to_string(value), false}), *this; }
    Line& flag(std::string name, bool value) { return fields.push_back({std::move(name), value ? "true" : "false", false}), *this; }
};

struct Result {
    std::vector<Line> lines;
    bool failed = false;

    Line& add(std::string text) { return lines.emplace_back(std::move(text)); }
    std::string text() const;                  // each line with its end
    std::string json() const;                  // {"ok": true, "lines": [{"text": "...", "rip": "0x10"}]}
};

Result refused(std::string why);

}
