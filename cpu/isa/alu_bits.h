// SPDX-License-Identifier: MIT
// Pure arithmetic on bits: byte order, bit tests and counts, BMI1 and BMI2 (SDM vol. 2).
#pragma once
#include "cpu/isa/alu.h"

namespace alu {

template <Word T> constexpr T swap_bytes(T v) {
    if constexpr (sizeof(T) == 2) return __builtin_bswap16(v);
    else if constexpr (sizeof(T) == 4) return __builtin_bswap32(v);
    else return __builtin_bswap64(v);
}
// BSWAP of a 16-bit register is undefined; silicon gives 0.
template <Word T> constexpr T swap_bytes_of_register(T v) { return sizeof(T) == 2 ? T(0) : swap_bytes(v); }

// ---- BT, BTS, BTR, BTC: what becomes of the bit
struct Keep { template <Word T> constexpr T operator()(T v, T) const { return v; } };
struct SetBit { template <Word T> constexpr T operator()(T v, T bit) const { return T(v | bit); } };
struct ResetBit { template <Word T> constexpr T operator()(T v, T bit) const { return T(v & ~bit); } };
struct FlipBit { template <Word T> constexpr T operator()(T v, T bit) const { return T(v ^ bit); } };

// ---- counts. What the manuals leave undefined is as on AMD's Zen 5.
struct Lzcnt {
    template <Word T> constexpr Result<T> operator()(T a, Flags f) const {
        T n = T(std::countl_zero(a));
        return {n, Flags(a == 0, false, false, n == 0, false, f.of())};
    }
};
struct Tzcnt {
    template <Word T> constexpr Result<T> operator()(T a, Flags f) const {
        T n = T(std::countr_zero(a));
        return {n, Flags(a == 0, false, false, n == 0, false, f.of())};
    }
};
// Sums of neighbours, in place: compilers make a call of std::popcount.
constexpr unsigned count_ones(u64 v) {
    v -= v >> 1 & 0x5555555555555555;
    v = (v & 0x3333333333333333) + (v >> 2 & 0x3333333333333333);
    v = (v + (v >> 4)) & 0x0f0f0f0f0f0f0f0f;
    return unsigned(v * 0x0101010101010101 >> 56);
}
struct Popcnt {
    template <Word T> constexpr Result<T> operator()(T a, Flags) const {
        return {T(count_ones(a)), Flags(false, false, false, a == 0, false, false)};
    }
};
// BSF, BSR: with a source of 0 the destination keeps what it has (the caller looks at ZF).
struct Bsf {
    template <Word T> constexpr Result<T> operator()(T a, Flags) const {
        T n = a ? T(std::countr_zero(a)) : T(0);
        return {n, Flags(false, parity(n), false, a == 0, false, false)};
    }
};
struct Bsr {
    template <Word T> constexpr Result<T> operator()(T a, Flags) const {
        T n = a ? T(width<T> - 1 - std::countl_zero(a)) : T(0);
        return {n, Flags(false, parity(n), false, a == 0, false, false)};
    }
};

// ---- BMI1 and BMI2
struct Andn { template <Word T> constexpr Result<T> operator()(T a, T b, Flags) const { return logic(T(~a & b)); } };
struct Blsi {
    template <Word T> constexpr Result<T> operator()(T a, Flags) const {
        auto r = logic(T(a & (0 - a)));
        return {r.value, r.flags.with(rflags::cf, a != 0)};
    }
};
struct Blsmsk {
    template <Word T> constexpr Result<T> operator()(T a, Flags) const {
        auto r = logic(T(a ^ (a - 1)));
        return {r.value, r.flags.with(rflags::cf, a == 0)};
    }
};
struct Blsr {
    template <Word T> constexpr Result<T> operator()(T a, Flags) const {
        auto r = logic(T(a & (a - 1)));
        return {r.value, r.flags.with(rflags::cf, a == 0)};
    }
};
template <Word T> constexpr T low_bits(unsigned n) { return n >= width<T> ? T(~T{}) : T((T{1} << n) - 1); }
// Start in bits 7:0 of the control, length in bits 15:8.
struct Bextr {
    template <Word T> constexpr Result<T> operator()(T a, T control, Flags) const {
        unsigned start = control & 0xff, length = control >> 8 & 0xff;
        return logic(start >= width<T> ? T(0) : T((a >> start) & low_bits<T>(length)));
    }
};
struct Bzhi {
    template <Word T> constexpr Result<T> operator()(T a, T index, Flags) const {
        unsigned n = index & 0xff;
        auto r = logic(T(a & low_bits<T>(n)));
        return {r.value, r.flags.with(rflags::cf, n >= width<T>)};
    }
};
struct Pdep {
    template <Word T> constexpr T operator()(T a, T mask) const {
        T r = 0;
        for (; mask; mask = T(mask & (mask - 1)), a = T(a >> 1))
            if (a & 1) r = T(r | (mask & (0 - mask)));
        return r;
    }
};
struct Pext {
    template <Word T> constexpr T operator()(T a, T mask) const {
        T r = 0;
        for (unsigned n = 0; mask; mask = T(mask & (mask - 1)), n++)
            if (a & mask & (0 - mask)) r = T(r | T{1} << n);
        return r;
    }
};

static_assert(swap_bytes(u32(0x11223344)) == 0x44332211 && swap_bytes(u16(0x1122)) == 0x2211);
static_assert(Lzcnt{}(u16(1), {}).value == 15 && Tzcnt{}(u32(0), {}).value == 32 && Tzcnt{}(u32(0), {}).flags.cf());
static_assert(Bsr{}(u32(0x80000001), {}).value == 31 && Bsf{}(u64(0), {}).flags.zf());
static_assert(Bextr{}(u32(0xffff), u32(0x0804), {}).value == 0xff && Bzhi{}(u32(~0u), u32(40), {}).flags.cf());
static_assert(Pdep{}(u32(5), u32(0xf0)) == 0x50 && Pext{}(u32(0x50), u32(0xf0)) == 5);

}
