// SPDX-License-Identifier: MIT
// BMI1 and BMI2: ANDN, BEXTR, BLSI, BLSMSK, BLSR, BZHI, MULX, PDEP, PEXT, RORX, SARX, SHLX, SHRX (SDM vol. 2). TZCNT is in
// bitwise.cpp.
#include "cpu/isa/bmi.h"
#include "cpu/isa/families.h"

namespace isa {
namespace {

using namespace alu;
constexpr Gate bmi1 = {.needs = Feature::bmi1}, bmi2 = {.needs = Feature::bmi2};

constexpr Row rows[] = {
    // name      encoding                   operands       gate   event         run
    {"andn",    "VEX.LZ.0F38 F2 /r",       "Gy, By, Ey",  bmi1,  Event::none,  run<Three<Andn>>},
    {"blsr",    "VEX.LZ.0F38 F3 /1",       "By, Ey",      bmi1,  Event::none,  run<Lowest<Blsr>>},
    {"blsmsk",  "VEX.LZ.0F38 F3 /2",       "By, Ey",      bmi1,  Event::none,  run<Lowest<Blsmsk>>},
    {"blsi",    "VEX.LZ.0F38 F3 /3",       "By, Ey",      bmi1,  Event::none,  run<Lowest<Blsi>>},
    {"bextr",   "VEX.LZ.0F38 F7 /r",       "Gy, Ey, By",  bmi1,  Event::none,  run<Three<Bextr>>},
    {"bzhi",    "VEX.LZ.0F38 F5 /r",       "Gy, Ey, By",  bmi2,  Event::none,  run<Three<Bzhi>>},
    {"pext",    "VEX.LZ.F3.0F38 F5 /r",    "Gy, By, Ey",  bmi2,  Event::none,  run<Scatter<Pext>>},
    {"pdep",    "VEX.LZ.F2.0F38 F5 /r",    "Gy, By, Ey",  bmi2,  Event::none,  run<Scatter<Pdep>>},
    {"mulx",    "VEX.LZ.F2.0F38 F6 /r",    "Gy, By, Ey",  bmi2,  Event::none,  run<Mulx>},
    {"shlx",    "VEX.LZ.66.0F38 F7 /r",    "Gy, Ey, By",  bmi2,  Event::none,  run<QuietShift<Shl>>},
    {"sarx",    "VEX.LZ.F3.0F38 F7 /r",    "Gy, Ey, By",  bmi2,  Event::none,  run<QuietShift<Sar>>},
    {"shrx",    "VEX.LZ.F2.0F38 F7 /r",    "Gy, Ey, By",  bmi2,  Event::none,  run<QuietShift<Shr>>},
    {"rorx",    "VEX.LZ.F2.0F3A F0 /r",    "Gy, Ey, Ib",  bmi2,  Event::none,  run<QuietShift<Ror>>},
};
static_assert(no_overlap(rows), "two rows claim the same bytes");

}
std::span<const Row> bmi() { return rows; }
}
