// SPDX-License-Identifier: MIT
// IN, OUT, INS, OUTS, and who may (SDM vol. 1, ch. 19; vol. 2).
#include "cpu/isa/families.h"
#include "cpu/isa/repeat.h"
#include "cpu/virt/layer.h"

namespace isa {
namespace {

// The TSS's permission first, then the hypervisor's (SDM vol. 3, 26.1.1; APM vol. 2, 15.10.1).
template <class X> bool allowed(X& x, u16 port, unsigned width, bool in, u64 linear = 0) {
    auto& cpu = x.cpu;
    if (!cpu.port_allowed(port, width)) return false;
    return !cpu.guest || cpu.guest->port(x.insn, port, width, in, linear) == Outcome::next;
}
template <class X> u64 element_address(X& x, Seg s, unsigned reg) {
    u64 offset = string_offset(x, reg);
    if (!x.cpu.bits64()) return u32(offset + x.cpu.seg[s].base);
    return offset + (s == Seg::fs || s == Seg::gs ? x.cpu.seg[s].base : 0);
}

// While a device is asked, whose SMI would be this instruction's.
template <class X> class AtPort {
public:
    AtPort(X& x, u16 port, unsigned width, bool in, u64 linear = 0, bool string = false) : access(x.cpu.smm.at_port) {
        auto& r = x.cpu.gpr;
        bool immediate = !string && x.insn.operand[in].place == Place::immediate;
        access = {true, in, string, string && x.insn.rep, immediate, u8(width), port, r[rip_reg], r[rcx], r[rsi], r[rdi], linear};
    }
    ~AtPort() { access.valid = false; }
    AtPort(const AtPort&) = delete;
    AtPort& operator=(const AtPort&) = delete;

private:
    Smm::Access& access;
};

// ---- IN, OUT: the port is DX or an immediate byte

template <class X> Outcome in_from(X& x, u16 port) {
    using T = typename X::word;
    if (!allowed(x, port, sizeof(T), true)) return Outcome::fault;
    x.cpu.io_breakpoint(port, sizeof(T));
    AtPort at(x, port, sizeof(T), true);
    x.template set_reg<T>(rax, T(x.cpu.wires.port_in(port, sizeof(T))));
    return Outcome::changed;
}
template <class X> Outcome out_to(X& x, u16 port) {
    using T = typename X::word;
    if (!allowed(x, port, sizeof(T), false)) return Outcome::fault;
    x.cpu.io_breakpoint(port, sizeof(T));
    AtPort at(x, port, sizeof(T), false);
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
        if (!allowed(x, port, sizeof(T), true, element_address(x, Seg::es, rdi))) return x.fail();
        auto to = x.probe_at(Seg::es, string_offset(x, rdi), sizeof(T), Kind::write);
        if (x.stopped()) return false;
        x.cpu.io_breakpoint(port, sizeof(T));
        AtPort at(x, port, sizeof(T), true, element_address(x, Seg::es, rdi), true);
        T value = T(x.cpu.wires.port_in(port, sizeof(T)));
        x.cpu.write_span(to, &value);
        advance(x, rdi, sizeof(T));
        return true;
    }
    // Into one page of memory, where all that may be asked in front of an element has one answer for all of them.
    template <class X> static u64 many(X& x, u64 limit) {
        bool alike = together(x, limit) && !x.cpu.guest && !x.cpu.debug_trap_armed() && !x.flag(rflags::df);
        u64 offset = string_offset(x, rdi), n = alike ? elements_together<T>(x, Seg::es, offset, Kind::write, limit) : 0;
        u8* to = n > 1 && x.cpu.port_allowed(x.template reg<u16>(rdx), sizeof(T)) ? host_elements<T>(x, Seg::es, offset, Kind::write, n) : nullptr;
        return to ? read_port(x, to, n) : once(x);
    }
    // Until something may have to be looked at. The clock shows each element's tick while the port is asked.
    template <class X> static u64 read_port(X& x, u8* to, u64 n) {
        auto& cpu = x.cpu;
        u16 port = x.template reg<u16>(rdx);
        u32 known = cpu.pending;
        u64 done = 0, count = x.reg_any(rcx, x.insn.address_size);
        for (; done < n; done++) {
            if (done && (cpu.pending != known || cpu.clock.ticks >= next_look(cpu))) break;
            cpu.clock.ticks += done != 0;
            x.set_reg_any(rcx, count - done, x.insn.address_size);
            AtPort at(x, port, sizeof(T), true, element_address(x, Seg::es, rdi), true);
            T value = T(cpu.wires.port_in(port, sizeof(T)));
            std::memcpy(to + done * sizeof(T), &value, sizeof(T));
            advance(x, rdi, sizeof(T));
        }
        cpu.clock.ticks -= done - 1;          // repeat() counts them
        return done;
    }
};
template <Word T> struct OutsStep : StringStep<OutsStep<T>> {
    template <class X> static bool once(X& x) {
        u16 port = x.template reg<u16>(rdx);
        if (!allowed(x, port, sizeof(T), false, element_address(x, x.insn.segment, rsi))) return x.fail();
        T value = x.template load_at<T>(x.insn.segment, string_offset(x, rsi));
        if (x.stopped()) return false;
        x.cpu.io_breakpoint(port, sizeof(T));
        AtPort at(x, port, sizeof(T), false, element_address(x, x.insn.segment, rsi), true);
        x.cpu.wires.port_out(port, sizeof(T), u32(value));
        advance(x, rsi, sizeof(T));
        return true;
    }
};

// The end of a repetition is `changed`: ports raise and lower interrupts.
template <template <Word> class Step> struct Repeated {
    template <class X> static Outcome run(X& x) {
        // Permission is asked for even where nothing is repeated (Zen 5, Sapphire Rapids).
        if (!x.cpu.port_allowed(x.template reg<u16>(rdx), sizeof(typename X::word))) return Outcome::fault;
        auto outcome = repeat<Step<typename X::word>>(x);
        return outcome == Outcome::next ? Outcome::changed : outcome;
    }
};

constexpr Gate asks = {.asks_itself = true};

constexpr Row rows[] = {
    // name         encoding  operands   gate  event       run
    {"insb",        "6C",     "Yb, DX",  asks, Event::io,  run<Repeated<InsStep>>},
    {"insw/insd",   "6D",     "Yz, DX",  asks, Event::io,  run<Repeated<InsStep>>},
    {"outsb",       "6E",     "DX, Xb",  asks, Event::io,  run<Repeated<OutsStep>>},
    {"outsw/outsd", "6F",     "DX, Xz",  asks, Event::io,  run<Repeated<OutsStep>>},
    {"in",          "E4",     "AL, Ib",  asks, Event::io,  run<In>},
    {"in",          "E5",     "eAX, Ib", asks, Event::io,  run<In>},
    {"out",         "E6",     "Ib, AL",  asks, Event::io,  run<Out>},
    {"out",         "E7",     "Ib, eAX", asks, Event::io,  run<Out>},
    {"in",          "EC",     "AL, DX",  asks, Event::io,  run<In>},
    {"in",          "ED",     "eAX, DX", asks, Event::io,  run<In>},
    {"out",         "EE",     "DX, AL",  asks, Event::io,  run<Out>},
    {"out",         "EF",     "DX, eAX", asks, Event::io,  run<Out>},
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
