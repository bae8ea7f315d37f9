// SPDX-License-Identifier: MIT
// A tiny assembler for ACPI Machine Language (ACPI 6, chapter 20): each function gives the bytes of one term.
#include "bios/acpi/aml.h"
#include <algorithm>
#include <string>

namespace aml {

namespace {

constexpr u8 ext = 0x5b;                                           // ExtOpPrefix

// PkgLength counts itself (20.2.4): one byte up to 63, else 4 bits and up to three bytes.
Bytes package_length(u64 content, bool counts_itself = true) {
    if (content + counts_itself < 0x40) return {u8(content + counts_itself)};
    unsigned more = 1;
    while (content + (counts_itself ? more + 1 : 0) >= bit(4 + 8 * more)) more++;
    u64 length = content + (counts_itself ? more + 1 : 0);
    Bytes b{u8(more << 6 | (length & 0xf))};
    put(b, length >> 4, more);
    return b;
}

Bytes sized(std::initializer_list<u8> opcode, const Bytes& content) {
    return join({Bytes(opcode), package_length(content.size()), content});
}

Bytes segment(std::string_view text) {
    Bytes b(text.begin(), text.end());
    b.resize(4, '_');
    return b;
}

// Large resource items: tag, length of what follows.
Bytes large(u8 tag, const Bytes& content) {
    Bytes b{tag};
    put16(b, content.size()), put_bytes(b, content);
    return b;
}

// Address space descriptors (6.4.3.5): fixed range, produced by this device, positively decoded.
template <class T> Bytes window(u8 tag, Window kind, T first, T last) {
    constexpr u8 specific[] = {0x01 /* read and write, not cacheable */, 0x03 /* all of ISA and not */, 0x00};
    Bytes b{u8(kind), 0x0c /* fixed ends, producer */, specific[u8(kind)]};
    for (u64 v : {u64(0), u64(first), u64(last), u64(0), u64(last) - u64(first) + 1}) put(b, v, sizeof(T));
    return large(tag, b);
}

}  // namespace

Bytes join(Terms terms) {
    Bytes b;
    for (auto& t : terms) put_bytes(b, t);
    return b;
}

Bytes path(std::string_view text) {
    Bytes root, segments;
    if (text.starts_with('\\')) root.push_back('\\'), text.remove_prefix(1);
    unsigned count = 0;
    while (!text.empty()) {
        auto dot = std::min(text.find('.'), text.size());
        put_bytes(segments, segment(text.substr(0, dot)));
        text.remove_prefix(std::min(dot + 1, text.size()));
        count++;
    }
    if (count == 0) root.push_back(0);
    if (count == 2) root.push_back(0x2e);                          // DualNamePrefix
    if (count > 2) root.push_back(0x2f), root.push_back(u8(count));
    return join({root, segments});
}

Bytes integer(u64 value) {
    if (value <= 1) return {u8(value)};                            // ZeroOp, OneOp
    Bytes b;
    if (value <= 0xff) put8(b, 0x0a), put8(b, value);
    else if (value <= 0xffff) put8(b, 0x0b), put16(b, value);
    else if (value <= 0xffffffff) put8(b, 0x0c), put32(b, value);
    else put8(b, 0x0e), put64(b, value);
    return b;
}

Bytes string(std::string_view text) {
    Bytes b{0x0d};
    put_string(b, text);
    return b;
}

// Three letters of 5 bits and four hexadecimal digits, stored with the high byte first (19.3.4).
Bytes eisa_id(std::string_view text) {
    u32 id = 0;
    for (char c : text.substr(0, 3)) id = id << 5 | u32(c - '@');
    for (char c : text.substr(3)) id = id << 4 | u32(c <= '9' ? c - '0' : c - 'A' + 10);
    Bytes b{0x0c};
    for (int shift = 24; shift >= 0; shift -= 8) b.push_back(u8(id >> shift));
    return b;
}

Bytes buffer(const Bytes& content) { return sized({0x11}, join({integer(content.size()), content})); }

Bytes package(const std::vector<Bytes>& elements) {
    Bytes b{u8(elements.size())};
    for (auto& e : elements) put_bytes(b, e);
    return sized({0x12}, b);
}

Bytes name(std::string_view n, const Bytes& value) { return join({{0x08}, path(n), value}); }
Bytes scope(std::string_view n, const Bytes& body) { return sized({0x10}, join({path(n), body})); }
Bytes device(std::string_view n, const Bytes& body) { return sized({ext, 0x82}, join({path(n), body})); }
Bytes processor(std::string_view n, u8 id, const Bytes& body) {    // no register block
    return sized({ext, 0x83}, join({path(n), {id, 0, 0, 0, 0, 0}, body}));
}
Bytes method(std::string_view n, unsigned arguments, bool serialized, const Bytes& body) {
    return sized({0x14}, join({path(n), {u8(arguments | (serialized ? 8 : 0))}, body}));
}

Bytes operation_region(std::string_view n, RegionSpace space, u64 offset, u64 length) {
    return join({{ext, 0x80}, path(n), {u8(space)}, integer(offset), integer(length)});
}

Bytes byte_field(std::string_view region, std::initializer_list<FieldUnit> units) {
    Bytes b = join({path(region), {0x01}});                        // ByteAcc, NoLock, Preserve
    for (auto& u : units)
        put_bytes(b, join({u.name.empty() ? Bytes{0} : segment(u.name), package_length(u.bits, false)}));
    return sized({ext, 0x81}, b);
}

Bytes dword_field_of(const Bytes& source, u64 at, std::string_view n) { return join({{0x8a}, source, integer(at), path(n)}); }

Bytes argument(unsigned n) { return {u8(0x68 + n)}; }
Bytes local(unsigned n) { return {u8(0x60 + n)}; }
Bytes give(const Bytes& value) { return join({{0xa4}, value}); }
Bytes store(const Bytes& value, const Bytes& target) { return join({{0x70}, value, target}); }
Bytes bit_and(const Bytes& a, const Bytes& b) { return join({{0x7b}, a, b, {0x00}}); }
Bytes bit_or(const Bytes& a, const Bytes& b) { return join({{0x7d}, a, b, {0x00}}); }
Bytes when(const Bytes& condition, const Bytes& body) { return sized({0xa0}, join({condition, body})); }

Bytes resources(Terms items) { return buffer(join({join(items), {0x79, 0x00}})); }

Bytes io(u16 base, u8 length, u8 alignment) {
    Bytes b{0x47, 0x01};                                           // 16-bit decode
    put16(b, base), put16(b, base), put8(b, alignment), put8(b, length);
    return b;
}

Bytes irq(unsigned line) {
    Bytes b{0x22};                                                 // without flags: edge, high
    put16(b, 1u << line);
    return b;
}

Bytes dma(unsigned channel) { return {0x2a, u8(1 << channel), 0x00}; }

Bytes memory32(u32 base, u32 length, bool writable) {
    Bytes b{u8(writable)};
    put32(b, base), put32(b, length);
    return large(0x86, b);
}

Bytes level_interrupt(std::initializer_list<u32> gsis) {
    Bytes b{0x09 /* consumer, level, high, shared */, u8(gsis.size())};
    for (u32 gsi : gsis) put32(b, gsi);
    return large(0x89, b);
}

Bytes word_window(Window kind, u16 first, u16 last) { return window<u16>(0x88, kind, first, last); }
Bytes dword_window(Window kind, u32 first, u32 last) { return window<u32>(0x87, kind, first, last); }
Bytes qword_window(Window kind, u64 first, u64 last) { return window<u64>(0x8a, kind, first, last); }

}  // namespace aml
