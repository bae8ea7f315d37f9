// SPDX-License-Identifier: MIT
// AVX and AVX2: the VEX forms of SSE3 to SSE4.2; AES, PCLMULQDQ and GFNI with VAES and VPCLMULQDQ (SDM vol. 2).
#include "cpu/isa/families.h"
#include "cpu/isa/sse/aes.h"
#include "cpu/isa/sse/compare_strings.h"
#include "cpu/isa/sse/float_composed.h"
#include "cpu/isa/sse/packed.h"
#include "cpu/isa/sse/wide_float.h"

namespace isa {
namespace {

using namespace lanes;
using enum Alignment;

// Whether there is AVX at all is the unit's to say: without it XCR0 has no such bit.
constexpr Gate avx_gate{.needs = Feature::avx, .unit = Unit::avx};
constexpr Gate integer_gate{.needs = Feature::avx, .needs256 = Feature::avx2, .unit = Unit::avx};
constexpr Gate only64_gate{.needs = Feature::avx, .only64 = true, .unit = Unit::avx};      // outside 64-bit mode W is ignored
constexpr Gate aes_gate{.needs = Feature::aes, .needs256 = Feature::vaes, .unit = Unit::avx};
constexpr Gate clmul_gate{.needs = Feature::pclmulqdq, .needs256 = Feature::vpclmulqdq, .unit = Unit::avx};
constexpr Gate gfni_gate{.needs = Feature::gfni, .unit = Unit::avx};

template <class F> constexpr Semantics float3 = vex<WideFloat3<FunctionHalves<F>>>;
// VDPPS: FloatDotProduct on both halves, step by step: an unmasked exception in one keeps the next step of both from being computed (Zen 5).
template <class T, const fp::Operation& Mul, const fp::Operation& Add, bool intel> struct LongDotProduct {
    template <class V> RanInSteps<V> operator()(const V& a, const V& b, u8 which, u32 mxcsr) const {
        constexpr std::size_t count = sizeof(Xmm) / sizeof(T), halves = sizeof(V) / 16;
        V x = a, y = b;
        for (unsigned h = 0; h < halves; h++) set_half(x, h, keep_lanes<T>(half(a, h), which >> 4)), set_half(y, h, keep_lanes<T>(half(b, h), which >> 4));
        auto step = FloatHalves<Mul>{}(x, y, mxcsr);
        RanInSteps<V> r{step.value, step.raised};
        for (std::size_t sums = count / 2; sums; sums /= 2) {
            if (mxcsr::unmasked(mxcsr, r.raised)) return r;
            Addends<T, intel, halves * count> addends(split<T>(r.value), sums);
            step = FloatHalves<Add>{}(as<V>(addends.first), as<V>(addends.second), mxcsr);
            r = {step.value, step.raised, r.before | r.raised};
        }
        r.value = as<V>(spread_sums<T, intel>(split<T>(r.value)));
        for (unsigned h = 0; h < halves; h++) set_half(r.value, h, keep_lanes<T>(half(r.value, h), which));
        return r;
    }
};
template <bool intel> using Vdpps = WideCompare<LongDotProduct<u32, fp::mulps, fp::addps, intel>>;
template <bool intel> using Vdppd = WideCompare<LongDotProduct<u64, fp::mulpd, fp::addpd, intel>>;
template <class T, unsigned Lanes> constexpr Semantics integral = vex<WideFloat2Immediate<FloatIntegral<T, Lanes>>>;
template <class T> constexpr Semantics scalar_integral = single<ScalarCompare<FunctionHalves<FloatIntegral<T, 1>>, sizeof(T)>>;
template <class F> constexpr Semantics one = vex<Whole1<Halves<F>>>;
template <class T> constexpr Semantics blend_by_sign = vex<Whole4<Halves<BlendBySign<T>>>>;

constexpr Row rows[] = {
    // name               encoding                      operands             gate          event        run
    // SSE3
    {"vmovsldup",         "VEX.F3.0F 12 /r",            "Vx, Wx",            avx_gate,     Event::none, one<Duplicate<u32, false>>},
    {"vmovddup",          "VEX.128.F2.0F 12 /r",        "Vdq, Wq",           avx_gate,     Event::none, single<Low1<Duplicate<u64, false>, 8>>},
    {"vmovddup",          "VEX.256.F2.0F 12 /r",        "Vx, Wx",            avx_gate,     Event::none, one<Duplicate<u64, false>>},
    {"vmovshdup",         "VEX.F3.0F 16 /r",            "Vx, Wx",            avx_gate,     Event::none, one<Duplicate<u32, true>>},
    {"vhaddpd",           "VEX.66.0F 7C /r",            "Vx, Hx, Wx",        avx_gate,     Event::none, float3<FloatNeighbours<u64, fp::addpd>>},
    {"vhaddps",           "VEX.F2.0F 7C /r",            "Vx, Hx, Wx",        avx_gate,     Event::none, float3<FloatNeighbours<u32, fp::addps>>},
    {"vhsubpd",           "VEX.66.0F 7D /r",            "Vx, Hx, Wx",        avx_gate,     Event::none, float3<FloatNeighbours<u64, fp::subpd>>},
    {"vhsubps",           "VEX.F2.0F 7D /r",            "Vx, Hx, Wx",        avx_gate,     Event::none, float3<FloatNeighbours<u32, fp::subps>>},
    {"vaddsubpd",         "VEX.66.0F D0 /r",            "Vx, Hx, Wx",        avx_gate,     Event::none, float3<FloatAlternating<u64, fp::subpd, fp::addpd>>},
    {"vaddsubps",         "VEX.F2.0F D0 /r",            "Vx, Hx, Wx",        avx_gate,     Event::none, float3<FloatAlternating<u32, fp::subps, fp::addps>>},
    {"vlddqu",            "VEX.F2.0F F0 /r",            "Vx, Mx",            avx_gate,     Event::none, vex<WideMove<any>>},

    // SSSE3
    {"vpshufb",           "VEX.66.0F38 00 /r",          "Vx, Hx, Wx",        integer_gate, Event::none, vex<Wide<ShuffleBytes>>},
    {"vphaddw",           "VEX.66.0F38 01 /r",          "Vx, Hx, Wx",        integer_gate, Event::none, vex<Wide<Neighbours<Add, u16>>>},
    {"vphaddd",           "VEX.66.0F38 02 /r",          "Vx, Hx, Wx",        integer_gate, Event::none, vex<Wide<Neighbours<Add, u32>>>},
    {"vphaddsw",          "VEX.66.0F38 03 /r",          "Vx, Hx, Wx",        integer_gate, Event::none, vex<Wide<Neighbours<AddSaturated, s16>>>},
    {"vpmaddubsw",        "VEX.66.0F38 04 /r",          "Vx, Hx, Wx",        integer_gate, Event::none, vex<Wide<Each<MultiplyAddBytes, u16>>>},
    {"vphsubw",           "VEX.66.0F38 05 /r",          "Vx, Hx, Wx",        integer_gate, Event::none, vex<Wide<Neighbours<Sub, u16>>>},
    {"vphsubd",           "VEX.66.0F38 06 /r",          "Vx, Hx, Wx",        integer_gate, Event::none, vex<Wide<Neighbours<Sub, u32>>>},
    {"vphsubsw",          "VEX.66.0F38 07 /r",          "Vx, Hx, Wx",        integer_gate, Event::none, vex<Wide<Neighbours<SubSaturated, s16>>>},
    {"vpsignb",           "VEX.66.0F38 08 /r",          "Vx, Hx, Wx",        integer_gate, Event::none, vex<Wide<Each<Negate, s8>>>},
    {"vpsignw",           "VEX.66.0F38 09 /r",          "Vx, Hx, Wx",        integer_gate, Event::none, vex<Wide<Each<Negate, s16>>>},
    {"vpsignd",           "VEX.66.0F38 0A /r",          "Vx, Hx, Wx",        integer_gate, Event::none, vex<Wide<Each<Negate, s32>>>},
    {"vpmulhrsw",         "VEX.66.0F38 0B /r",          "Vx, Hx, Wx",        integer_gate, Event::none, vex<Wide<Each<MultiplyHighRounded, s16>>>},
    {"vpabsb",            "VEX.66.0F38 1C /r",          "Vx, Wx",            integer_gate, Event::none, one<Map<Absolute, s8>>},
    {"vpabsw",            "VEX.66.0F38 1D /r",          "Vx, Wx",            integer_gate, Event::none, one<Map<Absolute, s16>>},
    {"vpabsd",            "VEX.66.0F38 1E /r",          "Vx, Wx",            integer_gate, Event::none, one<Map<Absolute, s32>>},
    {"vpalignr",          "VEX.66.0F3A 0F /r",          "Vx, Hx, Wx, Ib",    integer_gate, Event::none, vex<WideImmediate<Align>>},

    // SSE4.1
    {"vptest",            "VEX.66.0F38 17 /r",          "Vx, Wx",            avx_gate,     Event::none, vex<WholeFlags<Test>>},
    {"vpmovsxbw",         "VEX.66.0F38 20 /r",          "Vx, Wx/2",          integer_gate, Event::none, vex<WideExtend<Extend<s8, s16>, 2>>},
    {"vpmovsxbd",         "VEX.66.0F38 21 /r",          "Vx, Wx/4",          integer_gate, Event::none, vex<WideExtend<Extend<s8, s32>, 4>>},
    {"vpmovsxbq",         "VEX.66.0F38 22 /r",          "Vx, Wx/8",          integer_gate, Event::none, vex<WideExtend<Extend<s8, s64>, 8>>},
    {"vpmovsxwd",         "VEX.66.0F38 23 /r",          "Vx, Wx/2",          integer_gate, Event::none, vex<WideExtend<Extend<s16, s32>, 2>>},
    {"vpmovsxwq",         "VEX.66.0F38 24 /r",          "Vx, Wx/4",          integer_gate, Event::none, vex<WideExtend<Extend<s16, s64>, 4>>},
    {"vpmovsxdq",         "VEX.66.0F38 25 /r",          "Vx, Wx/2",          integer_gate, Event::none, vex<WideExtend<Extend<s32, s64>, 2>>},
    {"vpmovzxbw",         "VEX.66.0F38 30 /r",          "Vx, Wx/2",          integer_gate, Event::none, vex<WideExtend<Extend<u8, u16>, 2>>},
    {"vpmovzxbd",         "VEX.66.0F38 31 /r",          "Vx, Wx/4",          integer_gate, Event::none, vex<WideExtend<Extend<u8, u32>, 4>>},
    {"vpmovzxbq",         "VEX.66.0F38 32 /r",          "Vx, Wx/8",          integer_gate, Event::none, vex<WideExtend<Extend<u8, u64>, 8>>},
    {"vpmovzxwd",         "VEX.66.0F38 33 /r",          "Vx, Wx/2",          integer_gate, Event::none, vex<WideExtend<Extend<u16, u32>, 2>>},
    {"vpmovzxwq",         "VEX.66.0F38 34 /r",          "Vx, Wx/4",          integer_gate, Event::none, vex<WideExtend<Extend<u16, u64>, 4>>},
    {"vpmovzxdq",         "VEX.66.0F38 35 /r",          "Vx, Wx/2",          integer_gate, Event::none, vex<WideExtend<Extend<u32, u64>, 2>>},
    {"vpmuldq",           "VEX.66.0F38 28 /r",          "Vx, Hx, Wx",        integer_gate, Event::none, vex<Wide<Each<MultiplyEvenSigned, u64>>>},
    {"vpcmpeqq",          "VEX.66.0F38 29 /r",          "Vx, Hx, Wx",        integer_gate, Event::none, vex<Wide<Each<Equal, u64>>>},
    {"vmovntdqa",         "VEX.66.0F38 2A /r",          "Vx, Mx",            integer_gate, Event::none, vex<WideMove<natural>>},
    {"vpackusdw",         "VEX.66.0F38 2B /r",          "Vx, Hx, Wx",        integer_gate, Event::none, vex<Wide<Pack<u16, s32>>>},
    {"vpminsb",           "VEX.66.0F38 38 /r",          "Vx, Hx, Wx",        integer_gate, Event::none, vex<Wide<Each<Minimum, s8>>>},
    {"vpminsd",           "VEX.66.0F38 39 /r",          "Vx, Hx, Wx",        integer_gate, Event::none, vex<Wide<Each<Minimum, s32>>>},
    {"vpminuw",           "VEX.66.0F38 3A /r",          "Vx, Hx, Wx",        integer_gate, Event::none, vex<Wide<Each<Minimum, u16>>>},
    {"vpminud",           "VEX.66.0F38 3B /r",          "Vx, Hx, Wx",        integer_gate, Event::none, vex<Wide<Each<Minimum, u32>>>},
    {"vpmaxsb",           "VEX.66.0F38 3C /r",          "Vx, Hx, Wx",        integer_gate, Event::none, vex<Wide<Each<Maximum, s8>>>},
    {"vpmaxsd",           "VEX.66.0F38 3D /r",          "Vx, Hx, Wx",        integer_gate, Event::none, vex<Wide<Each<Maximum, s32>>>},
    {"vpmaxuw",           "VEX.66.0F38 3E /r",          "Vx, Hx, Wx",        integer_gate, Event::none, vex<Wide<Each<Maximum, u16>>>},
    {"vpmaxud",           "VEX.66.0F38 3F /r",          "Vx, Hx, Wx",        integer_gate, Event::none, vex<Wide<Each<Maximum, u32>>>},
    {"vpmulld",           "VEX.66.0F38 40 /r",          "Vx, Hx, Wx",        integer_gate, Event::none, vex<Wide<Each<MultiplyLow, u32>>>},
    {"vphminposuw",       "VEX.128.66.0F38 41 /r",      "Vdq, Wdq",          avx_gate,     Event::none, single<Low1<MinimumWord, 16>>},
    {"vroundps",          "VEX.66.0F3A 08 /r",          "Vx, Wx, Ib",        avx_gate,     Event::none, integral<u32, 4>},
    {"vroundpd",          "VEX.66.0F3A 09 /r",          "Vx, Wx, Ib",        avx_gate,     Event::none, integral<u64, 2>},
    {"vroundss",          "VEX.LIG.66.0F3A 0A /r",      "Vdq, Hdq, Wd, Ib",  avx_gate,     Event::none, scalar_integral<u32>},
    {"vroundsd",          "VEX.LIG.66.0F3A 0B /r",      "Vdq, Hdq, Wq, Ib",  avx_gate,     Event::none, scalar_integral<u64>},
    {"vblendps",          "VEX.66.0F3A 0C /r",          "Vx, Hx, Wx, Ib",    avx_gate,     Event::none, vex<WideImmediate<Blend<u32>, 4>>},
    {"vblendpd",          "VEX.66.0F3A 0D /r",          "Vx, Hx, Wx, Ib",    avx_gate,     Event::none, vex<WideImmediate<Blend<u64>, 2>>},
    {"vpblendw",          "VEX.66.0F3A 0E /r",          "Vx, Hx, Wx, Ib",    integer_gate, Event::none, vex<WideImmediate<Blend<u16>>>},
    {"vpextrb",           "VEX.128.66.0F3A 14 /r",      "Mb, Vdq, Ib",       avx_gate,     Event::none, single<StoreLane<u8>>},
    {"vpextrb",           "VEX.128.66.0F3A 14 /r",      "Rd, Vdq, Ib",       avx_gate,     Event::none, single<StoreLane<u8, u32>>},
    {"vpextrw",           "VEX.128.66.0F3A 15 /r",      "Mw, Vdq, Ib",       avx_gate,     Event::none, single<StoreLane<u16>>},
    {"vpextrw",           "VEX.128.66.0F3A 15 /r",      "Rd, Vdq, Ib",       avx_gate,     Event::none, single<StoreLane<u16, u32>>},
    {"vpextrq",           "VEX.128.66.0F3A.W1 16 /r",   "Eq, Vdq, Ib",       only64_gate,  Event::none, single<StoreLane<u64>>},
    {"vpextrd",           "VEX.128.66.0F3A 16 /r",      "Ed, Vdq, Ib",       avx_gate,     Event::none, single<StoreLane<u32>>},
    {"vextractps",        "VEX.128.66.0F3A 17 /r",      "Ed, Vdq, Ib",       avx_gate,     Event::none, single<StoreLane<u32>>},
    {"vpinsrb",           "VEX.128.66.0F3A 20 /r",      "Vdq, Hdq, Mb, Ib",  avx_gate,     Event::none, single<PutLane3<u8, InsertLane<u8>>>},
    {"vpinsrb",           "VEX.128.66.0F3A 20 /r",      "Vdq, Hdq, Rd, Ib",  avx_gate,     Event::none, single<PutLane3<u8, InsertLane<u8>>>},
    {"vinsertps",         "VEX.128.66.0F3A 21 /r",      "Vdq, Hdq, Md, Ib",  avx_gate,     Event::none, single<Low3Immediate<InsertSingleLoaded, 4>>},
    {"vinsertps",         "VEX.128.66.0F3A 21 /r",      "Vdq, Hdq, Udq, Ib", avx_gate,     Event::none, single<Low3Immediate<InsertSingle, 16>>},
    {"vpinsrq",           "VEX.128.66.0F3A.W1 22 /r",   "Vdq, Hdq, Eq, Ib",  only64_gate,  Event::none, single<PutLane3<u64, InsertLane<u64>>>},
    {"vpinsrd",           "VEX.128.66.0F3A 22 /r",      "Vdq, Hdq, Ed, Ib",  avx_gate,     Event::none, single<PutLane3<u32, InsertLane<u32>>>},
    {"vdpps",             "VEX.66.0F3A 40 /r",          "Vx, Hx, Wx, Ib",    avx_gate,     Event::none, vex<ByVendor<Vdpps<true>, Vdpps<false>>>},
    {"vdppd",             "VEX.128.66.0F3A 41 /r",      "Vx, Hx, Wx, Ib",    avx_gate,     Event::none, vex<ByVendor<Vdppd<true>, Vdppd<false>>>},
    {"vmpsadbw",          "VEX.66.0F3A 42 /r",          "Vx, Hx, Wx, Ib",    integer_gate, Event::none, vex<WideImmediate<SumsOfDifferences, 3>>},
    {"vblendvps",         "VEX.66.0F3A.W0 4A /r",       "Vx, Hx, Wx, Lx",    avx_gate,     Event::none, blend_by_sign<u32>},
    {"vblendvpd",         "VEX.66.0F3A.W0 4B /r",       "Vx, Hx, Wx, Lx",    avx_gate,     Event::none, blend_by_sign<u64>},
    {"vpblendvb",         "VEX.66.0F3A.W0 4C /r",       "Vx, Hx, Wx, Lx",    integer_gate, Event::none, blend_by_sign<u8>},

    // SSE4.2
    {"vpcmpgtq",          "VEX.66.0F38 37 /r",          "Vx, Hx, Wx",        integer_gate, Event::none, vex<Wide<Each<Greater, s64>>>},
    {"vpcmpestrm",        "VEX.128.66.0F3A.W1 60 /r",   "Vdq, Wdq, Ib",      only64_gate,  Event::none, single<CompareStrings<Explicit<u64>, Gives::mask, true>>},
    {"vpcmpestrm",        "VEX.128.66.0F3A 60 /r",      "Vdq, Wdq, Ib",      avx_gate,     Event::none, single<CompareStrings<Explicit<u32>, Gives::mask, true>>},
    {"vpcmpestri",        "VEX.128.66.0F3A.W1 61 /r",   "Vdq, Wdq, Ib",      only64_gate,  Event::none, single<CompareStrings<Explicit<u64>, Gives::index, true>>},
    {"vpcmpestri",        "VEX.128.66.0F3A 61 /r",      "Vdq, Wdq, Ib",      avx_gate,     Event::none, single<CompareStrings<Explicit<u32>, Gives::index, true>>},
    {"vpcmpistrm",        "VEX.128.66.0F3A 62 /r",      "Vdq, Wdq, Ib",      avx_gate,     Event::none, single<CompareStrings<Implicit, Gives::mask, true>>},
    {"vpcmpistri",        "VEX.128.66.0F3A 63 /r",      "Vdq, Wdq, Ib",      avx_gate,     Event::none, single<CompareStrings<Implicit, Gives::index, true>>},

    // AES, PCLMULQDQ, GFNI
    {"vaesimc",           "VEX.128.66.0F38 DB /r",      "Vdq, Wdq",          aes_gate,     Event::none, single<Low1<aes::InverseMixColumns, 16>>},
    {"vaesenc",           "VEX.66.0F38 DC /r",          "Vx, Hx, Wx",        aes_gate,     Event::none, vex<Wide<aes::Round<false>>>},
    {"vaesenclast",       "VEX.66.0F38 DD /r",          "Vx, Hx, Wx",        aes_gate,     Event::none, vex<Wide<aes::LastRound<false>>>},
    {"vaesdec",           "VEX.66.0F38 DE /r",          "Vx, Hx, Wx",        aes_gate,     Event::none, vex<Wide<aes::Round<true>>>},
    {"vaesdeclast",       "VEX.66.0F38 DF /r",          "Vx, Hx, Wx",        aes_gate,     Event::none, vex<Wide<aes::LastRound<true>>>},
    {"vaeskeygenassist",  "VEX.128.66.0F3A DF /r",      "Vdq, Wdq, Ib",      aes_gate,     Event::none, single<Low1Immediate<aes::KeyAssist>>},
    {"vpclmulqdq",        "VEX.66.0F3A 44 /r",          "Vx, Hx, Wx, Ib",    clmul_gate,   Event::none, vex<WideImmediate<MultiplyCarryless>>},
    {"vgf2p8mulb",        "VEX.66.0F38.W0 CF /r",       "Vx, Hx, Wx",        gfni_gate,    Event::none, vex<Wide<Each<MultiplyInField, u8>>>},
    {"vgf2p8affineqb",    "VEX.66.0F3A.W1 CE /r",       "Vx, Hx, Wx, Ib",    gfni_gate,    Event::none, vex<WideImmediate<Affine<false>>>},
    {"vgf2p8affineinvqb", "VEX.66.0F3A.W1 CF /r",       "Vx, Hx, Wx, Ib",    gfni_gate,    Event::none, vex<WideImmediate<Affine<true>>>},
};
static_assert(no_overlap(rows), "two rows claim the same bytes");

}
std::span<const Row> avx_sse4() { return rows; }
}
