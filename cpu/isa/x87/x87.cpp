// SPDX-License-Identifier: MIT
// x87: loads, stores, arithmetic, comparisons, transcendentals, and the family's rows (SDM vol. 1, ch. 8; vol. 2, D8 to DF).
#include "cpu/isa/families.h"
#include "cpu/isa/x87/host.h"
#include "cpu/isa/x87/x87.h"

namespace x87 {

namespace {

constexpr u16 c0 = 0x100, c1 = 0x200, c2 = 0x400, c3 = 0x4000;

// The memory operand, probed: one of 80 bits is 8 bytes and 2, whose address wraps by itself.
struct MemoryOperand {
    unsigned width, head;
    Span first, rest;
    MemoryOperand(Slow& x, Kind kind) : width(x.insn.operand[0].width), head(std::min(width, 8u)) {
        first = part(x, kind, 0, head);
        if (width > head) rest = part(x, kind, head, width - head);
    }
    static Span part(Slow& x, Kind kind, unsigned at, unsigned bytes) {
        Span span;
        u64 linear;
        if (x.address(bytes, kind, linear, at) && !x.cpu.probe(linear, bytes, kind, span, As::current, x.insn.segment)) x.fail();
        return span;
    }
    void read(Cpu& cpu, u8* to) const {
        cpu.read_span(first, to);
        if (width > head) cpu.read_span(rest, to + head);
    }
    void write(Cpu& cpu, const u8* from) const {
        cpu.write_span(first, from);
        if (width > head) cpu.write_span(rest, from + head);
    }
};

// Runs the instruction on a copy of the state, with its memory operand read beforehand; `undefined` condition codes stay.
Outcome compute(Slow& x, u16 undefined) {
    std::array<u8, 16> operand{};
    if (x.insn.modrm < 0xc0) {
        MemoryOperand memory(x, Kind::read);
        if (x.stopped()) return x.why();
        memory.read(x.cpu, operand.data());
    }
    if (run_short(x.cpu.fpu, x.insn.opcode, x.insn.modrm, operand.data())) {
        remember(x);
        return Outcome::next;
    }
    Fpu f = x.cpu.fpu;
    run_on_host(f, x.insn.opcode, x.insn.modrm, operand.data());
    f.status = u16((f.status & ~undefined) | (x.cpu.fpu.status & undefined));
    x.cpu.fpu = f;
    remember(x);
    return Outcome::next;
}

}

Outcome arithmetic(Slow& x) { return compute(x, c0 | c2 | c3); }
Outcome compare(Slow& x) { return compute(x, 0); }
Outcome trigonometric(Slow& x) { return compute(x, c0 | c3); }

namespace {

// An unmasked exception can keep the operand from being stored: then two runs over different bytes leave both alone.
bool store_by_host(Slow& x, Fpu& f, std::array<u8, 16>& result) {
    std::array<u8, 16> zeros{};
    result.fill(0xff);
    Fpu again = f;
    run_on_host(f, x.insn.opcode, x.insn.modrm, result.data());
    if ((f.control & 0x3f) == 0x3f) return true;
    run_on_host(again, x.insn.opcode, x.insn.modrm, zeros.data());
    return std::equal(result.begin(), result.begin() + x.insn.operand[0].width, zeros.begin());
}

}

Outcome store(Slow& x) {
    MemoryOperand memory(x, Kind::write);
    if (x.stopped()) return x.why();
    std::array<u8, 16> result;
    if (run_short(x.cpu.fpu, x.insn.opcode, x.insn.modrm, result.data())) {
        memory.write(x.cpu, result.data());
        remember(x);
        return Outcome::next;
    }
    Fpu f = x.cpu.fpu;
    bool stored = store_by_host(x, f, result);
    constexpr u16 undefined = c0 | c2 | c3;
    f.status = u16((f.status & ~undefined) | (x.cpu.fpu.status & undefined));
    if (stored) memory.write(x.cpu, result.data());
    x.cpu.fpu = f;
    remember(x);
    return Outcome::next;
}

namespace {

bool is_empty(const Fpu& f, unsigned st) { return f.empty >> f.physical(st) & 1; }

enum class Class : u8 { number, qnan, snan, unsupported };
Class classify(const F80& r) {
    unsigned exponent = r.sign_exponent & 0x7fff;
    bool integer = r.significand >> 63;
    if (exponent == 0) return Class::number;
    if (!integer) return Class::unsupported;                 // unnormal, pseudo-NaN, pseudo-infinity
    if (exponent == 0x7fff && r.significand << 1) return r.significand >> 62 & 1 ? Class::qnan : Class::snan;
    return Class::number;
}
bool is_denormal(const F80& r) { return !(r.sign_exponent & 0x7fff) && r.significand; }
bool is_zero(const F80& r) { return !(r.sign_exponent & 0x7fff) && !r.significand; }

// -1, 0, 1 for ordered numbers.
int order(const F80& a, const F80& b) {
    if (is_zero(a) && is_zero(b)) return 0;
    bool sa = a.sign_exponent & 0x8000, sb = b.sign_exponent & 0x8000;
    if (sa != sb) return sa ? -1 : 1;
    auto magnitude = [](const F80& r) {
        unsigned e = r.sign_exponent & 0x7fff;
        return u128(e ? e : 1) << 64 | r.significand;
    };
    u128 ma = magnitude(a), mb = magnitude(b);
    int by_size = ma < mb ? -1 : ma > mb ? 1 : 0;
    return sa ? -by_size : by_size;
}

// C1 tells of a stack underflow; without one Intel clears it and AMD leaves it (SDM vol. 2, FCOMI; Zen 5).
void clear_c1(Slow& x, bool underflow) {
    if (underflow || x.cpu.intel()) x.cpu.fpu.status &= u16(~c1);
}

// Sets exception flags; true when one of them is unmasked.
bool signal(Fpu& f, u16 exceptions) {
    f.status |= exceptions;
    update_summary(f);
    return exceptions & ~f.control & 0x3f;
}

}

// FCOMI, FCOMIP, FUCOMI, FUCOMIP: the result goes to ZF, PF, CF; OF, SF and AF are cleared (SDM vol. 2, FCOMI).
Outcome compare_flags(Slow& x) {
    Fpu& f = x.cpu.fpu;
    unsigned i = x.insn.modrm & 7;
    bool quiet = (x.insn.modrm & 0xf8) == 0xe8, pops = x.insn.opcode == 0xdf;
    bool underflow = is_empty(f, 0) || is_empty(f, i);
    clear_c1(x, underflow);
    remember(x);
    Flags result(true, true, false, true, false, false);     // unordered
    // An unmasked exception keeps the pop from happening; RFLAGS it keeps as they were on Intel (SDM vol. 2) and not on AMD (Zen 5).
    auto unmasked = [&] {
        if (!x.cpu.intel()) x.set_flags(result);
        return Outcome::next;
    };
    if (underflow) {
        if (signal(f, 0x41)) return unmasked();
    } else {
        auto &a = f.r[f.physical(0)], &b = f.r[f.physical(i)];
        Class ca = classify(a), cb = classify(b);
        bool unordered = ca != Class::number || cb != Class::number;
        bool invalid = unordered && !(quiet && ca <= Class::qnan && cb <= Class::qnan);
        if (invalid && signal(f, 1)) return unmasked();
        if (!unordered) {
            int o = order(a, b);
            result = Flags(o < 0, false, false, o == 0, false, false);
            if ((is_denormal(a) || is_denormal(b)) && signal(f, 2)) return unmasked();
        }
    }
    x.set_flags(result);
    if (pops) {
        f.empty |= u8(1 << f.physical(0));
        f.set_top(f.top() + 1);
    }
    return Outcome::next;
}

// FCMOVcc: an empty register is a stack underflow, whether the condition holds or not.
Outcome conditional_move(Slow& x) {
    Fpu& f = x.cpu.fpu;
    unsigned i = x.insn.modrm & 7, which = x.insn.modrm >> 3 & 3;
    Flags flags = x.flags();
    bool holds = which == 0 ? flags.cf() : which == 1 ? flags.zf() : which == 2 ? flags.cf() || flags.zf() : flags.pf();
    if (x.insn.opcode == 0xdb) holds = !holds;
    bool underflow = is_empty(f, 0) || is_empty(f, i);
    remember(x);
    clear_c1(x, underflow);
    auto& target = f.r[f.physical(0)];
    if (underflow) {
        if (signal(f, 0x41)) return Outcome::next;
        target = {0xc000000000000000, 0xffff};
        f.empty &= u8(~(1 << f.physical(0)));
        return Outcome::next;
    }
    if (holds) target = f.r[f.physical(i)];
    return Outcome::next;
}

}

