// SPDX-License-Identifier: MIT
// SSE floating point: operands to cpu/fp/'s operations, exceptions to MXCSR and #XM
// (SDM vol. 1, 11.5).
#pragma once
#include "cpu/fp/approximate.h"
#include "cpu/fp/host_sse.h"
#include "cpu/isa/sse/lanes.h"

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

template <class T> Outcome keep_result(Slow& x, const fp::Ran<T>& r) {
    return finish(x, as<Bytes<sizeof(T)>>(r.value));
}

inline Outcome run_operation(Slow& x, const fp::Operation& op) {
    auto b = as<fp::Bits128>(source<16>(x, 1));
    if (x.stopped()) return x.why();
    auto a = as<fp::Bits128>(register_bytes(x.cpu, x.insn.operand[0]));
    auto result = op(a, b, x.cpu.vector.mxcsr);
    if (auto o = settle(x, result.raised); o != Outcome::next) return o;
    return keep_result(x, result);
}
// Two XMM operands; scalar instructions leave the upper part of the first as it is.
template <const fp::Operation& Op> Outcome arithmetic(Slow& x) { return run_operation(x, Op); }

// CMPPS and its kin: imm8 bits 2:0 choose among the predicates.
template <const fp::Operation&... Predicates> Outcome compare(Slow& x) {
    static constexpr const fp::Operation* table[] = {&Predicates...};
    return run_operation(x, *table[imm8(x) & 7]);
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

// Between general and XMM registers: the instruction of 32 or of 64 bits.
template <const fp::FromInteger<4>& Narrow, const fp::FromInteger<8>& Wide>
Outcome from_integer(Slow& x) {
    u64 b = as<u64>(source<8>(x, 1));
    if (x.stopped()) return x.why();
    auto a = as<fp::Bits128>(register_bytes(x.cpu, x.insn.operand[0]));
    auto run = x.insn.operand[1].width == 8 ? Wide.run : Narrow.run;
    auto result = run(a, b, x.cpu.vector.mxcsr);
    if (auto o = settle(x, result.raised); o != Outcome::next) return o;
    return keep_result(x, result);
}
template <const fp::ToInteger<4>& Narrow, const fp::ToInteger<8>& Wide>
Outcome to_integer(Slow& x) {
    auto b = as<fp::Bits128>(source<16>(x, 1));
    if (x.stopped()) return x.why();
    auto run = x.insn.operand[0].width == 8 ? Wide.run : Narrow.run;
    auto result = run(b, x.cpu.vector.mxcsr);
    if (auto o = settle(x, result.raised); o != Outcome::next) return o;
    return keep_result(x, result);
}

// UCOMISS, COMISS and the double ones: ZF, PF, CF; OF, AF, SF are cleared.
template <fp::Compared& Compare> Outcome compare_flags(Slow& x) {
    auto b = as<fp::Bits128>(source<16>(x, 1));
    if (x.stopped()) return x.why();
    auto result = Compare(as<fp::Bits128>(source<16>(x, 0)), b, x.cpu.vector.mxcsr);
    if (auto o = settle(x, result.raised); o != Outcome::next) return o;
    x.set_flags(Flags(result.value));
    return Outcome::next;
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
