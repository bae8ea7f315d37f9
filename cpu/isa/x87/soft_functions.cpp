// SPDX-License-Identifier: MIT
// D9 E0 to FF by the soft-float: constants, roots, remainders, scaling, transcendental functions (SDM vol. 1, 8.3.7 to 8.3.10).
#include "cpu/fp/transcendental.h"
#include "cpu/isa/x87/soft_machine.h"

namespace x87 {

using namespace fp::soft;

namespace {

using M = SoftMachine;

// ---- D9 E0 to EF --------------------------------------------------------------------------------------------------

void change_sign(M& m, u16 keep, u16 flip) {
    if (m.empty(0)) {
        if (m.stack_fails(false)) m.put(0, indefinite<Extended>());
        return;
    }
    m.st(0).sign_exponent = u16((m.st(0).sign_exponent & keep) ^ flip);
}

void examine(M& m) {
    Unpacked u = m.value(0);
    bool nan = u.nan(), infinite = u.is(Class::infinite), zero = u.is(Class::zero);
    bool normal = u.is(Class::finite) && !u.denormal;
    m.c.rounded_up = m.st(0).sign_exponent >> 15;
    m.code(M::c0, m.empty(0) || nan || infinite);
    m.code(M::c2, !m.empty(0) && (normal || infinite || u.denormal));
    m.code(M::c3, m.empty(0) || zero || u.denormal);
}

// The constants, as 66 bits before rounding (SDM vol. 1, 8.3.4): RC counts, PC does not.
constexpr Wide constants[] = {
    {false, 0, u128{0x8000000000000000} << 64},                               // 1
    {false, 1, u128{0xd49a784bcd1b8afe} << 64 | 0x492bf6ff4dafdb4c},          // log2(10)
    {false, 0, u128{0xb8aa3b295c17f0bb} << 64 | 0xbe87fed0691d3e88},          // log2(e)
    {false, 1, u128{0xc90fdaa22168c234} << 64 | 0xc4c6628b80dc1cd1},          // pi
    {false, -2, u128{0x9a209a84fbcff798} << 64 | 0x8f8959ac0b7c9178},         // log10(2)
    {false, -1, u128{0xb17217f7d1cf79ab} << 64 | 0xc9e3b39803f2f6af},         // ln(2)
};
void load_constant(M& m) {
    m.load([&] {
        Context silent;
        silent.rounding = m.c.rounding;
        return m.i() == 6 ? F80{} : round_pack<Extended>(silent, constants[m.i()]);
    });
}

}

void run_constant(SoftMachine& m) {
    switch (m.modrm) {
    case 0xe0: return change_sign(m, 0xffff, 0x8000);
    case 0xe1: return change_sign(m, 0x7fff, 0);
    case 0xe4: return compare_with(m, m.empty(0), m.value(0), {}, true, 0);
    case 0xe5: return examine(m);
    default: return load_constant(m);
    }
}

namespace {

// ---- D9 F0 to FF --------------------------------------------------------------------------------------------------

template <class Make> void unary(M& m, Make&& make) {
    if (m.empty(0)) {
        if (m.stack_fails(false)) m.put(0, indefinite<Extended>());
        return;
    }
    F80 result = make(m.value(0));
    if (!m.c.stopped()) m.put(0, result);
}

// ST(1) is replaced and ST(0) popped: FYL2X, FYL2XP1, FPATAN.
template <class Make> void binary(M& m, Make&& make) {
    F80 result = indefinite<Extended>();
    if (m.empty(0) || m.empty(1)) {
        if (!m.stack_fails(false)) return;
    } else {
        result = make(m.value(0), m.value(1));
        if (m.c.stopped()) return;
    }
    m.put(1, result);
    m.pop();
}

void extract_parts(M& m) {
    if (m.empty(0) || !m.empty(7)) {
        if (!m.stack_fails(!m.empty(0))) return;
        m.put(0, indefinite<Extended>());
        return m.push(indefinite<Extended>());
    }
    auto [significand, exponent] = extract(m.c, m.value(0));
    if (m.c.stopped()) return;
    m.put(0, exponent);
    m.push(significand);
}

void remainder(M& m, Quotient how) {
    m.code(M::c2, false);
    Remainder r{indefinite<Extended>()};
    if (m.empty(0) || m.empty(1)) {
        if (!m.stack_fails(false)) return;
    } else {
        r = fp::soft::remainder(m.c, m.value(0), m.value(1), how);
        if (m.c.stopped()) return;
    }
    m.put(0, r.value);
    if (m.c.raised & ie || m.value(0).nan()) return;                          // the quotient's codes stay (Zen 5)
    m.code(M::c2, r.incomplete);
    m.code(M::c0, r.quotient & 4);
    m.code(M::c3, r.quotient & 2);
    m.c.rounded_up = r.quotient & 1;
}

void scale_by(M& m) {
    if (m.empty(0) || m.empty(1)) {
        if (m.stack_fails(false)) m.put(0, indefinite<Extended>());
        return;
    }
    F80 result = scale(m.c, m.value(0), m.value(1));
    if (!m.c.stopped()) m.put(0, result);
}

// FSIN and FCOS; an operand out of range sets C2 and changes nothing else.
template <class Make> void trigonometric(M& m, Make&& make) {
    bool beyond = !m.empty(0) && fp::transcendental::out_of_range(m.value(0));
    if (!beyond) unary(m, make);
    m.code(M::c2, beyond);
}
// FSINCOS and FPTAN, whose second result is pushed.
template <class Make> void trigonometric_pair(M& m, Make&& make) {
    m.code(M::c2, false);
    if (m.empty(0) || !m.empty(7)) {
        if (!m.stack_fails(!m.empty(0))) return;
        m.put(0, indefinite<Extended>());
        return m.push(indefinite<Extended>());
    }
    if (fp::transcendental::out_of_range(m.value(0))) return m.code(M::c2, true);
    fp::transcendental::Pair r = make(m.value(0));
    if (m.c.stopped()) return;
    m.put(0, r.first);
    m.push(r.second);
}

}

void run_function(SoftMachine& m) {
    namespace t = fp::transcendental;
    using U = const Unpacked&;
    switch (m.modrm) {
    case 0xf0: return unary(m, [&](U x) { return t::f2xm1(m.c, x); });
    case 0xf1: return binary(m, [&](U x, U y) { return t::fyl2x(m.c, x, y); });
    case 0xf2: return trigonometric_pair(m, [&](U x) { return t::fptan(m.c, x); });
    case 0xf3: return binary(m, [&](U x, U y) { return t::fpatan(m.c, x, y); });
    case 0xf4: return extract_parts(m);
    case 0xf5: return remainder(m, Quotient::nearest);
    case 0xf6: return m.f.set_top(m.f.top() - 1);
    case 0xf7: return m.f.set_top(m.f.top() + 1);
    case 0xf8: return remainder(m, Quotient::truncated);
    case 0xf9: return binary(m, [&](U x, U y) { return t::fyl2xp1(m.c, x, y); });
    case 0xfa: return unary(m, [&](U x) { return sqrt<Extended>(m.c, x); });
    case 0xfb: return trigonometric_pair(m, [&](U x) { return t::fsincos(m.c, x); });
    case 0xfc: return unary(m, [&](U x) { return round_to_integral<Extended>(m.c, x, m.c.rounding, Denormals::signalled); });
    case 0xfd: return scale_by(m);
    case 0xfe: return trigonometric(m, [&](U x) { return t::fsin(m.c, x); });
    default: return trigonometric(m, [&](U x) { return t::fcos(m.c, x); });
    }
}

}
