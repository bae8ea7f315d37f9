// SPDX-License-Identifier: MIT
// Near branches: JMP, Jcc, CALL, RET, LOOP, JCXZ (SDM vol. 2).
#include "cpu/isa/families.h"
#include "cpu/isa/branch.h"

namespace isa {
namespace {

constexpr Gate near = {.force64 = true, .near_branch = true};

constexpr Row rows[] = {
    // name              encoding     operands gate     event         run
    {"jmp",             "EB",        "Jb",   near,    Event::none,  run<Jmp>},
    {"jmp",             "E9",        "Jz",   near,    Event::none,  run<Jmp>},
    {"jmp",             "FF /4",     "Ev",   near,    Event::none,  run<JmpIndirect>},
    {"call",            "E8",        "Jz",   near,    Event::none,  run<Call>},
    {"call",            "FF /2",     "Ev",   near,    Event::none,  run<CallIndirect>},
    {"ret",             "C2",        "Iw",   near,    Event::none,  run<Ret>},
    {"ret",             "C3",        "",     near,    Event::none,  run<Ret>},
    {"loopne",          "E0",        "Jb",   near,    Event::none,  run<Loop<Until::not_zero>>},
    {"loope",           "E1",        "Jb",   near,    Event::none,  run<Loop<Until::zero>>},
    {"loop",            "E2",        "Jb",   near,    Event::none,  run<Loop<Until::any>>},
    {"jcxz/jecxz/jrcxz", "E3",       "Jb",   near,    Event::none,  run<Jcxz>},

    {"jo",              "70",        "Jb",   near,    Event::none,  run<Jcc<0>>},
    {"jno",             "71",        "Jb",   near,    Event::none,  run<Jcc<1>>},
    {"jb",              "72",        "Jb",   near,    Event::none,  run<Jcc<2>>},
    {"jnb",             "73",        "Jb",   near,    Event::none,  run<Jcc<3>>},
    {"jz",              "74",        "Jb",   near,    Event::none,  run<Jcc<4>>},
    {"jnz",             "75",        "Jb",   near,    Event::none,  run<Jcc<5>>},
    {"jbe",             "76",        "Jb",   near,    Event::none,  run<Jcc<6>>},
    {"jnbe",            "77",        "Jb",   near,    Event::none,  run<Jcc<7>>},
    {"js",              "78",        "Jb",   near,    Event::none,  run<Jcc<8>>},
    {"jns",             "79",        "Jb",   near,    Event::none,  run<Jcc<9>>},
    {"jp",              "7A",        "Jb",   near,    Event::none,  run<Jcc<10>>},
    {"jnp",             "7B",        "Jb",   near,    Event::none,  run<Jcc<11>>},
    {"jl",              "7C",        "Jb",   near,    Event::none,  run<Jcc<12>>},
    {"jnl",             "7D",        "Jb",   near,    Event::none,  run<Jcc<13>>},
    {"jle",             "7E",        "Jb",   near,    Event::none,  run<Jcc<14>>},
    {"jnle",            "7F",        "Jb",   near,    Event::none,  run<Jcc<15>>},

    {"jo",              "0F 80",     "Jz",   near,    Event::none,  run<Jcc<0>>},
    {"jno",             "0F 81",     "Jz",   near,    Event::none,  run<Jcc<1>>},
    {"jb",              "0F 82",     "Jz",   near,    Event::none,  run<Jcc<2>>},
    {"jnb",             "0F 83",     "Jz",   near,    Event::none,  run<Jcc<3>>},
    {"jz",              "0F 84",     "Jz",   near,    Event::none,  run<Jcc<4>>},
    {"jnz",             "0F 85",     "Jz",   near,    Event::none,  run<Jcc<5>>},
    {"jbe",             "0F 86",     "Jz",   near,    Event::none,  run<Jcc<6>>},
    {"jnbe",            "0F 87",     "Jz",   near,    Event::none,  run<Jcc<7>>},
    {"js",              "0F 88",     "Jz",   near,    Event::none,  run<Jcc<8>>},
    {"jns",             "0F 89",     "Jz",   near,    Event::none,  run<Jcc<9>>},
    {"jp",              "0F 8A",     "Jz",   near,    Event::none,  run<Jcc<10>>},
    {"jnp",             "0F 8B",     "Jz",   near,    Event::none,  run<Jcc<11>>},
    {"jl",              "0F 8C",     "Jz",   near,    Event::none,  run<Jcc<12>>},
    {"jnl",             "0F 8D",     "Jz",   near,    Event::none,  run<Jcc<13>>},
    {"jle",             "0F 8E",     "Jz",   near,    Event::none,  run<Jcc<14>>},
    {"jnle",            "0F 8F",     "Jz",   near,    Event::none,  run<Jcc<15>>},
};
static_assert(no_overlap(rows), "two rows claim the same bytes");

}
std::span<const Row> branch() { return rows; }
}
