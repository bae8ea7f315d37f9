// SPDX-License-Identifier: MIT
// VEX-encoded floating point: SSE's operations on each 16 bytes (float.h). The exceptions of all lanes together decide before anything
// is written (SDM vol. 1, 14.1 and 11.5).
#pragma once
#include "cpu/isa/sse/float_compare.h"
#include "cpu/isa/sse/wide.h"

namespace isa {

// From singles or integers of 32 bits to doubles: 8 bytes become 16.
template <const fp::Operation& Op> struct FloatWidening {
    template <std::size_t Size> fp::Ran<Bytes<Size * 2>> operator()(const Bytes<Size>& b, u32 mxcsr) const {
        fp::Ran<Bytes<Size * 2>> all;
        auto parts = as<std::array<u64, Size / 8>>(b);
        for (unsigned n = 0; n < Size / 8; n++) {
            auto r = Float<Op>{}({}, resized<16>(as<Mm>(parts[n])), mxcsr);
            set_half(all.value, n, r.value), all.raised |= r.raised;
        }
        return all;
    }
};
// The way back: 16 bytes become 8.
template <const fp::Operation& Op> struct FloatNarrowing {
    template <class V> fp::Ran<Xmm> operator()(const V& b, u32 mxcsr) const {
        fp::Ran<Xmm> all;
        for (unsigned n = 0; n < sizeof(V) / 16; n++) {
            auto r = Float<Op>{}({}, half(b, n), mxcsr);
            std::copy_n(r.value.begin(), 8, all.value.begin() + n * 8), all.raised |= r.raised;
        }
        return all;
    }
};

// Any function of 16 bytes (float_composed.h) on each half.
template <class V> struct RanInSteps {
    V value{};
    u32 raised = 0, before = 0;
};
template <class Function> struct FunctionHalves {
    template <class V, class... Rest> RanInSteps<V> operator()(const V& a, const V& b, Rest... rest) const {
        RanInSteps<V> all;
        for (unsigned n = 0; n < sizeof(V) / 16; n++) {
            auto r = Function{}(half(a, n), half(b, n), rest...);
            set_half(all.value, n, r.value), all.raised |= r.raised;
            if constexpr (requires { r.before; }) all.before |= r.before;
        }
        return all;
    }
};

// ---- how operands reach them

template <class Function> struct WideFloat3 {
    template <class X> [[gnu::always_inline]] static Outcome run(X& x) {
        using V = typename X::Long;
        auto b = x.template wide<V>(third);
        if (x.stopped()) return x.why();
        auto result = compute_float(x, Function{}, x.template wide<V>(second), b);
        if (x.stopped()) return x.why();
        x.set_wide(first, result);
        return Outcome::next;
    }
};
template <const fp::Operation& Op> using Float3 = WideFloat3<FloatHalves<Op>>;
template <const fp::Operation& Op> struct Float2 {
    template <class X> static Outcome run(X& x) {
        auto b = x.template wide<typename X::Long>(second);
        if (x.stopped()) return x.why();
        auto result = compute_float(x, FloatHalves<Op>{}, b, b);
        if (x.stopped()) return x.why();
        x.set_wide(first, result);
        return Outcome::next;
    }
};
template <const fp::Operation& Op> struct FloatWiden {
    template <class X> static Outcome run(X& x) {
        auto b = x.template wide<Bytes<sizeof(typename X::Long) / 2>>(second);
        if (x.stopped()) return x.why();
        auto result = compute_float(x, FloatWidening<Op>{}, b);
        if (x.stopped()) return x.why();
        x.set_wide(first, result);
        return Outcome::next;
    }
};
template <const fp::Operation& Op> struct FloatNarrow {
    template <class X> static Outcome run(X& x) {
        auto b = x.template wide<typename X::Long>(second);
        if (x.stopped()) return x.why();
        auto result = compute_float(x, FloatNarrowing<Op>{}, b);
        if (x.stopped()) return x.why();
        x.set_wide(first, result);
        return Outcome::next;
    }
};
// Scalars: what the result doesn't replace is the second operand's.
template <const fp::Operation& Op, unsigned Source> struct FloatScalar {
    template <class X> static Outcome run(X& x) {
        auto b = x.template low<Source>(third);
        if (x.stopped()) return x.why();
        auto result = compute_float(x, FloatHalves<Op>{}, x.template wide<Xmm>(second), b);
        if (x.stopped()) return x.why();
        x.set_wide(first, result);
        return Outcome::next;
    }
};
template <const fp::FromInteger<4>& Narrow, const fp::FromInteger<8>& Wide> struct FromInteger3 {
    using Function32 = FloatOfInteger<4, Narrow>;
    using Function64 = FloatOfInteger<8, Wide>;
    template <class X> static Outcome run(X& x) {
        using Function = std::conditional_t<sizeof(typename X::word) == 8, Function64, Function32>;
        auto b = x.read(third);
        if (x.stopped()) return x.why();
        auto result = compute_float(x, Function{}, x.template wide<Xmm>(second), b);
        if (x.stopped()) return x.why();
        x.set_wide(first, result);
        return Outcome::next;
    }
};
template <class Function> struct WideCompare {
    template <class X> [[gnu::always_inline]] static Outcome run(X& x) {
        using V = typename X::Long;
        auto b = x.template wide<V>(third);
        if (x.stopped()) return x.why();
        auto result = compute_float(x, Function{}, x.template wide<V>(second), b, x.template read<u8>(fourth));
        if (x.stopped()) return x.why();
        x.set_wide(first, result);
        return Outcome::next;
    }
};
template <class Function, unsigned Source> struct ScalarCompare {
    template <class X> [[gnu::always_inline]] static Outcome run(X& x) {
        auto b = x.template low<Source>(third);
        if (x.stopped()) return x.why();
        auto result = compute_float(x, Function{}, x.template wide<Xmm>(second), b, x.template read<u8>(fourth));
        if (x.stopped()) return x.why();
        x.set_wide(first, result);
        return Outcome::next;
    }
};
// Of one vector with an immediate byte (VROUNDPS).
template <class Function> struct WideFloat2Immediate {
    template <class X> [[gnu::always_inline]] static Outcome run(X& x) {
        auto b = x.template wide<typename X::Long>(second);
        if (x.stopped()) return x.why();
        auto result = compute_float(x, FunctionHalves<Function>{}, b, b, x.template read<u8>(third));
        if (x.stopped()) return x.why();
        x.set_wide(first, result);
        return Outcome::next;
    }
};

// VRCPPS, VRSQRTPS of whole vectors; VRCPSS, VRSQRTSS.
template <u32 (*F)(u32)> struct WideApproximate {
    template <class X> static Outcome run(X& x) {
        using V = typename X::Long;
        auto v = x.template wide<V>(second);
        if (x.stopped()) return x.why();
        auto lanes = lanes::split<u32>(v);
        for (auto& l : lanes) l = F(l);
        x.set_wide(first, as<V>(lanes));
        return Outcome::next;
    }
};
template <u32 (*F)(u32)> struct ScalarApproximate {
    template <class X> static Outcome run(X& x) {
        auto b = x.template wide<Bytes<4>>(third);
        if (x.stopped()) return x.why();
        auto to = lanes::split<u32>(x.template wide<Xmm>(second));
        to[0] = F(as<u32>(b));
        x.set_wide(first, as<Xmm>(to));
        return Outcome::next;
    }
};

}
