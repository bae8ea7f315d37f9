// SPDX-License-Identifier: MIT
// SSSE3, on MMX and on XMM registers (SDM vol. 2).
#include "cpu/isa/families.h"
#include "cpu/isa/sse/operands.h"
#include "cpu/isa/sse/packed.h"

namespace isa {
namespace {

using namespace lanes;

constexpr Gate mmx_gate{.needs = Feature::ssse3, .unit = Unit::mmx};
constexpr Gate xmm_gate{.needs = Feature::ssse3, .unit = Unit::sse};

constexpr Row rows[] = {
    // name        encoding               operands            gate            event        run
    {"pshufb",     "NP 0F 38 00 /r",       "Pq, Qq",           mmx_gate,       Event::none, plain<packed<ShuffleBytes>>},
    {"phaddw",     "NP 0F 38 01 /r",       "Pq, Qq",           mmx_gate,       Event::none, plain<packed<Neighbours<Add, u16>>>},
    {"phaddd",     "NP 0F 38 02 /r",       "Pq, Qq",           mmx_gate,       Event::none, plain<packed<Neighbours<Add, u32>>>},
    {"phaddsw",    "NP 0F 38 03 /r",       "Pq, Qq",           mmx_gate,       Event::none, plain<packed<Neighbours<AddSaturated, s16>>>},
    {"pmaddubsw",  "NP 0F 38 04 /r",       "Pq, Qq",           mmx_gate,       Event::none, plain<packed<Each<MultiplyAddBytes, u16>>>},
    {"phsubw",     "NP 0F 38 05 /r",       "Pq, Qq",           mmx_gate,       Event::none, plain<packed<Neighbours<Sub, u16>>>},
    {"phsubd",     "NP 0F 38 06 /r",       "Pq, Qq",           mmx_gate,       Event::none, plain<packed<Neighbours<Sub, u32>>>},
    {"phsubsw",    "NP 0F 38 07 /r",       "Pq, Qq",           mmx_gate,       Event::none, plain<packed<Neighbours<SubSaturated, s16>>>},
    {"psignb",     "NP 0F 38 08 /r",       "Pq, Qq",           mmx_gate,       Event::none, plain<packed<Each<Negate, s8>>>},
    {"psignw",     "NP 0F 38 09 /r",       "Pq, Qq",           mmx_gate,       Event::none, plain<packed<Each<Negate, s16>>>},
    {"psignd",     "NP 0F 38 0A /r",       "Pq, Qq",           mmx_gate,       Event::none, plain<packed<Each<Negate, s32>>>},
    {"pmulhrsw",   "NP 0F 38 0B /r",       "Pq, Qq",           mmx_gate,       Event::none, plain<packed<Each<MultiplyHighRounded, s16>>>},
    {"pabsb",      "NP 0F 38 1C /r",       "Pq, Qq",           mmx_gate,       Event::none, plain<packed_one<Map<Absolute, s8>>>},
    {"pabsw",      "NP 0F 38 1D /r",       "Pq, Qq",           mmx_gate,       Event::none, plain<packed_one<Map<Absolute, s16>>>},
    {"pabsd",      "NP 0F 38 1E /r",       "Pq, Qq",           mmx_gate,       Event::none, plain<packed_one<Map<Absolute, s32>>>},
    {"palignr",    "NP 0F 3A 0F /r",       "Pq, Qq, Ib",       mmx_gate,       Event::none, plain<packed_immediate<Align>>},

    {"pshufb",     "66 0F 38 00 /r",       "Vdq, Wdq",         xmm_gate,       Event::none, single<Packed<ShuffleBytes>>},
    {"phaddw",     "66 0F 38 01 /r",       "Vdq, Wdq",         xmm_gate,       Event::none, single<Packed<Neighbours<Add, u16>>>},
    {"phaddd",     "66 0F 38 02 /r",       "Vdq, Wdq",         xmm_gate,       Event::none, single<Packed<Neighbours<Add, u32>>>},
    {"phaddsw",    "66 0F 38 03 /r",       "Vdq, Wdq",         xmm_gate,       Event::none, single<Packed<Neighbours<AddSaturated, s16>>>},
    {"pmaddubsw",  "66 0F 38 04 /r",       "Vdq, Wdq",         xmm_gate,       Event::none, single<Packed<Each<MultiplyAddBytes, u16>>>},
    {"phsubw",     "66 0F 38 05 /r",       "Vdq, Wdq",         xmm_gate,       Event::none, single<Packed<Neighbours<Sub, u16>>>},
    {"phsubd",     "66 0F 38 06 /r",       "Vdq, Wdq",         xmm_gate,       Event::none, single<Packed<Neighbours<Sub, u32>>>},
    {"phsubsw",    "66 0F 38 07 /r",       "Vdq, Wdq",         xmm_gate,       Event::none, single<Packed<Neighbours<SubSaturated, s16>>>},
    {"psignb",     "66 0F 38 08 /r",       "Vdq, Wdq",         xmm_gate,       Event::none, single<Packed<Each<Negate, s8>>>},
    {"psignw",     "66 0F 38 09 /r",       "Vdq, Wdq",         xmm_gate,       Event::none, single<Packed<Each<Negate, s16>>>},
    {"psignd",     "66 0F 38 0A /r",       "Vdq, Wdq",         xmm_gate,       Event::none, single<Packed<Each<Negate, s32>>>},
    {"pmulhrsw",   "66 0F 38 0B /r",       "Vdq, Wdq",         xmm_gate,       Event::none, single<Packed<Each<MultiplyHighRounded, s16>>>},
    {"pabsb",      "66 0F 38 1C /r",       "Vdq, Wdq",         xmm_gate,       Event::none, single<PackedOne<Map<Absolute, s8>>>},
    {"pabsw",      "66 0F 38 1D /r",       "Vdq, Wdq",         xmm_gate,       Event::none, single<PackedOne<Map<Absolute, s16>>>},
    {"pabsd",      "66 0F 38 1E /r",       "Vdq, Wdq",         xmm_gate,       Event::none, single<PackedOne<Map<Absolute, s32>>>},
    {"palignr",    "66 0F 3A 0F /r",       "Vdq, Wdq, Ib",     xmm_gate,       Event::none, single<PackedImmediate<Align>>},
};
static_assert(no_overlap(rows), "two rows claim the same bytes");

}
std::span<const Row> ssse3() { return rows; }
}
