// SPDX-License-Identifier: MIT
// AVX2: broadcasts, permutations, shifts lane by lane, masked moves, gathers (SDM vol. 2).
#include "cpu/isa/families.h"
#include "cpu/isa/sse/permute.h"

namespace isa {
namespace {

using namespace lanes;

constexpr Gate avx2_gate{.needs = Feature::avx2, .unit = Unit::avx};

constexpr Row rows[] = {
    // name          encoding                         operands              gate         event        run
    {"vbroadcastss", "VEX.66.0F38.W0 18 /r",          "Vx, Ud",             avx2_gate,   Event::none, vex<BroadcastLane<u32>>},
    {"vbroadcastsd", "VEX.256.66.0F38.W0 19 /r",      "Vqq, Uq",            avx2_gate,   Event::none, single<BroadcastLane<u64>>},
    {"vpbroadcastb", "VEX.66.0F38.W0 78 /r",          "Vx, Wb",             avx2_gate,   Event::none, vex<BroadcastLane<u8>>},
    {"vpbroadcastw", "VEX.66.0F38.W0 79 /r",          "Vx, Ww",             avx2_gate,   Event::none, vex<BroadcastLane<u16>>},
    {"vpbroadcastd", "VEX.66.0F38.W0 58 /r",          "Vx, Wd",             avx2_gate,   Event::none, vex<BroadcastLane<u32>>},
    {"vpbroadcastq", "VEX.66.0F38.W0 59 /r",          "Vx, Wq",             avx2_gate,   Event::none, vex<BroadcastLane<u64>>},
    {"vbroadcasti128","VEX.256.66.0F38.W0 5A /r",      "Vqq, Mdq",           avx2_gate,   Event::none, single<BroadcastHalf>},
    {"vinserti128",  "VEX.256.66.0F3A.W0 38 /r",      "Vqq, Hqq, Wdq, Ib",  avx2_gate,   Event::none, single<InsertHalf>},
    {"vextracti128", "VEX.256.66.0F3A.W0 39 /r",      "Wdq, Vqq, Ib",       avx2_gate,   Event::none, single<ExtractHalf>},
    {"vperm2i128",   "VEX.256.66.0F3A.W0 46 /r",      "Vqq, Hqq, Wqq, Ib",  avx2_gate,   Event::none, single<Whole3Immediate<PermuteHalves>>},
    {"vpermps",      "VEX.256.66.0F38.W0 16 /r",      "Vqq, Hqq, Wqq",      avx2_gate,   Event::none, single<Whole3<PermuteAll>>},
    {"vpermd",       "VEX.256.66.0F38.W0 36 /r",      "Vqq, Hqq, Wqq",      avx2_gate,   Event::none, single<Whole3<PermuteAll>>},
    {"vpermq",       "VEX.256.66.0F3A.W1 00 /r",      "Vqq, Wqq, Ib",       avx2_gate,   Event::none, single<Whole2Immediate<PermuteQuads>>},
    {"vpermpd",      "VEX.256.66.0F3A.W1 01 /r",      "Vqq, Wqq, Ib",       avx2_gate,   Event::none, single<Whole2Immediate<PermuteQuads>>},
    {"vpblendd",     "VEX.66.0F3A.W0 02 /r",          "Vx, Hx, Wx, Ib",     avx2_gate,   Event::none, vex<WideImmediate<Blend<u32>, 4>>},
    {"vpsrlvd",      "VEX.66.0F38.W0 45 /r",          "Vx, Hx, Wx",         avx2_gate,   Event::none, vex<Wide<Each<RightBy, u32>>>},
    {"vpsrlvq",      "VEX.66.0F38.W1 45 /r",          "Vx, Hx, Wx",         avx2_gate,   Event::none, vex<Wide<Each<RightBy, u64>>>},
    {"vpsllvd",      "VEX.66.0F38.W0 47 /r",          "Vx, Hx, Wx",         avx2_gate,   Event::none, vex<Wide<Each<LeftBy, u32>>>},
    {"vpsllvq",      "VEX.66.0F38.W1 47 /r",          "Vx, Hx, Wx",         avx2_gate,   Event::none, vex<Wide<Each<LeftBy, u64>>>},
    {"vpsravd",      "VEX.66.0F38.W0 46 /r",          "Vx, Hx, Wx",         avx2_gate,   Event::none, vex<Wide<Each<RightSignedBy, u32>>>},
    {"vpmaskmovd",   "VEX.66.0F38.W0 8C /r",          "Vx, Hx, Mx",         avx2_gate,   Event::none, vex<MaskedLoad<u32>>},
    {"vpmaskmovq",   "VEX.66.0F38.W1 8C /r",          "Vx, Hx, Mx",         avx2_gate,   Event::none, vex<MaskedLoad<u64>>},
    {"vpmaskmovd",   "VEX.66.0F38.W0 8E /r",          "Mx, Hx, Vx",         avx2_gate,   Event::none, vex<MaskedStore<u32>>},
    {"vpmaskmovq",   "VEX.66.0F38.W1 8E /r",          "Mx, Hx, Vx",         avx2_gate,   Event::none, vex<MaskedStore<u64>>},
    {"vpgatherdd",   "VEX.66.0F38.W0 90 /r",          "Vx, vm32, Hx",       avx2_gate,   Event::none, vex<Gather<u32, s32>>},
    {"vpgatherdq",   "VEX.66.0F38.W1 90 /r",          "Vx, vm32, Hx",       avx2_gate,   Event::none, vex<Gather<u64, s32>>},
    {"vpgatherqd",   "VEX.66.0F38.W0 91 /r",          "Vx/2, vm64, Hx/2",   avx2_gate,   Event::none, vex<Gather<u32, s64>>},
    {"vpgatherqq",   "VEX.66.0F38.W1 91 /r",          "Vx, vm64, Hx",       avx2_gate,   Event::none, vex<Gather<u64, s64>>},
    {"vgatherdps",   "VEX.66.0F38.W0 92 /r",          "Vx, vm32, Hx",       avx2_gate,   Event::none, vex<Gather<u32, s32>>},
    {"vgatherdpd",   "VEX.66.0F38.W1 92 /r",          "Vx, vm32, Hx",       avx2_gate,   Event::none, vex<Gather<u64, s32>>},
    {"vgatherqps",   "VEX.66.0F38.W0 93 /r",          "Vx/2, vm64, Hx/2",   avx2_gate,   Event::none, vex<Gather<u32, s64>>},
    {"vgatherqpd",   "VEX.66.0F38.W1 93 /r",          "Vx, vm64, Hx",       avx2_gate,   Event::none, vex<Gather<u64, s64>>},
};
static_assert(no_overlap(rows), "two rows claim the same bytes");

}
std::span<const Row> avx2() { return rows; }
}
