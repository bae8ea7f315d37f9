// SPDX-License-Identifier: MIT
// Status flags as LAHF and SETO give them: SF, ZF, AF, PF, CF in bits 15, 14, 12, 10, 8 and OF in bit 0, so that an instruction's
// flags cost two host instructions. What the manuals leave undefined is as the arithmetic of cpu/isa/alu*.h has it.
#pragma once
#include "cpu/isa/alu.h"
#include "cpu/isa/alu_shift.h"

namespace fast {

struct HostFlags {
    u64 value = 0;                // bits above 15 mean nothing

    static constexpr u64 cf = 0x100, pf = 0x400, af = 0x1000, zf = 0x4000, sf = 0x8000, of = 1;

    constexpr HostFlags() = default;
    constexpr explicit HostFlags(u64 value) : value(value) {}
    constexpr explicit HostFlags(Flags f) : value(u64(f.value & 0xd5) << 8 | (f.value >> 11 & 1)) {}
    constexpr Flags in_rflags() const { return Flags(u32((value >> 8 & 0xd5) | (value & 1) << 11)); }
    // Which bits of RFLAGS, and all of them on or off.
    constexpr HostFlags with(u64 which, bool on) const {
        u64 host = HostFlags(Flags(u32(which))).value;
        return HostFlags(on ? value | host : value & ~host);
    }
};
static_assert(HostFlags(Flags(0x8d5)).value == (0xd500 | 1) && HostFlags(Flags(0x8d5)).in_rflags().value == 0x8d5);

constexpr bool holds(unsigned code, HostFlags f) {
    u64 v = f.value;
    bool holds = false;
    switch (code >> 1) {
    case 0: holds = v & HostFlags::of; break;
    case 1: holds = v & HostFlags::cf; break;
    case 2: holds = v & HostFlags::zf; break;
    case 3: holds = v & (HostFlags::cf | HostFlags::zf); break;
    case 4: holds = v & HostFlags::sf; break;
    case 5: holds = v & HostFlags::pf; break;
    case 6: holds = (v >> 15 ^ v) & 1; break;
    case 7: holds = ((v >> 15 ^ v) & 1) | (v & HostFlags::zf); break;
    }
    return holds != bool(code & 1);
}

template <Word T> struct Computed {
    T value;
    HostFlags flags;
};

// Any arithmetic: by its pure function.
template <class Op, class T, class... More> [[gnu::always_inline]] inline auto host_compute(Op op, HostFlags f, T a, More... more) {
    auto [value, flags] = op(a, more..., f.in_rflags());
    return Computed<T>{value, HostFlags(flags)};
}

// The same, and whether a condition holds of the result.
template <Word T> struct ComputedBranch {
    T value;
    HostFlags flags;
    bool taken;
};
template <unsigned code, class Op, class... Values>
[[gnu::always_inline]] inline auto host_compute_branch(Op op, HostFlags f, Values... values) {
    auto [value, flags] = host_compute(op, f, values...);
    return ComputedBranch<decltype(value)>{value, flags, holds(code, flags)};
}

#if defined(__x86_64__) && defined(__GNUC__)
// The host's own instruction. `before` may bring the carry in.
#define HOST_BINARY(op, text)                                                                             \
    template <Word T> [[gnu::always_inline]] inline Computed<T> host_compute(alu::op, HostFlags, T a, T b) { \
        u16 f;                                                                                            \
        asm(text " %2, %0\n\tlahf\n\tseto %%al" : "+q"(a), "=a"(f) : "q"(b) : "cc");                     \
        return {a, HostFlags(f)};                                                                         \
    }
#define HOST_LOGIC(op, text)                                                                              \
    template <Word T> [[gnu::always_inline]] inline Computed<T> host_compute(alu::op, HostFlags, T a, T b) { \
        u16 f;                                                                                            \
        asm(text " %2, %0\n\tlahf\n\tseto %%al" : "+q"(a), "=a"(f) : "q"(b) : "cc");                     \
        return {a, HostFlags(f & ~HostFlags::af)};                                                        \
    }
#define HOST_CARRY(op, text)                                                                              \
    template <Word T> [[gnu::always_inline]] inline Computed<T> host_compute(alu::op, HostFlags in, T a, T b) { \
        u16 f;                                                                                            \
        asm("btl $8, %k3\n\t" text " %2, %0\n\tlahf\n\tseto %%al" : "+&q"(a), "=a"(f) : "q"(b), "r"(in.value) : "cc"); \
        return {a, HostFlags(f)};                                                                         \
    }
#define HOST_UNARY(op, text)                                                                              \
    template <Word T> [[gnu::always_inline]] inline Computed<T> host_compute(alu::op, HostFlags in, T a) { \
        u16 f;                                                                                            \
        asm("btl $8, %k2\n\t" text " %0\n\tlahf\n\tseto %%al" : "+&q"(a), "=a"(f) : "r"(in.value) : "cc"); \
        return {a, HostFlags(f)};                                                                         \
    }
HOST_BINARY(Add, "add")
HOST_BINARY(Sub, "sub")
HOST_LOGIC(And, "and")
HOST_LOGIC(Or, "or")
HOST_LOGIC(Xor, "xor")
HOST_CARRY(Adc, "adc")
HOST_CARRY(Sbb, "sbb")
HOST_UNARY(Inc, "inc")
HOST_UNARY(Dec, "dec")
HOST_UNARY(Neg, "neg")
#undef HOST_BINARY
#undef HOST_LOGIC
#undef HOST_CARRY
#undef HOST_UNARY

// With the host's condition: LAHF and SETO leave the flags as they are.
#define HOST_CONDITION(n, cc, text, ...) \
    if constexpr (code == n) asm(text "\n\tlahf\n\tseto %%al" : "+&q"(a), "=a"(f), "=@cc" cc(taken) : __VA_ARGS__)
#define HOST_CONDITIONS(text, ...)                                                                          \
    u16 f;                                                                                                  \
    bool taken;                                                                                             \
    HOST_CONDITION(0, "o", text, __VA_ARGS__); HOST_CONDITION(1, "no", text, __VA_ARGS__);              \
    HOST_CONDITION(2, "b", text, __VA_ARGS__); HOST_CONDITION(3, "nb", text, __VA_ARGS__);              \
    HOST_CONDITION(4, "z", text, __VA_ARGS__); HOST_CONDITION(5, "nz", text, __VA_ARGS__);              \
    HOST_CONDITION(6, "be", text, __VA_ARGS__); HOST_CONDITION(7, "nbe", text, __VA_ARGS__);            \
    HOST_CONDITION(8, "s", text, __VA_ARGS__); HOST_CONDITION(9, "ns", text, __VA_ARGS__);              \
    HOST_CONDITION(10, "p", text, __VA_ARGS__); HOST_CONDITION(11, "np", text, __VA_ARGS__);            \
    HOST_CONDITION(12, "l", text, __VA_ARGS__); HOST_CONDITION(13, "nl", text, __VA_ARGS__);            \
    HOST_CONDITION(14, "le", text, __VA_ARGS__); HOST_CONDITION(15, "nle", text, __VA_ARGS__)
#define HOST_BRANCH(op, text, kept)                                                                         \
    template <unsigned code, Word T>                                                                        \
    [[gnu::always_inline]] inline ComputedBranch<T> host_compute_branch(alu::op, HostFlags, T a, T b) { \
        HOST_CONDITIONS(text " %3, %0", "q"(b) : "cc");                                                     \
        return {a, HostFlags(u64(f) & (kept)), taken};                                                             \
    }
#define HOST_BRANCH_UNARY(op, text)                                                                         \
    template <unsigned code, Word T>                                                                        \
    [[gnu::always_inline]] inline ComputedBranch<T> host_compute_branch(alu::op, HostFlags in, T a) { \
        HOST_CONDITIONS("btl $8, %k3\n\t" text " %0", "r"(in.value) : "cc");                              \
        return {a, HostFlags(f), taken};                                                                           \
    }
HOST_BRANCH(Add, "add", ~u64{0})
HOST_BRANCH(Sub, "sub", ~u64{0})
HOST_BRANCH(And, "and", ~HostFlags::af)
HOST_BRANCH(Or, "or", ~HostFlags::af)
HOST_BRANCH_UNARY(Inc, "inc")
HOST_BRANCH_UNARY(Dec, "dec")
#undef HOST_CONDITION
#undef HOST_CONDITIONS
#undef HOST_BRANCH
#undef HOST_BRANCH_UNARY

// PF, ZF and SF of a result in bits 10, 14 and 15.
template <Word T> [[gnu::always_inline]] inline u64 signs_of(T value) {
    u16 f;
    asm("test %1, %1\n\tlahf" : "=a"(f) : "q"(value) : "cc");
    return f & 0xc400;
}
// Shifts: CF, PF, ZF and SF are the host's; AF and OF by the rules of alu_shift.h.
template <class T> concept Wide = sizeof(T) >= 4;
template <class T> concept Narrow = sizeof(T) < 4;
template <Wide T> [[gnu::always_inline]] inline Computed<T> host_compute(alu::Shl, HostFlags in, T a, unsigned n) {
    if (n == 0) return {a, in};
    u16 f;
    asm("shl %%cl, %0\n\tlahf" : "+q"(a), "=a"(f) : "c"(n) : "cc");
    u64 ah = f & 0xff00;
    return {a, HostFlags(ah | HostFlags::af | ((ah >> 8 ^ ah >> 15) & 1))};
}
template <Wide T> [[gnu::always_inline]] inline Computed<T> host_compute(alu::Shr, HostFlags in, T a, unsigned n) {
    if (n == 0) return {a, in};
    u16 f;
    asm("shr %%cl, %0\n\tlahf" : "+q"(a), "=a"(f) : "c"(n) : "cc");
    return {a, HostFlags(u64(f & 0xff00) | HostFlags::af | (a >> (sizeof(T) * 8 - 2) & 1))};
}
template <Wide T> [[gnu::always_inline]] inline Computed<T> host_compute(alu::Sar, HostFlags in, T a, unsigned n) {
    if (n == 0) return {a, in};
    u16 f;
    asm("sar %%cl, %0\n\tlahf" : "+q"(a), "=a"(f) : "c"(n) : "cc");
    return {a, HostFlags(u64(f & 0xff00) | HostFlags::af)};
}
// Of 8 and 16 bits the count may be beyond the width, which the host leaves undefined: in 32 bits.
template <Narrow T> [[gnu::always_inline]] inline Computed<T> host_compute(alu::Shl, HostFlags in, T a, unsigned n) {
    if (n == 0) return {a, in};
    u32 all = u32(a) << n;
    u64 cf = all >> alu::width<T> & 1, of = cf ^ (all >> (alu::width<T> - 1) & 1);
    return {T(all), HostFlags(signs_of(T(all)) | HostFlags::af | cf << 8 | of)};
}
template <Narrow T> [[gnu::always_inline]] inline Computed<T> host_compute(alu::Shr, HostFlags in, T a, unsigned n) {
    if (n == 0) return {a, in};
    u32 before = u32(a) >> (n - 1);
    T r = T(before >> 1);
    return {r, HostFlags(signs_of(r) | HostFlags::af | u64(before & 1) << 8 | (r >> (alu::width<T> - 2) & 1))};
}
template <Narrow T> [[gnu::always_inline]] inline Computed<T> host_compute(alu::Sar, HostFlags in, T a, unsigned n) {
    if (n == 0) return {a, in};
    s32 before = s32(std::make_signed_t<T>(a)) >> (n - 1);
    T r = T(before >> 1);
    return {r, HostFlags(signs_of(r) | HostFlags::af | u64(before & 1) << 8)};
}
template <Wide T> [[gnu::always_inline]] inline Computed<T> host_compute(alu::Shld, HostFlags in, T a, T other, unsigned n) {
    if (n == 0) return {a, in};
    u16 f;
    asm("shld %%cl, %3, %0\n\tlahf" : "+r"(a), "=a"(f) : "c"(n), "r"(other) : "cc");
    u64 ah = f & 0xff00;
    return {a, HostFlags(ah | HostFlags::af | ((ah >> 8 ^ ah >> 15) & 1))};
}
template <Wide T> [[gnu::always_inline]] inline Computed<T> host_compute(alu::Shrd, HostFlags in, T a, T other, unsigned n) {
    if (n == 0) return {a, in};
    u16 f;
    asm("shrd %%cl, %3, %0\n\tlahf" : "+r"(a), "=a"(f) : "c"(n), "r"(other) : "cc");
    return {a, HostFlags(u64(f & 0xff00) | HostFlags::af | ((a >> (sizeof(T) * 8 - 1) ^ a >> (sizeof(T) * 8 - 2)) & 1))};
}

// Products and quotients without calls. What is seldom isn't done here: "it doesn't fit" makes the reference engine decide.
template <Word T> [[gnu::always_inline]] inline alu::Product<T> host_apply(alu::Imul, T a, T b) {
    using S = std::make_signed_t<T>;
    s64 product = s64(S(a)) * S(b);
    return {T(product), T(product >> alu::width<T>), product != S(product)};
}
[[gnu::always_inline]] inline alu::Product<u64> host_apply(alu::Imul, u64 a, u64 b) {
    u64 low, high;
    bool overflow;
    asm("imul %4" : "=a"(low), "=d"(high), "=@cco"(overflow) : "0"(a), "r"(b));
    return {low, high, overflow};
}
[[gnu::always_inline]] inline alu::Product<u64> host_apply(alu::Mul, u64 a, u64 b) {
    u64 low, high;
    asm("mul %3" : "=a"(low), "=d"(high) : "0"(a), "r"(b) : "cc");
    return {low, high, high != 0};
}
[[gnu::always_inline]] inline alu::Quotient<u64> host_apply(alu::Div, u64 high, u64 low, u64 divisor) {
    if (high >= divisor) return {0, 0, false};
    asm("div %4" : "=a"(low), "=d"(high) : "0"(low), "1"(high), "r"(divisor) : "cc");
    return {low, high, true};
}
template <Wide T> [[gnu::always_inline]] inline alu::Quotient<T> host_apply(alu::Idiv, T high, T low, T divisor) {
    using S = std::make_signed_t<T>;
    if (high != T(S(low) >> (alu::width<T> - 1)) || T(divisor + 1) <= 1) return {0, 0, false};
    return {T(S(low) / S(divisor)), T(S(low) % S(divisor)), true};
}
#endif

}
