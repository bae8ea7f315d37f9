// SPDX-License-Identifier: MIT
// The fast engine's context: the semantics of cpu/isa over an Op, the bank and host flags (cf. cpu/exec/slow.h).
//
// It knows RAM, in flat segments and, by handlers of their own (Address::limited), in others. Whatever else comes along - a page that isn't in the bank, a device, a fault - is a miss:
// nothing has been committed, and the same instruction runs in Slow.
#pragma once
#include "cpu/exec/fast/host_bits.h"
#include "cpu/exec/fast/host_flags.h"
#include "cpu/exec/fast/host_float.h"
#include "cpu/exec/fast/host_sse4.h"
#include "cpu/exec/fast/host_vector.h"
#include "cpu/exec/fast/op.h"
#include "cpu/exec/slow.h"
#include "cpu/isa/sse/halves.h"

namespace fast {

// Operands in the order of the row: d registers (Op::dst, Op::src, Op::index for a third, and the immediate's place for a fourth
// or one behind memory), m memory, i immediate, q 64-bit immediate.
enum class Form : u8 { none, d, m, i, dd, di, dq, dm, md, mi, mm, ddi, dmi, ddd, ddm, dmd, mdi, dddi, ddmi, dddd, ddmd, count };
enum class Where : u8 { none, dst, src, third, fourth, memory, immediate, wide_immediate };
constexpr Where where_of(Form f, unsigned n) {
    constexpr Where none = Where::none, d = Where::dst, s = Where::src, m = Where::memory, i = Where::immediate, q = Where::wide_immediate;
    constexpr Where t = Where::third, u = Where::fourth;
    constexpr Where table[][4] = {
        {}, {d}, {m}, {i}, {d, s}, {d, i}, {d, q}, {d, m}, {m, s}, {m, i}, {m, m}, {d, s, i}, {d, m, i}, {d, s, t}, {d, s, m}, {d, m, s}, {m, s, i},
        {d, s, t, i}, {d, s, m, i}, {d, s, t, u}, {d, s, m, u}};
    static_assert(std::size(table) == std::size_t(Form::count) && Where{} == none);
    return n < 4 ? table[unsigned(f)][n] : none;
}
constexpr bool has_memory(Form f) {
    return where_of(f, 0) == Where::memory || where_of(f, 1) == Where::memory || where_of(f, 2) == Where::memory;
}

// How an address is made: base + displacement; with an index times 1, 2, 4, 8; or times Op's scale, and then cut to 32 bits,
// or with the base of FS or GS. Limited: outside 64-bit mode, in a segment of any base and limit, by offsets of 16 or 32 bits;
// without a memory operand it is the stack that is so.
enum class Address : u8 { none, base, index1, index2, index4, index8, scaled, bits32, segment, limited, count };

// What an instruction's flags are good for.
enum class Live : u8 { no, yes };

// A relative branch's target: the Op's link.
struct Direct {};

template <Word T, Form F, Address A, Live L> class Fast {
public:
    using word = T;
    static constexpr bool bit_strings = F == Form::md, source_is_plain_memory = where_of(F, 0) == Where::memory;
    static constexpr bool live = L == Live::yes;
    static constexpr bool limited = A == Address::limited;

    Fast(Cpu* cpu, const Op* op, BankEntry* bank, u64 flags) : cpu(cpu), op(op), bank(bank), host(flags) {}

    // ---- how it ends
    enum class Way : u8 { next, read_miss, write_miss, slow, direct, indirect, call_direct, call_indirect, back };
    Way way = Way::next;
    u64 place_of_miss = 0;        // linear address, or an indirect branch's target
    bool stopped() const { return way != Way::next; }
    Outcome why() const { return Outcome::miss; }
    Outcome raise(const Fault&) { return way = Way::slow, Outcome::miss; }

    // ---- flags
    Flags flags() const { return host.in_rflags(); }
    void set_flags(Flags f) { set_flags(HostFlags(f)); }
    void set_flags(HostFlags f) {
        if constexpr (live) host = f;
    }
    void set_flag(u64 which, bool on) {
        if constexpr (live) host = host.with(which, on);
    }
    bool condition(unsigned code) const { return holds(code, host); }
    template <class Op_, class... Values> auto compute(Op_ operation, Values... values) const {
        if constexpr (live) return host_compute(operation, host, values...);
        else return operation(values..., flags());
    }
    u64 host_flags() const { return host.value; }

    // ---- registers
    template <Word W> W reg(unsigned n) const { return W(cpu->gpr[n]); }
    template <Word W> void set_reg(unsigned n, W value) { cpu->gpr.set<W>(n, value); }
    u64 reg_any(unsigned n, unsigned width) const { return cpu->gpr[n] & ones(width); }
    void set_reg_any(unsigned n, u64 value, unsigned width) {
        if (width == 2) cpu->gpr.set<u16>(n, u16(value));
        else cpu->gpr[n] = value & ones(width);
    }

    // ---- operands
    template <Word W = T, unsigned N> W read(OperandNumber<N>, u64 beyond = 0) {
        constexpr Where k = where_of(F, N);
        static_assert(k != Where::none);
        if constexpr (k == Where::dst) return get<W>(op->dst);
        else if constexpr (k == Where::src) return get<W>(op->src);
        else if constexpr (k == Where::third) return get<W>(op->index);
        else if constexpr (k == Where::immediate) return W(s64(op->immediate));
        else if constexpr (k == Where::wide_immediate) return W(op->value);
        else return stopped() ? W(0) : load<W>(address(beyond));      // a look first: the address needs registers
    }

    // Memory is read when it is placed, a register when its value is asked for, so that it waits in no register of the host's.
    template <Word W> class MemoryPlace {
    public:
        MemoryPlace(u8* where, W old) : where(where), old(old) {}
        W value() const { return old; }
        void set(W v) { std::memcpy(where, &v, sizeof v); }
        void put_back() {}

    private:
        u8* where;
        W old;
    };
    template <Word W, Where K> class RegisterPlace {
    public:
        RegisterPlace(Cpu* cpu, const Op* op) : cpu(cpu), op(op) {}
        W value() const {
            W v;
            std::memcpy(&v, where(), sizeof v);
            return v;
        }
        void set(W v) {
            std::conditional_t<sizeof(W) == 4, u64, W> wide = v;
            std::memcpy(where(), &wide, sizeof wide);
        }
        void put_back() {}

    private:
        u8* where() const { return reinterpret_cast<u8*>(&cpu->gpr) + (K == Where::dst ? op->dst : op->src); }
        Cpu* cpu;
        const Op* op;
    };
    template <Word W = T, unsigned N> auto place(OperandNumber<N>, u64 beyond = 0) {
        constexpr Where k = where_of(F, N);
        if constexpr (k == Where::memory) {
            if (stopped()) return MemoryPlace<W>(nullptr, 0);
            u8* where = probe<Way::write_miss, sizeof(W)>(address(beyond));
            W old{};
            if (!stopped()) std::memcpy(&old, where, sizeof old);
            return MemoryPlace<W>(where, old);
        } else {
            return RegisterPlace<W, k>(cpu, op);
        }
    }
    template <Word W = T, unsigned N> void probe_read(OperandNumber<N>) {}        // of a register
    template <Word W = T, unsigned N> auto place_to_write(OperandNumber<N>) {
        constexpr Where k = where_of(F, N);
        if constexpr (k == Where::memory) return MemoryPlace<W>(probe<Way::write_miss, sizeof(W)>(address()), 0);
        else return RegisterPlace<W, k>(cpu, op);
    }

    // ---- XMM operands
    using Vector = fast::Vector;
    template <unsigned Width = 16, isa::Alignment Aligned = isa::Alignment::natural, unsigned N> Vector vector(OperandNumber<N>) {
        constexpr Where k = where_of(F, N);
        const u8* at;
        if constexpr (k == Where::memory) at = probe_vector<Way::read_miss, Width, Aligned>();
        else at = xmm(k == Where::dst ? op->dst : k == Where::src ? op->src : op->index);
        if (k == Where::memory && stopped()) return Vector{};
        return load_vector<Width>(at);
    }
    template <unsigned N> void set_vector(OperandNumber<N>, Vector v) {
        static_assert(where_of(F, N) == Where::dst);
        store_vector<16>(xmm(op->dst), v);
    }
    template <unsigned Width, isa::Alignment Aligned, unsigned N> auto place_vector(OperandNumber<N>) {
        constexpr bool memory = where_of(F, N) == Where::memory;
        struct {
            u8* at;
            void set(Vector v) { store_vector<memory ? Width : 16>(at, v); }
        } place{};
        if constexpr (memory) place.at = probe_vector<Way::write_miss, Width, Aligned>();
        else place.at = xmm(op->dst);
        return place;
    }

    // ---- operands of VEX instructions; a type of cpu/isa tells their length
    using Long = isa::Bytes<sizeof(T) == 8 ? 32 : 16>;
    template <class V, isa::Alignment Aligned = isa::Alignment::any, unsigned N> [[gnu::always_inline]] auto wide(OperandNumber<N>) {
        constexpr Where k = where_of(F, N);
        const u8* at;
        if constexpr (k == Where::memory) at = probe_vector<Way::read_miss, sizeof(V), Aligned>();
        else at = xmm(k == Where::dst ? op->dst : k == Where::src ? op->src : k == Where::third ? op->index : u8(op->immediate));
        if (k == Where::memory && stopped()) return decltype(load_wide<sizeof(V)>(at)){};
        return load_wide<sizeof(V)>(at);
    }
    template <unsigned Width, unsigned N> Vector low(OperandNumber<N> n) { return wide<isa::Bytes<Width>>(n); }
    template <class V, unsigned N> void set_wide(OperandNumber<N>, const V& v) {
        static_assert(where_of(F, N) == Where::dst);
        store_whole(xmm(op->dst), v);
    }
    template <unsigned Kept> void zero_behind() {
        for (unsigned n = 0, all = cpu->bits64() ? 16 : 8; n < all; n++) store_wide<32 - Kept>(cpu->vector.v[n].bytes.data() + Kept, zeros<32 - Kept>());
    }
    template <class V, isa::Alignment Aligned = isa::Alignment::any, unsigned N> auto place_wide(OperandNumber<N>) {
        constexpr bool memory = where_of(F, N) == Where::memory;
        struct {
            u8* at;
            void set(const typename HostWide<sizeof(V)>::type& v) {
                if constexpr (memory) store_wide<sizeof(V)>(at, v);
                else store_whole(at, v);
            }
        } place{};
        if constexpr (memory) place.at = probe_vector<Way::write_miss, sizeof(V), Aligned>();
        else place.at = xmm(op->dst);
        return place;
    }
    template <class Op_, unsigned Bits, class V, class... Values>
    [[gnu::always_inline]] auto apply(isa::lanes::Halves<Op_, Bits>, const V& v, const Values&... values) const {
        if constexpr (std::is_same_v<V, Vectors>)
            return Vectors{apply(Op_{}, v.low, half_of<0, Bits>(values)...), apply(Op_{}, v.high, half_of<1, Bits>(values)...)};
        else return apply(Op_{}, v, values...);
    }
    template <class S, class V> auto apply(isa::lanes::Spread<S, V>, const Vector& v) const {
        Vector all = spread<S>(v);
        if constexpr (sizeof(V) == 32) return Vectors{all, all};
        else return all;
    }
    template <class S> u32 apply(isa::lanes::LongSigns<S>, const Vector& v) const { return apply(isa::lanes::Signs<S>{}, v); }
    template <class S> u32 apply(isa::lanes::LongSigns<S>, const Vectors& v) const {
        return apply(isa::lanes::Signs<S>{}, v.low) | apply(isa::lanes::Signs<S>{}, v.high) << 16 / sizeof(S);
    }

    template <class Op_, class... Values> auto apply(Op_ operation, const Values&... values) const {
        if constexpr (requires { host_apply_at(cpu->fast.place, operation, values...); }) return host_apply_at(cpu->fast.place, operation, values...);
        else return host_apply(operation, values...);
    }
    u32& mxcsr() { return cpu->vector.mxcsr; }

    // ---- RIP
    static constexpr unsigned operand_bytes() { return sizeof(T); }
    static constexpr unsigned stack_bytes() { return sizeof(T) == 8 ? 8 : 4; }
    u64 immediate() const { return u64(s64(op->immediate)); }
    u64 next_rip() const { return cpu->gpr.page + u32(op->immediate); }      // of calls: the builder leaves it there
    auto relative() const {
        if constexpr (limited) return u64{T(next_rip() + u64(s64(op->displacement)))};
        else return Direct{};
    }
    bool reachable(Direct) const { return true; }
    bool reachable(u64 target) const {
        if constexpr (limited) return target <= cpu->seg[Seg::cs].limit;
        return sizeof(T) != 8 || sign_extend(target, 48) == target;
    }
    Outcome jump(Direct) { return way = Way::direct, Outcome::taken; }
    Outcome call_to(Direct) { return way = Way::call_direct, Outcome::taken; }
    Outcome jump(u64 target) { return reachable(T(target)) ? indirect(Way::indirect, target) : raise({}); }
    Outcome call_to(u64 target) { return indirect(Way::call_indirect, target); }
    Outcome return_to(u64 target) { return indirect(Way::back, target); }

    // ---- the stack: 64-bit, or 32-bit and flat, or limited
    u64 stack_mask() const {
        if constexpr (limited) return 0xffff | (cpu->stack_bytes & 4) * u64{0x3fffc000};        // of 2 or 4 bytes, by few registers
        else return ones(stack_bytes());
    }
    u64 stack_offset(u64 below) const { return (cpu->gpr[rsp] - below) & stack_mask(); }
    u8* probe_push(u64 below, unsigned) { return probe_linear<Way::write_miss, sizeof(T)>(in_stack<Way::write_miss, sizeof(T)>(stack_offset(below))); }
    template <Word W> W peek_stack(u64 above) { return load_linear<W>(in_stack<Way::read_miss, sizeof(W)>(stack_offset(0 - above))); }
    u64 peek_stack_any(u64 above, unsigned) { return peek_stack<T>(above); }
    u64 read_at(Seg, u64 at, unsigned) { return load_linear<T>(at); }
    void write(u8* slot, u64 value) {
        T v = T(value);
        std::memcpy(slot, &v, sizeof v);
    }
    void move_rsp(s64 by) {
        if constexpr (limited) apart();           // reads rSP and the stack's width anew: it has no registers to keep them in
        u64 moved = (cpu->gpr[rsp] + u64(by)) & stack_mask();
        if constexpr (limited) moved |= cpu->gpr[rsp] & ~stack_mask();
        cpu->gpr[rsp] = moved;
    }

    // ---- strings: one element, in flat memory, by addresses of 64 or 32 bits; REP is the reference engine's
    Outcome move_element() {
        T value = load_linear<T>(element(rsi));
        u8* to = probe_linear<Way::write_miss, sizeof(T)>(element(rdi));
        if (stopped()) return why();
        std::memcpy(to, &value, sizeof value);
        advance(rsi), advance(rdi);
        return Outcome::next;
    }
    Outcome store_element() {
        u8* to = probe_linear<Way::write_miss, sizeof(T)>(element(rdi));
        if (stopped()) return why();
        T value = reg<T>(rax);
        std::memcpy(to, &value, sizeof value);
        advance(rdi);
        return Outcome::next;
    }
    Outcome load_element() {
        T value = load_linear<T>(element(rsi));
        if (stopped()) return why();
        set_reg<T>(rax, value);
        advance(rsi);
        return Outcome::next;
    }

    // ---- what the manuals call system instructions, where no control has a say
    void set_direction(bool on) { cpu->rflags = on ? cpu->rflags | rflags::df : cpu->rflags & ~rflags::df; }
    u64 image_of_rflags() const { return (cpu->rflags & ~(rflags::status | rflags::vm | rflags::rf)) | flags().value; }
    Outcome read_time() {
        if (cpu->control.cr4 & cr4::tsd) return raise({});
        u64 tick = cpu->fast.tick_end - u64(cpu->fast.budget) + op->before + 1;
        return cpu->gpr.set_edx_eax(tick + cpu->msr.tsc_offset), Outcome::next;
    }
    u16 selector(OperandNumber<1>) const { return cpu->seg[Seg(op->src / 8)].selector; }
    Outcome load_real_segment(u16 selector) {
        Seg s = Seg(op->dst / 8);
        auto& segment = cpu->seg[s];
        bool simple = !(cpu->control.cr0 & cr0::pe) && s != Seg::ss && s != Seg::cs && !segment.rights.unusable();
        if (!simple) return raise({});
        segment.selector = selector, segment.base = u64{selector} << 4;
        return Outcome::next;
    }

    // ---- VMX: the current VMCS, where nothing else has to be asked before it is read or written
    vmx::AtHand* vmcs() const { return cpu->bits64() && cpu->cpl == 0 ? cpu->vmcs : nullptr; }

    // ---- addresses
    u64 offset() { return address(); }            // of LEA: the builder leaves the segment out

private:
    static constexpr u64 element_mask = A == Address::bits32 ? 0xffffffff : ~u64{0};
    u64 element(unsigned reg) const { return cpu->gpr[reg] & element_mask; }
    void advance(unsigned reg) { cpu->gpr[reg] = (cpu->gpr[reg] + (cpu->rflags & rflags::df ? 0 - u64{sizeof(T)} : sizeof(T))) & element_mask; }
    Outcome indirect(Way w, u64 target) { return place_of_miss = T(target), way = w, Outcome::taken; }

    u8* slot(u8 at) const { return reinterpret_cast<u8*>(&cpu->gpr) + at; }
    template <Word W> W get(u8 at) const {
        W v;
        std::memcpy(&v, slot(at), sizeof v);
        return v;
    }
    // Registers are numbered by eights, like the general ones.
    u8* xmm(u8 at) const { return cpu->vector.v[0].bytes.data() + at * (sizeof(VectorRegister) / 8); }
    template <Way Miss, unsigned Width, isa::Alignment Aligned> [[gnu::always_inline]] u8* probe_vector() {
        u64 at = address();
        if (Width >= 16 && Aligned != isa::Alignment::any && (at & (Width - 1))) [[unlikely]] way = Way::slow;
        return probe<Miss, Width>(at);
    }
    // `beyond`: bytes from where the operand is said to be.
    [[gnu::always_inline]] u64 address(u64 beyond = 0) {
        constexpr unsigned s = A == Address::index2 ? 1 : A == Address::index4 ? 2 : A == Address::index8 ? 3 : 0;
        u64 at = A == Address::base ? 0 : get<u64>(op->index) << (A <= Address::index8 ? s : scale_of(op->shape));
        at += get<u64>(op->base) + u64(s64(op->displacement)) + beyond;
        if constexpr (A <= Address::index8) return at;
        if constexpr (limited) return op->shape & offsets16 ? u16(at) : u32(at);
        if constexpr (A == Address::bits32) at = u32(at);
        if constexpr (A == Address::segment) {
            if (sign_extend(at, 48) != at) [[unlikely]] way = Way::slow;      // AMD wants the offset canonical, not only the sum
            at += cpu->seg[segment_of(op->shape)].base;
        }
        return at;
    }

    // The linear address of a limited segment's offset; what a doubt or an expand-down segment needs is the reference engine's.
    template <Way Miss, unsigned Width> u64 in_segment(Seg n, u64 offset) {
        auto& s = cpu->seg[n];
        bool allowed = Miss == Way::write_miss ? s.rights.writes_to_limit() : s.rights.reads_to_limit();
        if (!allowed || offset + (Width - 1) > s.limit) [[unlikely]] return way = Way::slow, 0;
        return u32(s.base + offset);
    }
    template <Way Miss, unsigned Width> u64 in_stack(u64 offset) {
        if constexpr (limited) return in_segment<Miss, Width>(Seg::ss, offset);
        else return offset;
    }
    template <Way Miss, unsigned Width> [[gnu::always_inline]] u8* probe(u64 at) {
        if constexpr (limited) at = in_segment<Miss, Width>(segment_of(op->shape), at);
        return probe_linear<Miss, Width>(at);
    }
    template <Way Miss, unsigned Width> [[gnu::always_inline]] u8* probe_linear(u64 at) {
        if (stopped()) return nullptr;
        auto& e = bank[((at + (Width - 1)) >> 12) % Bank::entries];
        if ((Miss == Way::write_miss ? e.write_tag : e.read_tag) != (at & ~u64{0xfff})) [[unlikely]] {
            way = Miss, place_of_miss = at;
            return nullptr;
        }
        return reinterpret_cast<u8*>(at + e.addend);
    }
    template <Word W> W load(u64 at) { return value_at<W>(probe<Way::read_miss, sizeof(W)>(at)); }
    template <Word W> W load_linear(u64 at) { return value_at<W>(probe_linear<Way::read_miss, sizeof(W)>(at)); }
    template <Word W> W value_at(const u8* p) const {
        if (stopped()) return 0;
        W v;
        std::memcpy(&v, p, sizeof v);
        return v;
    }

    Cpu* cpu;
    const Op* op;
    BankEntry* bank;

protected:
    HostFlags host;
};

// Floating point that the host can do as it stands; else in the reference engine.
template <Word T, Form F, Address A, Live L, class Function, class... Values>
[[gnu::always_inline]] inline auto compute_float(Fast<T, F, A, L>& x, Function f, const Values&... values) {
    auto tried = host_float(f, x.mxcsr(), values...);
    if (!tried.done) [[unlikely]] x.raise({});
    return tried.value;
}

// ---- after the semantics: where to go

template <unsigned instructions> [[gnu::always_inline]] inline Next follow(OP_ARGUMENTS) {
    cpu->fast.budget -= op->before + instructions;
    op = op->link;
    if (cpu->fast.budget < 0) [[unlikely]] TO(out_of_budget, any_z());
    GO(op);
}

inline void remember_return(Cpu* cpu, const Op* op) {
    auto& f = cpu->fast;
    auto& r = f.back[f.top++ % State::returns];
    r.rip = cpu->gpr.page + u32(op->immediate);
    apart();                      // compilers make a vector of two numbers, by way of slow moves
    r.stamp = f.stamp;
    apart();
    r.point = op + 1;
}

[[gnu::always_inline]] inline Target& target_of(Cpu* cpu, u64 rip) { return cpu->fast.target[(rip ^ rip >> 12) % State::targets]; }

// An indirect branch: z is its target.
[[gnu::always_inline]] inline Next follow_indirect(OP_ARGUMENTS) {
    cpu->fast.budget -= op->before + 1;
    if (cpu->fast.budget < 0) [[unlikely]] TO(leave_to, z);
    auto& t = target_of(cpu, z);
    if (t.rip != z || t.stamp != cpu->fast.stamp) [[unlikely]] TO(find_indirect, z);
    cpu->gpr.page = t.page;
    op = t.op;
    GO(op);
}

[[gnu::always_inline]] inline Next follow_return(OP_ARGUMENTS) {
    auto& f = cpu->fast;
    auto& r = f.back[--f.top % State::returns];
    if (r.rip != z || r.stamp != f.stamp) [[unlikely]] TO(return_elsewhere, z);
    f.budget -= op->before + 1;
    if (f.budget < 0) [[unlikely]] TO(leave_to, z);
    op = r.point;
    cpu->gpr.page = z - op->offset;
    op = op->link;
    GO(op);
}

// Where an instruction goes that doesn't go on behind itself; `spare` is the way.
template <class X> [[gnu::always_inline]] inline Next elsewhere(OP_ARGUMENTS) {
    using Way = typename X::Way;
    if constexpr (X::limited)
        if (Way way = Way(spare); way == Way::indirect || way == Way::call_indirect || way == Way::back) TO(go_to, z);
    switch (Way(spare)) {
    case Way::direct: TAIL return follow<1>(cpu, op, z, spare, bank, flags);
    case Way::call_direct:
        remember_return(cpu, op);
        TAIL return follow<1>(cpu, op, z, spare, bank, flags);
    case Way::call_indirect:
        TO(call_indirect, z);
    case Way::indirect: TAIL return follow_indirect(cpu, op, z, spare, bank, flags);
    case Way::back: TAIL return follow_return(cpu, op, z, spare, bank, flags);
    case Way::read_miss: TO(miss_read, z);
    case Way::write_miss: TO(miss_write, z);
    default: TO(run_in_slow, any_z());
    }
}

// A handler from an instruction's semantics.
template <class S, class X> Next handler(OP_ARGUMENTS) {
    X x(cpu, op, bank, flags);
    Outcome outcome = S::run(x);
    if constexpr (X::live) flags = x.host_flags();
    if (outcome == Outcome::next) {
        op++;
        GO(op);
    }
    TAIL return elsewhere<X>(cpu, op, x.place_of_miss, u64(x.way), bank, flags);
}

// A flag-setting instruction and the conditional branch behind it: the host's own condition decides. Op[1] is the branch by
// itself, for the case that the first instruction has to run in Slow.
template <unsigned code, Word T, Form F, Address A> class Fused : public Fast<T, F, A, Live::yes> {
public:
    using Fast<T, F, A, Live::yes>::Fast;
    bool taken = false;
    template <class Op_, class... Values> auto compute(Op_ operation, Values... values) {
        auto computed = host_compute_branch<code>(operation, this->host, values...);
        taken = computed.taken;
        return Computed<decltype(computed.value)>{computed.value, computed.flags};
    }
};
template <class S, class X> Next fused_handler(OP_ARGUMENTS) {
    X x(cpu, op, bank, flags);
    if (S::run(x) != Outcome::next) [[unlikely]] TAIL return elsewhere<X>(cpu, op, x.place_of_miss, u64(x.way), bank, flags);
    flags = x.host_flags();
    if (x.taken) TAIL return follow<2>(cpu, op, z, spare, bank, flags);
    op += 2;
    GO(op);

}

// Two instructions that often follow each other: the jump from one to the other knows where it goes. Op[1] is the second one by
// itself, for the case that the first has to run in Slow.
template <class S, class X, Handler second> Next pair_handler(OP_ARGUMENTS) {
    X x(cpu, op, bank, flags);
    if (S::run(x) != Outcome::next) [[unlikely]] TAIL return elsewhere<X>(cpu, op, x.place_of_miss, u64(x.way), bank, flags);
    op++;
    TO(second, any_z());
}

}
