// SPDX-License-Identifier: MIT
// NOP and hints, PAUSE, UD0 to UD2, prefetches, fences, cache line instructions, direct stores, BOUND, RDRAND, RDSEED (SDM vol. 2).
#include "cpu/exec/slow.h"
#include "cpu/isa/families.h"
#include "cpu/isa/misc.h"
#include "cpu/isa/move.h"

namespace isa {
namespace {

struct Undefined {
    template <class X> static Outcome run(X& x) { return x.raise(ud()); }
};

// 0F 0D with a register is a NOP for Intel, and undefined for AMD.
Outcome register_prefetch(Slow& x) { return x.cpu.intel() ? Outcome::next : x.raise(ud()); }

// CLFLUSH, CLFLUSHOPT, CLWB: checked as a load of a byte (SDM vol. 2, CLFLUSH); there is no cache.
struct FlushLine {
    template <class X> static Outcome run(X& x) {
        x.probe_read(first);
        return x.why();
    }
};
// Zeroes the 64 bytes around rAX, in DS or what overrides it (APM vol. 3, CLZERO).
struct Clzero {
    template <class X> static Outcome run(X& x) {
        u64 base = x.cpu.bits64() && x.insn.segment != Seg::fs && x.insn.segment != Seg::gs ? 0 : x.cpu.seg[x.insn.segment].base;
        u64 at = x.template reg<u64>(rax) & ones(x.insn.address_size);
        at -= (base + at) & 63;
        auto line = x.probe_at(x.insn.segment, at, 64);
        if (x.stopped()) return x.why();
        x.cpu.write_span(line, std::array<u8, 64>{}.data());
        return Outcome::next;
    }
};

// MOVDIR64B: 64 bytes to a line of ES, whose offset the register has.
Outcome move_line(Slow& x) {
    auto line = x.load<std::array<u8, 64>>();
    u64 at = x.cpu.gpr[x.insn.operand[0].number] & ones(x.insn.address_size), base = x.cpu.bits64() ? 0 : x.cpu.seg[Seg::es].base;
    if (!x.stopped() && (base + at) % 64) return x.raise(gp(0));
    auto target = x.probe_at(Seg::es, at, 64);
    if (x.stopped()) return x.why();
    x.cpu.write_span(target, line.data());
    return Outcome::next;
}

// A signed index against two bounds in memory, the lower one first: Intel reads the upper one only if it has to (Sapphire Rapids).
struct Bound {
    template <class X> static Outcome run(X& x) {
        using T = typename X::word;
        using Signed = std::make_signed_t<T>;
        auto index = Signed(x.read(first));
        auto lower = Signed(x.template load<T>());
        if (!x.stopped() && x.cpu.intel() && index < lower) return x.raise(br());
        auto upper = Signed(x.template load<T>(sizeof(T)));
        if (x.stopped()) return x.why();
        return index < lower || index > upper ? x.raise(br()) : Outcome::next;
    }
};

// RDRAND, RDSEED: the machine's source is never exhausted, so that CF is always set.
struct Random {
    template <class X> static Outcome run(X& x) {
        x.place_to_write(first).set(typename X::word(x.cpu.wires.random()));
        x.set_flags(Flags(u32(rflags::cf)));
        return Outcome::next;
    }
};

// A loop that waits for another CPU lets it go on; one that waits for the time waits by some 40 ns, as processors do.
Outcome pause(Slow& x) {
    constexpr u64 in_a_second = 25'000'000;
    x.cpu.clock.ticks += x.cpu.clock.rate / in_a_second;
    x.cpu.pending |= pending::yield;
    return Outcome::next;
}

constexpr Gate clfsh = {.needs = Feature::clfsh}, clflushopt = {.needs = Feature::clflushopt}, clwb = {.needs = Feature::clwb};
constexpr Gate movdiri = {.needs = Feature::movdiri}, movdir64b = {.needs = Feature::movdir64b}, serialize = {.needs = Feature::serialize};
constexpr Gate sse = {.needs = Feature::sse}, sse2 = {.needs = Feature::sse2}, not64 = {.not64 = true};
constexpr Gate rdrand = {.needs = Feature::rdrand, .no_rep = true}, rdseed = {.needs = Feature::rdseed, .no_rep = true};

constexpr Row rows[] = {
    // name            encoding           operands   gate                         event           run
    {"nop",           "NB 90",           "",        {},                          Event::none,    run<Nothing>},
    {"pause",         "F3 NB 90",        "",        {},                          Event::pause,   plain<pause>},
    {"prefetch",      "0F 0D /0",        "Mb",      {},                          Event::none,    run<Nothing>},
    {"prefetchw",     "0F 0D /1",        "Mb",      {},                          Event::none,    run<Nothing>},
    {"prefetchwt1",   "0F 0D /2",        "Mb",      {},                          Event::none,    run<Nothing>},
    {"prefetch",      "0F 0D /r",        "Mb",      {},                          Event::none,    run<Nothing>},
    {"nop",           "0F 0D /r",        "Rv",      {},                          Event::none,    plain<register_prefetch>},
    {"prefetchnta",   "0F 18 /0",        "Mb",      {},                          Event::none,    run<Nothing>},
    {"prefetcht0",    "0F 18 /1",        "Mb",      {},                          Event::none,    run<Nothing>},
    {"prefetcht1",    "0F 18 /2",        "Mb",      {},                          Event::none,    run<Nothing>},
    {"prefetcht2",    "0F 18 /3",        "Mb",      {},                          Event::none,    run<Nothing>},
    {"nop",           "0F 18 /r",        "Ev",      {},                          Event::none,    run<Nothing>},
    {"nop",           "0F 19 /r",        "Ev",      {},                          Event::none,    run<Nothing>},
    {"nop",           "0F 1A /r",        "Ev",      {},                          Event::none,    run<Nothing>},
    {"nop",           "0F 1B /r",        "Ev",      {},                          Event::none,    run<Nothing>},
    {"nop",           "0F 1C /r",        "Ev",      {},                          Event::none,    run<Nothing>},
    {"nop",           "0F 1D /r",        "Ev",      {},                          Event::none,    run<Nothing>},
    {"endbr64",       "F3 0F 1E FA",     "",        {},                          Event::none,    run<Nothing>},
    {"endbr32",       "F3 0F 1E FB",     "",        {},                          Event::none,    run<Nothing>},
    {"nop",           "0F 1E /r",        "Ev",      {},                          Event::none,    run<Nothing>},
    {"nop",           "0F 1F /r",        "Ev",      {},                          Event::none,    run<Nothing>},
    {"ud0",           "0F FF /r",        "Gd, Ed",  {},                          Event::none,    run<Undefined>},
    {"ud1",           "0F B9 /r",        "Gd, Ed",  {},                          Event::none,    run<Undefined>},
    {"ud2",           "0F 0B",           "",        {},                          Event::none,    run<Undefined>},
    {"lfence",        "NP 0F AE E8+i",   "",        sse2,                        Event::none,    run<Nothing>},
    {"mfence",        "NP 0F AE F0+i",   "",        sse2,                        Event::none,    run<Nothing>},
    {"sfence",        "NP 0F AE F8+i",   "",        sse,                         Event::none,    run<Nothing>},
    {"clflush",       "NP 0F AE /7",     "Mb",      clfsh,                       Event::none,    run<FlushLine>},
    {"clflushopt",    "66 0F AE /7",     "Mb",      clflushopt,                  Event::none,    run<FlushLine>},
    {"clwb",          "66 0F AE /6",     "Mb",      clwb,                        Event::none,    run<FlushLine>},
    {"clzero",        "0F 01 FC",        "Xb",      {.needs = Feature::clzero},  Event::none,    run<Clzero>},
    {"movdiri",       "NP 0F 38 F9 /r",  "My, Gy",  movdiri,                     Event::none,    run<Mov>},
    {"movdir64b",     "66 0F 38 F8 /r",  "Gy, M",   movdir64b,                   Event::none,    plain<move_line>},
    {"serialize",     "NP 0F 01 E8",     "",        serialize,                   Event::none,    run<Nothing>},
    {"bound",         "62 /r",           "Gv, Ma",  not64,                       Event::none,    run<Bound>},
    {"rdrand",        "0F C7 /6",        "Rv",      rdrand,                      Event::rdrand,  run<Random>},
    {"rdseed",        "0F C7 /7",        "Rv",      rdseed,                      Event::rdseed,  run<Random>},
};
static_assert(no_overlap(rows), "two rows claim the same bytes");

}
std::span<const Row> misc() { return rows; }
}
