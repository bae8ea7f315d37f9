// SPDX-License-Identifier: MIT
// AVX: moves and floating point (SDM vol. 2). avx_integer.cpp has the packed integers, the later extensions their own files.
#include "cpu/isa/families.h"
#include "cpu/isa/sse/mxcsr.h"
#include "cpu/isa/sse/packed.h"
#include "cpu/isa/sse/permute.h"
#include "cpu/isa/sse/wide_float.h"

namespace isa {
namespace {

using namespace lanes;
using enum Alignment;

constexpr Semantics vcmpps = vex<WideCompare<FloatCompare<fp::cmpltps, fp::cmpeqps, fp::cmpunordps>>>;
constexpr Semantics vcmppd = vex<WideCompare<FloatCompare<fp::cmpltpd, fp::cmpeqpd, fp::cmpunordpd>>>;
constexpr Semantics vcmpss = single<ScalarCompare<FloatCompare<fp::cmpltss, fp::cmpeqss, fp::cmpunordss, 4>, 4>>;
constexpr Semantics vcmpsd = single<ScalarCompare<FloatCompare<fp::cmpltsd, fp::cmpeqsd, fp::cmpunordsd, 8>, 8>>;

constexpr Gate avx_gate{.needs = Feature::avx, .unit = Unit::avx};

constexpr Row rows[] = {
    // name          encoding                         operands              gate         event        run
    // moves
    {"vmovups",      "VEX.0F 10 /r",                  "Vx, Wx",             avx_gate,    Event::none, vex<WideMove<any>>},
    {"vmovupd",      "VEX.66.0F 10 /r",               "Vx, Wx",             avx_gate,    Event::none, vex<WideMove<any>>},
    {"vmovss",       "VEX.LIG.F3.0F 10 /r",           "Vdq, Md",            avx_gate,    Event::none, single<MoveLow<4>>},
    {"vmovss",       "VEX.LIG.F3.0F 10 /r",           "Vdq, Hdq, Udq",      avx_gate,    Event::none, single<Merge3<0, 0, 4, 16>>},
    {"vmovsd",       "VEX.LIG.F2.0F 10 /r",           "Vdq, Mq",            avx_gate,    Event::none, single<MoveLow<8>>},
    {"vmovsd",       "VEX.LIG.F2.0F 10 /r",           "Vdq, Hdq, Udq",      avx_gate,    Event::none, single<Merge3<0, 0, 8, 16>>},
    {"vmovups",      "VEX.0F 11 /r",                  "Wx, Vx",             avx_gate,    Event::none, vex<WideMove<any>>},
    {"vmovupd",      "VEX.66.0F 11 /r",               "Wx, Vx",             avx_gate,    Event::none, vex<WideMove<any>>},
    {"vmovss",       "VEX.LIG.F3.0F 11 /r",           "Md, Vdq",            avx_gate,    Event::none, single<MoveLow<4>>},
    {"vmovss",       "VEX.LIG.F3.0F 11 /r",           "Udq, Hdq, Vdq",      avx_gate,    Event::none, single<Merge3<0, 0, 4, 16>>},
    {"vmovsd",       "VEX.LIG.F2.0F 11 /r",           "Mq, Vdq",            avx_gate,    Event::none, single<MoveLow<8>>},
    {"vmovsd",       "VEX.LIG.F2.0F 11 /r",           "Udq, Hdq, Vdq",      avx_gate,    Event::none, single<Merge3<0, 0, 8, 16>>},
    {"vmovlps",      "VEX.128.0F 12 /r",              "Vdq, Hdq, Mq",       avx_gate,    Event::none, single<Merge3<0, 0, 8, 8>>},
    {"vmovhlps",     "VEX.128.0F 12 /r",              "Vdq, Hdq, Udq",      avx_gate,    Event::none, single<Merge3<0, 8, 8, 16>>},
    {"vmovlpd",      "VEX.128.66.0F 12 /r",           "Vdq, Hdq, Mq",       avx_gate,    Event::none, single<Merge3<0, 0, 8, 8>>},
    {"vmovlps",      "VEX.128.0F 13 /r",              "Mq, Vdq",            avx_gate,    Event::none, single<MoveLow<8>>},
    {"vmovlpd",      "VEX.128.66.0F 13 /r",           "Mq, Vdq",            avx_gate,    Event::none, single<MoveLow<8>>},
    {"vunpcklps",    "VEX.0F 14 /r",                  "Vx, Hx, Wx",         avx_gate,    Event::none, vex<Wide<UnpackLow<u32>>>},
    {"vunpcklpd",    "VEX.66.0F 14 /r",               "Vx, Hx, Wx",         avx_gate,    Event::none, vex<Wide<UnpackLow<u64>>>},
    {"vunpckhps",    "VEX.0F 15 /r",                  "Vx, Hx, Wx",         avx_gate,    Event::none, vex<Wide<UnpackHigh<u32>>>},
    {"vunpckhpd",    "VEX.66.0F 15 /r",               "Vx, Hx, Wx",         avx_gate,    Event::none, vex<Wide<UnpackHigh<u64>>>},
    {"vmovhps",      "VEX.128.0F 16 /r",              "Vdq, Hdq, Mq",       avx_gate,    Event::none, single<Merge3<8, 0, 8, 8>>},
    {"vmovlhps",     "VEX.128.0F 16 /r",              "Vdq, Hdq, Udq",      avx_gate,    Event::none, single<Merge3<8, 0, 8, 16>>},
    {"vmovhpd",      "VEX.128.66.0F 16 /r",           "Vdq, Hdq, Mq",       avx_gate,    Event::none, single<Merge3<8, 0, 8, 8>>},
    {"vmovhps",      "VEX.128.0F 17 /r",              "Mq, Vdq",            avx_gate,    Event::none, single<StorePart<u64, 1>>},
    {"vmovhpd",      "VEX.128.66.0F 17 /r",           "Mq, Vdq",            avx_gate,    Event::none, single<StorePart<u64, 1>>},
    {"vmovaps",      "VEX.0F 28 /r",                  "Vx, Wx",             avx_gate,    Event::none, vex<WideMove<natural>>},
    {"vmovapd",      "VEX.66.0F 28 /r",               "Vx, Wx",             avx_gate,    Event::none, vex<WideMove<natural>>},
    {"vmovaps",      "VEX.0F 29 /r",                  "Wx, Vx",             avx_gate,    Event::none, vex<WideMove<natural>>},
    {"vmovapd",      "VEX.66.0F 29 /r",               "Wx, Vx",             avx_gate,    Event::none, vex<WideMove<natural>>},
    {"vmovntps",     "VEX.0F 2B /r",                  "Mx, Vx",             avx_gate,    Event::none, vex<WideMove<natural>>},
    {"vmovntpd",     "VEX.66.0F 2B /r",               "Mx, Vx",             avx_gate,    Event::none, vex<WideMove<natural>>},
    {"vmovmskps",    "VEX.0F 50 /r",                  "Gd, Ux",             avx_gate,    Event::none, vex<WideMask<u32>>},
    {"vmovmskpd",    "VEX.66.0F 50 /r",               "Gd, Ux",             avx_gate,    Event::none, vex<WideMask<u64>>},
    {"vzeroupper",   "VEX.128.0F 77",                 "",                   avx_gate,    Event::none, single<ZeroBehind<16>>},
    {"vzeroall",     "VEX.256.0F 77",                 "",                   avx_gate,    Event::none, single<ZeroBehind<0>>},
    {"vldmxcsr",     "VEX.LZ.0F AE /2",               "Md",                 avx_gate,    Event::none, plain<ldmxcsr>},
    {"vstmxcsr",     "VEX.LZ.0F AE /3",               "Md",                 avx_gate,    Event::none, plain<stmxcsr>},
    {"vshufps",      "VEX.0F C6 /r",                  "Vx, Hx, Wx, Ib",     avx_gate,    Event::none, vex<WideImmediate<Select<u32>>>},
    {"vshufpd",      "VEX.66.0F C6 /r",               "Vx, Hx, Wx, Ib",     avx_gate,    Event::none, vex<WideImmediate<Select<u64>, 2>>},

    // arithmetic
    {"vsqrtps",      "VEX.0F 51 /r",                  "Vx, Wx",             avx_gate,    Event::none, vex<Float2<fp::sqrtps>>},
    {"vsqrtpd",      "VEX.66.0F 51 /r",               "Vx, Wx",             avx_gate,    Event::none, vex<Float2<fp::sqrtpd>>},
    {"vsqrtss",      "VEX.LIG.F3.0F 51 /r",           "Vdq, Hdq, Wd",       avx_gate,    Event::none, single<FloatScalar<fp::sqrtss, 4>>},
    {"vsqrtsd",      "VEX.LIG.F2.0F 51 /r",           "Vdq, Hdq, Wq",       avx_gate,    Event::none, single<FloatScalar<fp::sqrtsd, 8>>},
    {"vrsqrtps",     "VEX.0F 52 /r",                  "Vx, Wx",             avx_gate,    Event::none, vex<WideApproximate<fp::reciprocal_root>>},
    {"vrsqrtss",     "VEX.LIG.F3.0F 52 /r",           "Vdq, Hdq, Wd",       avx_gate,    Event::none, single<ScalarApproximate<fp::reciprocal_root>>},
    {"vrcpps",       "VEX.0F 53 /r",                  "Vx, Wx",             avx_gate,    Event::none, vex<WideApproximate<fp::reciprocal>>},
    {"vrcpss",       "VEX.LIG.F3.0F 53 /r",           "Vdq, Hdq, Wd",       avx_gate,    Event::none, single<ScalarApproximate<fp::reciprocal>>},
    {"vandps",       "VEX.0F 54 /r",                  "Vx, Hx, Wx",         avx_gate,    Event::none, vex<Wide<Each<And, u64>>>},
    {"vandpd",       "VEX.66.0F 54 /r",               "Vx, Hx, Wx",         avx_gate,    Event::none, vex<Wide<Each<And, u64>>>},
    {"vandnps",      "VEX.0F 55 /r",                  "Vx, Hx, Wx",         avx_gate,    Event::none, vex<Wide<Each<AndNot, u64>>>},
    {"vandnpd",      "VEX.66.0F 55 /r",               "Vx, Hx, Wx",         avx_gate,    Event::none, vex<Wide<Each<AndNot, u64>>>},
    {"vorps",        "VEX.0F 56 /r",                  "Vx, Hx, Wx",         avx_gate,    Event::none, vex<Wide<Each<Or, u64>>>},
    {"vorpd",        "VEX.66.0F 56 /r",               "Vx, Hx, Wx",         avx_gate,    Event::none, vex<Wide<Each<Or, u64>>>},
    {"vxorps",       "VEX.0F 57 /r",                  "Vx, Hx, Wx",         avx_gate,    Event::none, vex<Wide<Each<Xor, u64>>>},
    {"vxorpd",       "VEX.66.0F 57 /r",               "Vx, Hx, Wx",         avx_gate,    Event::none, vex<Wide<Each<Xor, u64>>>},
    {"vaddps",       "VEX.0F 58 /r",                  "Vx, Hx, Wx",         avx_gate,    Event::none, vex<Float3<fp::addps>>},
    {"vaddpd",       "VEX.66.0F 58 /r",               "Vx, Hx, Wx",         avx_gate,    Event::none, vex<Float3<fp::addpd>>},
    {"vaddss",       "VEX.LIG.F3.0F 58 /r",           "Vdq, Hdq, Wd",       avx_gate,    Event::none, single<FloatScalar<fp::addss, 4>>},
    {"vaddsd",       "VEX.LIG.F2.0F 58 /r",           "Vdq, Hdq, Wq",       avx_gate,    Event::none, single<FloatScalar<fp::addsd, 8>>},
    {"vmulps",       "VEX.0F 59 /r",                  "Vx, Hx, Wx",         avx_gate,    Event::none, vex<Float3<fp::mulps>>},
    {"vmulpd",       "VEX.66.0F 59 /r",               "Vx, Hx, Wx",         avx_gate,    Event::none, vex<Float3<fp::mulpd>>},
    {"vmulss",       "VEX.LIG.F3.0F 59 /r",           "Vdq, Hdq, Wd",       avx_gate,    Event::none, single<FloatScalar<fp::mulss, 4>>},
    {"vmulsd",       "VEX.LIG.F2.0F 59 /r",           "Vdq, Hdq, Wq",       avx_gate,    Event::none, single<FloatScalar<fp::mulsd, 8>>},
    {"vsubps",       "VEX.0F 5C /r",                  "Vx, Hx, Wx",         avx_gate,    Event::none, vex<Float3<fp::subps>>},
    {"vsubpd",       "VEX.66.0F 5C /r",               "Vx, Hx, Wx",         avx_gate,    Event::none, vex<Float3<fp::subpd>>},
    {"vsubss",       "VEX.LIG.F3.0F 5C /r",           "Vdq, Hdq, Wd",       avx_gate,    Event::none, single<FloatScalar<fp::subss, 4>>},
    {"vsubsd",       "VEX.LIG.F2.0F 5C /r",           "Vdq, Hdq, Wq",       avx_gate,    Event::none, single<FloatScalar<fp::subsd, 8>>},
    {"vminps",       "VEX.0F 5D /r",                  "Vx, Hx, Wx",         avx_gate,    Event::none, vex<Float3<fp::minps>>},
    {"vminpd",       "VEX.66.0F 5D /r",               "Vx, Hx, Wx",         avx_gate,    Event::none, vex<Float3<fp::minpd>>},
    {"vminss",       "VEX.LIG.F3.0F 5D /r",           "Vdq, Hdq, Wd",       avx_gate,    Event::none, single<FloatScalar<fp::minss, 4>>},
    {"vminsd",       "VEX.LIG.F2.0F 5D /r",           "Vdq, Hdq, Wq",       avx_gate,    Event::none, single<FloatScalar<fp::minsd, 8>>},
    {"vdivps",       "VEX.0F 5E /r",                  "Vx, Hx, Wx",         avx_gate,    Event::none, vex<Float3<fp::divps>>},
    {"vdivpd",       "VEX.66.0F 5E /r",               "Vx, Hx, Wx",         avx_gate,    Event::none, vex<Float3<fp::divpd>>},
    {"vdivss",       "VEX.LIG.F3.0F 5E /r",           "Vdq, Hdq, Wd",       avx_gate,    Event::none, single<FloatScalar<fp::divss, 4>>},
    {"vdivsd",       "VEX.LIG.F2.0F 5E /r",           "Vdq, Hdq, Wq",       avx_gate,    Event::none, single<FloatScalar<fp::divsd, 8>>},
    {"vmaxps",       "VEX.0F 5F /r",                  "Vx, Hx, Wx",         avx_gate,    Event::none, vex<Float3<fp::maxps>>},
    {"vmaxpd",       "VEX.66.0F 5F /r",               "Vx, Hx, Wx",         avx_gate,    Event::none, vex<Float3<fp::maxpd>>},
    {"vmaxss",       "VEX.LIG.F3.0F 5F /r",           "Vdq, Hdq, Wd",       avx_gate,    Event::none, single<FloatScalar<fp::maxss, 4>>},
    {"vmaxsd",       "VEX.LIG.F2.0F 5F /r",           "Vdq, Hdq, Wq",       avx_gate,    Event::none, single<FloatScalar<fp::maxsd, 8>>},
    {"vcmpps",       "VEX.0F C2 /r",                  "Vx, Hx, Wx, Ib",     avx_gate,    Event::none, vcmpps},
    {"vcmppd",       "VEX.66.0F C2 /r",               "Vx, Hx, Wx, Ib",     avx_gate,    Event::none, vcmppd},
    {"vcmpss",       "VEX.LIG.F3.0F C2 /r",           "Vdq, Hdq, Wd, Ib",   avx_gate,    Event::none, vcmpss},
    {"vcmpsd",       "VEX.LIG.F2.0F C2 /r",           "Vdq, Hdq, Wq, Ib",   avx_gate,    Event::none, vcmpsd},
    {"vucomiss",     "VEX.LIG.0F 2E /r",              "Vd, Wd",             avx_gate,    Event::none, single<CompareFlags<fp::ucomiss, 4>>},
    {"vucomisd",     "VEX.LIG.66.0F 2E /r",           "Vq, Wq",             avx_gate,    Event::none, single<CompareFlags<fp::ucomisd, 8>>},
    {"vcomiss",      "VEX.LIG.0F 2F /r",              "Vd, Wd",             avx_gate,    Event::none, single<CompareFlags<fp::comiss, 4>>},
    {"vcomisd",      "VEX.LIG.66.0F 2F /r",           "Vq, Wq",             avx_gate,    Event::none, single<CompareFlags<fp::comisd, 8>>},

    // conversions
    {"vcvtsi2ss",    "VEX.LIG.F3.0F 2A /r",           "Vdq, Hdq, Ey",       avx_gate,    Event::none, run<FromInteger3<fp::cvtsi2ss4, fp::cvtsi2ss8>>},
    {"vcvttss2si",   "VEX.LIG.F3.0F 2C /r",           "Gy, Wd",             avx_gate,    Event::none, run<ToInteger<fp::cvttss2si4, fp::cvttss2si8, 4>>},
    {"vcvtss2si",    "VEX.LIG.F3.0F 2D /r",           "Gy, Wd",             avx_gate,    Event::none, run<ToInteger<fp::cvtss2si4, fp::cvtss2si8, 4>>},
    {"vcvtsi2sd",    "VEX.LIG.F2.0F 2A /r",           "Vdq, Hdq, Ey",       avx_gate,    Event::none, run<FromInteger3<fp::cvtsi2sd4, fp::cvtsi2sd8>>},
    {"vcvttsd2si",   "VEX.LIG.F2.0F 2C /r",           "Gy, Wq",             avx_gate,    Event::none, run<ToInteger<fp::cvttsd2si4, fp::cvttsd2si8, 8>>},
    {"vcvtsd2si",    "VEX.LIG.F2.0F 2D /r",           "Gy, Wq",             avx_gate,    Event::none, run<ToInteger<fp::cvtsd2si4, fp::cvtsd2si8, 8>>},
    {"vcvtps2pd",    "VEX.0F 5A /r",                  "Vx, Wx/2",           avx_gate,    Event::none, vex<FloatWiden<fp::cvtps2pd>>},
    {"vcvtpd2ps",    "VEX.66.0F 5A /r",               "Vdq, Wx",            avx_gate,    Event::none, vex<FloatNarrow<fp::cvtpd2ps>>},
    {"vcvtss2sd",    "VEX.LIG.F3.0F 5A /r",           "Vdq, Hdq, Wd",       avx_gate,    Event::none, single<FloatScalar<fp::cvtss2sd, 4>>},
    {"vcvtsd2ss",    "VEX.LIG.F2.0F 5A /r",           "Vdq, Hdq, Wq",       avx_gate,    Event::none, single<FloatScalar<fp::cvtsd2ss, 8>>},
    {"vcvtdq2ps",    "VEX.0F 5B /r",                  "Vx, Wx",             avx_gate,    Event::none, vex<Float2<fp::cvtdq2ps>>},
    {"vcvtps2dq",    "VEX.66.0F 5B /r",               "Vx, Wx",             avx_gate,    Event::none, vex<Float2<fp::cvtps2dq>>},
    {"vcvttps2dq",   "VEX.F3.0F 5B /r",               "Vx, Wx",             avx_gate,    Event::none, vex<Float2<fp::cvttps2dq>>},
    {"vcvttpd2dq",   "VEX.66.0F E6 /r",               "Vdq, Wx",            avx_gate,    Event::none, vex<FloatNarrow<fp::cvttpd2dq>>},
    {"vcvtdq2pd",    "VEX.F3.0F E6 /r",               "Vx, Wx/2",           avx_gate,    Event::none, vex<FloatWiden<fp::cvtdq2pd>>},
    {"vcvtpd2dq",    "VEX.F2.0F E6 /r",               "Vdq, Wx",            avx_gate,    Event::none, vex<FloatNarrow<fp::cvtpd2dq>>},

    // what SSE has not
    {"vbroadcastss", "VEX.66.0F38.W0 18 /r",          "Vx, Md",             avx_gate,    Event::none, vex<BroadcastLane<u32>>},
    {"vbroadcastsd", "VEX.256.66.0F38.W0 19 /r",      "Vqq, Mq",            avx_gate,    Event::none, single<BroadcastLane<u64>>},
    {"vbroadcastf128","VEX.256.66.0F38.W0 1A /r",      "Vqq, Mdq",           avx_gate,    Event::none, single<BroadcastHalf>},
    {"vinsertf128",  "VEX.256.66.0F3A.W0 18 /r",      "Vqq, Hqq, Wdq, Ib",  avx_gate,    Event::none, single<InsertHalf>},
    {"vextractf128", "VEX.256.66.0F3A.W0 19 /r",      "Wdq, Vqq, Ib",       avx_gate,    Event::none, single<ExtractHalf>},
    {"vperm2f128",   "VEX.256.66.0F3A.W0 06 /r",      "Vqq, Hqq, Wqq, Ib",  avx_gate,    Event::none, single<Whole3Immediate<PermuteHalves>>},
    {"vpermilps",    "VEX.66.0F38.W0 0C /r",          "Vx, Hx, Wx",         avx_gate,    Event::none, vex<Wide<PermuteBy<u32>>>},
    {"vpermilpd",    "VEX.66.0F38.W0 0D /r",          "Vx, Hx, Wx",         avx_gate,    Event::none, vex<Wide<PermuteBy<u64>>>},
    {"vpermilps",    "VEX.66.0F3A.W0 04 /r",          "Vx, Wx, Ib",         avx_gate,    Event::none, vex<WideOrder<Shuffle<u32, 0>>>},
    {"vpermilpd",    "VEX.66.0F3A.W0 05 /r",          "Vx, Wx, Ib",         avx_gate,    Event::none, vex<WideOrder<PermutePairs, 2>>},
    {"vtestps",      "VEX.66.0F38.W0 0E /r",          "Vx, Wx",             avx_gate,    Event::none, vex<TestSigns<u32>>},
    {"vtestpd",      "VEX.66.0F38.W0 0F /r",          "Vx, Wx",             avx_gate,    Event::none, vex<TestSigns<u64>>},
    {"vmaskmovps",   "VEX.66.0F38.W0 2C /r",          "Vx, Hx, Mx",         avx_gate,    Event::none, vex<MaskedLoad<u32>>},
    {"vmaskmovpd",   "VEX.66.0F38.W0 2D /r",          "Vx, Hx, Mx",         avx_gate,    Event::none, vex<MaskedLoad<u64>>},
    {"vmaskmovps",   "VEX.66.0F38.W0 2E /r",          "Mx, Hx, Vx",         avx_gate,    Event::none, vex<MaskedStore<u32>>},
    {"vmaskmovpd",   "VEX.66.0F38.W0 2F /r",          "Mx, Hx, Vx",         avx_gate,    Event::none, vex<MaskedStore<u64>>},
};
static_assert(no_overlap(rows), "two rows claim the same bytes");

}
std::span<const Row> avx() { return rows; }
}
