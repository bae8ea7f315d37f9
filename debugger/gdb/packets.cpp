// SPDX-License-Identifier: MIT
// Packets of GDB's remote protocol.
#include "debugger/gdb/packets.h"
#include "debugger/result.h"
#include <charconv>

namespace debugger::gdb {

std::optional<Event> PacketReader::between(u8 byte) {
    switch (byte) {
    case 3: return Event{Event::interrupt, ""};
    case '+': return Event{Event::acknowledged, ""};
    case '-': return Event{Event::refused, ""};
    case '$':
        state = State::content;
        content.clear(), digits.clear();
        escaped = too_long = false, sum = 0;
        [[fallthrough]];
    default: return {};
    }
}

void PacketReader::inside(u8 byte) {
    if (byte == '#') return void(state = State::high);
    sum = u8(sum + byte);
    if (byte == '}' && !escaped) return void(escaped = true);
    if (content.size() >= most_bytes) return void(too_long = true);
    content += char(escaped ? byte ^ 0x20 : byte);
    escaped = false;
}

std::optional<Event> PacketReader::finish() {
    state = State::outside;
    auto said = from_hex(digits);
    bool good = !too_long && !escaped && (!checks || (said && u8((*said)[0]) == sum));
    if (!good) return Event{Event::damaged, ""};
    return Event{Event::packet, std::move(content)};
}

std::optional<Event> PacketReader::take(u8 byte) {
    switch (state) {
    case State::outside: return between(byte);
    case State::content: return inside(byte), std::nullopt;
    case State::high: return digits += char(byte), state = State::low, std::nullopt;
    case State::low: break;
    }
    return digits += char(byte), finish();
}

std::string framed(std::string_view content) {
    std::string out = "$";
    u8 sum = 0;
    auto put = [&](u8 byte) { out += char(byte), sum = u8(sum + byte); };
    for (u8 byte : content) {
        if (byte == '#' || byte == '$' || byte == '}' || byte == '*') put('}'), put(byte ^ 0x20);
        else put(byte);
    }
    return out + "#" + hex(sum, 2);
}

std::string to_hex(std::span<const u8> bytes) {
    static constexpr char digits[] = "0123456789abcdef";
    std::string out;
    for (u8 byte : bytes) out += digits[byte >> 4], out += digits[byte & 15];
    return out;
}
std::string to_hex(std::string_view text) { return to_hex({reinterpret_cast<const u8*>(text.data()), text.size()}); }

static int digit(char c) { return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1; }

std::optional<std::string> from_hex(std::string_view text) {
    if (text.size() % 2) return {};
    std::string out;
    for (std::size_t i = 0; i < text.size(); i += 2) {
        int high = digit(text[i]), low = digit(text[i + 1]);
        if (high < 0 || low < 0) return {};
        out += char(high << 4 | low);
    }
    return out;
}

std::optional<u64> take_number(std::string_view& text) {
    u64 value;
    auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, 16);
    if (error != std::errc{}) return {};
    text.remove_prefix(std::size_t(end - text.data()));
    return value;
}

}
