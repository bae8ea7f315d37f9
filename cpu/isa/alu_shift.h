// SPDX-License-Identifier: MIT
// Pure arithmetic of shifts and rotates (SDM vol. 2). Counts arrive masked to 5 bits, or 6 for 64-bit operands; a count of 0
// changes no flag. OF for counts other than 1 and AF are undefined: they are as on AMD's Zen 5.
#pragma once
#include "cpu/isa/alu.h"

namespace alu {

template <Word T> constexpr unsigned count_mask = sizeof(T) == 8 ? 63 : 31;
template <Word T> constexpr bool top_bit(T v) { return v & top<T>; }
template <Word T> constexpr bool top_two_differ(T v) { return top_bit(v) != top_bit(T(v << 1)); }

// The flags of a shift: AF is set, the rest says what is in the result.
template <Word T> constexpr Flags shifted(T r, bool cf, bool of) { return Flags(cf, parity(r), true, r == 0, top_bit(r), of); }
// The flags of a rotate: only CF and OF change.
constexpr Flags rotated(Flags f, bool cf, bool of) { return f.with(rflags::cf, cf).with(rflags::of, of); }

struct Shl {
    template <Word T> constexpr Result<T> operator()(T a, unsigned n, Flags f) const {
        if (n == 0) return {a, f};
        T r = n < width<T> ? T(a << n) : T(0);
        bool cf = n <= width<T> && (a >> (width<T> - n) & 1);
        return {r, shifted(r, cf, cf != top_bit(r))};
    }
};
struct Shr {
    template <Word T> constexpr Result<T> operator()(T a, unsigned n, Flags f) const {
        if (n == 0) return {a, f};
        T r = n < width<T> ? T(a >> n) : T(0);
        bool cf = n <= width<T> && (a >> (n - 1) & 1);
        return {r, shifted(r, cf, top_two_differ(r))};
    }
};
struct Sar {
    template <Word T> constexpr Result<T> operator()(T a, unsigned n, Flags f) const {
        if (n == 0) return {a, f};
        u64 extended = sign_extend(a, width<T>);
        T r = T(s64(extended) >> n);
        bool cf = s64(extended) >> (n - 1) & 1;
        return {r, shifted(r, cf, false)};
    }
};

struct Rol {
    template <Word T> constexpr Result<T> operator()(T a, unsigned n, Flags f) const {
        if (n == 0) return {a, f};
        T r = std::rotl(a, int(n % width<T>));
        bool cf = r & 1;
        return {r, rotated(f, cf, cf != top_bit(r))};
    }
};
struct Ror {
    template <Word T> constexpr Result<T> operator()(T a, unsigned n, Flags f) const {
        if (n == 0) return {a, f};
        T r = std::rotr(a, int(n % width<T>));
        return {r, rotated(f, top_bit(r), top_two_differ(r))};
    }
};
// Through CF: a number of width + 1 bits, CF on top, is rotated by the count modulo that width.
template <Word T> constexpr Result<T> rotate_left_through_carry(T a, unsigned n, Flags f, bool right) {
    if (n == 0) return {a, f};
    n %= width<T> + 1;
    if (right && n) n = width<T> + 1 - n;
    u128 all = u128(f.cf()) << width<T> | a;
    all = all << n | all >> (width<T> + 1 - n);
    T r = T(all);
    bool cf = all >> width<T> & 1;
    return {r, rotated(f, cf, right ? top_two_differ(r) : cf != top_bit(r))};
}
struct Rcl {
    template <Word T> constexpr Result<T> operator()(T a, unsigned n, Flags f) const { return rotate_left_through_carry(a, n, f, false); }
};
struct Rcr {
    template <Word T> constexpr Result<T> operator()(T a, unsigned n, Flags f) const { return rotate_left_through_carry(a, n, f, true); }
};

// SHLD, SHRD: bits of `in` come in where bits of `a` go out. Of 16 bits with a count above 16 the result is undefined:
// `in` comes in twice.
struct Shld {
    template <Word T> constexpr Result<T> operator()(T a, T in, unsigned n, Flags f) const {
        if (n == 0) return {a, f};
        T r = n >= width<T> ? std::rotl(in, int(n - width<T>)) : T(T(a << n) | T(in >> (width<T> - n)));
        bool cf = n <= width<T> && (a >> (width<T> - n) & 1);
        return {r, shifted(r, cf, n <= width<T> && cf != top_bit(r))};
    }
};
struct Shrd {
    template <Word T> constexpr Result<T> operator()(T a, T in, unsigned n, Flags f) const {
        if (n == 0) return {a, f};
        T r = n >= width<T> ? std::rotr(in, int(n - width<T>)) : T(T(a >> n) | T(in << (width<T> - n)));
        bool cf = n <= width<T> && (a >> (n - 1) & 1);
        return {r, shifted(r, cf, top_two_differ(r))};
    }
};

static_assert(Shl{}(u8(0xff), 8, {}).flags == Flags(true, true, true, true, false, true));
static_assert(Shl{}(u8(0xff), 9, {}).flags == Flags(false, true, true, true, false, false));
static_assert(Shr{}(u32(0x80000018), 4, {}).value == 0x08000001 && Shr{}(u32(0x80000018), 4, {}).flags.cf());
static_assert(Shr{}(u8(0x80), 1, {}).flags.of() && Sar{}(u8(0x80), 31, {}).value == 0xff);
static_assert(Rol{}(u8(0x81), 8, {}).flags == Flags(1) && Rol{}(u32(5), 0, Flags(1)).flags == Flags(1));
static_assert(Rcl{}(u8(0x81), 9, Flags(1)).value == 0x81 && Rcl{}(u8(0x81), 10, Flags(1)).value == 3);
static_assert(Rcr{}(u32(0x80000018), 4, Flags(1)).value == 0x18000001 && Rcr{}(u32(0x80000018), 4, Flags(1)).flags.cf());
static_assert(Rcl{}(u64(1), 63, {}).value == u64(1) << 63 && Rcr{}(u64(1), 1, Flags(1)).value == u64(1) << 63);
static_assert(Shld{}(u16(0x1234), u16(0xabcd), 20, {}).value == 0xbcda && Shld{}(u32(1), u32(0x80000000), 1, {}).value == 3);
static_assert(Shrd{}(u16(0x1234), u16(0xabcd), 16, {}).value == 0xabcd && Shrd{}(u64(2), u64(1), 1, {}).value == (u64(1) << 63 | 1));

}
