// SPDX-License-Identifier: MIT
// Little-endian numbers in byte strings: reading them from files, appending and patching them in tables.
#pragma once
#include "base/bits.h"
#include <span>
#include <string_view>
#include <vector>

using Bytes = std::vector<u8>;

// Does [at, at + size) lie within the bytes?
inline bool within(std::span<const u8> bytes, u64 at, u64 size) {
    return at <= bytes.size() && size <= bytes.size() - at;
}

// The number at an offset; bytes beyond the end read as 0, so a caller may check once, before or after.
template <Word T> T number_at(std::span<const u8> bytes, u64 at) {
    u64 value = 0;
    for (unsigned i = 0; i < sizeof(T); i++)
        if (within(bytes, at, i + 1)) value |= u64(bytes[at + i]) << (8 * i);
    return T(value);
}

inline void put(Bytes& to, u64 value, unsigned width) {
    for (unsigned i = 0; i < width; i++) to.push_back(u8(value >> (8 * i)));
}
inline void put8(Bytes& to, u64 value) { put(to, value, 1); }
inline void put16(Bytes& to, u64 value) { put(to, value, 2); }
inline void put32(Bytes& to, u64 value) { put(to, value, 4); }
inline void put64(Bytes& to, u64 value) { put(to, value, 8); }
inline void put_bytes(Bytes& to, std::span<const u8> from) { to.insert(to.end(), from.begin(), from.end()); }
inline void put_text(Bytes& to, std::string_view text) { to.insert(to.end(), text.begin(), text.end()); }
inline void put_string(Bytes& to, std::string_view text) { put_text(to, text), to.push_back(0); }
inline void pad_to(Bytes& to, u64 unit) { to.resize(align_up(to.size(), unit)); }

// Overwrites a number that is already there. `bytes` is a reference, so that the value may be what appending to it gives.
template <class Range> void patch(Range& bytes, u64 at, u64 value, unsigned width) {
    for (unsigned i = 0; i < width; i++) bytes[at + i] = u8(value >> (8 * i));
}

// The byte that makes the sum of all of them 0 (ACPI, SMBIOS and MP tables are checked so).
inline u8 checksum(std::span<const u8> bytes) {
    u8 sum = 0;
    for (u8 b : bytes) sum = u8(sum + b);
    return u8(-sum);
}
