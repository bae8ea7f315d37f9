// SPDX-License-Identifier: MIT
// The reference engine's context: how an instruction's semantics reach operands, with every check made.
//
// A semantics is a struct with `template <class X> static Outcome run(X& x)`, where X is an engine's context and
// X::word the operand width; or a plain function `Outcome f(Slow&)` for what is out of line in every engine.
// The rule of restart: every access that can fault comes before the first commit. A failed access makes stopped()
// true and turns the following ones into nothing, so that one look before the first commit is enough:
//
//     auto target = x.place(first);
//     auto source = x.read(second);
//     if (x.stopped()) return x.why();
//     target.set(...);                       // commits start here
#pragma once
#include "cpu/cpu.h"
#include "cpu/isa/flags.h"
#include "cpu/isa/sse/vector.h"
#include <type_traits>

template <unsigned N> using OperandNumber = std::integral_constant<unsigned, N>;
constexpr OperandNumber<0> first{};
constexpr OperandNumber<1> second{};
constexpr OperandNumber<2> third{};
constexpr OperandNumber<3> fourth{};

class Slow {
public:
    Slow(Cpu& cpu, const Insn& insn) : cpu(cpu), insn(insn) {}
    Cpu& cpu;
    const Insn& insn;

    bool stopped() const { return outcome != Outcome::next; }
    Outcome why() const { return outcome; }
    Outcome raise(const Fault& f) { return outcome = cpu.raise(f); }
    // A check of the Cpu's has left a fault.
    bool fail() { return keep(false); }

    // ---- flags
    Flags flags() const { return Flags(u32(cpu.rflags)); }
    void set_flags(Flags f) { cpu.rflags = (cpu.rflags & ~rflags::status) | f.value; }
    void set_flag(u64 which, bool on) { set_flags(flags().with(which, on)); }
    bool flag(u64 bit_of_rflags) const { return cpu.rflags & bit_of_rflags; }
    bool condition(unsigned code) const { return ::condition(code, flags()); }
    // Arithmetic with the flags as they are: Op{}(values..., flags).
    template <class Op, class... Values> auto compute(Op op, Values... values) const { return op(values..., flags()); }

    // ---- implicit registers (MUL's accumulator, LOOP's counter)
    template <Word T> T reg(unsigned n) const { return T(cpu.gpr[n]); }
    template <Word T> void set_reg(unsigned n, T value) { cpu.gpr.set<T>(n, value); }
    // The same with the width known at run time: 2, 4 or 8 bytes.
    u64 reg_any(unsigned n, unsigned width) const { return cpu.gpr[n] & ones(width); }
    void set_reg_any(unsigned n, u64 value, unsigned width) {
        if (width == 2) cpu.gpr.set<u16>(n, u16(value));
        else cpu.gpr[n] = value & ones(width);
    }

    // ---- RIP
    unsigned operand_bytes() const { return insn.operand_size; }
    u64 immediate() const { return insn.immediate; }
    u64 relative() const { return next_rip() + insn.immediate; }         // a relative branch's target
    u64 next_rip() const { return cpu.gpr[rip_reg] + insn.length; }
    // Whether a near branch there (truncated to the operand size) keeps to the limit or canonical addresses.
    bool reachable(u64 target) const {
        target &= ones(insn.operand_size);
        return cpu.bits64() ? cpu.canonical(target) : target <= cpu.seg[Seg::cs].limit;
    }
    // A near branch: truncates to the operand size, checks the limit or canonicality (#GP(0)), writes RIP.
    Outcome jump(u64 target) {
        target &= ones(insn.operand_size);
        if (!reachable(target)) return raise(gp(0));
        cpu.gpr[rip_reg] = target;
        return Outcome::taken;
    }

    // The same where a return address has been pushed, or popped: engines keep a return stack.
    Outcome call_to(u64 target) { return jump(target); }
    Outcome return_to(u64 target) { return jump(target); }

