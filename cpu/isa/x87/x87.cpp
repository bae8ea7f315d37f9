// SPDX-License-Identifier: MIT
// x87: loads, stores, arithmetic, comparisons, transcendentals, and the family's rows (SDM vol. 1, ch. 8; vol. 2, D8 to DF).
#include "cpu/isa/families.h"
#include "cpu/isa/x87/short.h"
#include "cpu/isa/x87/soft.h"
#include "cpu/isa/x87/soft_machine.h"
#include "cpu/isa/x87/x87.h"

namespace x87 {

namespace {

// The memory operand, probed: one of 80 bits is 8 bytes and 2, whose address wraps by itself.
struct MemoryOperand {
    unsigned width, head;
    bool has_first;               // it can be accessed, whatever keeps the rest from being so
    Span first, rest;
    MemoryOperand(Slow& x, Kind kind) : width(x.insn.operand[0].width), head(std::min(width, 8u)) {
        first = part(x, kind, 0, head);
        has_first = !x.stopped();
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

}

// The memory operand is read beforehand. Condition codes that the manual leaves undefined keep their value.
Outcome compute(Slow& x) {
    std::array<u8, 16> operand{};
    if (x.insn.modrm < 0xc0) {
        MemoryOperand memory(x, Kind::read);
        if (x.stopped()) return x.why();
        memory.read(x.cpu, operand.data());
    }
    auto& f = x.cpu.fpu;
    if (!run_short(f, x.insn.opcode, x.insn.modrm, operand.data())) run_soft(f, x.insn.opcode, x.insn.modrm, operand.data());
    remember(x);
    return Outcome::next;
}

// Where an exception that isn't masked keeps Intel from storing, it doesn't look at the memory (Sapphire Rapids; Zen 5 does, first).
static bool stores_nothing(Slow& x) {
    constexpr u16 masks = 0x3f;
    if (!x.cpu.intel() || (x.cpu.fpu.control & masks) == masks) return false;
    Fpu tried = x.cpu.fpu;
    std::array<u8, 16> result;
    if (run_soft(tried, x.insn.opcode, x.insn.modrm, result.data())) return false;
    x.cpu.fpu = tried;
    return true;
}

// Intel writes the 8 bytes before it looks at the 2 behind them (Emerald Rapids).
static void store_first(Slow& x, const MemoryOperand& memory) {
    if (!x.cpu.intel() || !memory.has_first || x.cpu.fault_.vector != pf_vector) return;
    Fpu tried = x.cpu.fpu;
    std::array<u8, 16> result;
    if (run_soft(tried, x.insn.opcode, x.insn.modrm, result.data())) x.cpu.write_span(memory.first, result.data());
}

Outcome store(Slow& x) {
    if (stores_nothing(x)) return remember(x), Outcome::next;
    MemoryOperand memory(x, Kind::write);
    if (x.stopped()) return store_first(x, memory), x.why();
    std::array<u8, 16> result;
    auto& f = x.cpu.fpu;
    bool stored = run_short(f, x.insn.opcode, x.insn.modrm, result.data()) || run_soft(f, x.insn.opcode, x.insn.modrm, result.data());
    if (stored) memory.write(x.cpu, result.data());
    remember(x);
    return Outcome::next;
}

namespace {

// C1 tells of a stack underflow; without one it is left (Zen 5, Sapphire Rapids; SDM vol. 2, FCOMI, says that it is cleared).
void finish(Slow& x, SoftMachine& m, bool underflow) {
    bool kept = !underflow && (m.f.status & SoftMachine::c1);
    m.finish();
    m.code(SoftMachine::c1, kept);
    remember(x);
}

}

// FCOMI, FCOMIP, FUCOMI, FUCOMIP: the result goes to ZF, PF, CF; OF, SF and AF are cleared (SDM vol. 2, FCOMI).
Outcome compare_flags(Slow& x) {
    using soft::Order;
    SoftMachine m(x.cpu.fpu, x.insn.opcode, x.insn.modrm, nullptr);
    bool quiet = m.reg() == 5, pops = m.opcode == 0xdf, underflow = m.empty(0) || m.empty(m.i());
    Order o = Order::unordered;
    if (underflow) m.stack_fails(false);
    else o = soft::compare(m.c, m.value(0), m.value(m.i()), !quiet);
    bool stopped = m.c.stopped(), none = o == Order::unordered;
    if (pops && !stopped) m.pop();
    finish(x, m, underflow);
    // After an unmasked exception too, whatever SDM vol. 2 says (Zen 5, Sapphire Rapids).
    x.set_flags(Flags(o == Order::less || none, none, false, o == Order::equal || none, false, false));
    return Outcome::next;
}

// FCMOVcc: an empty register is a stack underflow, whether the condition holds or not.
Outcome conditional_move(Slow& x) {
    SoftMachine m(x.cpu.fpu, x.insn.opcode, x.insn.modrm, nullptr);
    unsigned i = m.i(), which = m.reg() & 3;
    Flags flags = x.flags();
    bool holds = which == 0 ? flags.cf() : which == 1 ? flags.zf() : which == 2 ? flags.cf() || flags.zf() : flags.pf();
    if (x.insn.opcode == 0xdb) holds = !holds;
    bool underflow = m.empty(0) || m.empty(i);
    if (underflow && m.stack_fails(false)) m.put(0, soft::indefinite<soft::Extended>());
    else if (!underflow && holds) m.st(0) = m.st(i);
    finish(x, m, underflow);
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
    {"fadd",      "D8 /0",     "Md",        fpu,     none,  plain<compute>},
    {"fmul",      "D8 /1",     "Md",        fpu,     none,  plain<compute>},
    {"fcom",      "D8 /2",     "Md",        fpu,     none,  plain<compute>},
    {"fcomp",     "D8 /3",     "Md",        fpu,     none,  plain<compute>},
    {"fsub",      "D8 /4",     "Md",        fpu,     none,  plain<compute>},
    {"fsubr",     "D8 /5",     "Md",        fpu,     none,  plain<compute>},
    {"fdiv",      "D8 /6",     "Md",        fpu,     none,  plain<compute>},
    {"fdivr",     "D8 /7",     "Md",        fpu,     none,  plain<compute>},
    {"fadd",      "D8 C0+i",   "ST0, STi",  fpu,     none,  plain<compute>},
    {"fmul",      "D8 C8+i",   "ST0, STi",  fpu,     none,  plain<compute>},
    {"fcom",      "D8 D0+i",   "ST0, STi",  fpu,     none,  plain<compute>},
    {"fcomp",     "D8 D8+i",   "ST0, STi",  fpu,     none,  plain<compute>},
    {"fsub",      "D8 E0+i",   "ST0, STi",  fpu,     none,  plain<compute>},
    {"fsubr",     "D8 E8+i",   "ST0, STi",  fpu,     none,  plain<compute>},
    {"fdiv",      "D8 F0+i",   "ST0, STi",  fpu,     none,  plain<compute>},
    {"fdivr",     "D8 F8+i",   "ST0, STi",  fpu,     none,  plain<compute>},

    {"fld",       "D9 /0",     "Md",        fpu,     none,  plain<compute>},
    {"fst",       "D9 /2",     "Md",        fpu,     none,  plain<store>},
    {"fstp",      "D9 /3",     "Md",        fpu,     none,  plain<store>},
    {"fldenv",    "D9 /4",     "M",         fpu,     none,  plain<fldenv>},
    {"fldcw",     "D9 /5",     "Mw",        fpu,     none,  plain<fldcw>},
    {"fnstenv",   "D9 /6",     "M",         control, none,  plain<fnstenv>},
    {"fnstcw",    "D9 /7",     "Mw",        control, none,  plain<fnstcw>},
    {"fld",       "D9 C0+i",   "STi",       fpu,     none,  plain<compute>},
    {"fxch",      "D9 C8+i",   "ST0, STi",  fpu,     none,  plain<compute>},
    {"fnop",      "D9 D0",     "",          fpu,     none,  plain<x87::nothing>},
    {"fstpnce",   "D9 D8+i",   "STi, ST0",  fpu,     none,  plain<compute>},
    {"fchs",      "D9 E0",     "",          fpu,     none,  plain<compute>},
    {"fabs",      "D9 E1",     "",          fpu,     none,  plain<compute>},
    {"ftst",      "D9 E4",     "",          fpu,     none,  plain<compute>},
    {"fxam",      "D9 E5",     "",          fpu,     none,  plain<compute>},
    {"fld1",      "D9 E8",     "",          fpu,     none,  plain<compute>},
    {"fldl2t",    "D9 E9",     "",          fpu,     none,  plain<compute>},
    {"fldl2e",    "D9 EA",     "",          fpu,     none,  plain<compute>},
    {"fldpi",     "D9 EB",     "",          fpu,     none,  plain<compute>},
    {"fldlg2",    "D9 EC",     "",          fpu,     none,  plain<compute>},
    {"fldln2",    "D9 ED",     "",          fpu,     none,  plain<compute>},
    {"fldz",      "D9 EE",     "",          fpu,     none,  plain<compute>},
    {"f2xm1",     "D9 F0",     "",          fpu,     none,  plain<compute>},
    {"fyl2x",     "D9 F1",     "",          fpu,     none,  plain<compute>},
    {"fptan",     "D9 F2",     "",          fpu,     none,  plain<compute>},
    {"fpatan",    "D9 F3",     "",          fpu,     none,  plain<compute>},
    {"fxtract",   "D9 F4",     "",          fpu,     none,  plain<compute>},
    {"fprem1",    "D9 F5",     "",          fpu,     none,  plain<compute>},
    {"fdecstp",   "D9 F6",     "",          fpu,     none,  plain<compute>},
    {"fincstp",   "D9 F7",     "",          fpu,     none,  plain<compute>},
    {"fprem",     "D9 F8",     "",          fpu,     none,  plain<compute>},
    {"fyl2xp1",   "D9 F9",     "",          fpu,     none,  plain<compute>},
    {"fsqrt",     "D9 FA",     "",          fpu,     none,  plain<compute>},
    {"fsincos",   "D9 FB",     "",          fpu,     none,  plain<compute>},
    {"frndint",   "D9 FC",     "",          fpu,     none,  plain<compute>},
    {"fscale",    "D9 FD",     "",          fpu,     none,  plain<compute>},
    {"fsin",      "D9 FE",     "",          fpu,     none,  plain<compute>},
    {"fcos",      "D9 FF",     "",          fpu,     none,  plain<compute>},

    {"fiadd",     "DA /0",     "Md",        fpu,     none,  plain<compute>},
    {"fimul",     "DA /1",     "Md",        fpu,     none,  plain<compute>},
    {"ficom",     "DA /2",     "Md",        fpu,     none,  plain<compute>},
    {"ficomp",    "DA /3",     "Md",        fpu,     none,  plain<compute>},
    {"fisub",     "DA /4",     "Md",        fpu,     none,  plain<compute>},
    {"fisubr",    "DA /5",     "Md",        fpu,     none,  plain<compute>},
    {"fidiv",     "DA /6",     "Md",        fpu,     none,  plain<compute>},
    {"fidivr",    "DA /7",     "Md",        fpu,     none,  plain<compute>},
    {"fcmovb",    "DA C0+i",   "ST0, STi",  cmov,    none,  plain<conditional_move>},
    {"fcmove",    "DA C8+i",   "ST0, STi",  cmov,    none,  plain<conditional_move>},
    {"fcmovbe",   "DA D0+i",   "ST0, STi",  cmov,    none,  plain<conditional_move>},
    {"fcmovu",    "DA D8+i",   "ST0, STi",  cmov,    none,  plain<conditional_move>},
    {"fucompp",   "DA E9",     "",          fpu,     none,  plain<compute>},

    {"fild",      "DB /0",     "Md",        fpu,     none,  plain<compute>},
    {"fisttp",    "DB /1",     "Md",        sse3,    none,  plain<store>},
    {"fist",      "DB /2",     "Md",        fpu,     none,  plain<store>},
    {"fistp",     "DB /3",     "Md",        fpu,     none,  plain<store>},
    {"fld",       "DB /5",     "Mt",        fpu,     none,  plain<compute>},
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

    {"fadd",      "DC /0",     "Mq",        fpu,     none,  plain<compute>},
    {"fmul",      "DC /1",     "Mq",        fpu,     none,  plain<compute>},
    {"fcom",      "DC /2",     "Mq",        fpu,     none,  plain<compute>},
    {"fcomp",     "DC /3",     "Mq",        fpu,     none,  plain<compute>},
    {"fsub",      "DC /4",     "Mq",        fpu,     none,  plain<compute>},
    {"fsubr",     "DC /5",     "Mq",        fpu,     none,  plain<compute>},
    {"fdiv",      "DC /6",     "Mq",        fpu,     none,  plain<compute>},
    {"fdivr",     "DC /7",     "Mq",        fpu,     none,  plain<compute>},
    {"fadd",      "DC C0+i",   "STi, ST0",  fpu,     none,  plain<compute>},
    {"fmul",      "DC C8+i",   "STi, ST0",  fpu,     none,  plain<compute>},
    {"fcom",      "DC D0+i",   "ST0, STi",  fpu,     none,  plain<compute>},
    {"fcomp",     "DC D8+i",   "ST0, STi",  fpu,     none,  plain<compute>},
    {"fsubr",     "DC E0+i",   "STi, ST0",  fpu,     none,  plain<compute>},
    {"fsub",      "DC E8+i",   "STi, ST0",  fpu,     none,  plain<compute>},
    {"fdivr",     "DC F0+i",   "STi, ST0",  fpu,     none,  plain<compute>},
    {"fdiv",      "DC F8+i",   "STi, ST0",  fpu,     none,  plain<compute>},

    {"fld",       "DD /0",     "Mq",        fpu,     none,  plain<compute>},
    {"fisttp",    "DD /1",     "Mq",        sse3,    none,  plain<store>},
    {"fst",       "DD /2",     "Mq",        fpu,     none,  plain<store>},
    {"fstp",      "DD /3",     "Mq",        fpu,     none,  plain<store>},
    {"frstor",    "DD /4",     "M",         fpu,     none,  plain<frstor>},
    {"fnsave",    "DD /6",     "M",         control, none,  plain<fnsave>},
    {"fnstsw",    "DD /7",     "Mw",        control, none,  plain<fnstsw>},
    {"ffree",     "DD C0+i",   "STi",       fpu,     none,  plain<compute>},
    {"fxch",      "DD C8+i",   "ST0, STi",  fpu,     none,  plain<compute>},
    {"fst",       "DD D0+i",   "STi",       fpu,     none,  plain<compute>},
    {"fstp",      "DD D8+i",   "STi",       fpu,     none,  plain<compute>},
    {"fucom",     "DD E0+i",   "ST0, STi",  fpu,     none,  plain<compute>},
    {"fucomp",    "DD E8+i",   "ST0, STi",  fpu,     none,  plain<compute>},

    {"fiadd",     "DE /0",     "Mw",        fpu,     none,  plain<compute>},
    {"fimul",     "DE /1",     "Mw",        fpu,     none,  plain<compute>},
    {"ficom",     "DE /2",     "Mw",        fpu,     none,  plain<compute>},
    {"ficomp",    "DE /3",     "Mw",        fpu,     none,  plain<compute>},
    {"fisub",     "DE /4",     "Mw",        fpu,     none,  plain<compute>},
    {"fisubr",    "DE /5",     "Mw",        fpu,     none,  plain<compute>},
    {"fidiv",     "DE /6",     "Mw",        fpu,     none,  plain<compute>},
    {"fidivr",    "DE /7",     "Mw",        fpu,     none,  plain<compute>},
    {"faddp",     "DE C0+i",   "STi, ST0",  fpu,     none,  plain<compute>},
    {"fmulp",     "DE C8+i",   "STi, ST0",  fpu,     none,  plain<compute>},
    {"fcomp",     "DE D0+i",   "ST0, STi",  fpu,     none,  plain<compute>},
    {"fcompp",    "DE D9",     "",          fpu,     none,  plain<compute>},
    {"fsubrp",    "DE E0+i",   "STi, ST0",  fpu,     none,  plain<compute>},
    {"fsubp",     "DE E8+i",   "STi, ST0",  fpu,     none,  plain<compute>},
    {"fdivrp",    "DE F0+i",   "STi, ST0",  fpu,     none,  plain<compute>},
    {"fdivp",     "DE F8+i",   "STi, ST0",  fpu,     none,  plain<compute>},

    {"fild",      "DF /0",     "Mw",        fpu,     none,  plain<compute>},
    {"fisttp",    "DF /1",     "Mw",        sse3,    none,  plain<store>},
    {"fist",      "DF /2",     "Mw",        fpu,     none,  plain<store>},
    {"fistp",     "DF /3",     "Mw",        fpu,     none,  plain<store>},
    {"fbld",      "DF /4",     "Mt",        fpu,     none,  plain<compute>},
    {"fild",      "DF /5",     "Mq",        fpu,     none,  plain<compute>},
    {"fbstp",     "DF /6",     "Mt",        fpu,     none,  plain<store>},
    {"fistp",     "DF /7",     "Mq",        fpu,     none,  plain<store>},
    {"ffreep",    "DF C0+i",   "STi",       fpu,     none,  plain<compute>},
    {"fxch",      "DF C8+i",   "ST0, STi",  fpu,     none,  plain<compute>},
    {"fstp",      "DF D0+i",   "STi, ST0",  fpu,     none,  plain<compute>},
    {"fstp",      "DF D8+i",   "STi, ST0",  fpu,     none,  plain<compute>},
    {"fnstsw",    "DF E0",     "AX",        control, none,  plain<fnstsw_ax>},
    {"fucomip",   "DF E8+i",   "ST0, STi",  cmov,    none,  plain<compare_flags>},
    {"fcomip",    "DF F0+i",   "ST0, STi",  cmov,    none,  plain<compare_flags>},

    {"fwait",     "9B",        "",          waits,   none,  plain<x87::fwait>},
};

}
std::span<const Row> x87() { return rows; }
}
