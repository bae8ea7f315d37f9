// SPDX-License-Identifier: MIT
// What AVX and AVX2 add to lanes.h: permutations, halves, shifts lane by lane; moves under a mask, gathers (SDM vol. 2).
#pragma once
#include "cpu/isa/sse/lanes_sse4.h"
#include "cpu/isa/sse/wide.h"

namespace isa {

namespace lanes {

// Within 16 bytes: each lane of the first operand chosen by bits of the second's (VPERMILPS: 1:0, VPERMILPD: 1).
template <class T> struct PermuteBy {
    constexpr Xmm operator()(const Xmm& a, const Xmm& order) const {
        auto x = split<T>(a), by = split<T>(order), r = x;
        for (std::size_t n = 0; n < x.size(); n++) r[n] = x[sizeof(T) == 4 ? by[n] & 3 : by[n] >> 1 & 1];
        return as<Xmm>(r);
    }
};
// VPERMILPD by an immediate: a bit for each lane.
struct PermutePairs {
    constexpr Xmm operator()(const Xmm&, const Xmm& b, u8 order) const {
        auto x = split<u64>(b);
        return as<Xmm>(std::array{x[order & 1], x[order >> 1 & 1]});
    }
};
// Over the whole: lanes of the second operand, chosen by the first's (VPERMD, VPERMPS).
struct PermuteAll {
    constexpr Ymm operator()(const Ymm& order, const Ymm& b) const {
        auto by = split<u32>(order), x = split<u32>(b), r = x;
        for (unsigned n = 0; n < 8; n++) r[n] = x[by[n] & 7];
        return as<Ymm>(r);
    }
};
struct PermuteQuads {             // VPERMQ, VPERMPD
    constexpr Ymm operator()(const Ymm&, const Ymm& b, u8 order) const {
        auto x = split<u64>(b), r = x;
        for (unsigned n = 0; n < 4; n++) r[n] = x[order >> 2 * n & 3];
        return as<Ymm>(r);
    }
};
// VPERM2F128, VPERM2I128: each half is one of the operands' four, or zero.
struct PermuteHalves {
    constexpr Ymm operator()(const Ymm& a, const Ymm& b, u8 order) const {
        Ymm r{};
        for (unsigned n = 0; n < 2; n++) {
            u8 by = u8(order >> 4 * n);
            if (!(by & 8)) set_half(r, n, half(by & 2 ? b : a, by & 1));
        }
        return r;
    }
};
// Halves of YMM registers: the same twice, one replaced, one alone.
struct Twice {
    constexpr Ymm operator()(const Xmm& v) const {
        Ymm r;
        return set_half(r, 0, v), set_half(r, 1, v), r;
    }
};
struct ReplaceHalf {
    constexpr Ymm operator()(Ymm a, const Xmm& b, u8 which) const { return set_half(a, which & 1, b), a; }
};
struct TakeHalf {
    constexpr Xmm operator()(const Ymm& a, u8 which) const { return half(a, which & 1); }
};
// Shifts of each lane by a count of its own.
struct LeftBy {
    template <class T> constexpr T operator()(T a, T count) { return count < sizeof(T) * 8 ? T(a << count) : T(0); }
};
struct RightBy {
    template <class T> constexpr T operator()(T a, T count) { return count < sizeof(T) * 8 ? T(a >> count) : T(0); }
};
struct RightSignedBy {
    constexpr u32 operator()(u32 a, u32 count) { return u32(s32(a) >> std::min(count, 31u)); }
};

static_assert(PermuteHalves{}(Ymm{1}, Ymm{2}, 0x20) == Ymm{1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2});
static_assert(PermuteHalves{}(Ymm{1}, Ymm{2}, 0x28) == Ymm{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2});
static_assert(RightSignedBy{}(0x80000000, 40) == 0xffffffff && LeftBy{}(u64{1}, u64{64}) == 0);

}

// ---- halves of YMM registers

struct BroadcastHalf {            // VBROADCASTF128, VBROADCASTI128
    template <class X> static Outcome run(X& x) {
        auto v = x.template wide<Xmm>(second);
        if (x.stopped()) return x.why();
        x.set_wide(first, x.apply(lanes::Twice{}, v));
        return Outcome::next;
    }
};
struct InsertHalf {
    template <class X> static Outcome run(X& x) {
        auto b = x.template wide<Xmm>(third);
        if (x.stopped()) return x.why();
        x.set_wide(first, x.apply(lanes::ReplaceHalf{}, x.template wide<Ymm>(second), b, x.template read<u8>(fourth)));
        return Outcome::next;
    }
};
struct ExtractHalf {
    template <class X> static Outcome run(X& x) {
        auto target = x.template place_wide<Xmm>(first);
        if (x.stopped()) return x.why();
        target.set(x.apply(lanes::TakeHalf{}, x.template wide<Ymm>(second), x.template read<u8>(third)));
        return Outcome::next;
    }
};

// ---- under a mask of lanes' top bits

// VTESTPS, VTESTPD: ZF says that no top bit is set in both, CF that none of the second operand's is missing in the first.
template <class T> struct TestSigns {
    template <class X> static Outcome run(X& x) {
        using V = typename X::Long;
        auto b = x.template wide<V>(second);
        if (x.stopped()) return x.why();
        u32 m = lanes::signs<T>(x.template wide<V>(first)), n = lanes::signs<T>(b);
        x.set_flags(Flags{}.with(rflags::zf, !(m & n)).with(rflags::cf, !(~m & n)));
        return Outcome::next;
    }
};

// No #AC comes of masked moves and gathers (SDM vol. 2, exception types 6 and 12).
class WithoutAlignmentChecks {
public:
    explicit WithoutAlignmentChecks(Cpu& cpu, bool without = true) : cpu(cpu), before(cpu.rflags) {
        if (without && cpu.alignment_checked()) cpu.rflags &= ~rflags::ac;
    }
    ~WithoutAlignmentChecks() { cpu.rflags = before; }

private:
    Cpu& cpu;
    u64 before;
};

template <class T> bool chosen(T of_mask) { return of_mask >> (sizeof(T) * 8 - 1); }

// A lane's linear address; false: a fault. Addresses of 16 bits wrap between lanes on AMD, but not on Intel (Emerald Rapids).
inline bool lane_address(Slow& x, unsigned width, ::Kind kind, u64& linear, u64 from_operand) {
    if (!x.cpu.intel() || x.insn.address_size != 2) return x.address(width, kind, linear, from_operand);
    if (x.stopped()) return false;
    if (!x.cpu.linear(x.insn.segment, x.offset() + from_operand, width, kind, linear)) x.fail();
    return !x.stopped();
}

// On Intel all chosen lanes are canonical before any is looked up; a store's #PF behind the page of the first chosen byte has the last
// chosen one in CR2 (Emerald Rapids).
template <class T, std::size_t Lanes> bool lanes_canonical(Slow& x, const std::array<T, Lanes>& mask, ::Kind kind) {
    if (!x.cpu.bits64()) return true;
    for (unsigned n = 0; n < Lanes; n++) {
        u64 linear;
        if (!chosen(mask[n]) || !lane_address(x, sizeof(T), kind, linear, n * sizeof(T))) continue;
        if (!x.cpu.canonical(linear) || !x.cpu.canonical(linear + sizeof(T) - 1)) return x.raise(x.insn.segment == Seg::ss ? ss(0) : gp(0)), false;
    }
    return true;
}
template <class T, std::size_t Lanes> void tell_last_byte(Slow& x, const std::array<T, Lanes>& mask, u64 operand) {
    auto& fault = x.cpu.fault_;
    if (fault.exit || fault.vector != pf_vector) return;
    auto start = [&](unsigned n) { return (operand + n * sizeof(T)) & (x.cpu.bits64() ? ~u64{0} : 0xffffffff); };
    unsigned low = 0, high = Lanes - 1;
    while (!chosen(mask[low])) low++;
    while (!chosen(mask[high])) high--;
    if ((fault.address ^ start(low)) >> 12) fault.address = start(high) + sizeof(T) - 1;
}

// The lanes' places in memory, those that the mask chooses; what it leaves out is not touched and meets no fault.
template <class T, std::size_t Lanes> std::array<Span, Lanes> probe_lanes(Slow& x, const std::array<T, Lanes>& mask, ::Kind kind) {
    std::array<Span, Lanes> spans;
    WithoutAlignmentChecks quiet(x.cpu);
    if (x.cpu.intel() && !lanes_canonical(x, mask, kind)) return spans;
    for (unsigned n = 0; n < Lanes; n++) {
        u64 linear;
        if (!chosen(mask[n]) || !lane_address(x, sizeof(T), kind, linear, n * sizeof(T))) continue;
        if (x.cpu.probe(linear, sizeof(T), kind, spans[n], As::current, x.insn.segment)) continue;
        x.fail();
        if (x.cpu.intel() && kind == ::Kind::write) tell_last_byte(x, mask, linear - n * sizeof(T));
    }
    return spans;
}
// VMASKMOVPS, VPMASKMOVD and the wider ones: "Vx, Hx, Mx".
template <class T> struct MaskedLoad {
    template <class X> static Outcome run(X& x) {
        using V = typename X::Long;
        auto mask = lanes::split<T>(x.template wide<V>(second));
        auto spans = probe_lanes(x, mask, ::Kind::read);
        if (x.stopped()) return x.why();
        decltype(mask) r{};
        for (unsigned n = 0; n < r.size(); n++)
            if (chosen(mask[n])) x.cpu.read_span(spans[n], &r[n]);
        x.set_wide(first, as<V>(r));
        return Outcome::next;
    }
};
template <class T> struct MaskedStore {       // "Mx, Hx, Vx"
    template <class X> static Outcome run(X& x) {
        using V = typename X::Long;
        auto mask = lanes::split<T>(x.template wide<V>(second)), v = lanes::split<T>(x.template wide<V>(third));
        auto spans = probe_lanes(x, mask, ::Kind::write);
        if (x.stopped()) return x.why();
        for (unsigned n = 0; n < v.size(); n++)
            if (chosen(mask[n])) x.cpu.write_span(spans[n], &v[n]);
        return Outcome::next;
    }
};

// VGATHERDPS and its kin: "Vx, vm, Hx". Its rule of restart (SDM vol. 2): lanes are loaded from the first on; where one faults, those
// before it are in the destination and gone from the mask, so that the instruction goes on behind them when it is run again. The rest of
// both registers is as it was on AMD (Zen 5); Intel has written the mask as the manual's operation does, a lane all ones or zero and
// nothing behind them, and the destination as a whole once a lane has been loaded (Emerald Rapids). A debug trap that a lane has earned,
// TF's too, goes before the fault.
template <class T, class Index> struct Gather {
    template <class X> static Outcome run(X& x) {
        constexpr std::size_t count = sizeof(typename X::Long) / std::max(sizeof(T), sizeof(Index));
        auto& v = x.cpu.vector.v;
        auto& o = x.insn.operand;
        using Lanes = std::array<T, count>;
        auto index = v[o[1].number].template get<std::array<Index, count>>();
        auto target = v[o[0].number].template get<Lanes>(), mask = v[o[2].number].template get<Lanes>();
        WithoutAlignmentChecks quiet(x.cpu);
        for (unsigned n = 0, loads = 0; n < count; n++) {
            if (!chosen(mask[n])) {
                mask[n] = 0;
                continue;
            }
            T loaded = x.template load<T>(u64(s64{index[n]}) << x.insn.scale);
            if (x.stopped()) {
                v[o[0].number].set(0, target), v[o[2].number].set(0, mask);
                if (x.cpu.intel()) leave_as_intel<sizeof(typename X::Long)>(v[o[0].number], v[o[2].number], loads);
                bool trap = loads && (x.cpu.rflags & rflags::tf || x.cpu.pending_dr6) && !x.cpu.fault_.exit;
                return trap ? Outcome::again : x.why();
            }
            target[n] = loaded, mask[n] = 0, loads++;
        }
        v[o[0].number].set(0, resized<64>(as<Bytes<sizeof(Lanes)>>(target)));
        v[o[2].number].set(0, Bytes<64>{});
        return Outcome::next;
    }

private:
    template <std::size_t Size> static void leave_as_intel(VectorRegister& target, VectorRegister& mask, bool loads) {
        auto lanes = mask.template get<std::array<T, Size / sizeof(T)>>();
        for (T& lane : lanes) lane = chosen(lane) ? T(~T{0}) : T{0};
        mask.set(0, resized<64>(as<Bytes<Size>>(lanes)));
        if (loads) target.set(0, resized<64>(target.template get<Bytes<Size>>()));
    }
};

}