    // ---- memory operand of ModRM or moffs
    // Its offset within the segment, truncated to the address size (what LEA gives).
    u64 offset() const {
        auto& r = cpu.gpr;
        return (r[insn.base] + (r[insn.index] << insn.scale) + insn.displacement) & ones(insn.address_size);
    }
    // Its linear address for an access of so many bytes, `add` bytes behind the operand's start (bit strings, far pointers).
    bool address(unsigned width, Kind kind, u64& linear, u64 add = 0) {
        if (stopped()) return false;
        u64 at = (offset() + add) & ones(insn.address_size);
        return keep(cpu.linear(insn.segment, at, width, kind, linear));
    }
    // Loads from it: T may be any trivially copyable type (16-byte vectors, structs of 512).
    template <class T> T load(u64 add = 0) {
        T value{};
        u64 linear;
        if (address(sizeof(T), Kind::read, linear, add)) keep(cpu.load(linear, value, As::current, insn.segment));
        return value;
    }
    // Probes it for writing; commit with cpu.write_span.
    Span probe_write(unsigned width, u64 add = 0) {
        Span span;
        u64 linear;
        if (address(width, Kind::write, linear, add)) keep(cpu.probe(linear, width, Kind::write, span, As::current, insn.segment));
        return span;
    }
    // #GP(0) where a 16-byte operand isn't aligned (SSE); call before load or probe_write.
    void require_aligned(unsigned width) {
        u64 linear;
        if (!stopped() && (address_only(linear) & (width - 1))) raise(gp(0));
    }

    // ---- other memory: segment and offset given; the offset is truncated by the caller
    template <class T> T load_at(Seg s, u64 at) {
        T value{};
        u64 linear;
        if (!stopped() && keep(cpu.linear(s, at, sizeof(T), Kind::read, linear))) keep(cpu.load(linear, value, As::current, s));
        return value;
    }
    // The same with the width known at run time (1, 2, 4 or 8 bytes), zero-extended.
    u64 read_at(Seg s, u64 at, unsigned width) {
        u64 value = 0;
        Span span = probe_at(s, at, width, Kind::read);
        if (!stopped()) cpu.read_span(span, &value);
        return value;
    }
    Span probe_at(Seg s, u64 at, unsigned width, Kind kind = Kind::write) {
        Span span;
        u64 linear;
        if (!stopped() && keep(cpu.linear(s, at, width, kind, linear))) keep(cpu.probe(linear, width, kind, span, As::current, s));
        return span;
    }

    // ---- the stack: probes at rSP - depth; nothing moves until set_rsp()
    unsigned stack_bytes() const { return cpu.stack_bytes; }
    u64 stack_offset(u64 below) const { return (cpu.gpr[rsp] - below) & ones(cpu.stack_bytes); }
    Span probe_push(u64 below, unsigned width) { return probe_at(Seg::ss, stack_offset(below), width); }
    template <class T> T peek_stack(u64 above) { return load_at<T>(Seg::ss, stack_offset(u64(0) - above)); }
    u64 peek_stack_any(u64 above, unsigned width) { return read_at(Seg::ss, stack_offset(u64(0) - above), width); }
    // Commits the low bytes of a value to what has been probed.
    void write(const Span& span, const u64& value) { cpu.write_span(span, &value); }
    void move_rsp(s64 by) {
        u64 kept = cpu.stack_bytes == 8 ? 0 : cpu.gpr[rsp] & ~ones(cpu.stack_bytes);
        cpu.gpr[rsp] = kept | ((cpu.gpr[rsp] + u64(by)) & ones(cpu.stack_bytes));
        if (cpu.stack_bytes == 4 && cpu.bits64()) cpu.gpr[rsp] &= ones(8);
    }

    // ---- operands with the width decided at run time (system instructions); width 1 to 8 bytes, zero-extended
    u64 read_any(unsigned n);
    void write_any_register(unsigned n, u64 value);       // a GPR operand, by its width

protected:
    // Remembers a failed access; Cpu::fault_ has it already.
    bool keep(bool ok) {
        if (!ok) outcome = Outcome::fault;
        return ok;
    }
    u64 address_only(u64& linear) const {
        Seg s = insn.segment;
        bool based = !cpu.bits64() || s == Seg::fs || s == Seg::gs;
        return linear = offset() + (based ? cpu.seg[s].base : 0);
    }
    Outcome outcome = Outcome::next;
};

