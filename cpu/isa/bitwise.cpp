// SPDX-License-Identifier: MIT
// Bits: BT, BTS, BTR, BTC, BSF, BSR, LZCNT, TZCNT, POPCNT (SDM vol. 2).
#include "cpu/isa/families.h"
#include "cpu/isa/bitwise.h"

namespace isa {
namespace {

using namespace alu;
constexpr Gate lock = {.lock = true};

constexpr Row rows[] = {
    // name      encoding           operands   gate                         event         run
    {"bt",      "0F A3 /r",        "Ev, Gv",  {},                          Event::none,  run<BitTest<Keep>>},
    {"bts",     "0F AB /r",        "Ev, Gv",  lock,                        Event::none,  run<BitTest<SetBit>>},
    {"btr",     "0F B3 /r",        "Ev, Gv",  lock,                        Event::none,  run<BitTest<ResetBit>>},
    {"btc",     "0F BB /r",        "Ev, Gv",  lock,                        Event::none,  run<BitTest<FlipBit>>},
    {"bt",      "0F BA /4",        "Ev, Ib",  {},                          Event::none,  run<BitTest<Keep>>},
    {"bts",     "0F BA /5",        "Ev, Ib",  lock,                        Event::none,  run<BitTest<SetBit>>},
    {"btr",     "0F BA /6",        "Ev, Ib",  lock,                        Event::none,  run<BitTest<ResetBit>>},
    {"btc",     "0F BA /7",        "Ev, Ib",  lock,                        Event::none,  run<BitTest<FlipBit>>},
    {"bsf",     "0F BC /r",        "Gv, Ev",  {},                          Event::none,  run<Scan<Bsf>>},
    {"bsr",     "0F BD /r",        "Gv, Ev",  {},                          Event::none,  run<Scan<Bsr>>},
    {"tzcnt",   "F3? 0F BC /r",    "Gv, Ev",  {.needs = Feature::bmi1},    Event::none,  run<Count<Tzcnt>>},
    {"lzcnt",   "F3? 0F BD /r",    "Gv, Ev",  {.needs = Feature::lzcnt},   Event::none,  run<Count<Lzcnt>>},
    {"popcnt",  "F3 0F B8 /r",     "Gv, Ev",  {.needs = Feature::popcnt},  Event::none,  run<Count<Popcnt>>},
};
static_assert(no_overlap(rows), "two rows claim the same bytes");

}
std::span<const Row> bitwise() { return rows; }
}
