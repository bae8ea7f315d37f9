// SPDX-License-Identifier: MIT
// FMA and F16C: multiply-adds with one rounding, half precision (SDM vol. 1, 14.4 and 14.5).
#include "cpu/isa/families.h"
#include "cpu/isa/sse/fma.h"
#include "cpu/isa/sse/permute.h"

namespace isa {
namespace {

// Half precision.
struct SinglesOfHalves {
    template <std::size_t Size> fp::Ran<Bytes<Size * 2>> operator()(const Bytes<Size>& v, u32) const {
        std::array<u32, Size / 2> r;
        u32 raised = 0;
        auto from = lanes::split<u16>(v);
        for (std::size_t n = 0; n < r.size(); n++) {
            auto one = fp::single_of_half(from[n]);
            r[n] = one.value, raised |= one.raised;
        }
        return {as<Bytes<Size * 2>>(r), raised};
    }
};
// On Intel an unmasked underflow doesn't hide that the result is inexact where the operand is denormal (Emerald Rapids).
template <bool intel> struct HalvesOfSingles {
    template <std::size_t Size> fp::Ran<Bytes<Size / 2>> operator()(const Bytes<Size>& v, u8 rounding, u32 mxcsr) const {
        if (!(rounding & 4)) mxcsr = (mxcsr & ~mxcsr::rc) | (rounding & 3u) << 13;
        std::array<u16, Size / 4> r;
        u32 raised = 0;
        auto from = lanes::split<u32>(v);
        for (std::size_t n = 0; n < r.size(); n++) {
            auto one = fp::half_of_single(from[n], mxcsr);
            r[n] = one.value, raised |= one.raised;
            bool denormal = !(from[n] & 0x7f800000) && from[n] & 0x7fffff;
            if (intel && denormal && !(mxcsr & mxcsr::um)) raised |= fp::half_of_single(from[n], mxcsr | mxcsr::um).raised & mxcsr::pe;
        }
        return {as<Bytes<Size / 2>>(r), raised};
    }
};
// Intel checks no alignment (Emerald Rapids), AMD that of 8 and 16 bytes.
struct FromHalf {
    template <class X> static Outcome run(X& x) {
        WithoutAlignmentChecks quiet(x.cpu, x.cpu.intel());
        auto b = x.template wide<Bytes<sizeof(typename X::Long) / 2>>(second);
        if (x.stopped()) return x.why();
        auto result = compute_float(x, SinglesOfHalves{}, b);
        if (x.stopped()) return x.why();
        x.set_wide(first, result);
        return Outcome::next;
    }
};
// Memory is probed before an exception is raised, but for Intel, which has set MXCSR's flags by then (Emerald Rapids).
template <bool intel> struct ToHalf {
    template <class X> static Outcome run(X& x) {
        WithoutAlignmentChecks quiet(x.cpu, intel);
        auto compute = [&] { return compute_float(x, HalvesOfSingles<intel>{}, x.template wide<typename X::Long>(second), x.template read<u8>(third)); };
        if (intel) compute();
        if (x.stopped()) return x.why();
        auto target = x.template place_wide<Bytes<sizeof(typename X::Long) / 2>>(first);
        if (x.stopped()) return x.why();
        auto result = compute();
        if (x.stopped()) return x.why();
        target.set(result);
        return Outcome::next;
    }
};

constexpr Gate fma_gate{.needs = Feature::fma, .unit = Unit::avx}, f16c_gate{.needs = Feature::f16c, .unit = Unit::avx};

constexpr Row rows[] = {
    // name             encoding                         operands          gate       event        run
    {"vfmaddsub132ps",  "VEX.66.0F38.W0 96 /r",          "Vx, Hx, Wx",     fma_gate,  Event::none, vex<WideFused<u32, order::x132, kind::addsub>>},
    {"vfmaddsub132pd",  "VEX.66.0F38.W1 96 /r",          "Vx, Hx, Wx",     fma_gate,  Event::none, vex<WideFused<u64, order::x132, kind::addsub>>},
    {"vfmsubadd132ps",  "VEX.66.0F38.W0 97 /r",          "Vx, Hx, Wx",     fma_gate,  Event::none, vex<WideFused<u32, order::x132, kind::subadd>>},
    {"vfmsubadd132pd",  "VEX.66.0F38.W1 97 /r",          "Vx, Hx, Wx",     fma_gate,  Event::none, vex<WideFused<u64, order::x132, kind::subadd>>},
    {"vfmadd132ps",     "VEX.66.0F38.W0 98 /r",          "Vx, Hx, Wx",     fma_gate,  Event::none, vex<WideFused<u32, order::x132, kind::add>>},
    {"vfmadd132pd",     "VEX.66.0F38.W1 98 /r",          "Vx, Hx, Wx",     fma_gate,  Event::none, vex<WideFused<u64, order::x132, kind::add>>},
    {"vfmadd132ss",     "VEX.LIG.66.0F38.W0 99 /r",      "Vdq, Hdq, Wd",   fma_gate,  Event::none, single<ScalarFused<u32, order::x132, kind::add>>},
    {"vfmadd132sd",     "VEX.LIG.66.0F38.W1 99 /r",      "Vdq, Hdq, Wq",   fma_gate,  Event::none, single<ScalarFused<u64, order::x132, kind::add>>},
    {"vfmsub132ps",     "VEX.66.0F38.W0 9A /r",          "Vx, Hx, Wx",     fma_gate,  Event::none, vex<WideFused<u32, order::x132, kind::sub>>},
    {"vfmsub132pd",     "VEX.66.0F38.W1 9A /r",          "Vx, Hx, Wx",     fma_gate,  Event::none, vex<WideFused<u64, order::x132, kind::sub>>},
    {"vfmsub132ss",     "VEX.LIG.66.0F38.W0 9B /r",      "Vdq, Hdq, Wd",   fma_gate,  Event::none, single<ScalarFused<u32, order::x132, kind::sub>>},
    {"vfmsub132sd",     "VEX.LIG.66.0F38.W1 9B /r",      "Vdq, Hdq, Wq",   fma_gate,  Event::none, single<ScalarFused<u64, order::x132, kind::sub>>},
    {"vfnmadd132ps",    "VEX.66.0F38.W0 9C /r",          "Vx, Hx, Wx",     fma_gate,  Event::none, vex<WideFused<u32, order::x132, kind::negated_add>>},
    {"vfnmadd132pd",    "VEX.66.0F38.W1 9C /r",          "Vx, Hx, Wx",     fma_gate,  Event::none, vex<WideFused<u64, order::x132, kind::negated_add>>},
    {"vfnmadd132ss",    "VEX.LIG.66.0F38.W0 9D /r",      "Vdq, Hdq, Wd",   fma_gate,  Event::none, single<ScalarFused<u32, order::x132, kind::negated_add>>},
    {"vfnmadd132sd",    "VEX.LIG.66.0F38.W1 9D /r",      "Vdq, Hdq, Wq",   fma_gate,  Event::none, single<ScalarFused<u64, order::x132, kind::negated_add>>},
    {"vfnmsub132ps",    "VEX.66.0F38.W0 9E /r",          "Vx, Hx, Wx",     fma_gate,  Event::none, vex<WideFused<u32, order::x132, kind::negated_sub>>},
    {"vfnmsub132pd",    "VEX.66.0F38.W1 9E /r",          "Vx, Hx, Wx",     fma_gate,  Event::none, vex<WideFused<u64, order::x132, kind::negated_sub>>},
    {"vfnmsub132ss",    "VEX.LIG.66.0F38.W0 9F /r",      "Vdq, Hdq, Wd",   fma_gate,  Event::none, single<ScalarFused<u32, order::x132, kind::negated_sub>>},
    {"vfnmsub132sd",    "VEX.LIG.66.0F38.W1 9F /r",      "Vdq, Hdq, Wq",   fma_gate,  Event::none, single<ScalarFused<u64, order::x132, kind::negated_sub>>},
    {"vfmaddsub213ps",  "VEX.66.0F38.W0 A6 /r",          "Vx, Hx, Wx",     fma_gate,  Event::none, vex<WideFused<u32, order::x213, kind::addsub>>},
    {"vfmaddsub213pd",  "VEX.66.0F38.W1 A6 /r",          "Vx, Hx, Wx",     fma_gate,  Event::none, vex<WideFused<u64, order::x213, kind::addsub>>},
    {"vfmsubadd213ps",  "VEX.66.0F38.W0 A7 /r",          "Vx, Hx, Wx",     fma_gate,  Event::none, vex<WideFused<u32, order::x213, kind::subadd>>},
    {"vfmsubadd213pd",  "VEX.66.0F38.W1 A7 /r",          "Vx, Hx, Wx",     fma_gate,  Event::none, vex<WideFused<u64, order::x213, kind::subadd>>},
    {"vfmadd213ps",     "VEX.66.0F38.W0 A8 /r",          "Vx, Hx, Wx",     fma_gate,  Event::none, vex<WideFused<u32, order::x213, kind::add>>},
    {"vfmadd213pd",     "VEX.66.0F38.W1 A8 /r",          "Vx, Hx, Wx",     fma_gate,  Event::none, vex<WideFused<u64, order::x213, kind::add>>},
    {"vfmadd213ss",     "VEX.LIG.66.0F38.W0 A9 /r",      "Vdq, Hdq, Wd",   fma_gate,  Event::none, single<ScalarFused<u32, order::x213, kind::add>>},
    {"vfmadd213sd",     "VEX.LIG.66.0F38.W1 A9 /r",      "Vdq, Hdq, Wq",   fma_gate,  Event::none, single<ScalarFused<u64, order::x213, kind::add>>},
    {"vfmsub213ps",     "VEX.66.0F38.W0 AA /r",          "Vx, Hx, Wx",     fma_gate,  Event::none, vex<WideFused<u32, order::x213, kind::sub>>},
    {"vfmsub213pd",     "VEX.66.0F38.W1 AA /r",          "Vx, Hx, Wx",     fma_gate,  Event::none, vex<WideFused<u64, order::x213, kind::sub>>},
    {"vfmsub213ss",     "VEX.LIG.66.0F38.W0 AB /r",      "Vdq, Hdq, Wd",   fma_gate,  Event::none, single<ScalarFused<u32, order::x213, kind::sub>>},
    {"vfmsub213sd",     "VEX.LIG.66.0F38.W1 AB /r",      "Vdq, Hdq, Wq",   fma_gate,  Event::none, single<ScalarFused<u64, order::x213, kind::sub>>},
    {"vfnmadd213ps",    "VEX.66.0F38.W0 AC /r",          "Vx, Hx, Wx",     fma_gate,  Event::none, vex<WideFused<u32, order::x213, kind::negated_add>>},
    {"vfnmadd213pd",    "VEX.66.0F38.W1 AC /r",          "Vx, Hx, Wx",     fma_gate,  Event::none, vex<WideFused<u64, order::x213, kind::negated_add>>},
    {"vfnmadd213ss",    "VEX.LIG.66.0F38.W0 AD /r",      "Vdq, Hdq, Wd",   fma_gate,  Event::none, single<ScalarFused<u32, order::x213, kind::negated_add>>},
    {"vfnmadd213sd",    "VEX.LIG.66.0F38.W1 AD /r",      "Vdq, Hdq, Wq",   fma_gate,  Event::none, single<ScalarFused<u64, order::x213, kind::negated_add>>},
    {"vfnmsub213ps",    "VEX.66.0F38.W0 AE /r",          "Vx, Hx, Wx",     fma_gate,  Event::none, vex<WideFused<u32, order::x213, kind::negated_sub>>},
    {"vfnmsub213pd",    "VEX.66.0F38.W1 AE /r",          "Vx, Hx, Wx",     fma_gate,  Event::none, vex<WideFused<u64, order::x213, kind::negated_sub>>},
    {"vfnmsub213ss",    "VEX.LIG.66.0F38.W0 AF /r",      "Vdq, Hdq, Wd",   fma_gate,  Event::none, single<ScalarFused<u32, order::x213, kind::negated_sub>>},
    {"vfnmsub213sd",    "VEX.LIG.66.0F38.W1 AF /r",      "Vdq, Hdq, Wq",   fma_gate,  Event::none, single<ScalarFused<u64, order::x213, kind::negated_sub>>},
    {"vfmaddsub231ps",  "VEX.66.0F38.W0 B6 /r",          "Vx, Hx, Wx",     fma_gate,  Event::none, vex<WideFused<u32, order::x231, kind::addsub>>},
    {"vfmaddsub231pd",  "VEX.66.0F38.W1 B6 /r",          "Vx, Hx, Wx",     fma_gate,  Event::none, vex<WideFused<u64, order::x231, kind::addsub>>},
    {"vfmsubadd231ps",  "VEX.66.0F38.W0 B7 /r",          "Vx, Hx, Wx",     fma_gate,  Event::none, vex<WideFused<u32, order::x231, kind::subadd>>},
    {"vfmsubadd231pd",  "VEX.66.0F38.W1 B7 /r",          "Vx, Hx, Wx",     fma_gate,  Event::none, vex<WideFused<u64, order::x231, kind::subadd>>},
    {"vfmadd231ps",     "VEX.66.0F38.W0 B8 /r",          "Vx, Hx, Wx",     fma_gate,  Event::none, vex<WideFused<u32, order::x231, kind::add>>},
    {"vfmadd231pd",     "VEX.66.0F38.W1 B8 /r",          "Vx, Hx, Wx",     fma_gate,  Event::none, vex<WideFused<u64, order::x231, kind::add>>},
    {"vfmadd231ss",     "VEX.LIG.66.0F38.W0 B9 /r",      "Vdq, Hdq, Wd",   fma_gate,  Event::none, single<ScalarFused<u32, order::x231, kind::add>>},
    {"vfmadd231sd",     "VEX.LIG.66.0F38.W1 B9 /r",      "Vdq, Hdq, Wq",   fma_gate,  Event::none, single<ScalarFused<u64, order::x231, kind::add>>},
    {"vfmsub231ps",     "VEX.66.0F38.W0 BA /r",          "Vx, Hx, Wx",     fma_gate,  Event::none, vex<WideFused<u32, order::x231, kind::sub>>},
    {"vfmsub231pd",     "VEX.66.0F38.W1 BA /r",          "Vx, Hx, Wx",     fma_gate,  Event::none, vex<WideFused<u64, order::x231, kind::sub>>},
    {"vfmsub231ss",     "VEX.LIG.66.0F38.W0 BB /r",      "Vdq, Hdq, Wd",   fma_gate,  Event::none, single<ScalarFused<u32, order::x231, kind::sub>>},
    {"vfmsub231sd",     "VEX.LIG.66.0F38.W1 BB /r",      "Vdq, Hdq, Wq",   fma_gate,  Event::none, single<ScalarFused<u64, order::x231, kind::sub>>},
    {"vfnmadd231ps",    "VEX.66.0F38.W0 BC /r",          "Vx, Hx, Wx",     fma_gate,  Event::none, vex<WideFused<u32, order::x231, kind::negated_add>>},
    {"vfnmadd231pd",    "VEX.66.0F38.W1 BC /r",          "Vx, Hx, Wx",     fma_gate,  Event::none, vex<WideFused<u64, order::x231, kind::negated_add>>},
    {"vfnmadd231ss",    "VEX.LIG.66.0F38.W0 BD /r",      "Vdq, Hdq, Wd",   fma_gate,  Event::none, single<ScalarFused<u32, order::x231, kind::negated_add>>},
    {"vfnmadd231sd",    "VEX.LIG.66.0F38.W1 BD /r",      "Vdq, Hdq, Wq",   fma_gate,  Event::none, single<ScalarFused<u64, order::x231, kind::negated_add>>},
    {"vfnmsub231ps",    "VEX.66.0F38.W0 BE /r",          "Vx, Hx, Wx",     fma_gate,  Event::none, vex<WideFused<u32, order::x231, kind::negated_sub>>},
    {"vfnmsub231pd",    "VEX.66.0F38.W1 BE /r",          "Vx, Hx, Wx",     fma_gate,  Event::none, vex<WideFused<u64, order::x231, kind::negated_sub>>},
    {"vfnmsub231ss",    "VEX.LIG.66.0F38.W0 BF /r",      "Vdq, Hdq, Wd",   fma_gate,  Event::none, single<ScalarFused<u32, order::x231, kind::negated_sub>>},
    {"vfnmsub231sd",    "VEX.LIG.66.0F38.W1 BF /r",      "Vdq, Hdq, Wq",   fma_gate,  Event::none, single<ScalarFused<u64, order::x231, kind::negated_sub>>},

    {"vcvtph2ps",       "VEX.66.0F38.W0 13 /r",          "Vx, Wx/2",       f16c_gate, Event::none, vex<FromHalf>},
    {"vcvtps2ph",       "VEX.66.0F3A.W0 1D /r",          "Wx/2, Vx, Ib",   f16c_gate, Event::none, vex<ByVendor<ToHalf<true>, ToHalf<false>>>},
};
static_assert(no_overlap(rows), "two rows claim the same bytes");

}
std::span<const Row> fma() { return rows; }
}
