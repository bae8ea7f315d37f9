// SPDX-License-Identifier: MIT
// Segment registers and selectors: MOV, PUSH, POP, LxS, LAR, LSL, VERR, VERW, ARPL, LDTR and TR,
// far JMP, CALL and RET.
#include "cpu/isa/descriptors.h"
#include "cpu/isa/families.h"
#include "cpu/isa/far.h"
#include "cpu/isa/misc.h"

namespace isa {

using namespace descriptors;

// A selector to a register of the operand's width, zero-extended, or to 16 bits of memory.
static Outcome store_selector(Slow& x, u16 selector) {
    auto& o = x.insn.operand[0];
    if (o.place == Place::gpr) {
        x.set_reg_any(o.number, selector, o.width);
        return Outcome::next;
    }
    Span span = x.probe_write(2);
    if (x.stopped()) return x.why();
    x.cpu.write_span(span, &selector);
    return Outcome::next;
}
Outcome mov_from_segment(Slow& x) { return store_selector(x, x.cpu.seg[Seg(x.insn.operand[1].number)].selector); }

namespace {

// ---- operands

u16 selector_operand(Slow& x, unsigned n) {
    auto& o = x.insn.operand[n];
    return o.place == Place::gpr ? u16(x.cpu.gpr[o.number]) : x.load<u16>();
}

void set_zf(Slow& x, bool on) { x.set_flags(x.flags().with(rflags::zf, on)); }

// ---- loading and storing segment registers


// MOV SS and POP SS hold off what would use a half-loaded SS:ESP (SDM vol. 3, 6.8.3); LSS needs no
// such help.
Outcome load_and_shadow(Slow& x, Seg s, u16 selector) {
    if (x.cpu.load_segment(s, selector) == Outcome::fault) return Outcome::fault;
    if (s == Seg::ss) x.cpu.mov_ss_shadow = true;
    return Outcome::changed;
}

Outcome mov_to_segment(Slow& x) {
    u16 selector = selector_operand(x, 1);
    if (x.stopped()) return x.why();
    return load_and_shadow(x, Seg(x.insn.operand[0].number), selector);
}

// With a 32-bit operand size Intel writes 16 bits and leaves the rest of the slot; AMD zero-extends
// (SDM vol. 2, PUSH).
Outcome push_segment(Slow& x) {
    unsigned width = x.insn.operand_size, written = width == 4 && x.cpu.intel() ? 2 : width;
    u64 value = x.cpu.seg[Seg(x.insn.operand[0].number)].selector;
    Span span = x.probe_push(width, written);
    if (x.stopped()) return x.why();
    x.cpu.write_span(span, &value);
    x.move_rsp(-s64(width));
    return Outcome::next;
}

// rSP moves by the width of the old stack: POP SS may change it.
Outcome pop_segment(Slow& x) {
    u64 old = x.cpu.gpr[rsp];
    unsigned read = x.cpu.intel() ? 2 : x.insn.operand_size;           // Sapphire Rapids, Zen 5
    u16 selector = u16(peek_stack(x, 0, read));
    if (x.stopped()) return x.why();
    x.move_rsp(x.insn.operand_size);
    Outcome done = load_and_shadow(x, Seg(x.insn.operand[0].number), selector);
    if (done == Outcome::fault) x.cpu.gpr[rsp] = old;
    return done;
}

template <Seg s> Outcome load_far(Slow& x) {
    auto pointer = load_far_pointer(x);
    if (x.stopped()) return x.why();
    if (x.cpu.load_segment(s, pointer.selector) == Outcome::fault) return Outcome::fault;
    x.set_reg_any(x.insn.operand[0].number, pointer.offset, pointer.width);
    return Outcome::changed;
}

// ---- questions about selectors: ZF is the answer, and only a page fault is a fault

bool dpl_allows(const Cpu& cpu, const Entry& e) {
    return cpu.cpl <= e.rights().dpl() && rpl(e.selector) <= e.rights().dpl();
}
bool conforming_code(const Entry& e) { return e.rights().code() && e.rights().conforming(); }

// The descriptor behind operand n, as far as it may be looked at.
Found ask(Slow& x, unsigned n, Entry& entry) {
    u16 selector = selector_operand(x, n);
    if (x.stopped()) return Found::fault;
    if (is_null(selector)) return Found::beyond;
    Found found = look_up(x.cpu, selector, entry);
    if (found != Found::yes) return found;
    return conforming_code(entry) || dpl_allows(x.cpu, entry) ? Found::yes : Found::beyond;
}

// System types that LAR and LSL know (SDM vol. 2, tables of LAR and LSL).
constexpr u32 types(std::initializer_list<u8> list) {
    u32 set = 0;
    for (u8 t : list) set |= u32(1) << t;
    return set;
}
struct KnownTypes {
    u32 legacy, ia32e;
};
constexpr KnownTypes lar_types{types({tss16, ldt, tss16_busy, call_gate16, task_gate, tss32, tss32_busy, call_gate32}),
                               types({ldt, tss32, tss32_busy, call_gate32})};
constexpr KnownTypes lsl_types{types({tss16, ldt, tss16_busy, tss32, tss32_busy}), types({ldt, tss32, tss32_busy})};

// As ask(); system descriptors must be of a known type, and complete.
Found ask_type(Slow& x, const KnownTypes& known, Entry& entry) {
    Found found = ask(x, 1, entry);
    if (found != Found::yes || entry.rights().s()) return found;
    if (!((x.cpu.long_mode() ? known.ia32e : known.legacy) >> entry.type() & 1)) return Found::beyond;
    return x.cpu.long_mode() ? look_up_rest(x.cpu, entry) : Found::yes;
}

Outcome answer(Slow& x, Found found, u64 value) {
    if (found == Found::fault) return Outcome::fault;
    if (found == Found::yes) x.set_reg_any(x.insn.operand[0].number, value, x.insn.operand_size);
    set_zf(x, found == Found::yes);
    return Outcome::next;
}

Outcome lar(Slow& x) {
    Entry entry;
    Found found = ask_type(x, lar_types, entry);
    return answer(x, found, (entry.low.raw >> 32) & 0x00ffff00);
}

Outcome lsl(Slow& x) {
    Entry entry;
    Found found = ask_type(x, lsl_types, entry);
    return answer(x, found, entry.low.limit());
}

template <bool write> Outcome verify(Slow& x) {
    Entry entry;
    Found found = ask(x, 0, entry);
    if (found == Found::fault) return Outcome::fault;
    Rights r = entry.rights();
    bool allowed = r.s() && (write ? r.writable() : r.readable());
    set_zf(x, found == Found::yes && allowed);
    return Outcome::next;
}

struct Arpl {
    template <class X> static Outcome run(X& x) {
        u16 value = x.template read<u16>(first), source = x.template read<u16>(second);
        if (x.stopped()) return x.why();
        bool raise = (value & 3) < (source & 3);
        if (raise) {                           // only then is the operand written (Zen 5)
            auto target = x.template place_to_write<u16>(first);
            if (x.stopped()) return x.why();
            target.set(u16((value & 0xfffc) | (source & 3)));
        }
        x.set_flags(x.flags().with(rflags::zf, raise));
        return Outcome::next;
    }
};

// ---- LDTR and TR

Outcome sldt(Slow& x) { return store_selector(x, x.cpu.seg[Seg::ldtr].selector); }
Outcome str(Slow& x) { return store_selector(x, x.cpu.seg[Seg::tr].selector); }

// A system descriptor of the GDT that is loaded into LDTR or TR: #GP(selector), #NP(selector). In
// IA-32e mode it has 16 bytes, of which the upper type field is 0, and a canonical base (SDM vol.
// 3, 3.5.2 and 7.2.3).
template <class Wanted> bool read_system(Cpu& cpu, u16 selector, Wanted wanted, Entry& entry) {
    u32 code = code_of(selector);
    auto refuse = [&](const Fault& f) { return cpu.raise(f), false; };
    if (in_ldt(selector)) return refuse(gp(code));
    if (!read(cpu, selector, gp, entry)) return false;
    if (!wanted(entry)) return refuse(gp(code));
    if (cpu.long_mode() && !read_rest(cpu, gp, entry)) return false;
    if (cpu.long_mode() && (bits(entry.high, 44, 40) != 0 || !cpu.canonical(entry.base()))) return refuse(gp(code));
    return entry.rights().p() || refuse(np(code));
}

Segment system_segment(const Entry& entry) {
    Segment result = segment(entry, entry.selector);
    result.base = entry.base();
    return result;
}

Outcome lldt(Slow& x) {
    u16 selector = selector_operand(x, 0);
    if (x.stopped()) return x.why();
    Entry entry;
    if (is_null(selector)) {
        x.cpu.seg[Seg::ldtr] = null_segment(selector);
        return Outcome::next;
    }
    if (!read_system(x.cpu, selector, [](auto& e) { return e.system(ldt); }, entry)) return Outcome::fault;
    x.cpu.seg[Seg::ldtr] = system_segment(entry);
    return Outcome::next;
}

Outcome ltr(Slow& x) {
    auto& cpu = x.cpu;
    u16 selector = selector_operand(x, 0);
    if (x.stopped()) return x.why();
    Entry entry;
    if (is_null(selector)) return cpu.raise(gp(0));
    auto available = [&](auto& e) { return e.system(tss32) || (e.system(tss16) && !cpu.long_mode()); };
    if (!read_system(cpu, selector, available, entry)) return Outcome::fault;
    constexpr u32 busy = 2;
    if (!store_type(cpu, entry.address, u8(entry.rights().value | busy))) return Outcome::fault;
    cpu.seg[Seg::tr] = system_segment(entry);
    cpu.seg[Seg::tr].rights.value |= busy;
    return Outcome::next;
}

constexpr Gate legacy{.not64 = true}, stack64{.default64 = true};
constexpr Gate show{.protected_mode = true, .umip = true}, load{.cpl = 0, .protected_mode = true};
constexpr Gate ask_gate{.protected_mode = true}, ask_legacy{.protected_mode = true, .not64 = true};

constexpr Row rows[] = {
    // name   encoding     operands    gate        event                    run
    {"mov",  "8C /r",     "Rv, Sw",   {},         Event::none,             run<MoveFromSegment>},
    {"mov",  "8C /r",     "Mw, Sw",   {},         Event::none,             run<MoveFromSegment>},
    {"mov",  "8E /r",     "Sw, Ew",   {},         Event::none,             plain_or<mov_to_segment, MoveToRealSegment>},
    {"push", "06",        "ES",       legacy,     Event::none,             plain<push_segment>},
    {"pop",  "07",        "ES",       legacy,     Event::none,             plain<pop_segment>},
    {"push", "0E",        "CS",       legacy,     Event::none,             plain<push_segment>},
    {"push", "16",        "SS",       legacy,     Event::none,             plain<push_segment>},
    {"pop",  "17",        "SS",       legacy,     Event::none,             plain<pop_segment>},
    {"push", "1E",        "DS",       legacy,     Event::none,             plain<push_segment>},
    {"pop",  "1F",        "DS",       legacy,     Event::none,             plain<pop_segment>},
    {"push", "0F A0",     "FS",       stack64,    Event::none,             plain<push_segment>},
    {"pop",  "0F A1",     "FS",       stack64,    Event::none,             plain<pop_segment>},
    {"push", "0F A8",     "GS",       stack64,    Event::none,             plain<push_segment>},
    {"pop",  "0F A9",     "GS",       stack64,    Event::none,             plain<pop_segment>},
    {"les",  "C4 /r",     "Gv, Mp",   legacy,     Event::none,             plain<load_far<Seg::es>>},
    {"lds",  "C5 /r",     "Gv, Mp",   legacy,     Event::none,             plain<load_far<Seg::ds>>},
    {"lss",  "0F B2 /r",  "Gv, Mp",   {},         Event::none,             plain<load_far<Seg::ss>>},
    {"lfs",  "0F B4 /r",  "Gv, Mp",   {},         Event::none,             plain<load_far<Seg::fs>>},
    {"lgs",  "0F B5 /r",  "Gv, Mp",   {},         Event::none,             plain<load_far<Seg::gs>>},
    {"lar",  "0F 02 /r",  "Gv, Ew",   ask_gate,   Event::none,             plain<lar>},
    {"lsl",  "0F 03 /r",  "Gv, Ew",   ask_gate,   Event::none,             plain<lsl>},
    {"verr", "0F 00 /4",  "Ew",       ask_gate,   Event::none,             plain<verify<false>>},
    {"verw", "0F 00 /5",  "Ew",       ask_gate,   Event::none,             plain<verify<true>>},
    {"arpl", "63 /r",     "Ew, Gw",   ask_legacy, Event::none,             run<Arpl>},
    {"sldt", "0F 00 /0",  "Rv",       show,       Event::descriptor_table, plain<sldt>},
    {"sldt", "0F 00 /0",  "Mw",       show,       Event::descriptor_table, plain<sldt>},
    {"str",  "0F 00 /1",  "Rv",       show,       Event::descriptor_table, plain<str>},
    {"str",  "0F 00 /1",  "Mw",       show,       Event::descriptor_table, plain<str>},
    {"lldt", "0F 00 /2",  "Ew",       load,       Event::descriptor_table, plain<lldt>},
    {"ltr",  "0F 00 /3",  "Ew",       load,       Event::descriptor_table, plain<ltr>},
    {"call", "9A",        "Ap",       legacy,     Event::none,             plain<call_far_direct>},
    {"call", "FF /3",     "Mp",       {},         Event::none,             plain<call_far_indirect>},
    {"jmp",  "EA",        "Ap",       legacy,     Event::none,             plain<jmp_far_direct>},
    {"jmp",  "FF /5",     "Mp",       {},         Event::none,             plain<jmp_far_indirect>},
    {"retf", "CA",        "Iw",       {},         Event::none,             plain<ret_far_immediate>},
    {"retf", "CB",        "",         {},         Event::none,             plain<ret_far>},
};
static_assert(no_overlap(rows), "two rows claim the same bytes");

}
std::span<const Row> segment() { return rows; }
}