// A destination that has been probed: value() is what it holds, asked before set() commits.
template <Word T> class Target {
public:
    Target(Cpu& cpu) : cpu(&cpu) {}
    T value() const { return old; }
    void set(T v) {
        switch (place) {
        case Place::gpr: cpu->gpr.set<T>(number, v); break;
        case Place::high_byte: cpu->gpr.set_high(number, u8(v)); break;
        default: cpu->write_span(span, &v);
        }
    }
    // The write cycle of a CMPXCHG that failed: memory gets back what it had.
    void put_back() {
        if (place == Place::memory) cpu->write_span(span, &old);
    }
    Place place = Place::memory;
    u8 number = 0;
    T old{};
    Span span;

private:
    Cpu* cpu;
};

// The context of a semantics template: Slow with the operand width known.
template <Word T> class SlowAs : public Slow {
public:
    using word = T;
    using Slow::Slow;
    static constexpr bool bit_strings = true;      // a register's bit offset reaches beyond the operand
    static constexpr bool source_is_plain_memory = false;      // it may be a device

    // Operand n as a source, in width W: register, immediate or memory (`add` bytes behind its start).
    template <Word W = T, unsigned N> W read(OperandNumber<N>, u64 add = 0) {
        auto& o = insn.operand[N];
        switch (o.place) {
        case Place::gpr: return W(cpu.gpr[o.number]);
        case Place::high_byte: return W(cpu.gpr.high(o.number));
        case Place::immediate: return W(o.number ? insn.immediate2 : insn.immediate);
        case Place::segment: return W(cpu.seg[Seg(o.number)].selector);
        default: return load<W>(add);
        }
    }
    // Meets the faults of reading operand n, without the effects that reading may have on devices.
    template <Word W = T, unsigned N> void probe_read(OperandNumber<N>) {
        Span span;
        u64 linear;
        if (insn.is_memory(N) && address(sizeof(W), Kind::read, linear))
            keep(cpu.probe(linear, sizeof(W), Kind::read, span, As::current, insn.segment));
    }
    // Operand n as a destination that is read first (read_first), or only written.
    template <Word W = T, unsigned N> Target<W> place(OperandNumber<N>, u64 add = 0) { return target<W>(insn.operand[N], true, add); }
    template <Word W = T, unsigned N> Target<W> place_to_write(OperandNumber<N>) { return target<W>(insn.operand[N], false); }

    // ---- XMM operands (SSE)
    using Vector = isa::Xmm;
    // The low bytes of a register, or memory; zero-extended. 16 bytes of memory are aligned, or #GP(0).
    template <unsigned Width = 16, isa::Alignment A = isa::Alignment::natural, unsigned N> Vector vector(OperandNumber<N>) {
        auto& o = insn.operand[N];
        if (o.place == Place::xmm) return isa::resized<16>(cpu.vector.v[o.number].template get<Vector>(), Width);
        if (Width == 16 && (A == isa::Alignment::natural || (A == isa::Alignment::intel && cpu.intel()))) require_aligned(16);
        return isa::resized<16>(load<isa::Bytes<Width>>());
    }
    // The whole of a register.
    template <unsigned N> void set_vector(OperandNumber<N>, const Vector& v) { cpu.vector.v[insn.operand[N].number].set(0, v); }
    // The whole of a register, or so many bytes of memory.
    template <unsigned Width, isa::Alignment A, unsigned N> auto place_vector(OperandNumber<N>) {
        struct {
            Cpu& cpu;
            const DecodedOperand& o;
            Span span{};
            void set(const Vector& v) {
                if (o.place == Place::xmm) cpu.vector.v[o.number].set(0, v);
                else cpu.write_span(span, v.data());
            }
        } place{cpu, insn.operand[N]};
        if (place.o.place == Place::xmm) return place;
        if (Width == 16 && A == isa::Alignment::natural) require_aligned(16);
        place.span = probe_write(Width);
        return place;
    }

    // ---- operands of VEX instructions
    // A vector of the length that VEX.L tells.
    using Long = isa::Bytes<std::max<std::size_t>(sizeof(T), 4) * 4>;
    // The low bytes of a register, or memory, mostly wherever it lies.
    template <class V, isa::Alignment A = isa::Alignment::any, unsigned N> V wide(OperandNumber<N>) {
        auto& o = insn.operand[N];
        if (o.place == Place::xmm) return cpu.vector.v[o.number].template get<V>();
        if (A == isa::Alignment::natural) require_aligned(sizeof(V));
        return load<V>();
    }
    // So many bytes as 16, the rest zero.
    template <unsigned Width, unsigned N> isa::Xmm low(OperandNumber<N> n) { return isa::resized<16>(wide<isa::Bytes<Width>>(n)); }
    // The low bytes of a register; the rest becomes zero.
    template <class V, unsigned N> void set_wide(OperandNumber<N>, const V& v) { cpu.vector.v[insn.operand[N].number].set(0, isa::resized<64>(v)); }
    template <unsigned Kept> void zero_behind() {
        for (unsigned n = 0; n < (cpu.bits64() ? 16u : 8u); n++) {
            auto& bytes = cpu.vector.v[n].bytes;
            std::fill(bytes.begin() + Kept, bytes.end(), u8(0));
        }
    }
    // The whole of a register, or memory.
    template <class V, isa::Alignment A = isa::Alignment::any, unsigned N> auto place_wide(OperandNumber<N>) {
        struct {
            Cpu& cpu;
            const DecodedOperand& o;
            Span span{};
            void set(const V& v) {
                if (o.place == Place::xmm) cpu.vector.v[o.number].set(0, isa::resized<64>(v));
                else cpu.write_span(span, v.data());
            }
        } place{cpu, insn.operand[N]};
        if (place.o.place == Place::xmm) return place;
        if (A == isa::Alignment::natural) require_aligned(sizeof(V));
        place.span = probe_write(sizeof(V));
        return place;
    }

    // A pure function of vectors and numbers.
    template <class Op, class... Values> auto apply(Op op, const Values&... values) const { return op(values...); }

private:
    template <Word W> Target<W> target(const DecodedOperand& o, bool read_first, u64 add = 0) {
        Target<W> t(cpu);
        t.place = o.place, t.number = o.number;
        if (o.place == Place::gpr) {
            t.old = W(cpu.gpr[o.number]);
        } else if (o.place == Place::high_byte) {
            t.old = W(cpu.gpr.high(o.number));
        } else {
            t.span = probe_write(sizeof(W), add);
            if (read_first && !stopped()) cpu.read_span(t.span, &t.old);
        }
        return t;
    }
};

