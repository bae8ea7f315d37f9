// SPDX-License-Identifier: MIT
// SSE: packed and scalar single precision, LDMXCSR, STMXCSR (SDM vol. 2).
#include "cpu/isa/families.h"
#include "cpu/isa/sse/float_compare.h"
#include "cpu/isa/sse/move.h"
#include "cpu/isa/sse/mxcsr.h"
#include "cpu/isa/sse/packed.h"

namespace isa {
namespace {

using namespace lanes;

constexpr Semantics cmpps = single<ComputationImmediate<FloatCompare<fp::cmpltps, fp::cmpeqps, fp::cmpunordps, 0, 7>, 16>>;
constexpr Semantics cmpss = single<ComputationImmediate<FloatCompare<fp::cmpltss, fp::cmpeqss, fp::cmpunordss, 4, 7>, 4>>;

constexpr Gate sse_gate{.needs = Feature::sse, .unit = Unit::sse};
constexpr Gate sse_mmx_gate{.needs = Feature::sse, .unit = Unit::sse_mmx};

constexpr Row rows[] = {
    // name        encoding               operands            gate            event        run
    {"movups",     "NP 0F 10 /r",          "Vdq, Wdq",         sse_gate,       Event::none, single<MoveVector<16, Alignment::any>>},
    {"movss",      "F3 0F 10 /r",          "Vdq, Md",          sse_gate,       Event::none, single<MoveVector<4>>},
    {"movss",      "F3 0F 10 /r",          "Vd, Ud",           sse_gate,       Event::none, single<MergeVector<0, 0, 4, 4>>},
    {"movups",     "NP 0F 11 /r",          "Wdq, Vdq",         sse_gate,       Event::none, single<MoveVector<16, Alignment::any>>},
    {"movss",      "F3 0F 11 /r",          "Md, Vd",           sse_gate,       Event::none, single<MoveVector<4>>},
    {"movss",      "F3 0F 11 /r",          "Ud, Vd",           sse_gate,       Event::none, single<MergeVector<0, 0, 4, 4>>},
    {"movlps",     "NP 0F 12 /r",          "Vq, Mq",           sse_gate,       Event::none, single<MergeVector<0, 0>>},
    {"movhlps",    "NP 0F 12 /r",          "Vq, Udq",          sse_gate,       Event::none, single<MergeVector<0, 8, 8, 16>>},
    {"movlps",     "NP 0F 13 /r",          "Mq, Vq",           sse_gate,       Event::none, single<MoveVector<8>>},
    {"unpcklps",   "NP 0F 14 /r",          "Vdq, Wdq",         sse_gate,       Event::none, single<Packed<UnpackLow<u32>>>},
    {"unpckhps",   "NP 0F 15 /r",          "Vdq, Wdq",         sse_gate,       Event::none, single<Packed<UnpackHigh<u32>>>},
    {"movhps",     "NP 0F 16 /r",          "Vdq, Mq",          sse_gate,       Event::none, single<MergeVector<8, 0>>},
    {"movlhps",    "NP 0F 16 /r",          "Vdq, Uq",          sse_gate,       Event::none, single<MergeVector<8, 0>>},
    {"movhps",     "NP 0F 17 /r",          "Mq, Vdq",          sse_gate,       Event::none, single<StorePart<u64, 1>>},
    {"movaps",     "NP 0F 28 /r",          "Vdq, Wdq",         sse_gate,       Event::none, single<MoveVector<16>>},
    {"movaps",     "NP 0F 29 /r",          "Wdq, Vdq",         sse_gate,       Event::none, single<MoveVector<16>>},
    {"cvtpi2ps",   "NP 0F 2A /r",          "Vq, Mq",           sse_gate,       Event::none, plain<from_mmx<fp::cvtdq2ps, true>>},
    {"cvtpi2ps",   "NP 0F 2A /r",          "Vq, Nq",           sse_mmx_gate,   Event::none, plain<from_mmx<fp::cvtdq2ps, true>>},
    {"cvtsi2ss",   "F3 0F 2A /r",          "Vd, Ey",           sse_gate,       Event::none, run<FromInteger<fp::cvtsi2ss4, fp::cvtsi2ss8>>},
    {"movntps",    "NP 0F 2B /r",          "Mdq, Vdq",         sse_gate,       Event::none, single<MoveVector<16>>},
    {"cvttps2pi",  "NP 0F 2C /r",          "Pq, Wq",           sse_mmx_gate,   Event::none, plain<to_mmx<fp::cvttps2dq>>},
    {"cvttss2si",  "F3 0F 2C /r",          "Gy, Wd",           sse_gate,       Event::none, run<ToInteger<fp::cvttss2si4, fp::cvttss2si8, 4>>},
    {"cvtps2pi",   "NP 0F 2D /r",          "Pq, Wq",           sse_mmx_gate,   Event::none, plain<to_mmx<fp::cvtps2dq>>},
    {"cvtss2si",   "F3 0F 2D /r",          "Gy, Wd",           sse_gate,       Event::none, run<ToInteger<fp::cvtss2si4, fp::cvtss2si8, 4>>},
    {"ucomiss",    "NP 0F 2E /r",          "Vd, Wd",           sse_gate,       Event::none, single<CompareFlags<fp::ucomiss, 4>>},
    {"comiss",     "NP 0F 2F /r",          "Vd, Wd",           sse_gate,       Event::none, single<CompareFlags<fp::comiss, 4>>},
    {"movmskps",   "NP 0F 50 /r",          "Gd, Udq",          sse_gate,       Event::none, single<MoveMask<u32>>},
    {"sqrtps",     "NP 0F 51 /r",          "Vdq, Wdq",         sse_gate,       Event::none, single<Arithmetic<fp::sqrtps, 16>>},
    {"sqrtss",     "F3 0F 51 /r",          "Vd, Wd",           sse_gate,       Event::none, single<Arithmetic<fp::sqrtss, 4>>},
    {"rsqrtps",    "NP 0F 52 /r",          "Vdq, Wdq",         sse_gate,       Event::none, plain<approximate<fp::reciprocal_root, 4>>},
    {"rsqrtss",    "F3 0F 52 /r",          "Vd, Wd",           sse_gate,       Event::none, plain<approximate<fp::reciprocal_root, 1>>},
    {"rcpps",      "NP 0F 53 /r",          "Vdq, Wdq",         sse_gate,       Event::none, plain<approximate<fp::reciprocal, 4>>},
    {"rcpss",      "F3 0F 53 /r",          "Vd, Wd",           sse_gate,       Event::none, plain<approximate<fp::reciprocal, 1>>},
    {"andps",      "NP 0F 54 /r",          "Vdq, Wdq",         sse_gate,       Event::none, single<Packed<Each<And, u64>>>},
    {"andnps",     "NP 0F 55 /r",          "Vdq, Wdq",         sse_gate,       Event::none, single<Packed<Each<AndNot, u64>>>},
    {"orps",       "NP 0F 56 /r",          "Vdq, Wdq",         sse_gate,       Event::none, single<Packed<Each<Or, u64>>>},
    {"xorps",      "NP 0F 57 /r",          "Vdq, Wdq",         sse_gate,       Event::none, single<Packed<Each<Xor, u64>>>},
    {"addps",      "NP 0F 58 /r",          "Vdq, Wdq",         sse_gate,       Event::none, single<Arithmetic<fp::addps, 16>>},
    {"addss",      "F3 0F 58 /r",          "Vd, Wd",           sse_gate,       Event::none, single<Arithmetic<fp::addss, 4>>},
    {"mulps",      "NP 0F 59 /r",          "Vdq, Wdq",         sse_gate,       Event::none, single<Arithmetic<fp::mulps, 16>>},
    {"mulss",      "F3 0F 59 /r",          "Vd, Wd",           sse_gate,       Event::none, single<Arithmetic<fp::mulss, 4>>},
    {"subps",      "NP 0F 5C /r",          "Vdq, Wdq",         sse_gate,       Event::none, single<Arithmetic<fp::subps, 16>>},
    {"subss",      "F3 0F 5C /r",          "Vd, Wd",           sse_gate,       Event::none, single<Arithmetic<fp::subss, 4>>},
    {"minps",      "NP 0F 5D /r",          "Vdq, Wdq",         sse_gate,       Event::none, single<Arithmetic<fp::minps, 16>>},
    {"minss",      "F3 0F 5D /r",          "Vd, Wd",           sse_gate,       Event::none, single<Arithmetic<fp::minss, 4>>},
    {"divps",      "NP 0F 5E /r",          "Vdq, Wdq",         sse_gate,       Event::none, single<Arithmetic<fp::divps, 16>>},
    {"divss",      "F3 0F 5E /r",          "Vd, Wd",           sse_gate,       Event::none, single<Arithmetic<fp::divss, 4>>},
    {"maxps",      "NP 0F 5F /r",          "Vdq, Wdq",         sse_gate,       Event::none, single<Arithmetic<fp::maxps, 16>>},
    {"maxss",      "F3 0F 5F /r",          "Vd, Wd",           sse_gate,       Event::none, single<Arithmetic<fp::maxss, 4>>},
    {"ldmxcsr",    "NP 0F AE /2",          "Md",               sse_gate,       Event::none, plain<ldmxcsr>},
    {"stmxcsr",    "NP 0F AE /3",          "Md",               sse_gate,       Event::none, plain<stmxcsr>},
    {"cmpps",      "NP 0F C2 /r",          "Vdq, Wdq, Ib",     sse_gate,       Event::none, cmpps},
    {"cmpss",      "F3 0F C2 /r",          "Vd, Wd, Ib",       sse_gate,       Event::none, cmpss},
    {"shufps",     "NP 0F C6 /r",          "Vdq, Wdq, Ib",     sse_gate,       Event::none, single<PackedImmediate<Select<u32>>>},
};
static_assert(no_overlap(rows), "two rows claim the same bytes");

}
std::span<const Row> sse() { return rows; }
}