namespace isa {
namespace {

using namespace x87;
constexpr Gate fpu{.needs = Feature::fpu, .unit = Unit::x87}, control{.needs = Feature::fpu, .unit = Unit::x87_no_wait},
    sse3{.needs = Feature::sse3, .unit = Unit::x87}, cmov{.needs = Feature::cmov, .unit = Unit::x87}, waits{.needs = Feature::fpu, .unit = Unit::fwait};
constexpr auto none = Event::none;

constexpr Row rows[] = {
    // name        encoding     operands     gate     event  run
    {"fadd",      "D8 /0",     "Md",        fpu,     none,  plain<arithmetic>},
    {"fmul",      "D8 /1",     "Md",        fpu,     none,  plain<arithmetic>},
    {"fcom",      "D8 /2",     "Md",        fpu,     none,  plain<compare>},
    {"fcomp",     "D8 /3",     "Md",        fpu,     none,  plain<compare>},
    {"fsub",      "D8 /4",     "Md",        fpu,     none,  plain<arithmetic>},
    {"fsubr",     "D8 /5",     "Md",        fpu,     none,  plain<arithmetic>},
    {"fdiv",      "D8 /6",     "Md",        fpu,     none,  plain<arithmetic>},
    {"fdivr",     "D8 /7",     "Md",        fpu,     none,  plain<arithmetic>},
    {"fadd",      "D8 C0+i",   "ST0, STi",  fpu,     none,  plain<arithmetic>},
    {"fmul",      "D8 C8+i",   "ST0, STi",  fpu,     none,  plain<arithmetic>},
    {"fcom",      "D8 D0+i",   "ST0, STi",  fpu,     none,  plain<compare>},
    {"fcomp",     "D8 D8+i",   "ST0, STi",  fpu,     none,  plain<compare>},
    {"fsub",      "D8 E0+i",   "ST0, STi",  fpu,     none,  plain<arithmetic>},
    {"fsubr",     "D8 E8+i",   "ST0, STi",  fpu,     none,  plain<arithmetic>},
    {"fdiv",      "D8 F0+i",   "ST0, STi",  fpu,     none,  plain<arithmetic>},
    {"fdivr",     "D8 F8+i",   "ST0, STi",  fpu,     none,  plain<arithmetic>},

    {"fld",       "D9 /0",     "Md",        fpu,     none,  plain<arithmetic>},
    {"fst",       "D9 /2",     "Md",        fpu,     none,  plain<store>},
    {"fstp",      "D9 /3",     "Md",        fpu,     none,  plain<store>},
    {"fldenv",    "D9 /4",     "M",         fpu,     none,  plain<fldenv>},
    {"fldcw",     "D9 /5",     "Mw",        fpu,     none,  plain<fldcw>},
    {"fnstenv",   "D9 /6",     "M",         control, none,  plain<fnstenv>},
    {"fnstcw",    "D9 /7",     "Mw",        control, none,  plain<fnstcw>},
    {"fld",       "D9 C0+i",   "STi",       fpu,     none,  plain<arithmetic>},
    {"fxch",      "D9 C8+i",   "ST0, STi",  fpu,     none,  plain<arithmetic>},
    {"fnop",      "D9 D0",     "",          fpu,     none,  plain<x87::nothing>},
    {"fstpnce",   "D9 D8+i",   "STi, ST0",  fpu,     none,  plain<arithmetic>},
    {"fchs",      "D9 E0",     "",          fpu,     none,  plain<arithmetic>},
    {"fabs",      "D9 E1",     "",          fpu,     none,  plain<arithmetic>},
    {"ftst",      "D9 E4",     "",          fpu,     none,  plain<compare>},
    {"fxam",      "D9 E5",     "",          fpu,     none,  plain<compare>},
    {"fld1",      "D9 E8",     "",          fpu,     none,  plain<arithmetic>},
    {"fldl2t",    "D9 E9",     "",          fpu,     none,  plain<arithmetic>},
    {"fldl2e",    "D9 EA",     "",          fpu,     none,  plain<arithmetic>},
    {"fldpi",     "D9 EB",     "",          fpu,     none,  plain<arithmetic>},
    {"fldlg2",    "D9 EC",     "",          fpu,     none,  plain<arithmetic>},
    {"fldln2",    "D9 ED",     "",          fpu,     none,  plain<arithmetic>},
    {"fldz",      "D9 EE",     "",          fpu,     none,  plain<arithmetic>},
    {"f2xm1",     "D9 F0",     "",          fpu,     none,  plain<arithmetic>},
    {"fyl2x",     "D9 F1",     "",          fpu,     none,  plain<arithmetic>},
    {"fptan",     "D9 F2",     "",          fpu,     none,  plain<trigonometric>},
    {"fpatan",    "D9 F3",     "",          fpu,     none,  plain<arithmetic>},
    {"fxtract",   "D9 F4",     "",          fpu,     none,  plain<arithmetic>},
    {"fprem1",    "D9 F5",     "",          fpu,     none,  plain<compare>},
    {"fdecstp",   "D9 F6",     "",          fpu,     none,  plain<arithmetic>},
    {"fincstp",   "D9 F7",     "",          fpu,     none,  plain<arithmetic>},
    {"fprem",     "D9 F8",     "",          fpu,     none,  plain<compare>},
    {"fyl2xp1",   "D9 F9",     "",          fpu,     none,  plain<arithmetic>},
    {"fsqrt",     "D9 FA",     "",          fpu,     none,  plain<arithmetic>},
    {"fsincos",   "D9 FB",     "",          fpu,     none,  plain<trigonometric>},
    {"frndint",   "D9 FC",     "",          fpu,     none,  plain<arithmetic>},
    {"fscale",    "D9 FD",     "",          fpu,     none,  plain<arithmetic>},
    {"fsin",      "D9 FE",     "",          fpu,     none,  plain<trigonometric>},
    {"fcos",      "D9 FF",     "",          fpu,     none,  plain<trigonometric>},

    {"fiadd",     "DA /0",     "Md",        fpu,     none,  plain<arithmetic>},
    {"fimul",     "DA /1",     "Md",        fpu,     none,  plain<arithmetic>},
    {"ficom",     "DA /2",     "Md",        fpu,     none,  plain<compare>},
    {"ficomp",    "DA /3",     "Md",        fpu,     none,  plain<compare>},
    {"fisub",     "DA /4",     "Md",        fpu,     none,  plain<arithmetic>},
    {"fisubr",    "DA /5",     "Md",        fpu,     none,  plain<arithmetic>},
    {"fidiv",     "DA /6",     "Md",        fpu,     none,  plain<arithmetic>},
    {"fidivr",    "DA /7",     "Md",        fpu,     none,  plain<arithmetic>},
    {"fcmovb",    "DA C0+i",   "ST0, STi",  cmov,    none,  plain<conditional_move>},
    {"fcmove",    "DA C8+i",   "ST0, STi",  cmov,    none,  plain<conditional_move>},
    {"fcmovbe",   "DA D0+i",   "ST0, STi",  cmov,    none,  plain<conditional_move>},
    {"fcmovu",    "DA D8+i",   "ST0, STi",  cmov,    none,  plain<conditional_move>},
    {"fucompp",   "DA E9",     "",          fpu,     none,  plain<compare>},

    {"fild",      "DB /0",     "Md",        fpu,     none,  plain<arithmetic>},
    {"fisttp",    "DB /1",     "Md",        sse3,    none,  plain<store>},
    {"fist",      "DB /2",     "Md",        fpu,     none,  plain<store>},
    {"fistp",     "DB /3",     "Md",        fpu,     none,  plain<store>},
    {"fld",       "DB /5",     "Mt",        fpu,     none,  plain<arithmetic>},
    {"fstp",      "DB /7",     "Mt",        fpu,     none,  plain<store>},
    {"fcmovnb",   "DB C0+i",   "ST0, STi",  cmov,    none,  plain<conditional_move>},
    {"fcmovne",   "DB C8+i",   "ST0, STi",  cmov,    none,  plain<conditional_move>},
    {"fcmovnbe",  "DB D0+i",   "ST0, STi",  cmov,    none,  plain<conditional_move>},
    {"fcmovnu",   "DB D8+i",   "ST0, STi",  cmov,    none,  plain<conditional_move>},
    {"fneni",     "DB E0",     "",          control, none,  plain<x87::nothing>},
    {"fndisi",    "DB E1",     "",          control, none,  plain<x87::nothing>},
    {"fnclex",    "DB E2",     "",          control, none,  plain<fnclex>},
    {"fninit",    "DB E3",     "",          control, none,  plain<fninit>},
    {"fnsetpm",   "DB E4",     "",          control, none,  plain<x87::nothing>},
    {"fucomi",    "DB E8+i",   "ST0, STi",  cmov,    none,  plain<compare_flags>},
    {"fcomi",     "DB F0+i",   "ST0, STi",  cmov,    none,  plain<compare_flags>},

    {"fadd",      "DC /0",     "Mq",        fpu,     none,  plain<arithmetic>},
    {"fmul",      "DC /1",     "Mq",        fpu,     none,  plain<arithmetic>},
    {"fcom",      "DC /2",     "Mq",        fpu,     none,  plain<compare>},
    {"fcomp",     "DC /3",     "Mq",        fpu,     none,  plain<compare>},
    {"fsub",      "DC /4",     "Mq",        fpu,     none,  plain<arithmetic>},
    {"fsubr",     "DC /5",     "Mq",        fpu,     none,  plain<arithmetic>},
    {"fdiv",      "DC /6",     "Mq",        fpu,     none,  plain<arithmetic>},
    {"fdivr",     "DC /7",     "Mq",        fpu,     none,  plain<arithmetic>},
    {"fadd",      "DC C0+i",   "STi, ST0",  fpu,     none,  plain<arithmetic>},
    {"fmul",      "DC C8+i",   "STi, ST0",  fpu,     none,  plain<arithmetic>},
    {"fcom",      "DC D0+i",   "ST0, STi",  fpu,     none,  plain<compare>},
    {"fcomp",     "DC D8+i",   "ST0, STi",  fpu,     none,  plain<compare>},
    {"fsubr",     "DC E0+i",   "STi, ST0",  fpu,     none,  plain<arithmetic>},
    {"fsub",      "DC E8+i",   "STi, ST0",  fpu,     none,  plain<arithmetic>},
    {"fdivr",     "DC F0+i",   "STi, ST0",  fpu,     none,  plain<arithmetic>},
    {"fdiv",      "DC F8+i",   "STi, ST0",  fpu,     none,  plain<arithmetic>},

    {"fld",       "DD /0",     "Mq",        fpu,     none,  plain<arithmetic>},
    {"fisttp",    "DD /1",     "Mq",        sse3,    none,  plain<store>},
    {"fst",       "DD /2",     "Mq",        fpu,     none,  plain<store>},
    {"fstp",      "DD /3",     "Mq",        fpu,     none,  plain<store>},
    {"frstor",    "DD /4",     "M",         fpu,     none,  plain<frstor>},
    {"fnsave",    "DD /6",     "M",         control, none,  plain<fnsave>},
    {"fnstsw",    "DD /7",     "Mw",        control, none,  plain<fnstsw>},
    {"ffree",     "DD C0+i",   "STi",       fpu,     none,  plain<arithmetic>},
    {"fxch",      "DD C8+i",   "ST0, STi",  fpu,     none,  plain<arithmetic>},
    {"fst",       "DD D0+i",   "STi",       fpu,     none,  plain<arithmetic>},
    {"fstp",      "DD D8+i",   "STi",       fpu,     none,  plain<arithmetic>},
    {"fucom",     "DD E0+i",   "ST0, STi",  fpu,     none,  plain<compare>},
    {"fucomp",    "DD E8+i",   "ST0, STi",  fpu,     none,  plain<compare>},

    {"fiadd",     "DE /0",     "Mw",        fpu,     none,  plain<arithmetic>},
    {"fimul",     "DE /1",     "Mw",        fpu,     none,  plain<arithmetic>},
    {"ficom",     "DE /2",     "Mw",        fpu,     none,  plain<compare>},
    {"ficomp",    "DE /3",     "Mw",        fpu,     none,  plain<compare>},
    {"fisub",     "DE /4",     "Mw",        fpu,     none,  plain<arithmetic>},
    {"fisubr",    "DE /5",     "Mw",        fpu,     none,  plain<arithmetic>},
    {"fidiv",     "DE /6",     "Mw",        fpu,     none,  plain<arithmetic>},
    {"fidivr",    "DE /7",     "Mw",        fpu,     none,  plain<arithmetic>},
    {"faddp",     "DE C0+i",   "STi, ST0",  fpu,     none,  plain<arithmetic>},
    {"fmulp",     "DE C8+i",   "STi, ST0",  fpu,     none,  plain<arithmetic>},
    {"fcomp",     "DE D0+i",   "ST0, STi",  fpu,     none,  plain<compare>},
    {"fcompp",    "DE D9",     "",          fpu,     none,  plain<compare>},
    {"fsubrp",    "DE E0+i",   "STi, ST0",  fpu,     none,  plain<arithmetic>},
    {"fsubp",     "DE E8+i",   "STi, ST0",  fpu,     none,  plain<arithmetic>},
    {"fdivrp",    "DE F0+i",   "STi, ST0",  fpu,     none,  plain<arithmetic>},
    {"fdivp",     "DE F8+i",   "STi, ST0",  fpu,     none,  plain<arithmetic>},

    {"fild",      "DF /0",     "Mw",        fpu,     none,  plain<arithmetic>},
    {"fisttp",    "DF /1",     "Mw",        sse3,    none,  plain<store>},
    {"fist",      "DF /2",     "Mw",        fpu,     none,  plain<store>},
    {"fistp",     "DF /3",     "Mw",        fpu,     none,  plain<store>},
    {"fbld",      "DF /4",     "Mt",        fpu,     none,  plain<arithmetic>},
    {"fild",      "DF /5",     "Mq",        fpu,     none,  plain<arithmetic>},
    {"fbstp",     "DF /6",     "Mt",        fpu,     none,  plain<store>},
    {"fistp",     "DF /7",     "Mq",        fpu,     none,  plain<store>},
    {"ffreep",    "DF C0+i",   "STi",       fpu,     none,  plain<arithmetic>},
    {"fxch",      "DF C8+i",   "ST0, STi",  fpu,     none,  plain<arithmetic>},
    {"fstp",      "DF D0+i",   "STi, ST0",  fpu,     none,  plain<arithmetic>},
    {"fstp",      "DF D8+i",   "STi, ST0",  fpu,     none,  plain<arithmetic>},
    {"fnstsw",    "DF E0",     "AX",        control, none,  plain<fnstsw_ax>},
    {"fucomip",   "DF E8+i",   "ST0, STi",  cmov,    none,  plain<compare_flags>},
    {"fcomip",    "DF F0+i",   "ST0, STi",  cmov,    none,  plain<compare_flags>},

    {"fwait",     "9B",        "",          waits,   none,  plain<x87::fwait>},
};

}
std::span<const Row> x87() { return rows; }
}
