// SPDX-License-Identifier: MIT
// MMX, with the instructions on MMX registers that came with SSE and SSE2 (SDM vol. 2).
#include "cpu/isa/families.h"
#include "cpu/isa/sse/move.h"

namespace isa {
namespace {

using namespace lanes;

constexpr Gate mmx_gate{.needs = Feature::mmx, .unit = Unit::mmx};
constexpr Gate sse_gate{.needs = Feature::sse, .unit = Unit::mmx};
constexpr Gate sse2_gate{.needs = Feature::sse2, .unit = Unit::mmx};

constexpr Row rows[] = {
    // name        encoding               operands            gate            event        run
    {"punpcklbw",  "NP 0F 60 /r",          "Pq, Qd",           mmx_gate,       Event::none, plain<packed<UnpackLow<u8>>>},
    {"punpcklwd",  "NP 0F 61 /r",          "Pq, Qd",           mmx_gate,       Event::none, plain<packed<UnpackLow<u16>>>},
    {"punpckldq",  "NP 0F 62 /r",          "Pq, Qd",           mmx_gate,       Event::none, plain<packed<UnpackLow<u32>>>},
    {"packsswb",   "NP 0F 63 /r",          "Pq, Qq",           mmx_gate,       Event::none, plain<packed<Pack<s8, s16>>>},
    {"pcmpgtb",    "NP 0F 64 /r",          "Pq, Qq",           mmx_gate,       Event::none, plain<packed<Each<Greater, s8>>>},
    {"pcmpgtw",    "NP 0F 65 /r",          "Pq, Qq",           mmx_gate,       Event::none, plain<packed<Each<Greater, s16>>>},
    {"pcmpgtd",    "NP 0F 66 /r",          "Pq, Qq",           mmx_gate,       Event::none, plain<packed<Each<Greater, s32>>>},
    {"packuswb",   "NP 0F 67 /r",          "Pq, Qq",           mmx_gate,       Event::none, plain<packed<Pack<u8, s16>>>},
    {"punpckhbw",  "NP 0F 68 /r",          "Pq, Qq",           mmx_gate,       Event::none, plain<packed<UnpackHigh<u8>>>},
    {"punpckhwd",  "NP 0F 69 /r",          "Pq, Qq",           mmx_gate,       Event::none, plain<packed<UnpackHigh<u16>>>},
    {"punpckhdq",  "NP 0F 6A /r",          "Pq, Qq",           mmx_gate,       Event::none, plain<packed<UnpackHigh<u32>>>},
    {"packssdw",   "NP 0F 6B /r",          "Pq, Qq",           mmx_gate,       Event::none, plain<packed<Pack<s16, s32>>>},
    {"movq",       "NP REX.W 0F 6E /r",    "Pq, Eq",           mmx_gate,       Event::none, plain<move>},
    {"movd",       "NP 0F 6E /r",          "Pq, Ed",           mmx_gate,       Event::none, plain<move>},
    {"movq",       "NP 0F 6F /r",          "Pq, Qq",           mmx_gate,       Event::none, plain<move>},
    {"pshufw",     "NP 0F 70 /r",          "Pq, Qq, Ib",       sse_gate,       Event::none, plain<packed_immediate<Shuffle<u16, 0>>>},
    {"psrlw",      "NP 0F 71 /2",          "Nq, Ib",           mmx_gate,       Event::none, plain<shift<Right<u16>>>},
    {"psraw",      "NP 0F 71 /4",          "Nq, Ib",           mmx_gate,       Event::none, plain<shift<Right<s16>>>},
    {"psllw",      "NP 0F 71 /6",          "Nq, Ib",           mmx_gate,       Event::none, plain<shift<Left<u16>>>},
    {"psrld",      "NP 0F 72 /2",          "Nq, Ib",           mmx_gate,       Event::none, plain<shift<Right<u32>>>},
    {"psrad",      "NP 0F 72 /4",          "Nq, Ib",           mmx_gate,       Event::none, plain<shift<Right<s32>>>},
    {"pslld",      "NP 0F 72 /6",          "Nq, Ib",           mmx_gate,       Event::none, plain<shift<Left<u32>>>},
    {"psrlq",      "NP 0F 73 /2",          "Nq, Ib",           mmx_gate,       Event::none, plain<shift<Right<u64>>>},
    {"psllq",      "NP 0F 73 /6",          "Nq, Ib",           mmx_gate,       Event::none, plain<shift<Left<u64>>>},
    {"pcmpeqb",    "NP 0F 74 /r",          "Pq, Qq",           mmx_gate,       Event::none, plain<packed<Each<Equal, u8>>>},
    {"pcmpeqw",    "NP 0F 75 /r",          "Pq, Qq",           mmx_gate,       Event::none, plain<packed<Each<Equal, u16>>>},
    {"pcmpeqd",    "NP 0F 76 /r",          "Pq, Qq",           mmx_gate,       Event::none, plain<packed<Each<Equal, u32>>>},
    {"emms",       "NP 0F 77",             "",                 mmx_gate,       Event::none, plain<leave_mmx>},
    {"movq",       "NP REX.W 0F 7E /r",    "Eq, Pq",           mmx_gate,       Event::none, plain<move>},
    {"movd",       "NP 0F 7E /r",          "Ed, Pd",           mmx_gate,       Event::none, plain<move>},
    {"movq",       "NP 0F 7F /r",          "Qq, Pq",           mmx_gate,       Event::none, plain<move>},
    {"pinsrw",     "NP 0F C4 /r",          "Pq, Ew, Ib",       sse_gate,       Event::none, plain<packed_immediate<InsertWord>>},
    {"pextrw",     "NP 0F C5 /r",          "Gd, Nq, Ib",       sse_gate,       Event::none, plain<extract_word>},
    {"psrlw",      "NP 0F D1 /r",          "Pq, Qq",           mmx_gate,       Event::none, plain<shift<Right<u16>>>},
    {"psrld",      "NP 0F D2 /r",          "Pq, Qq",           mmx_gate,       Event::none, plain<shift<Right<u32>>>},
    {"psrlq",      "NP 0F D3 /r",          "Pq, Qq",           mmx_gate,       Event::none, plain<shift<Right<u64>>>},
    {"paddq",      "NP 0F D4 /r",          "Pq, Qq",           sse2_gate,      Event::none, plain<packed<Each<Add, u64>>>},
    {"pmullw",     "NP 0F D5 /r",          "Pq, Qq",           mmx_gate,       Event::none, plain<packed<Each<MultiplyLow, u16>>>},
    {"pmovmskb",   "NP 0F D7 /r",          "Gd, Nq",           sse_gate,       Event::none, plain<move_mask<u8>>},
    {"psubusb",    "NP 0F D8 /r",          "Pq, Qq",           mmx_gate,       Event::none, plain<packed<Each<SubSaturated, u8>>>},
    {"psubusw",    "NP 0F D9 /r",          "Pq, Qq",           mmx_gate,       Event::none, plain<packed<Each<SubSaturated, u16>>>},
    {"pminub",     "NP 0F DA /r",          "Pq, Qq",           sse_gate,       Event::none, plain<packed<Each<Minimum, u8>>>},
    {"pand",       "NP 0F DB /r",          "Pq, Qq",           mmx_gate,       Event::none, plain<packed<Each<And, u64>>>},
    {"paddusb",    "NP 0F DC /r",          "Pq, Qq",           mmx_gate,       Event::none, plain<packed<Each<AddSaturated, u8>>>},
    {"paddusw",    "NP 0F DD /r",          "Pq, Qq",           mmx_gate,       Event::none, plain<packed<Each<AddSaturated, u16>>>},
    {"pmaxub",     "NP 0F DE /r",          "Pq, Qq",           sse_gate,       Event::none, plain<packed<Each<Maximum, u8>>>},
    {"pandn",      "NP 0F DF /r",          "Pq, Qq",           mmx_gate,       Event::none, plain<packed<Each<AndNot, u64>>>},
    {"pavgb",      "NP 0F E0 /r",          "Pq, Qq",           sse_gate,       Event::none, plain<packed<Each<Average, u8>>>},
    {"psraw",      "NP 0F E1 /r",          "Pq, Qq",           mmx_gate,       Event::none, plain<shift<Right<s16>>>},
    {"psrad",      "NP 0F E2 /r",          "Pq, Qq",           mmx_gate,       Event::none, plain<shift<Right<s32>>>},
    {"pavgw",      "NP 0F E3 /r",          "Pq, Qq",           sse_gate,       Event::none, plain<packed<Each<Average, u16>>>},
    {"pmulhuw",    "NP 0F E4 /r",          "Pq, Qq",           sse_gate,       Event::none, plain<packed<Each<MultiplyHigh, u16>>>},
    {"pmulhw",     "NP 0F E5 /r",          "Pq, Qq",           mmx_gate,       Event::none, plain<packed<Each<MultiplyHigh, s16>>>},
    {"movntq",     "NP 0F E7 /r",          "Mq, Pq",           sse_gate,       Event::none, plain<move>},
    {"psubsb",     "NP 0F E8 /r",          "Pq, Qq",           mmx_gate,       Event::none, plain<packed<Each<SubSaturated, s8>>>},
    {"psubsw",     "NP 0F E9 /r",          "Pq, Qq",           mmx_gate,       Event::none, plain<packed<Each<SubSaturated, s16>>>},
    {"pminsw",     "NP 0F EA /r",          "Pq, Qq",           sse_gate,       Event::none, plain<packed<Each<Minimum, s16>>>},
    {"por",        "NP 0F EB /r",          "Pq, Qq",           mmx_gate,       Event::none, plain<packed<Each<Or, u64>>>},
    {"paddsb",     "NP 0F EC /r",          "Pq, Qq",           mmx_gate,       Event::none, plain<packed<Each<AddSaturated, s8>>>},
    {"paddsw",     "NP 0F ED /r",          "Pq, Qq",           mmx_gate,       Event::none, plain<packed<Each<AddSaturated, s16>>>},
    {"pmaxsw",     "NP 0F EE /r",          "Pq, Qq",           sse_gate,       Event::none, plain<packed<Each<Maximum, s16>>>},
    {"pxor",       "NP 0F EF /r",          "Pq, Qq",           mmx_gate,       Event::none, plain<packed<Each<Xor, u64>>>},
    {"psllw",      "NP 0F F1 /r",          "Pq, Qq",           mmx_gate,       Event::none, plain<shift<Left<u16>>>},
    {"pslld",      "NP 0F F2 /r",          "Pq, Qq",           mmx_gate,       Event::none, plain<shift<Left<u32>>>},
    {"psllq",      "NP 0F F3 /r",          "Pq, Qq",           mmx_gate,       Event::none, plain<shift<Left<u64>>>},
    {"pmuludq",    "NP 0F F4 /r",          "Pq, Qq",           sse2_gate,      Event::none, plain<packed<Each<MultiplyEven, u64>>>},
    {"pmaddwd",    "NP 0F F5 /r",          "Pq, Qq",           mmx_gate,       Event::none, plain<packed<Each<MultiplyAdd, u32>>>},
    {"psadbw",     "NP 0F F6 /r",          "Pq, Qq",           sse_gate,       Event::none, plain<packed<Each<SumOfDifferences, u64>>>},
    {"maskmovq",   "NP 0F F7 /r",          "Pq, Nq, BDq",      sse_gate,       Event::none, plain<masked_move<8>>},
    {"psubb",      "NP 0F F8 /r",          "Pq, Qq",           mmx_gate,       Event::none, plain<packed<Each<Sub, u8>>>},
    {"psubw",      "NP 0F F9 /r",          "Pq, Qq",           mmx_gate,       Event::none, plain<packed<Each<Sub, u16>>>},
    {"psubd",      "NP 0F FA /r",          "Pq, Qq",           mmx_gate,       Event::none, plain<packed<Each<Sub, u32>>>},
    {"psubq",      "NP 0F FB /r",          "Pq, Qq",           sse2_gate,      Event::none, plain<packed<Each<Sub, u64>>>},
    {"paddb",      "NP 0F FC /r",          "Pq, Qq",           mmx_gate,       Event::none, plain<packed<Each<Add, u8>>>},
    {"paddw",      "NP 0F FD /r",          "Pq, Qq",           mmx_gate,       Event::none, plain<packed<Each<Add, u16>>>},
    {"paddd",      "NP 0F FE /r",          "Pq, Qq",           mmx_gate,       Event::none, plain<packed<Each<Add, u32>>>},
};
static_assert(no_overlap(rows), "two rows claim the same bytes");

}
std::span<const Row> mmx() { return rows; }
}
