// SPDX-License-Identifier: MIT
// Words of bits told one by one.
#include "debugger/bit_texts.h"

namespace debugger {

static bool told(const BitText& b, u64 value) { return b.high > b.low || bits(value, b.high, b.low); }

void add_bits(Result& result, std::string_view of, std::span<const BitText> table, u64 value) {
    for (auto& b : table) {
        if (!told(b, value)) continue;
        bool number = b.high > b.low;
        u64 part = bits(value, b.high, b.low);
        std::string place = number ? format("%u:%u", b.high, b.low) : std::to_string(b.low), what = number ? std::string(b.name) + " " + hex(part)
            : std::string(b.name);
        result.add(format("    bit %-6s %-26s %s", place.c_str(), what.c_str(), std::string(b.meaning).c_str()))
            .with("kind", "bit").with("of", of).count("bit", b.low).count("high", b.high).with("name", b.name).address("value", part)
            .with("meaning", b.meaning);
    }
}

std::string bits_text(std::span<const BitText> table, u64 value) {
    std::string out;
    for (auto& b : table)
        if (told(b, value)) out += (out.empty() ? "" : " ") + std::string(b.name) + (b.high > b.low ? "=" + hex(bits(value, b.high, b.low)) : "");
    return out;
}

}
