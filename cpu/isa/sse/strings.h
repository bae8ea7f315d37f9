// SPDX-License-Identifier: MIT
// PCMPESTRI and its kin: two strings of bytes or words compared lane by lane, as one pure function (SDM vol. 1, 5.11; vol. 2, 4.1).
#pragma once
#include "cpu/isa/flags.h"
#include "cpu/isa/sse/lanes.h"

namespace isa::lanes {

// The immediate's fields.
struct StringOrder {
    u8 value;
    constexpr bool words() const { return value & 1; }
    constexpr bool is_signed() const { return value & 2; }
    enum Aggregation : u8 { equal_any, ranges, equal_each, equal_ordered };
    constexpr Aggregation aggregation() const { return Aggregation(value >> 2 & 3); }
    constexpr bool negative() const { return value & 0x10; }
    constexpr bool only_valid() const { return value & 0x20; }       // negates but lanes behind the second string's end
    constexpr bool last_or_expanded() const { return value & 0x40; } // the index of the last bit; a mask of lanes
    constexpr unsigned lanes() const { return words() ? 8 : 16; }
};

struct StringResult {
    u32 matches = 0;              // IntRes2: a bit for each lane of the second string
    Flags flags;
};

constexpr int string_lane(const Xmm& v, StringOrder order, unsigned n) {
    int value = order.words() ? split<u16>(v)[n] : v[n], sign = order.words() ? 0x8000 : 0x80;
    return order.is_signed() ? (value ^ sign) - sign : value;
}
// A string's end without a length: at its first zero.
constexpr unsigned implicit_length(const Xmm& v, StringOrder order) {
    unsigned n = 0;
    while (n < order.lanes() && string_lane(v, order, n)) n++;
    return n;
}
// A length in a register: its absolute value, at most the number of lanes.
template <class T> constexpr unsigned explicit_length(T raw, StringOrder order) {
    T value = raw >> (sizeof(T) * 8 - 1) ? T(0 - raw) : raw;
    return unsigned(std::min<T>(value, T(order.lanes())));
}

// Strings of values: how each aggregation compares them, invalid lanes forced as in SDM vol. 2, table 4-7.
struct Strings {
    std::array<int, 16> a{}, b{};
    unsigned lanes, length_a, length_b;
    constexpr Strings(const Xmm& x, const Xmm& y, unsigned length_x, unsigned length_y, StringOrder order)
        : lanes(order.lanes()), length_a(length_x), length_b(length_y) {
        for (unsigned n = 0; n < lanes; n++) a[n] = string_lane(x, order, n), b[n] = string_lane(y, order, n);
    }
    constexpr bool any(unsigned at) const {
        for (unsigned n = 0; n < length_a; n++)
            if (a[n] == b[at]) return at < length_b;
        return false;
    }
    constexpr bool in_range(unsigned at) const {
        for (unsigned n = 0; n + 1 < length_a; n += 2)
            if (a[n] <= b[at] && b[at] <= a[n + 1]) return at < length_b;
        return false;
    }
    constexpr bool each(unsigned at) const {
        if (at >= length_a || at >= length_b) return at >= length_a && at >= length_b;
        return a[at] == b[at];
    }
    constexpr bool ordered(unsigned at) const {
        for (unsigned n = 0; n < length_a && at + n < lanes; n++)
            if (at + n >= length_b || a[n] != b[at + n]) return false;
        return true;
    }
    constexpr bool match(StringOrder::Aggregation how, unsigned at) const {
        switch (how) {
        case StringOrder::equal_any: return any(at);
        case StringOrder::ranges: return in_range(at);
        case StringOrder::equal_each: return each(at);
        default: return ordered(at);
        }
    }
};

constexpr StringResult compare_strings(const Xmm& a, const Xmm& b, unsigned length_a, unsigned length_b, StringOrder order) {
    Strings s(a, b, length_a, length_b, order);
    u32 matches = 0;
    for (unsigned n = 0; n < s.lanes; n++) matches |= u32(s.match(order.aggregation(), n)) << n;
    u32 all = (1u << s.lanes) - 1, valid = (1u << length_b) - 1;
    if (order.negative()) matches ^= order.only_valid() ? valid : all;
    Flags flags = Flags{}.with(rflags::cf, matches).with(rflags::of, matches & 1);
    return {matches, flags.with(rflags::zf, length_b < s.lanes).with(rflags::sf, length_a < s.lanes)};
}
constexpr u32 string_index(u32 matches, StringOrder order) {
    if (!matches) return order.lanes();
    return u32(order.last_or_expanded() ? 31 - std::countl_zero(matches) : std::countr_zero(matches));
}
constexpr Xmm string_mask(u32 matches, StringOrder order) {
    if (!order.last_or_expanded()) return resized<16>(as<Bytes<4>>(matches));
    Xmm r{};
    unsigned width = order.words() ? 2 : 1;
    for (unsigned n = 0; n < 16; n++) r[n] = all<u8>(matches >> n / width & 1);
    return r;
}

static_assert(explicit_length(u32(-5), {0}) == 5 && explicit_length(u32{0x80000000}, {1}) == 8 && explicit_length(u64{1} << 32, {0}) == 16);

}
