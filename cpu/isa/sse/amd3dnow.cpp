// SPDX-License-Identifier: MIT
// 3DNow! and its extensions on MMX registers (AMD, "3DNow! Technology Manual" and "Extensions to the 3DNow! and MMX Instruction Sets").
#include "cpu/isa/families.h"
#include "cpu/isa/sse/amd3dnow.h"
#include "cpu/isa/sse/operands.h"

namespace isa {
namespace {

using namespace now;
using lanes::Each;
using lanes::Map;

constexpr Gate gate{.needs = Feature::amd3dnow, .unit = Unit::mmx}, more{.needs = Feature::amd3dnowext, .unit = Unit::mmx};

constexpr Row rows[] = {
    // name        encoding          operands   gate  event        run
    {"femms",     "0F 0E",          "",        gate, Event::none, plain<leave_mmx>},
    {"pi2fw",     "0F 0F /r 0C",    "Pq, Qq",  more, Event::none, plain<packed_one<FromInteger<s16>>>},
    {"pi2fd",     "0F 0F /r 0D",    "Pq, Qq",  gate, Event::none, plain<packed_one<FromInteger<s32>>>},
    {"pf2iw",     "0F 0F /r 1C",    "Pq, Qq",  more, Event::none, plain<packed_one<Map<ToInteger<16>, u32>>>},
    {"pf2id",     "0F 0F /r 1D",    "Pq, Qq",  gate, Event::none, plain<packed_one<Map<ToInteger<32>, u32>>>},
    {"pfnacc",    "0F 0F /r 8A",    "Pq, Qq",  more, Event::none, plain<packed<Accumulate<fp::subps, fp::subps>>>},
    {"pfpnacc",   "0F 0F /r 8E",    "Pq, Qq",  more, Event::none, plain<packed<Accumulate<fp::subps, fp::addps>>>},
    {"pfcmpge",   "0F 0F /r 90",    "Pq, Qq",  gate, Event::none, plain<packed<Each<GreaterOrEqual, u32>>>},
    {"pfmin",     "0F 0F /r 94",    "Pq, Qq",  gate, Event::none, plain<packed<Each<Minimum, u32>>>},
    {"pfrcp",     "0F 0F /r 96",    "Pq, Qq",  gate, Event::none, plain<packed_one<Reciprocal>>},
    {"pfrsqrt",   "0F 0F /r 97",    "Pq, Qq",  gate, Event::none, plain<packed_one<ReciprocalRoot>>},
    {"pfsub",     "0F 0F /r 9A",    "Pq, Qq",  gate, Event::none, plain<packed<Compute<fp::subps>>>},
    {"pfadd",     "0F 0F /r 9E",    "Pq, Qq",  gate, Event::none, plain<packed<Compute<fp::addps>>>},
    {"pfcmpgt",   "0F 0F /r A0",    "Pq, Qq",  gate, Event::none, plain<packed<Each<Greater, u32>>>},
    {"pfmax",     "0F 0F /r A4",    "Pq, Qq",  gate, Event::none, plain<packed<Each<Maximum, u32>>>},
    {"pfrcpit1",  "0F 0F /r A6",    "Pq, Qq",  gate, Event::none, plain<packed<Second>>},
    {"pfrsqit1",  "0F 0F /r A7",    "Pq, Qq",  gate, Event::none, plain<packed<Second>>},
    {"pfsubr",    "0F 0F /r AA",    "Pq, Qq",  gate, Event::none, plain<packed<Reversed<Compute<fp::subps>>>>},
    {"pfacc",     "0F 0F /r AE",    "Pq, Qq",  gate, Event::none, plain<packed<Accumulate<fp::addps, fp::addps>>>},
    {"pfcmpeq",   "0F 0F /r B0",    "Pq, Qq",  gate, Event::none, plain<packed<Each<Equal, u32>>>},
    {"pfmul",     "0F 0F /r B4",    "Pq, Qq",  gate, Event::none, plain<packed<Compute<fp::mulps>>>},
    {"pfrcpit2",  "0F 0F /r B6",    "Pq, Qq",  gate, Event::none, plain<packed<Second>>},
    {"pmulhrw",   "0F 0F /r B7",    "Pq, Qq",  gate, Event::none, plain<packed<Each<MultiplyHighRounded, s16>>>},
    {"pswapd",    "0F 0F /r BB",    "Pq, Qq",  more, Event::none, plain<packed_one<Swap>>},
    {"pavgusb",   "0F 0F /r BF",    "Pq, Qq",  gate, Event::none, plain<packed<Each<lanes::Average, u8>>>},
};
static_assert(no_overlap(rows), "two rows claim the same bytes");

}
std::span<const Row> amd3dnow() { return rows; }
}
