// SPDX-License-Identifier: MIT
// JSON as QMP needs it: a strict reader of bounded size and depth (RFC 8259). What is written is put together as text.
#pragma once
#include "base/bits.h"
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace debugger::qmp {

constexpr std::size_t most_bytes = 1 << 16;      // of one value that somebody sends
constexpr unsigned most_depth = 32;

struct Json {
    enum Kind : u8 { null, boolean, number, string, array, object } kind = null;
    bool truth = false;
    std::string text = {};                       // a string in UTF-8; a number as it was written
    std::vector<std::string> names = {};         // an object's members, beside their values
    std::vector<Json> items = {};

    const Json* member(std::string_view name) const;             // null: there is none
    std::optional<u64> whole() const;                            // a number from 0 to 2^64 - 1
    std::string written() const;
};

std::optional<Json> parse_json(std::string_view text);           // nothing: it is none

// Cuts a stream into objects, whatever the ends of lines are.
class ObjectReader {
public:
    struct Piece {
        enum Kind : u8 { object, stray, too_long } kind;
        std::string text;
    };
    // One byte more; what it completes. A line of something else is `stray`.
    std::optional<Piece> take(char c);

private:
    std::optional<Piece> done(Piece::Kind kind);
    std::string text;
    unsigned depth = 0;
    bool quoted = false, escaped = false, stray = false;
};

std::string base64(std::span<const u8> bytes);                   // RFC 4648

}
