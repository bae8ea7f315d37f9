// SPDX-License-Identifier: MIT
// Sums of numbers and registers.
#include "debugger/expression.h"
#include "base/error.h"
#include "debugger/registers.h"
#include <charconv>

namespace debugger {

bool parse_number(std::string_view text, u64& value) {
    bool hexadecimal = text.starts_with("0x") || text.starts_with("0X");
    if (hexadecimal) text.remove_prefix(2);
    auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, hexadecimal ? 16 : 10);
    return error == std::errc{} && end == text.data() + text.size();
}

static u64 term(const Cpu& cpu, std::string_view text) {
    u64 value;
    if (parse_number(text, value)) return value;
    auto* r = find_register(text.substr(text.starts_with('$')));
    if (!r) throw Error("'" + std::string(text) + "' is neither a number (16, 0x10) nor a register");
    return r->get(cpu, r->number);
}

u64 evaluate(const Cpu& cpu, std::string_view text) {
    u64 sum = 0;
    for (bool minus = false;;) {
        auto end = text.find_first_of("+-");
        u64 value = term(cpu, text.substr(0, end));
        sum += minus ? 0 - value : value;
        if (end == text.npos) return sum;
        minus = text[end] == '-';
        text.remove_prefix(end + 1);
    }
}

Place parse_place(const Cpu& cpu, std::string_view text) {
    Space space = text.starts_with("g:") ? Space::guest_physical : text.starts_with("p:") ? Space::physical : Space::linear;
    if (space != Space::linear) text.remove_prefix(2);
    return {space, evaluate(cpu, text)};
}

}
