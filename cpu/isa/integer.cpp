// SPDX-License-Identifier: MIT
// Integer arithmetic and logic: ADD ... CMP, TEST, INC, DEC, NEG, NOT, MUL, DIV, XADD, CMPXCHG, ADCX, ADOX (SDM vol. 2).
#include "cpu/isa/families.h"
#include "cpu/isa/integer.h"

namespace isa {
namespace {

using namespace alu;
constexpr Gate lock = {.lock = true}, not64 = {.not64 = true}, lock_not64 = {.lock = true, .not64 = true};
constexpr Gate adx = {.needs = Feature::adx};

constexpr Row rows[] = {
    // name         encoding             operands      gate         event         run
    {"add",        "00 /r",             "Eb, Gb",     lock,        Event::none,  run<Binary<Add>>},
    {"add",        "01 /r",             "Ev, Gv",     lock,        Event::none,  run<Binary<Add>>},
    {"add",        "02 /r",             "Gb, Eb",     {},          Event::none,  run<Binary<Add>>},
    {"add",        "03 /r",             "Gv, Ev",     {},          Event::none,  run<Binary<Add>>},
    {"add",        "04",                "AL, Ib",     {},          Event::none,  run<Binary<Add>>},
    {"add",        "05",                "rAX, Iz",    {},          Event::none,  run<Binary<Add>>},
    {"add",        "80 /0",             "Eb, Ib",     lock,        Event::none,  run<Binary<Add>>},
    {"add",        "81 /0",             "Ev, Iz",     lock,        Event::none,  run<Binary<Add>>},
    {"add",        "82 /0",             "Eb, Ib",     lock_not64,  Event::none,  run<Binary<Add>>},
    {"add",        "83 /0",             "Ev, Ib",     lock,        Event::none,  run<Binary<Add>>},

    {"or",         "08 /r",             "Eb, Gb",     lock,        Event::none,  run<Binary<Or>>},
    {"or",         "09 /r",             "Ev, Gv",     lock,        Event::none,  run<Binary<Or>>},
    {"or",         "0A /r",             "Gb, Eb",     {},          Event::none,  run<Binary<Or>>},
    {"or",         "0B /r",             "Gv, Ev",     {},          Event::none,  run<Binary<Or>>},
    {"or",         "0C",                "AL, Ib",     {},          Event::none,  run<Binary<Or>>},
    {"or",         "0D",                "rAX, Iz",    {},          Event::none,  run<Binary<Or>>},
    {"or",         "80 /1",             "Eb, Ib",     lock,        Event::none,  run<Binary<Or>>},
    {"or",         "81 /1",             "Ev, Iz",     lock,        Event::none,  run<Binary<Or>>},
    {"or",         "82 /1",             "Eb, Ib",     lock_not64,  Event::none,  run<Binary<Or>>},
    {"or",         "83 /1",             "Ev, Ib",     lock,        Event::none,  run<Binary<Or>>},

    {"adc",        "10 /r",             "Eb, Gb",     lock,        Event::none,  run<Binary<Adc>>},
    {"adc",        "11 /r",             "Ev, Gv",     lock,        Event::none,  run<Binary<Adc>>},
    {"adc",        "12 /r",             "Gb, Eb",     {},          Event::none,  run<Binary<Adc>>},
    {"adc",        "13 /r",             "Gv, Ev",     {},          Event::none,  run<Binary<Adc>>},
    {"adc",        "14",                "AL, Ib",     {},          Event::none,  run<Binary<Adc>>},
    {"adc",        "15",                "rAX, Iz",    {},          Event::none,  run<Binary<Adc>>},
    {"adc",        "80 /2",             "Eb, Ib",     lock,        Event::none,  run<Binary<Adc>>},
    {"adc",        "81 /2",             "Ev, Iz",     lock,        Event::none,  run<Binary<Adc>>},
    {"adc",        "82 /2",             "Eb, Ib",     lock_not64,  Event::none,  run<Binary<Adc>>},
    {"adc",        "83 /2",             "Ev, Ib",     lock,        Event::none,  run<Binary<Adc>>},

    {"sbb",        "18 /r",             "Eb, Gb",     lock,        Event::none,  run<Binary<Sbb>>},
    {"sbb",        "19 /r",             "Ev, Gv",     lock,        Event::none,  run<Binary<Sbb>>},
    {"sbb",        "1A /r",             "Gb, Eb",     {},          Event::none,  run<Binary<Sbb>>},
    {"sbb",        "1B /r",             "Gv, Ev",     {},          Event::none,  run<Binary<Sbb>>},
    {"sbb",        "1C",                "AL, Ib",     {},          Event::none,  run<Binary<Sbb>>},
    {"sbb",        "1D",                "rAX, Iz",    {},          Event::none,  run<Binary<Sbb>>},
    {"sbb",        "80 /3",             "Eb, Ib",     lock,        Event::none,  run<Binary<Sbb>>},
    {"sbb",        "81 /3",             "Ev, Iz",     lock,        Event::none,  run<Binary<Sbb>>},
    {"sbb",        "82 /3",             "Eb, Ib",     lock_not64,  Event::none,  run<Binary<Sbb>>},
    {"sbb",        "83 /3",             "Ev, Ib",     lock,        Event::none,  run<Binary<Sbb>>},

    {"and",        "20 /r",             "Eb, Gb",     lock,        Event::none,  run<Binary<And>>},
    {"and",        "21 /r",             "Ev, Gv",     lock,        Event::none,  run<Binary<And>>},
    {"and",        "22 /r",             "Gb, Eb",     {},          Event::none,  run<Binary<And>>},
    {"and",        "23 /r",             "Gv, Ev",     {},          Event::none,  run<Binary<And>>},
    {"and",        "24",                "AL, Ib",     {},          Event::none,  run<Binary<And>>},
    {"and",        "25",                "rAX, Iz",    {},          Event::none,  run<Binary<And>>},
    {"and",        "80 /4",             "Eb, Ib",     lock,        Event::none,  run<Binary<And>>},
    {"and",        "81 /4",             "Ev, Iz",     lock,        Event::none,  run<Binary<And>>},
    {"and",        "82 /4",             "Eb, Ib",     lock_not64,  Event::none,  run<Binary<And>>},
    {"and",        "83 /4",             "Ev, Ib",     lock,        Event::none,  run<Binary<And>>},

    {"sub",        "28 /r",             "Eb, Gb",     lock,        Event::none,  run<Binary<Sub>>},
    {"sub",        "29 /r",             "Ev, Gv",     lock,        Event::none,  run<Binary<Sub>>},
    {"sub",        "2A /r",             "Gb, Eb",     {},          Event::none,  run<Binary<Sub>>},
    {"sub",        "2B /r",             "Gv, Ev",     {},          Event::none,  run<Binary<Sub>>},
    {"sub",        "2C",                "AL, Ib",     {},          Event::none,  run<Binary<Sub>>},
    {"sub",        "2D",                "rAX, Iz",    {},          Event::none,  run<Binary<Sub>>},
    {"sub",        "80 /5",             "Eb, Ib",     lock,        Event::none,  run<Binary<Sub>>},
    {"sub",        "81 /5",             "Ev, Iz",     lock,        Event::none,  run<Binary<Sub>>},
    {"sub",        "82 /5",             "Eb, Ib",     lock_not64,  Event::none,  run<Binary<Sub>>},
    {"sub",        "83 /5",             "Ev, Ib",     lock,        Event::none,  run<Binary<Sub>>},

    {"xor",        "30 /r",             "Eb, Gb",     lock,        Event::none,  run<Binary<Xor>>},
    {"xor",        "31 /r",             "Ev, Gv",     lock,        Event::none,  run<Binary<Xor>>},
    {"xor",        "32 /r",             "Gb, Eb",     {},          Event::none,  run<Binary<Xor>>},
    {"xor",        "33 /r",             "Gv, Ev",     {},          Event::none,  run<Binary<Xor>>},
    {"xor",        "34",                "AL, Ib",     {},          Event::none,  run<Binary<Xor>>},
    {"xor",        "35",                "rAX, Iz",    {},          Event::none,  run<Binary<Xor>>},
    {"xor",        "80 /6",             "Eb, Ib",     lock,        Event::none,  run<Binary<Xor>>},
    {"xor",        "81 /6",             "Ev, Iz",     lock,        Event::none,  run<Binary<Xor>>},
    {"xor",        "82 /6",             "Eb, Ib",     lock_not64,  Event::none,  run<Binary<Xor>>},
    {"xor",        "83 /6",             "Ev, Ib",     lock,        Event::none,  run<Binary<Xor>>},

    {"cmp",        "38 /r",             "Eb, Gb",     {},          Event::none,  run<Compare<Sub>>},
    {"cmp",        "39 /r",             "Ev, Gv",     {},          Event::none,  run<Compare<Sub>>},
    {"cmp",        "3A /r",             "Gb, Eb",     {},          Event::none,  run<Compare<Sub>>},
    {"cmp",        "3B /r",             "Gv, Ev",     {},          Event::none,  run<Compare<Sub>>},
    {"cmp",        "3C",                "AL, Ib",     {},          Event::none,  run<Compare<Sub>>},
    {"cmp",        "3D",                "rAX, Iz",    {},          Event::none,  run<Compare<Sub>>},
    {"cmp",        "80 /7",             "Eb, Ib",     {},          Event::none,  run<Compare<Sub>>},
    {"cmp",        "81 /7",             "Ev, Iz",     {},          Event::none,  run<Compare<Sub>>},
    {"cmp",        "82 /7",             "Eb, Ib",     not64,       Event::none,  run<Compare<Sub>>},
    {"cmp",        "83 /7",             "Ev, Ib",     {},          Event::none,  run<Compare<Sub>>},

    {"test",       "84 /r",             "Eb, Gb",     {},          Event::none,  run<Compare<And>>},
    {"test",       "85 /r",             "Ev, Gv",     {},          Event::none,  run<Compare<And>>},
    {"test",       "A8",                "AL, Ib",     {},          Event::none,  run<Compare<And>>},
    {"test",       "A9",                "rAX, Iz",    {},          Event::none,  run<Compare<And>>},
    {"test",       "F6 /0",             "Eb, Ib",     {},          Event::none,  run<Compare<And>>},
    {"test",       "F6 /1",             "Eb, Ib",     {},          Event::none,  run<Compare<And>>},
    {"test",       "F7 /0",             "Ev, Iz",     {},          Event::none,  run<Compare<And>>},
    {"test",       "F7 /1",             "Ev, Iz",     {},          Event::none,  run<Compare<And>>},

    {"inc",        "40+r",              "Zv",         not64,       Event::none,  run<Unary<Inc>>},
    {"dec",        "48+r",              "Zv",         not64,       Event::none,  run<Unary<Dec>>},
    {"inc",        "FE /0",             "Eb",         lock,        Event::none,  run<Unary<Inc>>},
    {"dec",        "FE /1",             "Eb",         lock,        Event::none,  run<Unary<Dec>>},
    {"inc",        "FF /0",             "Ev",         lock,        Event::none,  run<Unary<Inc>>},
    {"dec",        "FF /1",             "Ev",         lock,        Event::none,  run<Unary<Dec>>},
    {"not",        "F6 /2",             "Eb",         lock,        Event::none,  run<Unary<Not>>},
    {"not",        "F7 /2",             "Ev",         lock,        Event::none,  run<Unary<Not>>},
    {"neg",        "F6 /3",             "Eb",         lock,        Event::none,  run<Unary<Neg>>},
    {"neg",        "F7 /3",             "Ev",         lock,        Event::none,  run<Unary<Neg>>},

    {"mul",        "F6 /4",             "Eb",         {},          Event::none,  run<Multiply<Mul>>},
    {"mul",        "F7 /4",             "Ev",         {},          Event::none,  run<Multiply<Mul>>},
    {"imul",       "F6 /5",             "Eb",         {},          Event::none,  run<Multiply<Imul>>},
    {"imul",       "F7 /5",             "Ev",         {},          Event::none,  run<Multiply<Imul>>},
    {"imul",       "0F AF /r",          "Gv, Ev",     {},          Event::none,  run<Imul2>},
    {"imul",       "69 /r",             "Gv, Ev, Iz", {},          Event::none,  run<Imul3>},
    {"imul",       "6B /r",             "Gv, Ev, Ib", {},          Event::none,  run<Imul3>},
    {"div",        "F6 /6",             "Eb",         {},          Event::none,  run<Divide<Div>>},
    {"div",        "F7 /6",             "Ev",         {},          Event::none,  run<Divide<Div>>},
    {"idiv",       "F6 /7",             "Eb",         {},          Event::none,  run<Divide<Idiv>>},
    {"idiv",       "F7 /7",             "Ev",         {},          Event::none,  run<Divide<Idiv>>},

    {"xadd",       "0F C0 /r",          "Eb, Gb",     lock,        Event::none,  run<Xadd>},
    {"xadd",       "0F C1 /r",          "Ev, Gv",     lock,        Event::none,  run<Xadd>},
    {"cmpxchg",    "0F B0 /r",          "Eb, Gb",     lock,        Event::none,  run<Cmpxchg>},
    {"cmpxchg",    "0F B1 /r",          "Ev, Gv",     lock,        Event::none,  run<Cmpxchg>},
    {"cmpxchg16b", "REX.W 0F C7 /1",    "Mdq",        {.needs = Feature::cx16, .lock = true}, Event::none, run<CmpxchgPair<u64>>},
    {"cmpxchg8b",  "0F C7 /1",          "Mq",         {.needs = Feature::cx8, .lock = true},  Event::none, run<CmpxchgPair<u32>>},

    {"adcx",       "66 0F 38 F6 /r",    "Gy, Ey",     adx,         Event::none,  run<Binary<AddWithOne<rflags::cf>>>},
    {"adox",       "F3 0F 38 F6 /r",    "Gy, Ey",     adx,         Event::none,  run<Binary<AddWithOne<rflags::of>>>},
};
static_assert(no_overlap(rows), "two rows claim the same bytes");

}
std::span<const Row> integer() { return rows; }
}
