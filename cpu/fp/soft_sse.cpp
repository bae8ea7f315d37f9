// SPDX-License-Identifier: MIT
// An instruction's name says all: what it computes, in which format, in how many lanes (SDM vol. 2).
#include "cpu/fp/soft_sse.h"
#include "cpu/fp/soft.h"
#include "cpu/fp/soft/sse.h"
#include <string_view>

namespace fp::soft_sse {
namespace {

using namespace fp::soft;
using std::string_view;

template <class T> T lane(const Bits128& v, unsigned n) {
    constexpr unsigned bits = sizeof(T) * 8, each = 64 / bits;
    return T(v[n / each] >> n % each * bits);
}
template <class T> void set_lane(Bits128& v, unsigned n, T value) {
    constexpr unsigned bits = sizeof(T) * 8, each = 64 / bits;
    u64 ones = T(~T{0}), at = n % each * bits;
    v[n / each] = (v[n / each] & ~(ones << at)) | u64{value} << at;
}

// ---- Two operands of one format: a stem, and PS, SS, PD or SD ------------------------------------------------------

template <class F> typename F::Raw compute(string_view stem, Context& c, typename F::Raw a, typename F::Raw b) {
    Unpacked x = operand<F>(c, a), y = operand<F>(c, b);
    switch (stem[0]) {
    case 'a': return add<F>(c, x, y);
    case 'd': return div<F>(c, x, y);
    case 's': return stem == "sqrt" ? fp::soft::sqrt<F>(c, y) : sub<F>(c, x, y);
    default: return stem == "mul" ? mul<F>(c, x, y) : stem == "min" ? fp::soft::min<F>(c, a, b) : fp::soft::max<F>(c, a, b);
    }
}

// CMPccPS: less and the like signal for a quiet NaN, equality and order don't.
template <class F> typename F::Raw compared(string_view predicate, Context& c, typename F::Raw a, typename F::Raw b) {
    bool negated = predicate.starts_with('n') || predicate == "ord";
    string_view p = predicate == "ord" ? "unord" : negated ? predicate.substr(1) : predicate;
    Order o = compare(c, operand<F>(c, a), operand<F>(c, b), p == "lt" || p == "le");
    bool holds = p == "eq" ? o == Order::equal : p == "lt" ? o == Order::less : p == "le" ? o <= Order::equal : o == Order::unordered;
    return holds != negated ? typename F::Raw(~u64{0}) : 0;
}

template <class F> Ran<Bits128> each(string_view name, unsigned lanes, const Bits128& a, const Bits128& b, u32 mxcsr) {
    Ran<Bits128> r{a, 0};
    using Raw = typename F::Raw;
    string_view stem = name.substr(0, name.size() - 2);
    for (unsigned n = 0; n < lanes; n++) {
        Context c = context_of(mxcsr);
        Raw x = lane<Raw>(a, n), y = lane<Raw>(b, n);
        set_lane<Raw>(r.value, n, stem.starts_with("cmp") ? compared<F>(stem.substr(3), c, x, y) : compute<F>(stem, c, x, y));
        r.raised |= c.raised;
    }
    return r;
}

// ---- Conversions: CVT or CVTT, from, 2, to -------------------------------------------------------------------------

template <class To, class From> To convert_lane(Context& c, From v, Rounding integers) {
    constexpr bool to_dq = std::is_same_v<To, s32>, from_dq = std::is_same_v<From, s32>;
    using F = std::conditional_t<sizeof(From) == 4, Single, Double>;
    using T = std::conditional_t<sizeof(To) == 4, Single, Double>;
    if constexpr (to_dq) return to_integer<s32>(c, operand<F>(c, v), integers);
    else if constexpr (from_dq) return convert<T>(c, from_integer(v));
    else return convert<T>(c, operand<F>(c, v));
}

template <class To, class From> Ran<Bits128> converted(string_view name, unsigned lanes, const Bits128& a, const Bits128& b, u32 mxcsr) {
    Ran<Bits128> r{lanes == 1 ? a : Bits128{}, 0};
    for (unsigned n = 0; n < lanes; n++) {
        Context c = context_of(mxcsr);
        To value = convert_lane<To>(c, From(lane<std::make_unsigned_t<From>>(b, n)), name[3] == 't' ? Rounding::zero : c.rounding);
        set_lane(r.value, n, std::make_unsigned_t<To>(value));
        r.raised |= c.raised;
    }
    return r;
}

Ran<Bits128> run(string_view name, const Bits128& a, const Bits128& b, u32 mxcsr) {
    string_view last = name.substr(name.size() - 2);
    bool scalar = last[0] == 's', wide = last[1] == 'd';
    if (!name.starts_with("cvt")) {
        if (wide) return each<Double>(name, scalar ? 1 : 2, a, b, mxcsr);
        return each<Single>(name, scalar ? 1 : 4, a, b, mxcsr);
    }
    string_view from = name.substr(name.size() - 5, 2);
    if (last == "dq") return from == "ps" ? converted<s32, u32>(name, 4, a, b, mxcsr) : converted<s32, u64>(name, 2, a, b, mxcsr);
    if (from == "dq") return wide ? converted<u64, s32>(name, 2, a, b, mxcsr) : converted<u32, s32>(name, 4, a, b, mxcsr);
    return wide ? converted<u64, u32>(name, scalar ? 1 : 2, a, b, mxcsr) : converted<u32, u64>(name, scalar ? 1 : 2, a, b, mxcsr);
}

template <class Integer> Ran<Bits128> from_general(string_view name, const Bits128& a, u64 b, u32 mxcsr) {
    Ran<Bits128> r{a, 0};
    Context c = context_of(mxcsr);
    Unpacked u = from_integer(Integer(b));
    if (name.back() == 'd') set_lane<u64>(r.value, 0, convert<Double>(c, u));
    else set_lane<u32>(r.value, 0, convert<Single>(c, u));
    r.raised = c.raised;
    return r;
}
template <class Integer> Ran<u64> to_general(string_view name, const Bits128& b, u32 mxcsr) {
    Context c = context_of(mxcsr);
    bool truncates = name[3] == 't', wide = name[truncates ? 5 : 4] == 'd';
    Unpacked u = wide ? operand<Double>(c, b[0]) : operand<Single>(c, u32(b[0]));
    Integer value = to_integer<Integer>(c, u, truncates ? Rounding::zero : c.rounding);
    return {std::make_unsigned_t<Integer>(value), c.raised};
}

// CF, PF and ZF as RFLAGS has them: all three for unordered.
Ran<u32> flags_of(string_view name, const Bits128& a, const Bits128& b, u32 mxcsr) {
    Context c = context_of(mxcsr);
    bool wide = name.back() == 'd', signalling = name[0] == 'c';
    auto low = [&](const Bits128& v) { return wide ? operand<Double>(c, v[0]) : operand<Single>(c, u32(v[0])); };
    constexpr u32 flags[] = {1, 0x40, 0, 0x45};
    Order o = compare(c, low(a), low(b), signalling);
    return {flags[unsigned(o)], c.raised};
}

using Integer4 = s32;
using Integer8 = s64;

}

#define ROUNDED(name, ...) Ran<Bits128> name(const Bits128& a, const Bits128& b, u32 mxcsr) { return run(#name, a, b, mxcsr); }
#define BOUNDED(name) Ran<Bits128> name(const Bits128& a, const Bits128& b, u32 mxcsr) { return run(#name, a, b, mxcsr); }
#define FROM_INTEGER(name, width, text) \
    Ran<Bits128> name##width(const Bits128& a, u64 b, u32 mxcsr) { return from_general<Integer##width>(#name, a, b, mxcsr); }
#define TO_INTEGER(name, width, text) \
    Ran<u64> name##width(const Bits128& b, u32 mxcsr) { return to_general<Integer##width>(#name, b, mxcsr); }
#define COMPARED(name) Ran<u32> name(const Bits128& a, const Bits128& b, u32 mxcsr) { return flags_of(#name, a, b, mxcsr); }
#include "cpu/fp/host_sse.def"

}
