// SPDX-License-Identifier: MIT
// Reading JSON (RFC 8259), and cutting a stream into objects.
#include "debugger/qmp/json.h"
#include "debugger/result.h"
#include <algorithm>
#include <charconv>

namespace debugger::qmp {

const Json* Json::member(std::string_view name) const {
    for (std::size_t i = 0; i < names.size(); i++)
        if (names[i] == name) return &items[i];
    return nullptr;
}

std::optional<u64> Json::whole() const {
    u64 value;
    auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    bool good = kind == number && error == std::errc{} && end == text.data() + text.size();
    return good ? std::optional(value) : std::nullopt;
}

std::string Json::written() const {
    std::string out;
    switch (kind) {
    case null: return "null";
    case boolean: return truth ? "true" : "false";
    case number: return text;
    case string: return quoted(text);
    case array:
    case object: break;
    }
    for (std::size_t i = 0; i < items.size(); i++)
        out += (i ? ", " : "") + (kind == object ? quoted(names[i]) + ": " : "") + items[i].written();
    return kind == object ? "{" + out + "}" : "[" + out + "]";
}

namespace {

struct Reader {
    std::string_view left;
    unsigned depth = 0;

    bool take(char c) { return left.starts_with(c) ? left.remove_prefix(1), true : false; }
    void space() { left.remove_prefix(std::min(left.find_first_not_of(" \t\r\n"), left.size())); }
    bool word(std::string_view w) { return left.starts_with(w) ? left.remove_prefix(w.size()), true : false; }
    bool digits() {
        std::size_t n = std::min(left.find_first_not_of("0123456789"), left.size());
        return left.remove_prefix(n), n > 0;
    }

    bool value(Json& v) {
        if (depth >= most_depth) return false;
        depth++;
        space();
        bool good = any(v);
        space();
        depth--;
        return good;
    }
    bool any(Json& v) {
        if (take('{')) return v.kind = Json::object, list(v, '}');
        if (take('[')) return v.kind = Json::array, list(v, ']');
        if (take('"')) return v.kind = Json::string, string(v.text);
        if (word("true")) return v.kind = Json::boolean, v.truth = true;
        if (word("false")) return v.kind = Json::boolean, true;
        return word("null") || number(v);
    }
    bool list(Json& v, char end) {
        space();
        if (take(end)) return true;
        do {
            if (v.kind == Json::object && !name(v)) return false;
            if (!value(v.items.emplace_back())) return false;
        } while (take(','));
        return take(end);
    }
    bool name(Json& v) {
        space();
        if (!take('"') || !string(v.names.emplace_back())) return false;
        space();
        return take(':');
    }
    bool number(Json& v) {
        auto from = left;
        take('-');
        bool zero = take('0');
        if (!zero && !digits()) return false;
        if (take('.') && !digits()) return false;
        if (take('e') || take('E')) {
            if (!take('+')) take('-');
            if (!digits()) return false;
        }
        return v.kind = Json::number, v.text = from.substr(0, from.size() - left.size()), true;
    }
    bool string(std::string& out) {
        while (!left.empty()) {
            char c = left[0];
            left.remove_prefix(1);
            if (c == '"') return true;
            if (u8(c) < ' ') return false;
            if (c != '\\') out += c;
            else if (!escape(out)) return false;
        }
        return false;
    }
    bool escape(std::string& out) {
        static constexpr std::string_view from = "\"\\/bfnrt", to = "\"\\/\b\f\n\r\t";
        if (left.empty()) return false;
        char c = left[0];
        left.remove_prefix(1);
        if (c == 'u') return unicode(out);
        auto n = from.find(c);
        return n != from.npos && (out += to[n], true);
    }
    bool code(u32& value) {
        std::string_view four = left.substr(0, 4);
        auto [end, error] = std::from_chars(four.data(), four.data() + four.size(), value, 16);
        if (four.size() != 4 || error != std::errc{} || end != four.data() + 4) return false;
        return left.remove_prefix(4), true;
    }
    // Two surrogates are one character.
    bool unicode(std::string& out) {
        u32 c, low;
        if (!code(c)) return false;
        if (c >= 0xdc00 && c < 0xe000) return false;
        if (c >= 0xd800 && c < 0xdc00) {
            if (!word("\\u") || !code(low) || low < 0xdc00 || low >= 0xe000) return false;
            c = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
        }
        if (c < 0x80) return out += char(c), true;
        if (c < 0x800) out += char(0xc0 | c >> 6);
        else {
            if (c < 0x10000) out += char(0xe0 | c >> 12);
            else out += char(0xf0 | c >> 18), out += char(0x80 | (c >> 12 & 63));
            out += char(0x80 | (c >> 6 & 63));
        }
        return out += char(0x80 | (c & 63)), true;
    }
};

}

std::optional<Json> parse_json(std::string_view text) {
    Json v;
    Reader reader{text};
    if (text.size() > most_bytes || !reader.value(v) || !reader.left.empty()) return {};
    return v;
}

std::optional<ObjectReader::Piece> ObjectReader::done(Piece::Kind kind) {
    Piece piece{kind, std::move(text)};
    text.clear(), depth = 0, quoted = escaped = stray = false;
    return piece;
}

std::optional<ObjectReader::Piece> ObjectReader::take(char c) {
    if (text.empty() && std::string_view(" \t\r\n").find(c) != std::string_view::npos) return {};
    if (text.empty()) stray = c != '{';
    if (stray && c == '\n') return done(Piece::stray);
    if (text.size() >= most_bytes) return done(Piece::too_long);
    text += c;
    if (stray) return {};
    if (quoted) {
        if (escaped) escaped = false;
        else if (c == '\\') escaped = true;
        else if (c == '"') quoted = false;
        return {};
    }
    if (c == '"') quoted = true;
    if (c == '{' || c == '[') depth++;
    if ((c == '}' || c == ']') && --depth == 0) return done(Piece::object);
    return {};
}

std::string base64(std::span<const u8> bytes) {
    static constexpr char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    std::string out;
    for (std::size_t i = 0; i < bytes.size(); i += 3) {
        std::size_t n = std::min<std::size_t>(3, bytes.size() - i);
        u32 three = 0;
        for (std::size_t k = 0; k < 3; k++) three = three << 8 | (k < n ? bytes[i + k] : 0);
        for (std::size_t k = 0; k < 4; k++) out += k <= n ? digits[three >> (18 - 6 * k) & 63] : '=';
    }
    return out;
}

}
