// SPDX-License-Identifier: MIT
// AVX and AVX2: the packed integers of SSE2 (SDM vol. 2). With 256 bits most need AVX2.
#include "cpu/isa/families.h"
#include "cpu/isa/sse/move.h"
#include "cpu/isa/sse/packed.h"
#include "cpu/isa/sse/wide.h"

namespace isa {
namespace {

using namespace lanes;
using enum Alignment;

constexpr Gate avx_gate{.needs = Feature::avx, .unit = Unit::avx};
constexpr Gate integer_gate{.needs = Feature::avx, .needs256 = Feature::avx2, .unit = Unit::avx};
constexpr Gate only64_gate{.needs = Feature::avx, .only64 = true, .unit = Unit::avx};      // outside 64-bit mode W is ignored

constexpr Row rows[] = {
    // name          encoding                         operands              gate         event        run
    {"vpunpcklbw",   "VEX.66.0F 60 /r",               "Vx, Hx, Wx",         integer_gate,Event::none, vex<Wide<UnpackLow<u8>>>},
    {"vpunpcklwd",   "VEX.66.0F 61 /r",               "Vx, Hx, Wx",         integer_gate,Event::none, vex<Wide<UnpackLow<u16>>>},
    {"vpunpckldq",   "VEX.66.0F 62 /r",               "Vx, Hx, Wx",         integer_gate,Event::none, vex<Wide<UnpackLow<u32>>>},
    {"vpacksswb",    "VEX.66.0F 63 /r",               "Vx, Hx, Wx",         integer_gate,Event::none, vex<Wide<Pack<s8, s16>>>},
    {"vpcmpgtb",     "VEX.66.0F 64 /r",               "Vx, Hx, Wx",         integer_gate,Event::none, vex<Wide<Each<Greater, s8>>>},
    {"vpcmpgtw",     "VEX.66.0F 65 /r",               "Vx, Hx, Wx",         integer_gate,Event::none, vex<Wide<Each<Greater, s16>>>},
    {"vpcmpgtd",     "VEX.66.0F 66 /r",               "Vx, Hx, Wx",         integer_gate,Event::none, vex<Wide<Each<Greater, s32>>>},
    {"vpackuswb",    "VEX.66.0F 67 /r",               "Vx, Hx, Wx",         integer_gate,Event::none, vex<Wide<Pack<u8, s16>>>},
    {"vpunpckhbw",   "VEX.66.0F 68 /r",               "Vx, Hx, Wx",         integer_gate,Event::none, vex<Wide<UnpackHigh<u8>>>},
    {"vpunpckhwd",   "VEX.66.0F 69 /r",               "Vx, Hx, Wx",         integer_gate,Event::none, vex<Wide<UnpackHigh<u16>>>},
    {"vpunpckhdq",   "VEX.66.0F 6A /r",               "Vx, Hx, Wx",         integer_gate,Event::none, vex<Wide<UnpackHigh<u32>>>},
    {"vpackssdw",    "VEX.66.0F 6B /r",               "Vx, Hx, Wx",         integer_gate,Event::none, vex<Wide<Pack<s16, s32>>>},
    {"vpunpcklqdq",  "VEX.66.0F 6C /r",               "Vx, Hx, Wx",         integer_gate,Event::none, vex<Wide<UnpackLow<u64>>>},
    {"vpunpckhqdq",  "VEX.66.0F 6D /r",               "Vx, Hx, Wx",         integer_gate,Event::none, vex<Wide<UnpackHigh<u64>>>},
    {"vmovq",        "VEX.128.66.0F.W1 6E /r",        "Vdq, Eq",            only64_gate, Event::none, single<MoveWidened<u64>>},
    {"vmovd",        "VEX.128.66.0F 6E /r",           "Vdq, Ed",            avx_gate,    Event::none, single<MoveWidened<u32>>},
    {"vmovdqa",      "VEX.66.0F 6F /r",               "Vx, Wx",             avx_gate,    Event::none, vex<WideMove<natural>>},
    {"vmovdqu",      "VEX.F3.0F 6F /r",               "Vx, Wx",             avx_gate,    Event::none, vex<WideMove<any>>},
    {"vpshufd",      "VEX.66.0F 70 /r",               "Vx, Wx, Ib",         integer_gate,Event::none, vex<WideOrder<Shuffle<u32, 0>>>},
    {"vpshufhw",     "VEX.F3.0F 70 /r",               "Vx, Wx, Ib",         integer_gate,Event::none, vex<WideOrder<Shuffle<u16, 4>>>},
    {"vpshuflw",     "VEX.F2.0F 70 /r",               "Vx, Wx, Ib",         integer_gate,Event::none, vex<WideOrder<Shuffle<u16, 0>>>},
    {"vpsrlw",       "VEX.66.0F 71 /2",               "Hx, Ux, Ib",         integer_gate,Event::none, vex<WideShiftImmediate<Right<u16>>>},
    {"vpsraw",       "VEX.66.0F 71 /4",               "Hx, Ux, Ib",         integer_gate,Event::none, vex<WideShiftImmediate<Right<s16>>>},
    {"vpsllw",       "VEX.66.0F 71 /6",               "Hx, Ux, Ib",         integer_gate,Event::none, vex<WideShiftImmediate<Left<u16>>>},
    {"vpsrld",       "VEX.66.0F 72 /2",               "Hx, Ux, Ib",         integer_gate,Event::none, vex<WideShiftImmediate<Right<u32>>>},
    {"vpsrad",       "VEX.66.0F 72 /4",               "Hx, Ux, Ib",         integer_gate,Event::none, vex<WideShiftImmediate<Right<s32>>>},
    {"vpslld",       "VEX.66.0F 72 /6",               "Hx, Ux, Ib",         integer_gate,Event::none, vex<WideShiftImmediate<Left<u32>>>},
    {"vpsrlq",       "VEX.66.0F 73 /2",               "Hx, Ux, Ib",         integer_gate,Event::none, vex<WideShiftImmediate<Right<u64>>>},
    {"vpsllq",       "VEX.66.0F 73 /6",               "Hx, Ux, Ib",         integer_gate,Event::none, vex<WideShiftImmediate<Left<u64>>>},
    {"vpsrldq",      "VEX.66.0F 73 /3",               "Hx, Ux, Ib",         integer_gate,Event::none, vex<WideShiftImmediate<RightBytes>>},
    {"vpslldq",      "VEX.66.0F 73 /7",               "Hx, Ux, Ib",         integer_gate,Event::none, vex<WideShiftImmediate<LeftBytes>>},
    {"vpcmpeqb",     "VEX.66.0F 74 /r",               "Vx, Hx, Wx",         integer_gate,Event::none, vex<Wide<Each<Equal, u8>>>},
    {"vpcmpeqw",     "VEX.66.0F 75 /r",               "Vx, Hx, Wx",         integer_gate,Event::none, vex<Wide<Each<Equal, u16>>>},
    {"vpcmpeqd",     "VEX.66.0F 76 /r",               "Vx, Hx, Wx",         integer_gate,Event::none, vex<Wide<Each<Equal, u32>>>},
    {"vmovq",        "VEX.128.66.0F.W1 7E /r",        "Eq, Vq",             only64_gate, Event::none, single<StorePart<u64>>},
    {"vmovd",        "VEX.128.66.0F 7E /r",           "Ed, Vd",             avx_gate,    Event::none, single<StorePart<u32>>},
    {"vmovq",        "VEX.128.F3.0F 7E /r",           "Vdq, Wq",            avx_gate,    Event::none, single<MoveLow<8>>},
    {"vmovdqa",      "VEX.66.0F 7F /r",               "Wx, Vx",             avx_gate,    Event::none, vex<WideMove<natural>>},
    {"vmovdqu",      "VEX.F3.0F 7F /r",               "Wx, Vx",             avx_gate,    Event::none, vex<WideMove<any>>},
    {"vpinsrw",      "VEX.128.66.0F C4 /r",           "Vdq, Hdq, Ew, Ib",   avx_gate,    Event::none, single<PutWord3>},
    {"vpextrw",      "VEX.128.66.0F C5 /r",           "Gd, Udq, Ib",        avx_gate,    Event::none, single<MoveWord>},
    {"vpsrlw",       "VEX.66.0F D1 /r",               "Vx, Hx, Wdq",        integer_gate,Event::none, vex<WideShift<Right<u16>>>},
    {"vpsrld",       "VEX.66.0F D2 /r",               "Vx, Hx, Wdq",        integer_gate,Event::none, vex<WideShift<Right<u32>>>},
    {"vpsrlq",       "VEX.66.0F D3 /r",               "Vx, Hx, Wdq",        integer_gate,Event::none, vex<WideShift<Right<u64>>>},
    {"vpaddq",       "VEX.66.0F D4 /r",               "Vx, Hx, Wx",         integer_gate,Event::none, vex<Wide<Each<Add, u64>>>},
    {"vpmullw",      "VEX.66.0F D5 /r",               "Vx, Hx, Wx",         integer_gate,Event::none, vex<Wide<Each<MultiplyLow, u16>>>},
    {"vmovq",        "VEX.128.66.0F D6 /r",           "Wq, Vq",             avx_gate,    Event::none, single<MoveLow<8>>},
    {"vpmovmskb",    "VEX.66.0F D7 /r",               "Gd, Ux",             integer_gate,Event::none, vex<WideMask<u8>>},
    {"vpsubusb",     "VEX.66.0F D8 /r",               "Vx, Hx, Wx",         integer_gate,Event::none, vex<Wide<Each<SubSaturated, u8>>>},
    {"vpsubusw",     "VEX.66.0F D9 /r",               "Vx, Hx, Wx",         integer_gate,Event::none, vex<Wide<Each<SubSaturated, u16>>>},
    {"vpminub",      "VEX.66.0F DA /r",               "Vx, Hx, Wx",         integer_gate,Event::none, vex<Wide<Each<Minimum, u8>>>},
    {"vpand",        "VEX.66.0F DB /r",               "Vx, Hx, Wx",         integer_gate,Event::none, vex<Wide<Each<And, u64>>>},
    {"vpaddusb",     "VEX.66.0F DC /r",               "Vx, Hx, Wx",         integer_gate,Event::none, vex<Wide<Each<AddSaturated, u8>>>},
    {"vpaddusw",     "VEX.66.0F DD /r",               "Vx, Hx, Wx",         integer_gate,Event::none, vex<Wide<Each<AddSaturated, u16>>>},
    {"vpmaxub",      "VEX.66.0F DE /r",               "Vx, Hx, Wx",         integer_gate,Event::none, vex<Wide<Each<Maximum, u8>>>},
    {"vpandn",       "VEX.66.0F DF /r",               "Vx, Hx, Wx",         integer_gate,Event::none, vex<Wide<Each<AndNot, u64>>>},
    {"vpavgb",       "VEX.66.0F E0 /r",               "Vx, Hx, Wx",         integer_gate,Event::none, vex<Wide<Each<Average, u8>>>},
    {"vpsraw",       "VEX.66.0F E1 /r",               "Vx, Hx, Wdq",        integer_gate,Event::none, vex<WideShift<Right<s16>>>},
    {"vpsrad",       "VEX.66.0F E2 /r",               "Vx, Hx, Wdq",        integer_gate,Event::none, vex<WideShift<Right<s32>>>},
    {"vpavgw",       "VEX.66.0F E3 /r",               "Vx, Hx, Wx",         integer_gate,Event::none, vex<Wide<Each<Average, u16>>>},
    {"vpmulhuw",     "VEX.66.0F E4 /r",               "Vx, Hx, Wx",         integer_gate,Event::none, vex<Wide<Each<MultiplyHigh, u16>>>},
    {"vpmulhw",      "VEX.66.0F E5 /r",               "Vx, Hx, Wx",         integer_gate,Event::none, vex<Wide<Each<MultiplyHigh, s16>>>},
    {"vmovntdq",     "VEX.66.0F E7 /r",               "Mx, Vx",             avx_gate,    Event::none, vex<WideMove<natural>>},
    {"vpsubsb",      "VEX.66.0F E8 /r",               "Vx, Hx, Wx",         integer_gate,Event::none, vex<Wide<Each<SubSaturated, s8>>>},
    {"vpsubsw",      "VEX.66.0F E9 /r",               "Vx, Hx, Wx",         integer_gate,Event::none, vex<Wide<Each<SubSaturated, s16>>>},
    {"vpminsw",      "VEX.66.0F EA /r",               "Vx, Hx, Wx",         integer_gate,Event::none, vex<Wide<Each<Minimum, s16>>>},
    {"vpor",         "VEX.66.0F EB /r",               "Vx, Hx, Wx",         integer_gate,Event::none, vex<Wide<Each<Or, u64>>>},
    {"vpaddsb",      "VEX.66.0F EC /r",               "Vx, Hx, Wx",         integer_gate,Event::none, vex<Wide<Each<AddSaturated, s8>>>},
    {"vpaddsw",      "VEX.66.0F ED /r",               "Vx, Hx, Wx",         integer_gate,Event::none, vex<Wide<Each<AddSaturated, s16>>>},
    {"vpmaxsw",      "VEX.66.0F EE /r",               "Vx, Hx, Wx",         integer_gate,Event::none, vex<Wide<Each<Maximum, s16>>>},
    {"vpxor",        "VEX.66.0F EF /r",               "Vx, Hx, Wx",         integer_gate,Event::none, vex<Wide<Each<Xor, u64>>>},
    {"vpsllw",       "VEX.66.0F F1 /r",               "Vx, Hx, Wdq",        integer_gate,Event::none, vex<WideShift<Left<u16>>>},
    {"vpslld",       "VEX.66.0F F2 /r",               "Vx, Hx, Wdq",        integer_gate,Event::none, vex<WideShift<Left<u32>>>},
    {"vpsllq",       "VEX.66.0F F3 /r",               "Vx, Hx, Wdq",        integer_gate,Event::none, vex<WideShift<Left<u64>>>},
    {"vpmuludq",     "VEX.66.0F F4 /r",               "Vx, Hx, Wx",         integer_gate,Event::none, vex<Wide<Each<MultiplyEven, u64>>>},
    {"vpmaddwd",     "VEX.66.0F F5 /r",               "Vx, Hx, Wx",         integer_gate,Event::none, vex<Wide<Each<MultiplyAdd, u32>>>},
    {"vpsadbw",      "VEX.66.0F F6 /r",               "Vx, Hx, Wx",         integer_gate,Event::none, vex<Wide<Each<SumOfDifferences, u64>>>},
    {"vmaskmovdqu",  "VEX.128.66.0F F7 /r",           "Vdq, Udq, BDdq",     avx_gate,    Event::none, plain<masked_move<16>>},
    {"vpsubb",       "VEX.66.0F F8 /r",               "Vx, Hx, Wx",         integer_gate,Event::none, vex<Wide<Each<Sub, u8>>>},
    {"vpsubw",       "VEX.66.0F F9 /r",               "Vx, Hx, Wx",         integer_gate,Event::none, vex<Wide<Each<Sub, u16>>>},
    {"vpsubd",       "VEX.66.0F FA /r",               "Vx, Hx, Wx",         integer_gate,Event::none, vex<Wide<Each<Sub, u32>>>},
    {"vpsubq",       "VEX.66.0F FB /r",               "Vx, Hx, Wx",         integer_gate,Event::none, vex<Wide<Each<Sub, u64>>>},
    {"vpaddb",       "VEX.66.0F FC /r",               "Vx, Hx, Wx",         integer_gate,Event::none, vex<Wide<Each<Add, u8>>>},
    {"vpaddw",       "VEX.66.0F FD /r",               "Vx, Hx, Wx",         integer_gate,Event::none, vex<Wide<Each<Add, u16>>>},
    {"vpaddd",       "VEX.66.0F FE /r",               "Vx, Hx, Wx",         integer_gate,Event::none, vex<Wide<Each<Add, u32>>>},
};
static_assert(no_overlap(rows), "two rows claim the same bytes");

}
std::span<const Row> avx_integer() { return rows; }
}
