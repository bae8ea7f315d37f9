// SPDX-License-Identifier: MIT
// SSE3 (SDM vol. 2). FISTTP is in x87/, MONITOR and MWAIT in system.cpp.
#include "cpu/isa/families.h"
#include "cpu/isa/sse/float_composed.h"
#include "cpu/isa/sse/packed.h"

namespace isa {
namespace {

using namespace lanes;

constexpr Gate sse3_gate{.needs = Feature::sse3, .unit = Unit::sse};

constexpr Semantics addsubps = single<Computation<FloatAlternating<u32, fp::subps, fp::addps>>>;
constexpr Semantics addsubpd = single<Computation<FloatAlternating<u64, fp::subpd, fp::addpd>>>;

constexpr Row rows[] = {
    // name        encoding               operands            gate            event        run
    {"movsldup",   "F3 0F 12 /r",          "Vdq, Wdq",         sse3_gate,      Event::none, single<PackedOne<Duplicate<u32, false>>>},
    {"movddup",    "F2 0F 12 /r",          "Vdq, Wq",          sse3_gate,      Event::none, single<PackedOne<Duplicate<u64, false>, 8>>},
    {"movshdup",   "F3 0F 16 /r",          "Vdq, Wdq",         sse3_gate,      Event::none, single<PackedOne<Duplicate<u32, true>>>},
    {"haddpd",     "66 0F 7C /r",          "Vdq, Wdq",         sse3_gate,      Event::none, single<Computation<FloatNeighbours<u64, fp::addpd>>>},
    {"haddps",     "F2 0F 7C /r",          "Vdq, Wdq",         sse3_gate,      Event::none, single<Computation<FloatNeighbours<u32, fp::addps>>>},
    {"hsubpd",     "66 0F 7D /r",          "Vdq, Wdq",         sse3_gate,      Event::none, single<Computation<FloatNeighbours<u64, fp::subpd>>>},
    {"hsubps",     "F2 0F 7D /r",          "Vdq, Wdq",         sse3_gate,      Event::none, single<Computation<FloatNeighbours<u32, fp::subps>>>},
    {"addsubpd",   "66 0F D0 /r",          "Vdq, Wdq",         sse3_gate,      Event::none, addsubpd},
    {"addsubps",   "F2 0F D0 /r",          "Vdq, Wdq",         sse3_gate,      Event::none, addsubps},
    {"lddqu",      "F2 0F F0 /r",          "Vdq, Mdq",         sse3_gate,      Event::none, single<MoveVector<16, Alignment::any>>},
};
static_assert(no_overlap(rows), "two rows claim the same bytes");

}
std::span<const Row> sse3() { return rows; }
}
