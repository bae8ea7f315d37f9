// SPDX-License-Identifier: MIT
// SSE floating point in handlers: the host's instruction, with MXCSR touched only where a flag might be new.
//
// The host's MXCSR has its modes by default: nearest, nothing flushed, all masked. With a guest whose modes are the same,
// (1) where no flag but PE can come up - operands and result are plain numbers - and the guest has PE already, the instruction
// alone does; (2) else it runs with the guest's MXCSR, whose flags the host keeps: nobody reads them, as all are masked.
// With other modes the reference engine does it.
#pragma once
#include "cpu/exec/fast/host_flags.h"
#include "cpu/exec/fast/host_vector.h"
#include "cpu/isa/sse/float_compare.h"
#include "cpu/isa/sse/float_composed.h"

namespace fast {

// What the functions of cpu/isa/sse/float.h give: false where the reference engine has to do it.
template <class T> struct Tried {
    T value;
    bool done;
};
struct TriedVector {
    Vector value;
    bool done;
};

#if defined(__x86_64__) && defined(__SSE2__) && defined(__GNUC__)
constexpr bool plain_modes(u32 csr) { return (csr & ~mxcsr::flags) == mxcsr::masks; }
constexpr bool plain_modes_and_inexact(u32 csr) { return (csr & ~(mxcsr::flags & ~mxcsr::pe)) == (mxcsr::masks | mxcsr::pe); }

// A number's top bits without its sign, in 32 bits: the exponent's, then some of the fraction's.
template <class T> constexpr u32 top(T v) { return sizeof(T) == 8 ? u32(u64(v) >> 31) : u32(v << 1); }
template <class T> constexpr u32 binade = sizeof(T) == 8 ? 1 << 21 : 1 << 24;
template <class T> constexpr u32 infinite = u32(0) - binade<T>;
template <class T> constexpr bool zero(T v) { return !T(v << 1); }
template <class T> constexpr bool denormal(T v) { return top(v) < binade<T> && !zero(v); }
template <class T> constexpr bool finite(T v) { return top(v) < infinite<T>; }
template <class T> constexpr bool normal(T v) { return top(v) - binade<T> < infinite<T> - binade<T>; }
// Normal, and further from the denormal numbers than rounding reaches.
template <class T> constexpr bool plain(T v) { return top(v) - 2 * binade<T> < infinite<T> - 2 * binade<T>; }

static_assert(denormal(u64{1}) && denormal(u64{0x800fffffffffffff}) && !denormal(u64{0}) && !denormal(bit(63)) && !denormal(u64{0x0010000000000000}));
static_assert(plain(u32{0x3f800000}) && plain(u32{0xff7fffff}) && !plain(u32{0x7f800000}) && !plain(u32{0}) && !plain(u32{0x00ffffff}) && plain(u32{0x01000000}));
static_assert(plain(u64{0x7fefffffffffffff}) && !plain(u64{0x7ff0000000000000}) && !plain(u64{0x001fffffffffffff}) && plain(u64{0x8020000000000000}));
static_assert(!finite(u32{0x7f800001}) && !finite(u32{0xff800000}) && finite(u64{0x7fefffffffffffff}));

template <class T> [[gnu::always_inline]] inline T low(Vector v) { return host_apply(isa::lanes::Part<T, 0>{}, v); }

// Which results, of scalar instructions, can only have raised PE.
struct Sum {                      // a zero is exact
    template <class T> static bool quiet(T a, T b, T r) { return !denormal(a) && !denormal(b) && (plain(r) || zero(r)); }
};
struct Product {                  // and a quotient: of numbers that aren't zero, or the result would be no plain number
    template <class T> static bool quiet(T a, T b, T r) { return plain(r) && top(a) >= binade<T> && top(b) >= binade<T>; }
};
struct Root {
    template <class T> static bool quiet(T, T b, T r) { return plain(r) && top(b) >= binade<T>; }
};
struct Choice {                   // MIN, MAX: one of two numbers
    template <class T> static bool quiet(T a, T b, T) { return normal(a) && normal(b); }
};

#define WITH_MXCSR(text) "ldmxcsr %[csr]\n\t" text "\n\tstmxcsr %[csr]"
// Scalar instructions of two operands.
#define SCALAR(name, T, rule)                                                                                      \
    [[gnu::always_inline]] inline TriedVector host_float(isa::Float<fp::name>, u32& csr, Vector a, Vector b) {   \
        Vector r = a;                                                                                              \
        asm(#name " %[b], %[r]" : [r] "+x"(r) : [b] "x"(b));                                                       \
        if (plain_modes_and_inexact(csr) && rule::quiet(low<T>(a), low<T>(b), low<T>(r))) [[likely]] return {r, true}; \
        if (!plain_modes(csr)) return {a, false};                                                                  \
        asm volatile(WITH_MXCSR(#name " %[b], %[a]") : [a] "+x"(a), [csr] "+m"(csr) : [b] "x"(b));                 \
        return {a, true};                                                                                          \
    }
SCALAR(addss, u32, Sum)
SCALAR(addsd, u64, Sum)
SCALAR(subss, u32, Sum)
SCALAR(subsd, u64, Sum)
SCALAR(mulss, u32, Product)
SCALAR(mulsd, u64, Product)
SCALAR(divss, u32, Product)
SCALAR(divsd, u64, Product)
SCALAR(sqrtss, u32, Root)
SCALAR(sqrtsd, u64, Root)
SCALAR(minss, u32, Choice)
SCALAR(minsd, u64, Choice)
SCALAR(maxss, u32, Choice)
SCALAR(maxsd, u64, Choice)
#undef SCALAR

// Conversions between the formats.
[[gnu::always_inline]] inline TriedVector host_float(isa::Float<fp::cvtss2sd>, u32& csr, Vector a, Vector b) {
    if (!plain_modes(csr)) return {a, false};
    u32 from = low<u32>(b);
    if (!denormal(from) && finite(from)) [[likely]] { asm("cvtss2sd %[b], %[a]" : [a] "+x"(a) : [b] "x"(b)); }
    else asm volatile(WITH_MXCSR("cvtss2sd %[b], %[a]") : [a] "+x"(a), [csr] "+m"(csr) : [b] "x"(b));
    return {a, true};
}
[[gnu::always_inline]] inline TriedVector host_float(isa::Float<fp::cvtsd2ss>, u32& csr, Vector a, Vector b) {
    Vector r = a;
    asm("cvtsd2ss %[b], %[r]" : [r] "+x"(r) : [b] "x"(b));
    if (plain_modes_and_inexact(csr) && !denormal(low<u64>(b)) && (plain(low<u32>(r)) || zero(low<u64>(b)))) [[likely]] return {r, true};
    if (!plain_modes(csr)) return {a, false};
    asm volatile(WITH_MXCSR("cvtsd2ss %[b], %[a]") : [a] "+x"(a), [csr] "+m"(csr) : [b] "x"(b));
    return {a, true};
}

// Packed instructions, always with the guest's MXCSR.
#define PACKED(name)                                                                                               \
    [[gnu::always_inline]] inline TriedVector host_float(isa::Float<fp::name>, u32& csr, Vector a, Vector b) {   \
        if (!plain_modes(csr)) return {a, false};                                                                  \
        asm volatile(WITH_MXCSR(#name " %[b], %[a]") : [a] "+x"(a), [csr] "+m"(csr) : [b] "x"(b));                 \
        return {a, true};                                                                                          \
    }
PACKED(addps)
PACKED(addpd)
PACKED(subps)
PACKED(subpd)
PACKED(mulps)
PACKED(mulpd)
PACKED(divps)
PACKED(divpd)
PACKED(sqrtps)
PACKED(sqrtpd)
PACKED(minps)
PACKED(minpd)
PACKED(maxps)
PACKED(maxpd)
PACKED(cvtps2pd)
PACKED(cvtpd2ps)
PACKED(cvtdq2ps)
PACKED(cvtps2dq)
PACKED(cvttps2dq)
PACKED(cvtpd2dq)
PACKED(cvttpd2dq)
#undef PACKED
// SSE3 and SSE4.1, in shards of keys.def that a host without them leaves out.
#define COMPOSED(name, ...)                                                                                        \
    [[gnu::always_inline]] inline TriedVector host_float(isa::__VA_ARGS__, u32& csr, Vector a, Vector b) {         \
        if (!plain_modes(csr)) return {a, false};                                                                  \
        asm volatile(WITH_MXCSR(name " %[b], %[a]") : [a] "+x"(a), [csr] "+m"(csr) : [b] "x"(b));                  \
        return {a, true};                                                                                          \
    }
COMPOSED("addsubps", FloatAlternating<u32, fp::subps, fp::addps>)
COMPOSED("addsubpd", FloatAlternating<u64, fp::subpd, fp::addpd>)
COMPOSED("haddps", FloatNeighbours<u32, fp::addps>)
COMPOSED("haddpd", FloatNeighbours<u64, fp::addpd>)
COMPOSED("hsubps", FloatNeighbours<u32, fp::subps>)
COMPOSED("hsubpd", FloatNeighbours<u64, fp::subpd>)
#undef COMPOSED
// Rounding without PE, which comes up where the number changes. NaNs are left to the reference engine.
#define ROUNDED(name, T)                                                                                           \
    [[gnu::always_inline]] inline TriedVector host_float(isa::FloatIntegral<T, 1>, u32& csr, Vector a, Vector b, u8 how) { \
        if (!plain_modes(csr) || !finite(low<T>(b))) return {a, false};                                            \
        unsigned mode = how & 4 ? 0 : how & 3;                                                                     \
        if (mode == 0) asm(name " $8, %[b], %[a]" : [a] "+x"(a) : [b] "x"(b));                                     \
        else if (mode == 1) asm(name " $9, %[b], %[a]" : [a] "+x"(a) : [b] "x"(b));                                \
        else if (mode == 2) asm(name " $10, %[b], %[a]" : [a] "+x"(a) : [b] "x"(b));                               \
        else asm(name " $11, %[b], %[a]" : [a] "+x"(a) : [b] "x"(b));                                              \
        if (!(how & 8) && low<T>(_mm_xor_si128(a, b))) csr |= mxcsr::pe;                                               \
        return {a, true};                                                                                          \
    }
ROUNDED("roundss", u32)
ROUNDED("roundsd", u64)
#undef ROUNDED
// Of whole vectors by MXCSR's rounding, with the mode in it for as long; PE is taken back where it is not wanted.
#define ROUNDED(name, T, lanes)                                                                                    \
    [[gnu::always_inline]] inline TriedVector host_float(isa::FloatIntegral<T, lanes>, u32& csr, Vector a, Vector b, u8 how) { \
        if (!plain_modes(csr)) return {a, false};                                                                  \
        u32 kept = csr | ~((how & 8) * (mxcsr::pe / 8));                                                           \
        csr |= how & 4 ? 0 : (how & 3u) << 13;                                                                     \
        asm volatile(WITH_MXCSR(name " $4, %[b], %[a]") "\n\tandl %[modes], %[csr]\n\tldmxcsr %[csr]"               \
                     : [a] "=x"(a), [csr] "+m"(csr) : [b] "x"(b), [modes] "i"(~mxcsr::rc) : "cc");                 \
        csr &= kept;                                                                                               \
        return {a, true};                                                                                          \
    }
ROUNDED("roundps", u32, 4)
ROUNDED("roundpd", u64, 2)
#undef ROUNDED
// Masks by a relation: three comparisons, of which every lane has one or none true. The quiet one's flags are the guest's, and IE where a
// signaling relation meets a NaN; what the others raise goes to the host's MXCSR.
#define RELATION(suffix, width)                                                                                    \
    template <u8 Bits> [[gnu::always_inline]] inline TriedVector host_float(                                       \
        isa::FloatCompare<fp::cmplt##suffix, fp::cmpeq##suffix, fp::cmpunord##suffix, width, Bits>, u32& csr, Vector a, Vector b, u8 predicate) { \
        if (!plain_modes(csr)) return {a, false};                                                                  \
        auto& p = isa::predicates[predicate & Bits & 15];                                                          \
        Vector all = _mm_set1_epi32(p.holds), lt = a, eq = a, un = a;                                              \
        asm volatile(WITH_MXCSR("cmpeq" #suffix " %[b], %[r]") : [r] "+x"(eq), [csr] "+m"(csr) : [b] "x"(b));      \
        asm("cmpunord" #suffix " %[b], %[r]" : [r] "+x"(un) : [b] "x"(b));                                         \
        asm("cmplt" #suffix " %[b], %[r]" : [r] "+x"(lt) : [b] "x"(b));                                            \
        u32 nans = u32(_mm_movemask_epi8(un)) & (width ? 1 : 0xffff);                                              \
        if (nans && p.signals != bool((predicate & Bits) >> 4)) csr |= mxcsr::ie;                                  \
        auto relation = [&](int n) { return _mm_srai_epi32(_mm_slli_epi32(all, 31 - n), 31); };                    \
        Vector greater = relation(2), r = _mm_xor_si128(greater, _mm_and_si128(lt, _mm_xor_si128(relation(0), greater))); \
        r = _mm_xor_si128(r, _mm_and_si128(eq, _mm_xor_si128(relation(1), greater)));                              \
        r = _mm_xor_si128(r, _mm_and_si128(un, _mm_xor_si128(relation(3), greater)));                              \
        if constexpr (width != 0) r = host_apply(isa::lanes::Merge<0, 0, width>{}, a, r);                          \
        return {r, true};                                                                                          \
    }
RELATION(ps, 0)
RELATION(pd, 0)
RELATION(ss, 4)
RELATION(sd, 8)
#undef RELATION
// Exact whatever the modes.
[[gnu::always_inline]] inline TriedVector host_float(isa::Float<fp::cvtdq2pd>, u32&, Vector a, Vector b) {
    asm("cvtdq2pd %[b], %[a]" : [a] "=x"(a) : [b] "x"(b));
    return {a, true};
}

// From integers: PE alone, and never for 32 bits to a double.
[[gnu::always_inline]] inline TriedVector host_float(isa::FloatOfInteger<4, fp::cvtsi2sd4>, u32&, Vector a, u32 b) {
    asm("cvtsi2sdl %[b], %[a]" : [a] "+x"(a) : [b] "r"(b));
    return {a, true};
}
#define FROM_INTEGER(name, width, T, text)                                                                         \
    [[gnu::always_inline]] inline TriedVector host_float(isa::FloatOfInteger<width, fp::name>, u32& csr, Vector a, T b) { \
        if (!plain_modes(csr)) return {a, false};                                                                  \
        if (csr & mxcsr::pe) [[likely]] { asm(text " %[b], %[a]" : [a] "+x"(a) : [b] "r"(b)); }                    \
        else asm volatile(WITH_MXCSR(text " %[b], %[a]") : [a] "+x"(a), [csr] "+m"(csr) : [b] "r"(b));             \
        return {a, true};                                                                                          \
    }
FROM_INTEGER(cvtsi2sd8, 8, u64, "cvtsi2sdq")
FROM_INTEGER(cvtsi2ss4, 4, u32, "cvtsi2ssl")
FROM_INTEGER(cvtsi2ss8, 8, u64, "cvtsi2ssq")
#undef FROM_INTEGER

// To integers: PE, or IE with the one result that says so.
#define TO_INTEGER(name, width, T, text)                                                                           \
    [[gnu::always_inline]] inline Tried<u64> host_float(isa::IntegerOfFloat<width, fp::name>, u32& csr, Vector b) { \
        T r;                                                                                                       \
        asm(text " %[b], %[r]" : [r] "=r"(r) : [b] "x"(b));                                                        \
        if (plain_modes_and_inexact(csr) && r != T(T{1} << (sizeof(T) * 8 - 1))) [[likely]] return {r, true};      \
        if (!plain_modes(csr)) return {0, false};                                                                  \
        asm volatile(WITH_MXCSR(text " %[b], %[r]") : [r] "=r"(r), [csr] "+m"(csr) : [b] "x"(b));                  \
        return {r, true};                                                                                          \
    }
TO_INTEGER(cvtss2si4, 4, u32, "cvtss2si")
TO_INTEGER(cvtss2si8, 8, u64, "cvtss2si")
TO_INTEGER(cvttss2si4, 4, u32, "cvttss2si")
TO_INTEGER(cvttss2si8, 8, u64, "cvttss2si")
TO_INTEGER(cvtsd2si4, 4, u32, "cvtsd2si")
TO_INTEGER(cvtsd2si8, 8, u64, "cvtsd2si")
TO_INTEGER(cvttsd2si4, 4, u32, "cvttsd2si")
TO_INTEGER(cvttsd2si8, 8, u64, "cvttsd2si")
#undef TO_INTEGER

// Comparisons: of numbers that aren't denormal no flag comes up. OF, SF and AF are cleared.
#define COMPARED(name, T)                                                                                          \
    [[gnu::always_inline]] inline Tried<HostFlags> host_float(isa::FloatFlags<fp::name>, u32& csr, Vector a, Vector b) { \
        T x = low<T>(a), y = low<T>(b);                                                                            \
        u16 f;                                                                                                     \
        if (!plain_modes(csr)) return {{}, false};                                                                 \
        if (!denormal(x) && !denormal(y) && finite(x) && finite(y)) [[likely]] {                                       \
            asm(#name " %[b], %[a]\n\tlahf" : "=a"(f) : [a] "x"(a), [b] "x"(b) : "cc");                            \
        } else {                                                                                                   \
            asm volatile(WITH_MXCSR(#name " %[b], %[a]") "\n\tlahf" : "=a"(f), [csr] "+m"(csr) : [a] "x"(a), [b] "x"(b) : "cc"); \
        }                                                                                                          \
        return {HostFlags(u64(f & 0xff00)), true};                                                                 \
    }
COMPARED(ucomiss, u32)
COMPARED(ucomisd, u64)
COMPARED(comiss, u32)
COMPARED(comisd, u64)
#undef COMPARED
#else
template <class F, class... Values> auto host_float(F f, u32&, const Values&... values) {
    return Tried<decltype(native(f(portable(values)..., u32{}).value))>{{}, false};
}
#endif

}
