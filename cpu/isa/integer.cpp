// SPDX-License-Identifier: MIT
// Integer arithmetic and logic: ADD ... CMP, TEST, INC, DEC, NEG, NOT, MUL, DIV, XADD, CMPXCHG, ADCX, ADOX (SDM vol. 2).
#include "cpu/exec/slow.h"
#include "cpu/isa/alu.h"
#include "cpu/isa/families.h"

namespace isa {
namespace {

// How operands reach the arithmetic: once for every instruction with a destination and a source.
template <class Op> struct Binary {
    template <class X> static Outcome run(X& x) {
        auto target = x.place(first);
        auto source = x.read(second);
        if (x.stopped()) return x.why();
        auto [value, flags] = Op{}(target.value(), source, x.flags());
        target.set(value);
        x.set_flags(flags);
        return Outcome::next;
    }
};

// Only the flags are kept: CMP, TEST.
template <class Op> struct Compare {
    template <class X> static Outcome run(X& x) {
        auto a = x.read(first);
        auto b = x.read(second);
        if (x.stopped()) return x.why();
        x.set_flags(Op{}(a, b, x.flags()).flags);
        return Outcome::next;
    }
};

// One operand: INC, DEC, NEG, NOT.
template <class Op> struct Unary {
    template <class X> static Outcome run(X& x) {
        auto target = x.place(first);
        if (x.stopped()) return x.why();
        auto [value, flags] = Op{}(target.value(), x.flags());
        target.set(value);
        x.set_flags(flags);
        return Outcome::next;
    }
};

// rDX:rAX, or AX for bytes.
template <class X, Word T> void set_accumulators(X& x, T low, T high) {
    if constexpr (sizeof(T) == 1) {
        x.template set_reg<u16>(rax, u16(low | high << 8));
    } else {
        x.template set_reg<T>(rax, low);
        x.template set_reg<T>(rdx, high);
    }
}
template <class X> auto upper_accumulator(X& x) {
    using T = typename X::word;
    if constexpr (sizeof(T) == 1) return T(x.template reg<u16>(rax) >> 8);
    else return x.template reg<T>(rdx);
}

// SF, ZF, AF, PF are undefined behind a multiplication: kept, as AMD does.
template <class X> void set_overflow(X& x, bool on) { x.set_flags(x.flags().with(rflags::cf | rflags::of, on)); }

template <class Op> struct Multiply {
    template <class X> static Outcome run(X& x) {
        auto source = x.read(first);
        if (x.stopped()) return x.why();
        auto product = Op{}(x.template reg<typename X::word>(rax), source);
        set_accumulators(x, product.low, product.high);
        set_overflow(x, product.overflow);
        return Outcome::next;
    }
};

// IMUL with two or three operands: target, a, b.
template <class X, class T> Outcome multiply_to_first(X& x, T a, T b) {
    if (x.stopped()) return x.why();
    auto product = alu::Imul{}(a, b);
    x.place_to_write(first).set(product.low);
    set_overflow(x, product.overflow);
    return Outcome::next;
}
struct Imul2 {
    template <class X> static Outcome run(X& x) { return multiply_to_first(x, x.read(first), x.read(second)); }
};
struct Imul3 {
    template <class X> static Outcome run(X& x) { return multiply_to_first(x, x.read(second), x.read(third)); }
};

// All flags are undefined; AMD sets AF, clears PF, ZF and SF, and keeps CF and OF.
template <class Op> struct Divide {
    template <class X> static Outcome run(X& x) {
        auto divisor = x.read(first);
        if (x.stopped()) return x.why();
        auto r = Op{}(upper_accumulator(x), x.template reg<typename X::word>(rax), divisor);
        if (!r.fits) return x.raise(de());
        set_accumulators(x, r.quotient, r.remainder);
        auto f = x.flags();
        x.set_flags(Flags(f.cf(), false, true, false, false, f.of()));
        return Outcome::next;
    }
};

struct Xadd {
    template <class X> static Outcome run(X& x) {
        auto target = x.place(first);
        auto other = x.place(second);
        if (x.stopped()) return x.why();
        auto [value, flags] = alu::Add{}(target.value(), other.value(), x.flags());
        other.set(target.value());
        target.set(value);
        x.set_flags(flags);
        return Outcome::next;
    }
};

// The memory destination has its write cycle whether or not it compares equal (SDM vol. 2, CMPXCHG).
struct Cmpxchg {
    template <class X> static Outcome run(X& x) {
        using T = typename X::word;
        auto target = x.place(first);
        auto source = x.read(second);
        if (x.stopped()) return x.why();
        T accumulator = x.template reg<T>(rax);
        if (accumulator == target.value()) target.set(source);
        else target.put_back(), x.template set_reg<T>(rax, target.value());
        x.set_flags(alu::Sub{}(accumulator, target.value(), x.flags()).flags);
        return Outcome::next;
    }
};

// CMPXCHG8B, CMPXCHG16B: rDX:rAX with two words in memory, rCX:rBX the replacement. 16 bytes must be aligned.
template <Word T> struct CmpxchgPair {
    struct Pair {
        T low, high;
        bool operator==(const Pair&) const = default;
    };
    template <class X> static Outcome run(X& x) {
        if constexpr (sizeof(T) == 8) x.require_aligned(16);
        auto span = x.probe_write(sizeof(Pair));
        if (x.stopped()) return x.why();
        Pair old;
        x.cpu.read_span(span, &old);
        bool equal = old == Pair{x.template reg<T>(rax), x.template reg<T>(rdx)};
        Pair replacement = equal ? Pair{x.template reg<T>(rbx), x.template reg<T>(rcx)} : old;
        x.cpu.write_span(span, &replacement);
        if (!equal) set_accumulators(x, old.low, old.high);
        x.set_flags(x.flags().with(rflags::zf, equal));
        return Outcome::next;
    }
};

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
