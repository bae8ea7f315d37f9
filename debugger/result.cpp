// SPDX-License-Identifier: MIT
// Results as text and as JSON (RFC 8259).
#include "debugger/result.h"
#include <cstdarg>
#include <cstdio>

namespace debugger {

std::string format(const char* how, ...) {
    std::va_list arguments, again;
    va_start(arguments, how);
    va_copy(again, arguments);
    std::string text(std::size_t(std::vsnprintf(nullptr, 0, how, arguments)), ' ');
    std::vsnprintf(text.data(), text.size() + 1, how, again);
    va_end(again), va_end(arguments);
    return text;
}

std::string hex(u64 value) { return format("0x%llx", static_cast<unsigned long long>(value)); }
std::string hex(u64 value, unsigned digits) { return format("%0*llx", int(digits), static_cast<unsigned long long>(value)); }

std::string quoted(std::string_view text) {
    std::string out = "\"";
    for (unsigned char c : text) {
        if (c == '"' || c == '\\') out += '\\', out += char(c);
        else if (c < ' ' || c >= 0x7f) out += format("\\u%04x", c);
        else out += char(c);
    }
    return out + '"';
}

static std::string json_of(const Line& line) {
    std::string out = "{\"text\": " + quoted(line.text);
    for (auto& f : line.fields) out += ", " + quoted(f.name) + ": " + (f.quoted ? quoted(f.value) : f.value);
    return out + "}";
}

std::string Result::text() const {
    std::string out;
    for (auto& line : lines) out += line.text + "\n";
    return out;
}

std::string Result::json() const {
    std::string out = failed ? "{\"ok\": false, \"lines\": [" : "{\"ok\": true, \"lines\": [";
    for (auto& line : lines) out += (&line == lines.data() ? "" : ", ") + json_of(line);
    return out + "]}";
}

Result refused(std::string why) {
    Result result;
    result.failed = true;
    result.add("error: " + why).with("error", why);
    return result;
}

}
