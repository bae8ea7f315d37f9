// SPDX-License-Identifier: MIT
// Runs SSE instructions on the host.
#include "cpu/fp/host_sse.h"
#include <emmintrin.h>

namespace fp {
namespace {

__m128i host(const Bits128& v) { return std::bit_cast<__m128i>(v); }
Bits128 guest(__m128i v) { return std::bit_cast<Bits128>(v); }

// What the host's MXCSR is to hold: the guest's modes, no flag, everything masked.
u32 modes(u32 mxcsr) { return (mxcsr & (mxcsr::rc | mxcsr::ftz | mxcsr::daz)) | mxcsr::masks; }

// Both lanes' formats as doubles: every binary32 is one.
double lane(const Bits128& v, Format f, unsigned n) {
    if (f == Format::double_) return std::bit_cast<double>(v[n]);
    return double(std::bit_cast<float>(u32(v[n / 2] >> n % 2 * 32)));
}
Bits128 lane_alone(const Bits128& v, Format f, unsigned n) {
    if (f == Format::double_) return {v[n], 0};
    return {u32(v[n / 2] >> n % 2 * 32), 0};
}
bool denormal(u64 low, Format f) {
    if (f == Format::double_) return !bits(low, 62, 52) && bits(low, 51, 0);
    return !bits(low, 30, 23) && bits(low, 22, 0);
}

Format source_format(const Operation& op) {
    return op.computes == Arithmetic::narrow ? Format::double_ : op.format;
}

// One lane's flags where OE or UE is unmasked. Underflow is then signalled for a tiny result even if
// it is exact, and PE tells whether rounding would lose anything with an unbounded exponent.
u32 lane_flags(const Operation& op, const Bits128& a, const Bits128& b, unsigned n, u32 mxcsr) {
    Format from = source_format(op);
    auto [value, raised] = op.scalar(lane_alone(a, from, n), lane_alone(b, from, n), mxcsr);
    bool over = !(mxcsr & mxcsr::om) && (raised & mxcsr::oe);
    bool under = !(mxcsr & mxcsr::um) && ((raised & mxcsr::ue) || denormal(value[0], op.format));
    if (!over && !under) return raised;
    unsigned precision = op.format == Format::single ? 24 : 53;
    bool inexact = !exact(op.computes, lane(a, from, n), lane(b, from, n), precision);
    return (raised & ~mxcsr::pe) | (under ? mxcsr::ue : 0) | (inexact ? mxcsr::pe : 0);
}

u32 all_lanes_flags(const Operation& op, const Bits128& a, const Bits128& b, u32 mxcsr) {
    u32 raised = 0;
    for (unsigned n = 0; n < op.lanes; n++) raised |= lane_flags(op, a, b, n, mxcsr);
    return raised;
}

}

Ran<Bits128> Operation::operator()(const Bits128& a, const Bits128& b, u32 mxcsr) const {
    bool tiny_traps = !(mxcsr & mxcsr::um);
    if (tiny_traps) mxcsr &= ~mxcsr::ftz;   // acts on masked underflow only (SDM vol. 1, 10.2.3.3)
    auto result = masked(a, b, mxcsr);
    bool over_traps = !(mxcsr & mxcsr::om) && (result.raised & mxcsr::oe);
    if (lanes && (tiny_traps || over_traps)) result.raised = all_lanes_flags(*this, a, b, mxcsr);
    return result;
}

// One asm statement each: nothing can be moved into or out of the time of the guest's MXCSR.
#define AROUND(text) \
    "stmxcsr %[saved]\n\tldmxcsr %[mxcsr]\n\t" text "\n\tstmxcsr %[mxcsr]\n\tldmxcsr %[saved]"
#define MXCSR_MEMORY [saved] "=m"(saved), [mxcsr] "+m"(mode)
#define RUN(name) \
    static Ran<Bits128> run_##name(const Bits128& a, const Bits128& b, u32 mxcsr) { \
        __m128i x = host(a), y = host(b); \
        u32 saved, mode = modes(mxcsr); \
        asm volatile(AROUND(#name " %[y], %[x]") : [x] "+&x"(x), MXCSR_MEMORY : [y] "x"(y)); \
        return {guest(x), mode & mxcsr::flags}; \
    }
#define ROUNDED(name, scalar, format, lanes, computes) RUN(name)
#define BOUNDED(name) RUN(name)
#define FROM_INTEGER(name, width, text) \
    static Ran<Bits128> run_##name##width(const Bits128& a, u64 b, u32 mxcsr) { \
        __m128i x = host(a); \
        u32 saved, mode = modes(mxcsr); \
        Gpr##width y = Gpr##width(b); \
        asm volatile(AROUND(#text " %[y], %[x]") : [x] "+&x"(x), MXCSR_MEMORY : [y] "r"(y)); \
        return {guest(x), mode & mxcsr::flags}; \
    }
#define TO_INTEGER(name, width, text) \
    static Ran<u64> run_##name##width(const Bits128& b, u32 mxcsr) { \
        Gpr##width x; \
        __m128i y = host(b); \
        u32 saved, mode = modes(mxcsr); \
        asm volatile(AROUND(#text " %[y], %[x]") : [x] "=&r"(x), MXCSR_MEMORY : [y] "x"(y)); \
        return {x, mode & mxcsr::flags}; \
    }
#define COMPARED(name) \
    Ran<u32> name(const Bits128& a, const Bits128& b, u32 mxcsr) { \
        __m128i x = host(a), y = host(b); \
        bool cf, pf, zf; \
        u32 saved, mode = modes(mxcsr); \
        asm volatile(AROUND(#name " %[y], %[x]") \
                     : "=@ccc"(cf), "=@ccp"(pf), "=@ccz"(zf), MXCSR_MEMORY \
                     : [x] "x"(x), [y] "x"(y)); \
        return {u32(cf) | u32(pf) << 2 | u32(zf) << 6, mode & mxcsr::flags}; \
    }
using Gpr4 = u32;
using Gpr8 = u64;
#include "cpu/fp/host_sse.def"

#define ROUNDED(name, scalar, format, lanes, computes) \
    const Operation name{run_##name, run_##scalar, Format::format, lanes, Arithmetic::computes};
#define BOUNDED(name) const Operation name{run_##name};
#define FROM_INTEGER(name, width, text) const FromInteger<width> name##width{run_##name##width};
#define TO_INTEGER(name, width, text) const ToInteger<width> name##width{run_##name##width};
#define COMPARED(name)
#include "cpu/fp/host_sse.def"
#undef RUN
#undef AROUND
#undef MXCSR_MEMORY

}
