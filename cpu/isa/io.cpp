// SPDX-License-Identifier: MIT
// IN, OUT, INS, OUTS, and who may (SDM vol. 1, ch. 19; vol. 2).
#include "cpu/isa/families.h"
#include "cpu/isa/repeat.h"

namespace isa {
namespace {

// ---- IN, OUT: the port is DX or an immediate byte

template <class X> Outcome in_from(X& x, u16 port) {
    using T = typename X::word;
    if (!x.cpu.port_allowed(port, sizeof(T))) return Outcome::fault;
    x.cpu.io_breakpoint(port, sizeof(T));
    x.template set_reg<T>(rax, T(x.cpu.wires.port_in(port, sizeof(T))));
    return Outcome::changed;
}
template <class X> Outcome out_to(X& x, u16 port) {
    using T = typename X::word;
    if (!x.cpu.port_allowed(port, sizeof(T))) return Outcome::fault;
    x.cpu.io_breakpoint(port, sizeof(T));
    x.cpu.wires.port_out(port, sizeof(T), u32(x.template reg<T>(rax)));
    return Outcome::changed;
}

struct In {
    template <class X> static Outcome run(X& x) { return in_from(x, x.insn.operand[1].place == Place::immediate ? u8(x.insn.immediate) : x.template reg<u16>(rdx)); }
};
struct Out {
    template <class X> static Outcome run(X& x) { return out_to(x, x.insn.operand[0].place == Place::immediate ? u8(x.insn.immediate) : x.template reg<u16>(rdx)); }
};

// ---- INS, OUTS: one element each; permission first, then memory, then the port

template <Word T> struct InsStep : StringStep<InsStep<T>> {
    static constexpr unsigned stores = sizeof(T);
    template <class X> static bool once(X& x) {
        u16 port = x.template reg<u16>(rdx);
        if (!x.cpu.port_allowed(port, sizeof(T))) return x.fail();
        auto to = x.probe_at(Seg::es, string_offset(x, rdi), sizeof(T), Kind::write);
        if (x.stopped()) return false;
        x.cpu.io_breakpoint(port, sizeof(T));
        T value = T(x.cpu.wires.port_in(port, sizeof(T)));
        x.cpu.write_span(to, &value);
        advance(x, rdi, sizeof(T));
        return true;
    }
};
template <Word T> struct OutsStep : StringStep<OutsStep<T>> {
    template <class X> static bool once(X& x) {
        u16 port = x.template reg<u16>(rdx);
        if (!x.cpu.port_allowed(port, sizeof(T))) return x.fail();
        T value = x.template load_at<T>(x.insn.segment, string_offset(x, rsi));
        if (x.stopped()) return false;
        x.cpu.io_breakpoint(port, sizeof(T));
        x.cpu.wires.port_out(port, sizeof(T), u32(value));
        advance(x, rsi, sizeof(T));
        return true;
    }
};

// The end of a repetition is `changed`: ports raise and lower interrupts.
template <template <Word> class Step> struct Repeated {
    template <class X> static Outcome run(X& x) {
        // AMD asks for permission even where nothing is repeated (Zen 5).
        if (!x.cpu.intel() && !x.cpu.port_allowed(x.template reg<u16>(rdx), sizeof(typename X::word))) return Outcome::fault;
        auto outcome = repeat<Step<typename X::word>>(x);
        return outcome == Outcome::next ? Outcome::changed : outcome;
    }
};

constexpr Row rows[] = {
    // name         encoding  operands   gate  event       run
    {"insb",        "6C",     "Yb, DX",  {},   Event::io,  run<Repeated<InsStep>>},
    {"insw/insd",   "6D",     "Yz, DX",  {},   Event::io,  run<Repeated<InsStep>>},
    {"outsb",       "6E",     "DX, Xb",  {},   Event::io,  run<Repeated<OutsStep>>},
    {"outsw/outsd", "6F",     "DX, Xz",  {},   Event::io,  run<Repeated<OutsStep>>},
    {"in",          "E4",     "AL, Ib",  {},   Event::io,  run<In>},
    {"in",          "E5",     "eAX, Ib", {},   Event::io,  run<In>},
    {"out",         "E6",     "Ib, AL",  {},   Event::io,  run<Out>},
    {"out",         "E7",     "Ib, eAX", {},   Event::io,  run<Out>},
    {"in",          "EC",     "AL, DX",  {},   Event::io,  run<In>},
    {"in",          "ED",     "eAX, DX", {},   Event::io,  run<In>},
    {"out",         "EE",     "DX, AL",  {},   Event::io,  run<Out>},
    {"out",         "EF",     "DX, eAX", {},   Event::io,  run<Out>},
};
static_assert(no_overlap(rows), "two rows claim the same bytes");

}
std::span<const Row> io() { return rows; }
}

// SDM vol. 1, 19.5.2: with CPL above IOPL, and always in virtual-8086 mode, each port's bit in the TSS must be clear. Two
// bytes are read whatever the width, and both must lie within the limit.
bool Cpu::port_allowed(u16 port, unsigned width) {
    if (!protected_mode() || (cpl <= iopl() && !v86())) return true;
    auto& tr = seg[Seg::tr];
    auto denied = [this] { return raise(gp(0)), false; };
    if (tr.rights.unusable() || !(tr.rights.type() & 8) || tr.limit < 103) return denied();
    u16 map, permissions;
    if (!load(tr.base + 102, map, As::supervisor)) return false;
    u64 at = u64(map) + port / 8;
    if (at + 1 > tr.limit) return denied();
    if (!load(tr.base + at, permissions, As::supervisor)) return false;
    u64 wanted = bit(width) - 1;
    return !(permissions >> port % 8 & wanted) || denied();
}
