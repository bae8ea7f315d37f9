// SPDX-License-Identifier: MIT
// The arithmetic itself: values in, value and flags out, no machine in sight (SDM vol. 1, 3.4.3.1 and appendix A).
#pragma once
#include "cpu/isa/flags.h"

namespace alu {

template <Word T> struct Result {
    T value;
    Flags flags;
};

template <Word T> constexpr unsigned width = sizeof(T) * 8;
template <Word T> constexpr T top = T(T{1} << (width<T> - 1));
template <Word T> constexpr bool parity(T v) { return std::popcount(u8(v)) % 2 == 0; }

struct Add {
    template <Word T> constexpr Result<T> operator()(T a, T b, Flags) const { return sum(a, b, false); }
    template <Word T> static constexpr Result<T> sum(T a, T b, bool carry) {
        T r = T(a + b + carry);
        T carries = T((a & b) | ((a | b) & ~r));
        return {r, Flags(carries & top<T>, parity(r), (a ^ b ^ r) & 0x10, r == 0, r & top<T>, (a ^ r) & (b ^ r) & top<T>)};
    }
};
struct Adc {
    template <Word T> constexpr Result<T> operator()(T a, T b, Flags f) const { return Add::sum(a, b, f.cf()); }
};
struct Sub {
    template <Word T> constexpr Result<T> operator()(T a, T b, Flags) const { return difference(a, b, false); }
    template <Word T> static constexpr Result<T> difference(T a, T b, bool borrow) {
        T r = T(a - b - borrow);
        T borrows = T((~a & b) | ((~a | b) & r));
        return {r, Flags(borrows & top<T>, parity(r), (a ^ b ^ r) & 0x10, r == 0, r & top<T>, (a ^ b) & (a ^ r) & top<T>)};
    }
};
struct Sbb {
    template <Word T> constexpr Result<T> operator()(T a, T b, Flags f) const { return Sub::difference(a, b, f.cf()); }
};

// CF and OF are cleared; AF is undefined: cleared, as silicon does.
template <Word T> constexpr Result<T> logic(T r) { return {r, Flags(false, parity(r), false, r == 0, r & top<T>, false)}; }
struct And { template <Word T> constexpr Result<T> operator()(T a, T b, Flags) const { return logic(T(a & b)); } };
struct Or { template <Word T> constexpr Result<T> operator()(T a, T b, Flags) const { return logic(T(a | b)); } };
struct Xor { template <Word T> constexpr Result<T> operator()(T a, T b, Flags) const { return logic(T(a ^ b)); } };

static_assert(Add{}(u8(0x7f), u8(1), {}).flags == Flags(false, false, true, false, true, true));
static_assert(Sub{}(u8(0), u8(1), {}).flags == Flags(true, true, true, false, true, false));

}
