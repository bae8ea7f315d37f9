// SPDX-License-Identifier: MIT
// SSE4.1 (SDM vol. 2).
#include "cpu/isa/families.h"
#include "cpu/isa/sse/float_composed.h"
#include "cpu/isa/sse/packed.h"

namespace isa {
namespace {

using namespace lanes;

constexpr Gate gate{.needs = Feature::sse4_1, .unit = Unit::sse};

template <class From, class To> constexpr Semantics extend = single<PackedOne<Extend<From, To>, 16 / (sizeof(To) / sizeof(From))>>;
template <class T, unsigned Lanes> constexpr Semantics integral = single<ComputationImmediate<FloatIntegral<T, Lanes>, Lanes * sizeof(T)>>;
template <bool intel> using Dpps = ComputationImmediate<FloatDotProduct<u32, fp::mulps, fp::addps, intel>>;
template <bool intel> using Dppd = ComputationImmediate<FloatDotProduct<u64, fp::mulpd, fp::addpd, intel>>;
constexpr Semantics dpps = single<ByVendor<Dpps<true>, Dpps<false>>>, dppd = single<ByVendor<Dppd<true>, Dppd<false>>>;

constexpr Row rows[] = {
    // name        encoding                    operands            gate  event        run
    {"pblendvb",   "66 0F 38 10 /r",           "Vdq, Wdq, XMM0",   gate, Event::none, single<PackedThree<BlendBySign<u8>>>},
    {"blendvps",   "66 0F 38 14 /r",           "Vdq, Wdq, XMM0",   gate, Event::none, single<PackedThree<BlendBySign<u32>>>},
    {"blendvpd",   "66 0F 38 15 /r",           "Vdq, Wdq, XMM0",   gate, Event::none, single<PackedThree<BlendBySign<u64>>>},
    {"ptest",      "66 0F 38 17 /r",           "Vdq, Wdq",         gate, Event::none, single<PackedFlags<Test>>},
    {"pmovsxbw",   "66 0F 38 20 /r",           "Vdq, Wq",          gate, Event::none, extend<s8, s16>},
    {"pmovsxbd",   "66 0F 38 21 /r",           "Vdq, Wd",          gate, Event::none, extend<s8, s32>},
    {"pmovsxbq",   "66 0F 38 22 /r",           "Vdq, Ww",          gate, Event::none, extend<s8, s64>},
    {"pmovsxwd",   "66 0F 38 23 /r",           "Vdq, Wq",          gate, Event::none, extend<s16, s32>},
    {"pmovsxwq",   "66 0F 38 24 /r",           "Vdq, Wd",          gate, Event::none, extend<s16, s64>},
    {"pmovsxdq",   "66 0F 38 25 /r",           "Vdq, Wq",          gate, Event::none, extend<s32, s64>},
    {"pmuldq",     "66 0F 38 28 /r",           "Vdq, Wdq",         gate, Event::none, single<Packed<Each<MultiplyEvenSigned, u64>>>},
    {"pcmpeqq",    "66 0F 38 29 /r",           "Vdq, Wdq",         gate, Event::none, single<Packed<Each<Equal, u64>>>},
    {"movntdqa",   "66 0F 38 2A /r",           "Vdq, Mdq",         gate, Event::none, single<MoveVector<16>>},
    {"packusdw",   "66 0F 38 2B /r",           "Vdq, Wdq",         gate, Event::none, single<Packed<Pack<u16, s32>>>},
    {"pmovzxbw",   "66 0F 38 30 /r",           "Vdq, Wq",          gate, Event::none, extend<u8, u16>},
    {"pmovzxbd",   "66 0F 38 31 /r",           "Vdq, Wd",          gate, Event::none, extend<u8, u32>},
    {"pmovzxbq",   "66 0F 38 32 /r",           "Vdq, Ww",          gate, Event::none, extend<u8, u64>},
    {"pmovzxwd",   "66 0F 38 33 /r",           "Vdq, Wq",          gate, Event::none, extend<u16, u32>},
    {"pmovzxwq",   "66 0F 38 34 /r",           "Vdq, Wd",          gate, Event::none, extend<u16, u64>},
    {"pmovzxdq",   "66 0F 38 35 /r",           "Vdq, Wq",          gate, Event::none, extend<u32, u64>},
    {"pminsb",     "66 0F 38 38 /r",           "Vdq, Wdq",         gate, Event::none, single<Packed<Each<Minimum, s8>>>},
    {"pminsd",     "66 0F 38 39 /r",           "Vdq, Wdq",         gate, Event::none, single<Packed<Each<Minimum, s32>>>},
    {"pminuw",     "66 0F 38 3A /r",           "Vdq, Wdq",         gate, Event::none, single<Packed<Each<Minimum, u16>>>},
    {"pminud",     "66 0F 38 3B /r",           "Vdq, Wdq",         gate, Event::none, single<Packed<Each<Minimum, u32>>>},
    {"pmaxsb",     "66 0F 38 3C /r",           "Vdq, Wdq",         gate, Event::none, single<Packed<Each<Maximum, s8>>>},
    {"pmaxsd",     "66 0F 38 3D /r",           "Vdq, Wdq",         gate, Event::none, single<Packed<Each<Maximum, s32>>>},
    {"pmaxuw",     "66 0F 38 3E /r",           "Vdq, Wdq",         gate, Event::none, single<Packed<Each<Maximum, u16>>>},
    {"pmaxud",     "66 0F 38 3F /r",           "Vdq, Wdq",         gate, Event::none, single<Packed<Each<Maximum, u32>>>},
    {"pmulld",     "66 0F 38 40 /r",           "Vdq, Wdq",         gate, Event::none, single<Packed<Each<MultiplyLow, u32>>>},
    {"phminposuw", "66 0F 38 41 /r",           "Vdq, Wdq",         gate, Event::none, single<PackedOne<MinimumWord>>},
    {"roundps",    "66 0F 3A 08 /r",           "Vdq, Wdq, Ib",     gate, Event::none, integral<u32, 4>},
    {"roundpd",    "66 0F 3A 09 /r",           "Vdq, Wdq, Ib",     gate, Event::none, integral<u64, 2>},
    {"roundss",    "66 0F 3A 0A /r",           "Vd, Wd, Ib",       gate, Event::none, integral<u32, 1>},
    {"roundsd",    "66 0F 3A 0B /r",           "Vq, Wq, Ib",       gate, Event::none, integral<u64, 1>},
    {"blendps",    "66 0F 3A 0C /r",           "Vdq, Wdq, Ib",     gate, Event::none, single<PackedImmediate<Blend<u32>>>},
    {"blendpd",    "66 0F 3A 0D /r",           "Vdq, Wdq, Ib",     gate, Event::none, single<PackedImmediate<Blend<u64>>>},
    {"pblendw",    "66 0F 3A 0E /r",           "Vdq, Wdq, Ib",     gate, Event::none, single<PackedImmediate<Blend<u16>>>},
    {"pextrb",     "66 0F 3A 14 /r",           "Mb, Vdq, Ib",      gate, Event::none, single<StoreLane<u8>>},
    {"pextrb",     "66 0F 3A 14 /r",           "Rd, Vdq, Ib",      gate, Event::none, single<StoreLane<u8, u32>>},
    {"pextrw",     "66 0F 3A 15 /r",           "Mw, Vdq, Ib",      gate, Event::none, single<StoreLane<u16>>},
    {"pextrw",     "66 0F 3A 15 /r",           "Rd, Vdq, Ib",      gate, Event::none, single<StoreLane<u16, u32>>},
    {"pextrq",     "66 REX.W 0F 3A 16 /r",     "Eq, Vdq, Ib",      gate, Event::none, single<StoreLane<u64>>},
    {"pextrd",     "66 0F 3A 16 /r",           "Ed, Vdq, Ib",      gate, Event::none, single<StoreLane<u32>>},
    {"extractps",  "66 0F 3A 17 /r",           "Ed, Vdq, Ib",      gate, Event::none, single<StoreLane<u32>>},
    {"pinsrb",     "66 0F 3A 20 /r",           "Vdq, Mb, Ib",      gate, Event::none, single<PutLane<u8>>},
    {"pinsrb",     "66 0F 3A 20 /r",           "Vdq, Rd, Ib",      gate, Event::none, single<PutLane<u8>>},
    {"insertps",   "66 0F 3A 21 /r",           "Vdq, Md, Ib",      gate, Event::none, single<PackedImmediate<InsertSingleLoaded, 4>>},
    {"insertps",   "66 0F 3A 21 /r",           "Vdq, Udq, Ib",     gate, Event::none, single<PackedImmediate<InsertSingle>>},
    {"pinsrq",     "66 REX.W 0F 3A 22 /r",     "Vdq, Eq, Ib",      gate, Event::none, single<PutLane<u64>>},
    {"pinsrd",     "66 0F 3A 22 /r",           "Vdq, Ed, Ib",      gate, Event::none, single<PutLane<u32>>},
    {"dpps",       "66 0F 3A 40 /r",           "Vdq, Wdq, Ib",     gate, Event::none, dpps},
    {"dppd",       "66 0F 3A 41 /r",           "Vdq, Wdq, Ib",     gate, Event::none, dppd},
    {"mpsadbw",    "66 0F 3A 42 /r",           "Vdq, Wdq, Ib",     gate, Event::none, single<PackedImmediate<SumsOfDifferences>>},
};
static_assert(no_overlap(rows), "two rows claim the same bytes");

}
std::span<const Row> sse41() { return rows; }
}
