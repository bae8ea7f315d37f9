// SPDX-License-Identifier: MIT
// The framing of GDB's remote protocol: bytes in, packets out, with bounded memory (GDB manual, appendix E.1).
#pragma once
#include "base/bits.h"
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace debugger::gdb {

constexpr std::size_t most_bytes = 0x4000;       // of a packet's content; told to gdb as PacketSize

struct Event {
    enum Kind : u8 { packet, interrupt, acknowledged, refused, damaged } kind;
    std::string content;                         // of a packet, unescaped
};

class PacketReader {
public:
    // One byte more; what it completes. A packet that is too long or whose checksum is wrong is `damaged`.
    std::optional<Event> take(u8 byte);
    bool checks = true;                          // false: checksums are ignored, as the protocol has it without acknowledgements

private:
    std::optional<Event> between(u8 byte);
    void inside(u8 byte);
    std::optional<Event> finish();

    enum class State : u8 { outside, content, high, low } state = State::outside;
    std::string content;
    bool escaped = false, too_long = false;
    u8 sum = 0;
    std::string digits;
};

// $content#checksum, with what must be escaped escaped.
std::string framed(std::string_view content);

std::string to_hex(std::span<const u8> bytes);
std::string to_hex(std::string_view text);
// The bytes of a string of hexadecimal digit pairs; nothing where it isn't one.
std::optional<std::string> from_hex(std::string_view text);
// Takes a hexadecimal number from the front of the text; nothing, with the text as it was, where there is none or it is too long.
std::optional<u64> take_number(std::string_view& text);

}
