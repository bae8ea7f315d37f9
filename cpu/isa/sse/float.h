// SPDX-License-Identifier: MIT
// SSE floating point: operands to cpu/fp/'s operations, exceptions to MXCSR and #XM
// (SDM vol. 1, 11.5).
#pragma once
#include "cpu/fp/approximate.h"
#include "cpu/fp/host_sse.h"
#include "cpu/isa/sse/lanes.h"
#include "cpu/isa/sse/operands.h"

namespace isa {

// Raised flags to MXCSR. An unmasked exception found by looking at the operands leaves those of
// computing undetected; any unmasked one is #XM, or #UD without CR4.OSXMMEXCPT. Its rule of restart:
// the flags stay, the destination is unchanged.
inline Outcome settle(Slow& x, u32 raised) {
    u32& csr = x.cpu.vector.mxcsr;
    u32 unmasked = mxcsr::unmasked(csr, raised);
    csr |= unmasked & mxcsr::before_computing ? raised & mxcsr::before_computing : raised;
    if (!unmasked) return Outcome::next;
    return x.raise(x.cpu.control.cr4 & cr4::osxmmexcpt ? xm() : ud());
}

// ---- the computations, as functions of values and MXCSR to a value and the flags raised

template <const fp::Operation& Op> struct Float {
    fp::Ran<Xmm> operator()(const Xmm& a, const Xmm& b, u32 mxcsr) const {
        auto r = Op(as<fp::Bits128>(a), as<fp::Bits128>(b), mxcsr);
        return {as<Xmm>(r.value), r.raised};
    }
};
// On each 16 bytes.
template <const fp::Operation& Op> struct FloatHalves {
    template <class V> fp::Ran<V> operator()(const V& a, const V& b, u32 mxcsr) const {
        fp::Ran<V> all;
        for (unsigned n = 0; n < sizeof(V) / 16; n++) {
            auto r = Float<Op>{}(half(a, n), half(b, n), mxcsr);
            set_half(all.value, n, r.value), all.raised |= r.raised;
        }
        return all;
    }
};
template <unsigned Width, const fp::FromInteger<Width>& Op> struct FloatOfInteger {
    fp::Ran<Xmm> operator()(const Xmm& a, Word auto b, u32 mxcsr) const {
        auto r = Op.run(as<fp::Bits128>(a), b, mxcsr);
        return {as<Xmm>(r.value), r.raised};
    }
};
template <unsigned Width, const fp::ToInteger<Width>& Op> struct IntegerOfFloat {
    fp::Ran<u64> operator()(const Xmm& b, u32 mxcsr) const { return Op.run(as<fp::Bits128>(b), mxcsr); }
};
template <fp::Compared& Compare> struct FloatFlags {
    fp::Ran<Flags> operator()(const Xmm& a, const Xmm& b, u32 mxcsr) const {
        auto r = Compare(as<fp::Bits128>(a), as<fp::Bits128>(b), mxcsr);
        return {Flags(r.value), r.raised};
    }
};
// How the reference engine computes them; the fast engine has its own way.
template <Word T, class F, class... Values> auto compute_float(SlowAs<T>& x, F f, const Values&... values) {
    auto result = f(values..., x.cpu.vector.mxcsr);
    if constexpr (requires { result.before; }) x.cpu.vector.mxcsr |= result.before;      // steps that were over
    settle(x, result.raised);
    return result.value;
}

// ---- how operands reach them; scalar instructions leave the upper part of the first as it is

template <const fp::Operation& Op, unsigned Source> struct Arithmetic {
    template <class X> static Outcome run(X& x) {
        auto b = x.template vector<Source>(second);
        if (x.stopped()) return x.why();
        auto result = compute_float(x, Float<Op>{}, x.vector(first), b);
        if (x.stopped()) return x.why();
        x.set_vector(first, result);
        return Outcome::next;
    }
};
// Any function of both operands (cpu/isa/sse/float_composed.h); and with an immediate byte.
template <class Function, unsigned Source = 16> struct Computation {
    template <class X> static Outcome run(X& x) {
        auto b = x.template vector<Source>(second);
        if (x.stopped()) return x.why();
        auto result = compute_float(x, Function{}, x.vector(first), b);
        if (x.stopped()) return x.why();
        x.set_vector(first, result);
        return Outcome::next;
    }
};
template <class Function, unsigned Source = 16> struct ComputationImmediate {
    template <class X> [[gnu::always_inline]] static Outcome run(X& x) {
        auto b = x.template vector<Source>(second);
        if (x.stopped()) return x.why();
        auto result = compute_float(x, Function{}, x.vector(first), b, x.template read<u8>(third));
        if (x.stopped()) return x.why();
        x.set_vector(first, result);
        return Outcome::next;
    }
};
// Between general and XMM registers: the instruction of 32 or of 64 bits.
template <const fp::FromInteger<4>& Narrow, const fp::FromInteger<8>& Wide> struct FromInteger {
    using Function32 = FloatOfInteger<4, Narrow>;
    using Function64 = FloatOfInteger<8, Wide>;
    template <class X> static Outcome run(X& x) {
        using Function = std::conditional_t<sizeof(typename X::word) == 8, Function64, Function32>;
        auto b = x.read(second);
        if (x.stopped()) return x.why();
        auto result = compute_float(x, Function{}, x.vector(first), b);
        if (x.stopped()) return x.why();
        x.set_vector(first, result);
        return Outcome::next;
    }
};
template <const fp::ToInteger<4>& Narrow, const fp::ToInteger<8>& Wide, unsigned Source> struct ToInteger {
    using Function32 = IntegerOfFloat<4, Narrow>;
    using Function64 = IntegerOfFloat<8, Wide>;
    template <class X> static Outcome run(X& x) {
        using Function = std::conditional_t<sizeof(typename X::word) == 8, Function64, Function32>;
        auto b = x.template vector<Source>(second);
        if (x.stopped()) return x.why();
        auto result = compute_float(x, Function{}, b);
        if (x.stopped()) return x.why();
        x.place_to_write(first).set(typename X::word(result));
        return Outcome::next;
    }
};
// UCOMISS, COMISS and the double ones: ZF, PF, CF; OF, AF, SF are cleared.
template <fp::Compared& Compare, unsigned Source> struct CompareFlags {
    template <class X> static Outcome run(X& x) {
        auto b = x.template vector<Source>(second);
        if (x.stopped()) return x.why();
        auto flags = compute_float(x, FloatFlags<Compare>{}, x.vector(first), b);
        if (x.stopped()) return x.why();
        x.set_flags(flags);
        return Outcome::next;
    }
};

// ---- the reference engine's alone

template <class T> Outcome keep_result(Slow& x, const fp::Ran<T>& r) {
    return finish(x, as<Bytes<sizeof(T)>>(r.value));
}

// Between MMX and XMM registers, lanes in the low half. The x87 state changes even if #XM follows,
// as on silicon (AMD).
template <const fp::Operation& Op> Outcome to_mmx(Slow& x) {
    auto b = as<fp::Bits128>(source<16>(x, 1));
    if (x.stopped()) return x.why();
    enter_mmx(x);
    auto result = Op({}, b, x.cpu.vector.mxcsr);
    if (auto o = settle(x, result.raised); o != Outcome::next) return o;
    return finish(x, as<Mm>(result.value[0]));
}
template <const fp::Operation& Op, bool KeepsUpper> Outcome from_mmx(Slow& x) {
    auto b = as<fp::Bits128>(source<16>(x, 1));
    if (x.stopped()) return x.why();
    enter_mmx(x);
    auto result = Op({}, b, x.cpu.vector.mxcsr);
    if (auto o = settle(x, result.raised); o != Outcome::next) return o;
    if (KeepsUpper) result.value[1] = as<fp::Bits128>(register_bytes(x.cpu, x.insn.operand[0]))[1];
    return keep_result(x, result);
}

// RCPPS, RSQRTPS: no exception, no look at MXCSR; RCPSS, RSQRTSS: the low lane.
template <u32 (*F)(u32), unsigned Lanes> Outcome approximate(Slow& x) {
    auto b = source<16>(x, 1);
    if (x.stopped()) return x.why();
    auto from = lanes::split<u32>(b);
    auto to = lanes::split<u32>(register_bytes(x.cpu, x.insn.operand[0]));
    for (unsigned n = 0; n < Lanes; n++) to[n] = F(from[n]);
    return finish(x, as<Xmm>(to));
}

}
