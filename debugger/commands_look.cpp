// SPDX-License-Identifier: MIT
// Memory, code and the stack, at each guest level.
#include "base/error.h"
#include "debugger/at_level.h"
#include "debugger/commands.h"
#include "debugger/disassemble.h"
#include "debugger/expression.h"
#include "debugger/look.h"
#include "debugger/registers.h"
#include <algorithm>
#include <functional>

namespace debugger::look {

// ---- memory

static std::string line_of_bytes(std::span<const u8> bytes) {
    std::string numbers, letters;
    for (u8 b : bytes) numbers += format("%02x ", b), letters += b >= ' ' && b < 0x7f ? char(b) : '.';
    return format("%-48s %s", numbers.c_str(), letters.c_str());
}

static std::string plain_hex(std::span<const u8> bytes) {
    std::string out;
    for (u8 b : bytes) out += format("%02x", b);
    return out;
}

Result memory(Session& session, Words words) {
    Result result;
    auto view = viewpoint(session);
    Place place = place_at(view, words[0]);
    u64 size = words.size() > 1 ? number(session, words[1], 1, 1 << 16) : 128;
    std::vector<u8> bytes(size);
    u64 have = read_memory(view, place, bytes);
    for (u64 at = 0; at < have; at += 16) {
        auto part = std::span(bytes).subspan(at, std::min<u64>(16, have - at));
        Place here{place.space, place.address + at};
        result.add(place_text(here) + ": " + line_of_bytes(part)).with("kind", "bytes").with("address", place_text(here)).with("bytes", plain_hex(part));
    }
    if (have < size) {
        Place end{place.space, place.address + have};
        std::string why = physical_of(view, end) ? "no plain memory (what a device answers isn't read)" : "not mapped";
        result.add(place_text(end) + ": " + why).with("kind", "end").with("address", place_text(end)).with("error", why);
        result.failed = !have;
    }
    return result;
}

// " <name+0x12>", or nothing.
static std::string bracketed(const std::string& symbol) { return symbol.empty() ? "" : " <" + symbol + ">"; }

// ---- search

namespace {

constexpr u64 most_searched = u64{1} << 32;
constexpr std::size_t most_found = 64;

// "a text", or bytes as two hexadecimal digits each.
std::vector<u8> pattern_of(Words words) {
    auto& first = words[0];
    if (first.starts_with('"')) {
        if (words.size() > 1 || first.size() < 3 || !first.ends_with('"')) throw Error("a text is in quotes: \"text\"");
        return {first.begin() + 1, first.end() - 1};
    }
    std::vector<u8> bytes;
    for (auto& word : words) {
        u64 value = 0x100;
        if (!parse_number("0x" + word, value) || value > 0xff) throw Error("'" + word + "' is no byte: two hexadecimal digits; a text is in quotes");
        bytes.push_back(u8(value));
    }
    return bytes;
}

// Tells where the pattern is until `see` has enough; matches may overlap. What isn't plain memory is passed over a page at a time.
void find_pattern(const Viewpoint& view, Place place, u64 size, std::span<const u8> pattern, const std::function<bool(u64 address)>& see) {
    std::vector<u8> window;                              // what has been read, without a gap, and may yet be part of a match
    std::boyer_moore_horspool_searcher searcher(pattern.begin(), pattern.end());
    for (u64 done = 0, piece; done < size; done += piece) {
        Place at{place.space, place.address + done};
        piece = std::min(size - done, 4096 - (at.address & 0xfff));
        std::size_t kept = window.size();
        window.resize(kept + piece);
        u64 have = read_memory(view, at, std::span(window).subspan(kept));
        window.resize(kept + have);
        for (auto from = window.begin();; from++) {
            from = std::search(from, window.end(), searcher);
            if (from == window.end()) break;
            if (!see(at.address - kept + u64(from - window.begin()))) return;
        }
        std::size_t next = have < piece ? 0 : std::min(window.size(), pattern.size() - 1);
        window.erase(window.begin(), window.end() - std::ptrdiff_t(next));
    }
}

}

Result search(Session& session, Words words) {
    auto view = viewpoint(session);
    Place place = place_at(view, words[0]);
    u64 size = number(session, words[1], 1, most_searched);
    auto pattern = pattern_of(words.subspan(2));
    Result result;
    std::optional<u64> next;                             // where to go on
    find_pattern(view, place, size, pattern, [&](u64 address) {
        if (result.lines.size() == most_found) return next = address, false;
        Place here{place.space, address};
        std::array<u8, 16> bytes{};
        u64 have = read_memory(view, here, bytes);
        std::string symbol = place.space == Space::linear ? symbol_at(view, address) : "";
        auto& line = result.add(place_text(here) + ": " + line_of_bytes({bytes.data(), have}) + bracketed(symbol));
        line.with("kind", "match").with("address", place_text(here)).with("bytes", plain_hex({bytes.data(), have}));
        if (!symbol.empty()) line.with("symbol", symbol);
        return true;
    });
    u64 found = result.lines.size();
    std::string says = !found ? "not found" : next ? format("and more, from %s on", place_text({place.space, *next}).c_str())
        : format("%llu found", 0ull + found);
    auto& line = result.add(says).with("kind", "summary").count("found", found).count("length", pattern.size());
    if (next) line.with("next", place_text({place.space, *next}));
    return result;
}

// ---- code

static decode::CodeSize code_size(const Viewpoint& view, Words words) {
    if (words.size() < 3) return view.code;
    for (auto [text, size] : {std::pair{"16", decode::CodeSize::bits16}, {"32", decode::CodeSize::bits32}, {"64", decode::CodeSize::bits64}})
        if (words[2] == text) return size;
    throw Error("'" + words[2] + "' is none of 16, 32, 64");
}

// Jumps are shown by where they go in the code's own terms: RIP where the code is the running one.
Result disassemble(Session& session, Words words) {
    Result result;
    auto view = viewpoint(session);
    Place place = words.empty() ? Place{Space::linear, view.code_address()} : place_at(view, words[0]);
    u64 n = words.size() > 1 ? number(session, words[1], 1, 1000) : 10;
    auto size = code_size(view, words);
    bool flat = size == decode::CodeSize::bits64 || !view.seg[Seg::cs].base;
    for (; n; n--) {
        std::array<u8, 15> bytes{};
        u64 have = read_memory(view, place, bytes);
        if (!have) {
            result.add(place_text(place) + ": not mapped, or no plain memory").with("kind", "end").with("address", place_text(place));
            result.failed = result.lines.size() == 1;
            return result;
        }
        u64 shown_at = flat || place.space != Space::linear ? place.address : u32(place.address - view.seg[Seg::cs].base);
        auto d = debugger::disassemble({bytes.data(), have}, shown_at, size);
        unsigned length = std::max(d.length, 1u);
        std::string shown = plain_hex({bytes.data(), length}), text = d.length ? d.text : "(no instruction)";
        bool linear = place.space == Space::linear, here = linear && place.address == view.code_address();
        std::string symbol = linear ? symbol_at(view, place.address) : "";
        u64 target = !d.target ? 0 : flat ? *d.target : u32(*d.target + view.seg[Seg::cs].base);
        std::string there = linear && d.target ? symbol_at(view, target) : "";
        result.add(format("%s %-18s%s %-30s %s%s", here ? "=>" : "  ", place_text(place).c_str(), bracketed(symbol).c_str(), shown.c_str(), text.c_str(),
                          bracketed(there).c_str()));
        auto& line = result.lines.back();
        line.with("kind", "instruction").with("address", place_text(place)).with("bytes", shown).with("instruction", text).count("length", length)
            .flag("current", here).count("code_bits", 16u << unsigned(size)).count("level", view.level);
        if (!symbol.empty()) line.with("symbol", symbol);
        if (d.target && linear) line.address("target", target);
        if (!there.empty()) line.with("target_symbol", there);
        place.address += length;
    }
    return result;
}

// ---- the stack

static u64 word_of(std::span<const u8> bytes) {
    u64 value = 0;
    std::memcpy(&value, bytes.data(), bytes.size());
    return value;
}

static void add_frame(Result& result, const Viewpoint& view, unsigned number, u64 address, u64 frame) {
    std::string where = number ? "  frame " + hex(frame) : "", symbol = symbol_at(view, view.linear(address));
    auto& line = result.add(format("#%-3u %016llx%s%s", number, 0ull + address, bracketed(symbol).c_str(), where.c_str()));
    line.with("kind", "frame").count("number", number).address("address", address).address("frame", frame);
    if (!symbol.empty()) line.with("symbol", symbol);
}

// The chain of frames that rBP begins: each has its caller's rBP and, above it, where it returns to. Callers' frames lie higher.
static void add_frames(Result& result, const Viewpoint& view, unsigned width, u64 base) {
    auto begins = view.value(*find_register("rbp"));
    u64 frame = begins ? *begins & ones(width) : 0;
    add_frame(result, view, 0, view.code_address(), 0);
    for (unsigned n = 1; n < 64 && frame; n++) {
        std::array<u8, 16> bytes{};
        auto both = std::span(bytes).first(2 * width);
        if (read_memory(view, {Space::linear, view.linear(base + frame)}, both) != both.size()) return;
        u64 next = word_of(both.first(width)), back = word_of(both.last(width));
        if (!back) return;
        add_frame(result, view, n, back, frame);
        if (next <= frame) return;
        frame = next;
    }
}

// Words from the stack pointer up, then who called whom by frame pointers.
Result stack(Session& session, Words words) {
    Result result;
    auto view = viewpoint(session);
    bool known = view.stack_pointer() || view.live;
    if (!known) throw Error("level " + std::to_string(view.level) + "'s stack pointer is saved nowhere");
    bool ss_big = view.seg[Seg::ss].rights.db();
    unsigned width = view.code == decode::CodeSize::bits64 ? 8 : ss_big ? 4 : 2;
    u64 base = width == 8 ? 0 : view.seg[Seg::ss].base, pointer = view.stack_pointer() & ones(width);
    u64 n = words.empty() ? 16 : number(session, words[0], 1, 4096);
    for (u64 i = 0; i < n; i++) {
        u64 offset = (pointer + i * width) & ones(width);
        std::array<u8, 8> bytes{};
        auto part = std::span(bytes).first(width);
        Place at{Space::linear, view.linear(base + offset)};
        if (read_memory(view, at, part) != width) {
            result.add(place_text(at) + ": not mapped, or no plain memory").with("kind", "end").with("address", place_text(at));
            break;
        }
        u64 value = word_of(part);
        std::string symbol = symbol_at(view, value);
        auto& line = result.add(format("%s %s: %s%s", i ? "  " : "=>", hex(at.address, 16).c_str(), hex(value, width * 2).c_str(), bracketed(symbol).c_str()));
        line.with("kind", "word").address("address", at.address).address("value", value).count("offset", i * width).count("bytes", width);
        if (!symbol.empty()) line.with("symbol", symbol);
    }
    add_frames(result, view, width, base);
    return result;
}

}
