// SPDX-License-Identifier: MIT
// Moves of general registers and memory: MOV, XCHG, MOVZX, MOVSX, CMOV, SETcc, LEA, BSWAP, MOVBE, XLAT, CBW, CWD (SDM vol. 2).
#include "cpu/isa/families.h"
#include "cpu/isa/move.h"

namespace isa {
namespace {

constexpr Gate cmov = {.needs = Feature::cmov}, movbe = {.needs = Feature::movbe, .no_rep = true}, lock = {.lock = true};

constexpr Row rows[] = {
    // name       encoding         operands   gate       event         run
    {"mov",      "88 /r",         "Eb, Gb",  {},        Event::none,  run<Mov>},
    {"mov",      "89 /r",         "Ev, Gv",  {},        Event::none,  run<Mov>},
    {"mov",      "8A /r",         "Gb, Eb",  {},        Event::none,  run<Mov>},
    {"mov",      "8B /r",         "Gv, Ev",  {},        Event::none,  run<Mov>},
    {"mov",      "A0",            "AL, Ob",  {},        Event::none,  run<Mov>},
    {"mov",      "A1",            "rAX, Ov", {},        Event::none,  run<Mov>},
    {"mov",      "A2",            "Ob, AL",  {},        Event::none,  run<Mov>},
    {"mov",      "A3",            "Ov, rAX", {},        Event::none,  run<Mov>},
    {"mov",      "B0+r",          "Zb, Ib",  {},        Event::none,  run<Mov>},
    {"mov",      "B8+r",          "Zv, Iv",  {},        Event::none,  run<Mov>},
    {"mov",      "C6 /0",         "Eb, Ib",  {},        Event::none,  run<Mov>},
    {"mov",      "C7 /0",         "Ev, Iz",  {},        Event::none,  run<Mov>},
    {"xchg",     "86 /r",         "Eb, Gb",  lock,      Event::none,  run<Xchg>},
    {"xchg",     "87 /r",         "Ev, Gv",  lock,      Event::none,  run<Xchg>},
    {"xchg",     "90+r",          "Zv, rAX", {},        Event::none,  run<Xchg>},
    {"movzx",    "0F B6 /r",      "Gv, Eb",  {},        Event::none,  run<Movzx<u8>>},
    {"movzx",    "0F B7 /r",      "Gv, Ew",  {},        Event::none,  run<Movzx<u16>>},
    {"movsx",    "0F BE /r",      "Gv, Eb",  {},        Event::none,  run<Movsx<u8>>},
    {"movsx",    "0F BF /r",      "Gv, Ew",  {},        Event::none,  run<Movsx<u16>>},
    {"movsxd",   "63 /r",         "Gv, Ez",  {.only64 = true}, Event::none, run<Movsxd>},
    {"lea",      "8D /r",         "Gv, M",   {},        Event::none,  run<Lea>},
    {"bswap",    "0F C8+r",       "Zv",      {},        Event::none,  run<Bswap>},
    {"movbe",    "0F 38 F0 /r",   "Gv, Mv",  movbe,     Event::none,  run<Movbe>},
    {"movbe",    "0F 38 F1 /r",   "Mv, Gv",  movbe,     Event::none,  run<Movbe>},
    {"xlat",     "D7",            "Xb",      {},        Event::none,  run<Xlat>},
    {"cbw/cwde/cdqe", "98",       "",        {},        Event::none,  run<ExtendAccumulator>},
    {"cwd/cdq/cqo",   "99",       "",        {},        Event::none,  run<SignToRdx>},

    {"cmovo",     "0F 40 /r",      "Gv, Ev",  cmov,      Event::none,  run<Cmov<0>>},
    {"cmovno",    "0F 41 /r",      "Gv, Ev",  cmov,      Event::none,  run<Cmov<1>>},
    {"cmovb",     "0F 42 /r",      "Gv, Ev",  cmov,      Event::none,  run<Cmov<2>>},
    {"cmovnb",    "0F 43 /r",      "Gv, Ev",  cmov,      Event::none,  run<Cmov<3>>},
    {"cmovz",     "0F 44 /r",      "Gv, Ev",  cmov,      Event::none,  run<Cmov<4>>},
    {"cmovnz",    "0F 45 /r",      "Gv, Ev",  cmov,      Event::none,  run<Cmov<5>>},
    {"cmovbe",    "0F 46 /r",      "Gv, Ev",  cmov,      Event::none,  run<Cmov<6>>},
    {"cmovnbe",   "0F 47 /r",      "Gv, Ev",  cmov,      Event::none,  run<Cmov<7>>},
    {"cmovs",     "0F 48 /r",      "Gv, Ev",  cmov,      Event::none,  run<Cmov<8>>},
    {"cmovns",    "0F 49 /r",      "Gv, Ev",  cmov,      Event::none,  run<Cmov<9>>},
    {"cmovp",     "0F 4A /r",      "Gv, Ev",  cmov,      Event::none,  run<Cmov<10>>},
    {"cmovnp",    "0F 4B /r",      "Gv, Ev",  cmov,      Event::none,  run<Cmov<11>>},
    {"cmovl",     "0F 4C /r",      "Gv, Ev",  cmov,      Event::none,  run<Cmov<12>>},
    {"cmovnl",    "0F 4D /r",      "Gv, Ev",  cmov,      Event::none,  run<Cmov<13>>},
    {"cmovle",    "0F 4E /r",      "Gv, Ev",  cmov,      Event::none,  run<Cmov<14>>},
    {"cmovnle",   "0F 4F /r",      "Gv, Ev",  cmov,      Event::none,  run<Cmov<15>>},

    {"seto",      "0F 90 /r",      "Eb",      {},        Event::none,  run<Set<0>>},
    {"setno",     "0F 91 /r",      "Eb",      {},        Event::none,  run<Set<1>>},
    {"setb",      "0F 92 /r",      "Eb",      {},        Event::none,  run<Set<2>>},
    {"setnb",     "0F 93 /r",      "Eb",      {},        Event::none,  run<Set<3>>},
    {"setz",      "0F 94 /r",      "Eb",      {},        Event::none,  run<Set<4>>},
    {"setnz",     "0F 95 /r",      "Eb",      {},        Event::none,  run<Set<5>>},
    {"setbe",     "0F 96 /r",      "Eb",      {},        Event::none,  run<Set<6>>},
    {"setnbe",    "0F 97 /r",      "Eb",      {},        Event::none,  run<Set<7>>},
    {"sets",      "0F 98 /r",      "Eb",      {},        Event::none,  run<Set<8>>},
    {"setns",     "0F 99 /r",      "Eb",      {},        Event::none,  run<Set<9>>},
    {"setp",      "0F 9A /r",      "Eb",      {},        Event::none,  run<Set<10>>},
    {"setnp",     "0F 9B /r",      "Eb",      {},        Event::none,  run<Set<11>>},
    {"setl",      "0F 9C /r",      "Eb",      {},        Event::none,  run<Set<12>>},
    {"setnl",     "0F 9D /r",      "Eb",      {},        Event::none,  run<Set<13>>},
    {"setle",     "0F 9E /r",      "Eb",      {},        Event::none,  run<Set<14>>},
    {"setnle",    "0F 9F /r",      "Eb",      {},        Event::none,  run<Set<15>>},
};
static_assert(no_overlap(rows), "two rows claim the same bytes");

}
std::span<const Row> move() { return rows; }
}
