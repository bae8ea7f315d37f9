// SPDX-License-Identifier: MIT
// Integer types and the manuals' way of naming bits: bits(value, 11, 8), mask(51, 12).
#pragma once
#include <bit>
#include <concepts>
#include <cstddef>
#include <cstdint>

using u8 = std::uint8_t;
using u16 = std::uint16_t;
using u32 = std::uint32_t;
using u64 = std::uint64_t;
using s8 = std::int8_t;
using s16 = std::int16_t;
using s32 = std::int32_t;
using s64 = std::int64_t;
__extension__ using u128 = unsigned __int128;
__extension__ using s128 = __int128;

constexpr u64 bit(unsigned n) { return u64{1} << n; }
constexpr u64 bits(u64 value, unsigned high, unsigned low) {
    return value >> low & (bit(high - low) * 2 - 1);
}
constexpr u64 mask(unsigned high, unsigned low) { return bits(~u64{0}, high, low) << low; }

// Sign-extends the low `width` bits.
constexpr u64 sign_extend(u64 value, unsigned width) {
    return u64(s64(value << (64 - width)) >> (64 - width));
}
// All ones in the low `bytes` bytes (1 to 8).
constexpr u64 ones(unsigned bytes) { return ~u64{0} >> (64 - bytes * 8); }
constexpr u64 align_up(u64 value, u64 unit) { return (value + unit - 1) / unit * unit; }

template <class T>
concept Word = std::same_as<T, u8> || std::same_as<T, u16> || std::same_as<T, u32> || std::same_as<T, u64>;