// From semantics to the four handlers of a row.
namespace isa {

template <class S, Word T> Outcome slow_handler(Cpu& cpu, const Insn& insn) {
    SlowAs<T> x(cpu, insn);
    return S::run(x);
}
template <class S> inline constexpr char identity = 0;
// A family's template at every width: run<Binary<alu::Add>>.
template <class S> constexpr Semantics run{{slow_handler<S, u8>, slow_handler<S, u16>, slow_handler<S, u32>, slow_handler<S, u64>}, &identity<S>};

// One handler for every width, where the operands have widths of their own.
template <class S> constexpr Semantics single{{slow_handler<S, u64>, slow_handler<S, u64>, slow_handler<S, u64>, slow_handler<S, u64>}, &identity<S>};

// Of VEX instructions with vectors of either length: 128 bits by u32, 256 bits by u64.
template <class S> constexpr Semantics vex{{slow_handler<S, u32>, slow_handler<S, u32>, slow_handler<S, u32>, slow_handler<S, u64>}, &identity<S>};

template <Outcome (*F)(Slow&)> Outcome plain_handler(Cpu& cpu, const Insn& insn) {
    Slow x(cpu, insn);
    return F(x);
}
template <Outcome (*F)(Slow&)> inline constexpr char plain_identity = 0;
// A function that finds widths in the Insn itself.
template <Outcome (*F)(Slow&)> constexpr Semantics plain{{plain_handler<F>, plain_handler<F>, plain_handler<F>, plain_handler<F>}, &plain_identity<F>};
// The same, where the fast engine does a part of it by a semantics of its own.
template <Outcome (*F)(Slow&), class Fast> constexpr Semantics plain_or{{plain_handler<F>, plain_handler<F>, plain_handler<F>, plain_handler<F>}, &identity<Fast>};

}
