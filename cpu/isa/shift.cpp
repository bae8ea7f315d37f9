// SPDX-License-Identifier: MIT
// Shifts and rotates: ROL ... SAR, SHLD, SHRD (SDM vol. 2).
#include "cpu/isa/families.h"
#include "cpu/isa/shift.h"

namespace isa {
namespace {

using namespace alu;

constexpr Row rows[] = {
    // name   encoding       operands       gate   event         run
    {"rol",   "C0 /0",       "Eb, Ib",      {},    Event::none,  run<Shift<Rol>>},
    {"rol",   "C1 /0",       "Ev, Ib",      {},    Event::none,  run<Shift<Rol>>},
    {"rol",   "D0 /0",       "Eb, 1",       {},    Event::none,  run<Shift<Rol>>},
    {"rol",   "D1 /0",       "Ev, 1",       {},    Event::none,  run<Shift<Rol>>},
    {"rol",   "D2 /0",       "Eb, CL",      {},    Event::none,  run<Shift<Rol>>},
    {"rol",   "D3 /0",       "Ev, CL",      {},    Event::none,  run<Shift<Rol>>},

    {"ror",   "C0 /1",       "Eb, Ib",      {},    Event::none,  run<Shift<Ror>>},
    {"ror",   "C1 /1",       "Ev, Ib",      {},    Event::none,  run<Shift<Ror>>},
    {"ror",   "D0 /1",       "Eb, 1",       {},    Event::none,  run<Shift<Ror>>},
    {"ror",   "D1 /1",       "Ev, 1",       {},    Event::none,  run<Shift<Ror>>},
    {"ror",   "D2 /1",       "Eb, CL",      {},    Event::none,  run<Shift<Ror>>},
    {"ror",   "D3 /1",       "Ev, CL",      {},    Event::none,  run<Shift<Ror>>},

    {"rcl",   "C0 /2",       "Eb, Ib",      {},    Event::none,  run<Shift<Rcl>>},
    {"rcl",   "C1 /2",       "Ev, Ib",      {},    Event::none,  run<Shift<Rcl>>},
    {"rcl",   "D0 /2",       "Eb, 1",       {},    Event::none,  run<Shift<Rcl>>},
    {"rcl",   "D1 /2",       "Ev, 1",       {},    Event::none,  run<Shift<Rcl>>},
    {"rcl",   "D2 /2",       "Eb, CL",      {},    Event::none,  run<Shift<Rcl>>},
    {"rcl",   "D3 /2",       "Ev, CL",      {},    Event::none,  run<Shift<Rcl>>},

    {"rcr",   "C0 /3",       "Eb, Ib",      {},    Event::none,  run<Shift<Rcr>>},
    {"rcr",   "C1 /3",       "Ev, Ib",      {},    Event::none,  run<Shift<Rcr>>},
    {"rcr",   "D0 /3",       "Eb, 1",       {},    Event::none,  run<Shift<Rcr>>},
    {"rcr",   "D1 /3",       "Ev, 1",       {},    Event::none,  run<Shift<Rcr>>},
    {"rcr",   "D2 /3",       "Eb, CL",      {},    Event::none,  run<Shift<Rcr>>},
    {"rcr",   "D3 /3",       "Ev, CL",      {},    Event::none,  run<Shift<Rcr>>},

    {"shl",   "C0 /4",       "Eb, Ib",      {},    Event::none,  run<Shift<Shl>>},
    {"shl",   "C1 /4",       "Ev, Ib",      {},    Event::none,  run<Shift<Shl>>},
    {"shl",   "D0 /4",       "Eb, 1",       {},    Event::none,  run<Shift<Shl>>},
    {"shl",   "D1 /4",       "Ev, 1",       {},    Event::none,  run<Shift<Shl>>},
    {"shl",   "D2 /4",       "Eb, CL",      {},    Event::none,  run<Shift<Shl>>},
    {"shl",   "D3 /4",       "Ev, CL",      {},    Event::none,  run<Shift<Shl>>},

    {"shr",   "C0 /5",       "Eb, Ib",      {},    Event::none,  run<Shift<Shr>>},
    {"shr",   "C1 /5",       "Ev, Ib",      {},    Event::none,  run<Shift<Shr>>},
    {"shr",   "D0 /5",       "Eb, 1",       {},    Event::none,  run<Shift<Shr>>},
    {"shr",   "D1 /5",       "Ev, 1",       {},    Event::none,  run<Shift<Shr>>},
    {"shr",   "D2 /5",       "Eb, CL",      {},    Event::none,  run<Shift<Shr>>},
    {"shr",   "D3 /5",       "Ev, CL",      {},    Event::none,  run<Shift<Shr>>},

    {"shl",   "C0 /6",       "Eb, Ib",      {},    Event::none,  run<Shift<Shl>>},
    {"shl",   "C1 /6",       "Ev, Ib",      {},    Event::none,  run<Shift<Shl>>},
    {"shl",   "D0 /6",       "Eb, 1",       {},    Event::none,  run<Shift<Shl>>},
    {"shl",   "D1 /6",       "Ev, 1",       {},    Event::none,  run<Shift<Shl>>},
    {"shl",   "D2 /6",       "Eb, CL",      {},    Event::none,  run<Shift<Shl>>},
    {"shl",   "D3 /6",       "Ev, CL",      {},    Event::none,  run<Shift<Shl>>},

    {"sar",   "C0 /7",       "Eb, Ib",      {},    Event::none,  run<Shift<Sar>>},
    {"sar",   "C1 /7",       "Ev, Ib",      {},    Event::none,  run<Shift<Sar>>},
    {"sar",   "D0 /7",       "Eb, 1",       {},    Event::none,  run<Shift<Sar>>},
    {"sar",   "D1 /7",       "Ev, 1",       {},    Event::none,  run<Shift<Sar>>},
    {"sar",   "D2 /7",       "Eb, CL",      {},    Event::none,  run<Shift<Sar>>},
    {"sar",   "D3 /7",       "Ev, CL",      {},    Event::none,  run<Shift<Sar>>},

    {"shld", "0F A4 /r",    "Ev, Gv, Ib",  {},    Event::none,  run<DoubleShift<Shld>>},
    {"shld", "0F A5 /r",    "Ev, Gv, CL",  {},    Event::none,  run<DoubleShift<Shld>>},
    {"shrd", "0F AC /r",    "Ev, Gv, Ib",  {},    Event::none,  run<DoubleShift<Shrd>>},
    {"shrd", "0F AD /r",    "Ev, Gv, CL",  {},    Event::none,  run<DoubleShift<Shrd>>},
};
static_assert(no_overlap(rows), "two rows claim the same bytes");

}
std::span<const Row> shift() { return rows; }
}
