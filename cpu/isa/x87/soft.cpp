// SPDX-License-Identifier: MIT
// x87 instructions over the soft-float: loads, stores, arithmetic, comparisons (SDM vol. 2, D8 to DF).
#include "cpu/isa/x87/soft.h"
#include "cpu/isa/x87/soft_machine.h"

namespace x87 {

using namespace fp::soft;

namespace {

using M = SoftMachine;

// ---- Arithmetic and comparison: bits 5:3 of ModRM say which ---------------------------------------------------------

enum Operation : unsigned { add_, mul_, com, comp, sub_, subr, div_, divr };

F80 compute(Context& c, unsigned operation, const Unpacked& a, const Unpacked& b) {
    switch (operation) {
    case add_: return add<Extended>(c, a, b);
    case mul_: return mul<Extended>(c, a, b);
    case sub_: return sub<Extended>(c, a, b);
    case subr: return sub<Extended>(c, b, a);
    case div_: return div<Extended>(c, a, b);
    default: return div<Extended>(c, b, a);
    }
}

void arithmetic(M& m, unsigned operation, unsigned target, bool fault, const Unpacked& a, const Unpacked& b) {
    if (fault) {
        if (m.stack_fails(false)) m.put(target, indefinite<Extended>());
        return;
    }
    F80 result = compute(m.c, operation, a, b);
    if (!m.c.stopped()) m.put(target, result);
}

void with_memory(M& m, const Unpacked& operand) {
    unsigned operation = m.reg();
    if (operation == com || operation == comp) compare_with(m, m.empty(0), m.value(0), operand, true, operation == comp);
    else arithmetic(m, operation, 0, m.empty(0), m.value(0), operand);
}

// D8: to ST(0). DC and DE: to ST(i), where bit 3 means the reverse of what it does in D8; DE pops.
void with_register(M& m) {
    unsigned operation = m.reg(), i = m.i();
    bool fault = m.empty(0) || m.empty(i);
    bool pops = operation == comp || m.opcode == 0xde;
    if (operation == com || operation == comp) return compare_with(m, fault, m.value(0), m.value(i), true, pops);
    if (m.opcode == 0xd8) return arithmetic(m, operation, 0, fault, m.value(0), m.value(i));
    arithmetic(m, operation, i, fault, m.value(0), m.value(i));
    if (pops && !m.c.stopped()) m.pop();
}

// ---- Loads and stores ---------------------------------------------------------------------------------------------

template <class F> Unpacked real(M& m) { return F::unpack(m.from_memory<typename F::Raw>()); }
template <class T> Unpacked integer(M& m) { return from_integer(m.from_memory<T>()); }

template <class F> void load_real(M& m) {
    // An unmasked denormal is loaded and told of all the same (Zen 5).
    bool told = false;
    m.load([&] {
        Context whole;
        F80 v = convert<Extended>(whole, real<F>(m));
        m.c.raise(whole.raised & ie);
        told = whole.raised & de;
        return v;
    });
    if (told) m.c.raise(de);
}
template <class T> void load_integer(M& m) {
    m.load([&] { Context whole; return convert<Extended>(whole, integer<T>(m)); });
}

// Stores what `make` gives, or the format's indefinite after a masked stack fault. An unmasked exception of the operands, or of
// the range, leaves the destination and the stack as they were (SDM vol. 1, 8.5.4 and 8.5.5).
template <class T, class Make> void store(M& m, bool pops, const T& indefinite, Make&& make) {
    if (m.empty(0)) {
        if (!m.stack_fails(false)) return;
        m.to_memory(indefinite);
    } else {
        T result = make(m.value(0));
        if (u8 stopping = m.c.raised & ~m.c.masked & (ie | oe | ue)) {
            m.c.raised = stopping, m.c.rounded_up = false;
            return;
        }
        m.to_memory(result);
    }
    if (pops) m.pop();
}
template <class F> void store_real(M& m, bool pops) {
    using Raw = typename F::Raw;
    store<Raw>(m, pops, indefinite<F>(), [&](const Unpacked& u) { return convert<F>(m.c, u, Denormals::silent); });
}
template <class T> void store_integer(M& m, bool pops) {
    store<T>(m, pops, T(u64{1} << (sizeof(T) * 8 - 1)), [&](const Unpacked& u) { return to_integer<T>(m.c, u); });
}
// FISTTP: truncated whatever RC says.
template <class T> void store_truncated(M& m) {
    m.c.rounding = Rounding::zero;
    store_integer<T>(m, true);
}
void store_bcd(M& m) {
    Context any;
    store<Bcd>(m, true, to_bcd(any, Unpacked{Class::infinite}), [&](const Unpacked& u) { return to_bcd(m.c, u); });
}
void store_extended(M& m) {
    if (m.empty(0) && !m.stack_fails(false)) return;
    m.extended_to_memory(m.empty(0) ? indefinite<Extended>() : m.st(0));
    m.pop();
}

// ---- Register moves -----------------------------------------------------------------------------------------------

void load_register(M& m) {
    unsigned i = m.i();
    if (!m.empty(i) && m.empty(7)) return m.push(m.st(i));
    if (m.stack_fails(!m.empty(i))) m.push(indefinite<Extended>());
}
void exchange(M& m) {
    unsigned i = m.i();
    if ((m.empty(0) || m.empty(i)) && !m.stack_fails(false)) return;
    F80 a = m.empty(0) ? indefinite<Extended>() : m.st(0), b = m.empty(i) ? indefinite<Extended>() : m.st(i);
    m.put(0, b);
    m.put(i, a);
}
void store_register(M& m, bool pops) {
    if (m.empty(0) && !m.stack_fails(false)) return;
    m.put(m.i(), m.empty(0) ? indefinite<Extended>() : m.st(0));
    if (pops) m.pop();
}
// FSTPNCE (D9 D8): a stack fault goes unnoticed.
void store_quietly(M& m) {
    if (!m.empty(0)) m.put(m.i(), m.st(0));
    m.pop();
}
void free(M& m, bool pops) {
    m.f.empty |= u8(1 << m.f.physical(m.i()));
    if (pops) m.pop();
}

void run_register_form(M& m) {
    unsigned reg = m.reg();
    switch (m.opcode) {
    case 0xd8: case 0xdc: return with_register(m);
    case 0xd9:
        if (reg >= 6) return run_function(m);
        if (reg >= 4) return run_constant(m);
        return reg == 0 ? load_register(m) : reg == 1 ? exchange(m) : store_quietly(m);
    case 0xda: return compare_with(m, m.empty(0) || m.empty(1), m.value(0), m.value(1), false, 2);       // FUCOMPP
    case 0xdd:
        if (reg >= 4) return compare_with(m, m.empty(0) || m.empty(m.i()), m.value(0), m.value(m.i()), false, reg == 5);
        return reg == 0 ? free(m, false) : reg == 1 ? exchange(m) : store_register(m, reg == 3);
    case 0xde:
        if (reg == 3) return compare_with(m, m.empty(0) || m.empty(1), m.value(0), m.value(1), true, 2);  // FCOMPP
        return with_register(m);
    default: return reg == 0 ? free(m, true) : reg == 1 ? exchange(m) : store_register(m, true);          // DF
    }
}

// ---- Memory operands ----------------------------------------------------------------------------------------------

void run_d9_dd(M& m) {
    bool wide = m.opcode == 0xdd;
    if (m.reg() == 0) return wide ? load_real<Double>(m) : load_real<Single>(m);
    if (m.reg() == 1) return store_truncated<s64>(m);                                                     // DD
    return wide ? store_real<Double>(m, m.reg() == 3) : store_real<Single>(m, m.reg() == 3);
}
void run_db(M& m) {
    switch (m.reg()) {
    case 0: return load_integer<s32>(m);
    case 1: return store_truncated<s32>(m);
    case 5: return m.load([&] { return m.extended_from_memory(); });
    case 7: return store_extended(m);
    default: return store_integer<s32>(m, m.reg() == 3);
    }
}
void run_df(M& m) {
    switch (m.reg()) {
    case 0: return load_integer<s16>(m);
    case 1: return store_truncated<s16>(m);
    case 4: return m.load([&] { return from_bcd(m.from_memory<Bcd>()); });
    case 5: return load_integer<s64>(m);
    case 6: return store_bcd(m);
    case 7: return store_integer<s64>(m, true);
    default: return store_integer<s16>(m, m.reg() == 3);
    }
}
void run_memory_form(M& m) {
    switch (m.opcode) {
    case 0xd8: return with_memory(m, real<Single>(m));
    case 0xda: return with_memory(m, integer<s32>(m));
    case 0xdc: return with_memory(m, real<Double>(m));
    case 0xde: return with_memory(m, integer<s16>(m));
    case 0xdb: return run_db(m);
    case 0xdf: return run_df(m);
    default: return run_d9_dd(m);
    }
}

}

void compare_with(SoftMachine& m, bool fault, const Unpacked& a, const Unpacked& b, bool signalling, unsigned pops) {
    Order o = Order::unordered;
    if (fault) m.stack_fails(false);
    else o = compare(m.c, a, b, signalling);
    m.code(M::c0, o == Order::less || o == Order::unordered);
    m.code(M::c2, o == Order::unordered);
    m.code(M::c3, o == Order::equal || o == Order::unordered);
    if (!m.c.stopped())
        while (pops--) m.pop();
}

bool run_soft(Fpu& fpu, u8 opcode, u8 modrm, void* memory) {
    SoftMachine m(fpu, opcode, modrm, memory);
    if (modrm < 0xc0) run_memory_form(m);
    else run_register_form(m);
    m.finish();
    return m.stored;
}

}
