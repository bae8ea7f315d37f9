// SPDX-License-Identifier: MIT
// Floating point of VEX-encoded instructions in handlers: each 16 bytes as SSE's (cf. compute_float of context.h). What the halves
// need depends on MXCSR's modes, and where it depends on numbers, too, what has been raised before the reference engine takes over
// is raised by it again.
#pragma once
#include "cpu/exec/fast/context.h"
#include "cpu/isa/sse/fma.h"
#include "cpu/isa/sse/wide_float.h"

namespace fast {

template <class X, class Function, class... Rest>
[[gnu::always_inline]] inline Vectors compute_both(X& x, Function f, const Vectors& a, const Vectors& b, Rest... rest) {
    Vector low = compute_float(x, f, a.low, b.low, rest...);
    return {low, x.stopped() ? low : compute_float(x, f, a.high, b.high, rest...)};
}

#define FAST template <Word T, Form F, Address A, Live L
#define INLINE [[gnu::always_inline]] inline
FAST, const fp::Operation& Op> INLINE Vector compute_float(Fast<T, F, A, L>& x, isa::FloatHalves<Op>, const Vector& a, const Vector& b) {
    return compute_float(x, isa::Float<Op>{}, a, b);
}
FAST, const fp::Operation& Op> INLINE Vectors compute_float(Fast<T, F, A, L>& x, isa::FloatHalves<Op>, const Vectors& a, const Vectors& b) {
    return compute_both(x, isa::Float<Op>{}, a, b);
}
FAST, class Function, class... Rest>
INLINE Vector compute_float(Fast<T, F, A, L>& x, isa::FunctionHalves<Function>, const Vector& a, const Vector& b, Rest... rest) {
    return compute_float(x, Function{}, a, b, rest...);
}
FAST, class Function, class... Rest>
INLINE Vectors compute_float(Fast<T, F, A, L>& x, isa::FunctionHalves<Function>, const Vectors& a, const Vectors& b, Rest... rest) {
    return compute_both(x, Function{}, a, b, rest...);
}
FAST, const fp::Operation& Less, const fp::Operation& Equal, const fp::Operation& Unordered, unsigned Width, u8 Bits>
INLINE Vectors compute_float(Fast<T, F, A, L>& x, isa::FloatCompare<Less, Equal, Unordered, Width, Bits> f, const Vectors& a, const Vectors& b, u8 predicate) {
    return compute_both(x, f, a, b, predicate);
}
FAST, class N, const isa::Order& By, const isa::Kind& How>
INLINE Vectors compute_float(Fast<T, F, A, L>& x, isa::Fused<N, By, How, 0> f, const Vectors& a, const Vectors& b, const Vectors& c) {
    Vector low = compute_float(x, f, a.low, b.low, c.low);
    return {low, x.stopped() ? low : compute_float(x, f, a.high, b.high, c.high)};
}
// To twice the width, and to half of it.
FAST, const fp::Operation& Op> INLINE auto compute_float(Fast<T, F, A, L>& x, isa::FloatWidening<Op>, const Vector& b) {
    Vector low = compute_float(x, isa::Float<Op>{}, b, b);
    if constexpr (sizeof(T) == 8) {
        Vector upper = host_apply(isa::lanes::Unpack<u64, true>{}, b, b);
        return Vectors{low, x.stopped() ? low : compute_float(x, isa::Float<Op>{}, upper, upper)};
    } else {
        return low;
    }
}
FAST, const fp::Operation& Op> INLINE Vector compute_float(Fast<T, F, A, L>& x, isa::FloatNarrowing<Op>, const Vector& b) {
    return compute_float(x, isa::Float<Op>{}, b, b);
}
FAST, const fp::Operation& Op> INLINE Vector compute_float(Fast<T, F, A, L>& x, isa::FloatNarrowing<Op>, const Vectors& b) {
    Vectors both = compute_both(x, isa::Float<Op>{}, b, b);
    return host_apply(isa::lanes::Unpack<u64, false>{}, both.low, both.high);
}
#undef FAST
#undef INLINE

}
