// SPDX-License-Identifier: MIT
// SSE4.2: PCMPGTQ, comparisons of strings, CRC32 (SDM vol. 2).
#include "cpu/isa/families.h"
#include "cpu/isa/sse/compare_strings.h"
#include "cpu/isa/sse/crc32.h"
#include "cpu/isa/sse/packed.h"

namespace isa {
namespace {

using namespace lanes;

constexpr Gate gate{.needs = Feature::sse4_2, .unit = Unit::sse}, crc{.needs = Feature::sse4_2};

constexpr Row rows[] = {
    // name        encoding                    operands            gate  event        run
    {"pcmpgtq",    "66 0F 38 37 /r",           "Vdq, Wdq",         gate, Event::none, single<Packed<Each<Greater, s64>>>},
    {"pcmpestrm",  "66 REX.W 0F 3A 60 /r",     "Vdq, Wdq, Ib",     gate, Event::none, single<CompareStrings<Explicit<u64>, Gives::mask>>},
    {"pcmpestrm",  "66 0F 3A 60 /r",           "Vdq, Wdq, Ib",     gate, Event::none, single<CompareStrings<Explicit<u32>, Gives::mask>>},
    {"pcmpestri",  "66 REX.W 0F 3A 61 /r",     "Vdq, Wdq, Ib",     gate, Event::none, single<CompareStrings<Explicit<u64>, Gives::index>>},
    {"pcmpestri",  "66 0F 3A 61 /r",           "Vdq, Wdq, Ib",     gate, Event::none, single<CompareStrings<Explicit<u32>, Gives::index>>},
    {"pcmpistrm",  "66 0F 3A 62 /r",           "Vdq, Wdq, Ib",     gate, Event::none, single<CompareStrings<Implicit, Gives::mask>>},
    {"pcmpistri",  "66 0F 3A 63 /r",           "Vdq, Wdq, Ib",     gate, Event::none, single<CompareStrings<Implicit, Gives::index>>},
    // The checksum has 32 bits, zero-extended to a register of 64.
    {"crc32",      "F2 0F 38 F0 /r",           "Gd, Eb",           crc,  Event::none, single<ChecksumOf<u8>>},
    {"crc32",      "F2 0F 38 F1 /r",           "Gd, Ev",           crc,  Event::none, run<Checksum>},
};
static_assert(no_overlap(rows), "two rows claim the same bytes");

}
std::span<const Row> sse42() { return rows; }
}
