// SPDX-License-Identifier: MIT
// AES-NI, PCLMULQDQ, SHA, GFNI (SDM vol. 2).
#include "cpu/isa/families.h"
#include "cpu/isa/sse/aes.h"
#include "cpu/isa/sse/packed.h"
#include "cpu/isa/sse/sha.h"

namespace isa {
namespace {

using namespace lanes;

constexpr Gate aes_gate{.needs = Feature::aes, .unit = Unit::sse}, clmul{.needs = Feature::pclmulqdq, .unit = Unit::sse};
constexpr Gate sha_gate{.needs = Feature::sha, .unit = Unit::sse}, gfni{.needs = Feature::gfni, .unit = Unit::sse};

constexpr auto on_intel = Alignment::intel;

constexpr Row rows[] = {
    // name                encoding            operands            gate      event        run
    {"aesimc",            "66 0F 38 DB /r",   "Vdq, Wdq",         aes_gate, Event::none, single<PackedOne<aes::InverseMixColumns>>},
    {"aesenc",            "66 0F 38 DC /r",   "Vdq, Wdq",         aes_gate, Event::none, single<Packed<aes::Round<false>>>},
    {"aesenclast",        "66 0F 38 DD /r",   "Vdq, Wdq",         aes_gate, Event::none, single<Packed<aes::LastRound<false>>>},
    {"aesdec",            "66 0F 38 DE /r",   "Vdq, Wdq",         aes_gate, Event::none, single<Packed<aes::Round<true>>>},
    {"aesdeclast",        "66 0F 38 DF /r",   "Vdq, Wdq",         aes_gate, Event::none, single<Packed<aes::LastRound<true>>>},
    {"aeskeygenassist",   "66 0F 3A DF /r",   "Vdq, Wdq, Ib",     aes_gate, Event::none, single<PackedOneImmediate<aes::KeyAssist>>},
    {"pclmulqdq",         "66 0F 3A 44 /r",   "Vdq, Wdq, Ib",     clmul,    Event::none, single<PackedImmediate<MultiplyCarryless>>},
    {"sha1nexte",         "NP 0F 38 C8 /r",   "Vdq, Wdq",         sha_gate, Event::none, single<Packed<sha::NextE, on_intel>>},
    {"sha1msg1",          "NP 0F 38 C9 /r",   "Vdq, Wdq",         sha_gate, Event::none, single<Packed<sha::Message1First, on_intel>>},
    {"sha1msg2",          "NP 0F 38 CA /r",   "Vdq, Wdq",         sha_gate, Event::none, single<Packed<sha::Message1Second, on_intel>>},
    {"sha256rnds2",       "NP 0F 38 CB /r",   "Vdq, Wdq, XMM0",   sha_gate, Event::none, single<PackedThree<sha::Rounds256, on_intel>>},
    {"sha256msg1",        "NP 0F 38 CC /r",   "Vdq, Wdq",         sha_gate, Event::none, single<Packed<sha::Message256First, on_intel>>},
    {"sha256msg2",        "NP 0F 38 CD /r",   "Vdq, Wdq",         sha_gate, Event::none, single<Packed<sha::Message256Second, on_intel>>},
    {"sha1rnds4",         "NP 0F 3A CC /r",   "Vdq, Wdq, Ib",     sha_gate, Event::none, single<PackedImmediate<sha::Rounds1, 16, on_intel>>},
    {"gf2p8mulb",         "66 0F 38 CF /r",   "Vdq, Wdq",         gfni,     Event::none, single<Packed<Each<MultiplyInField, u8>>>},
    {"gf2p8affineqb",     "66 0F 3A CE /r",   "Vdq, Wdq, Ib",     gfni,     Event::none, single<PackedImmediate<Affine<false>>>},
    {"gf2p8affineinvqb",  "66 0F 3A CF /r",   "Vdq, Wdq, Ib",     gfni,     Event::none, single<PackedImmediate<Affine<true>>>},
};
static_assert(no_overlap(rows), "two rows claim the same bytes");

}
std::span<const Row> crypto() { return rows; }
}
