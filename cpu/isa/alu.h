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

// INC and DEC leave CF alone; NEG is 0 - a; NOT has no flags.
struct Inc {
    template <Word T> constexpr Result<T> operator()(T a, Flags f) const {
        auto r = Add{}(a, T(1), f);
        return {r.value, r.flags.with(rflags::cf, f.cf())};
    }
};
struct Dec {
    template <Word T> constexpr Result<T> operator()(T a, Flags f) const {
        auto r = Sub{}(a, T(1), f);
        return {r.value, r.flags.with(rflags::cf, f.cf())};
    }
};
struct Neg { template <Word T> constexpr Result<T> operator()(T a, Flags f) const { return Sub{}(T(0), a, f); } };
struct Not { template <Word T> constexpr Result<T> operator()(T a, Flags f) const { return {T(~a), f}; } };

// ADCX, ADOX: an addition whose only flag is CF, or OF.
template <u64 carry> struct AddWithOne {
    template <Word T> constexpr Result<T> operator()(T a, T b, Flags f) const {
        auto r = Add::sum(a, b, f.value & carry);
        return {r.value, f.with(carry, r.flags.cf())};
    }
};

// ---- multiplication and division: twice as wide on one side
template <Word T> struct Twice;
template <> struct Twice<u8> { using type = u16; };
template <> struct Twice<u16> { using type = u32; };
template <> struct Twice<u32> { using type = u64; };
template <> struct Twice<u64> { using type = u128; };
template <Word T> using Wide = typename Twice<T>::type;

template <Word T> struct Product {
    T low, high;
    bool overflow;                // the low half alone is not the product: CF and OF
};
template <Word T> constexpr Wide<T> join(T high, T low) { return Wide<T>(Wide<T>(high) << width<T>) | low; }
template <Word T> constexpr bool negative(T v) { return v & top<T>; }

struct Mul {
    template <Word T> constexpr Product<T> operator()(T a, T b) const {
        auto p = Wide<T>(Wide<T>(a) * b);
        return {T(p), T(p >> width<T>), T(p >> width<T>) != 0};
    }
};
struct Imul {
    template <Word T> constexpr Product<T> operator()(T a, T b) const {
        T low = T(Wide<T>(a) * b);
        T high = T(Mul{}(a, b).high - (negative(a) ? b : 0) - (negative(b) ? a : 0));
        return {low, high, high != (negative(low) ? T(~T{}) : T(0))};
    }
};

// A quotient that doesn't fit, or no divisor: #DE.
template <Word T> struct Quotient {
    T quotient, remainder;
    bool fits;
};
struct Div {
    template <Word T> constexpr Quotient<T> operator()(T high, T low, T divisor) const {
        if (high >= divisor) return {0, 0, false};
        auto dividend = join(high, low);
        return {T(dividend / divisor), T(dividend % divisor), true};
    }
};
// By magnitudes: the quotient is cut off towards 0, the remainder has the dividend's sign.
struct Idiv {
    template <Word T> constexpr Quotient<T> operator()(T high, T low, T divisor) const {
        bool minus = negative(high), minus_divisor = negative(divisor);
        auto dividend = join(high, low);
        if (minus) dividend = Wide<T>(0 - dividend);
        auto r = Div{}(T(dividend >> width<T>), T(dividend), minus_divisor ? T(0 - divisor) : divisor);
        bool minus_quotient = minus != minus_divisor;
        T largest = minus_quotient ? top<T> : T(top<T> - 1);
        if (!r.fits || r.quotient > largest) return {0, 0, false};
        return {minus_quotient ? T(0 - r.quotient) : r.quotient, minus ? T(0 - r.remainder) : r.remainder, true};
    }
};

static_assert(Add{}(u8(0x7f), u8(1), {}).flags == Flags(false, false, true, false, true, true));
static_assert(Sub{}(u8(0), u8(1), {}).flags == Flags(true, true, true, false, true, false));
static_assert(Adc{}(~u64{0}, u64{0}, Flags(1)).flags == Flags(true, true, true, true, false, false));
static_assert(Inc{}(u16(0x7fff), Flags(1)).flags == Flags(true, true, true, false, true, true));
static_assert(Neg{}(u32(0), {}).flags == Flags(false, true, false, true, false, false));
static_assert(Imul{}(u8(0xff), u8(0xff)).high == 0 && !Imul{}(u8(0xff), u8(0xff)).overflow);
static_assert(Imul{}(~u64{0} / 2, u64{2}).high == 0 && Imul{}(~u64{0} / 2, u64{2}).overflow);
static_assert(Idiv{}(u8(0xff), u8(0x80), u8(1)).quotient == 0x80 && !Idiv{}(u8(0), u8(0x80), u8(1)).fits);
static_assert(!Idiv{}(top<u64>, u64{0}, ~u64{0}).fits && Idiv{}(u16(0xffff), u16(0xfff9), u16(2)).remainder == 0xffff);

}
