// SPDX-License-Identifier: MIT
// From a row to machine code, and from machine code to registers and memory that make it do something.
#include "tests/silicon/cases.h"
#include <algorithm>

namespace silicon {
using isa::From;
using isa::Prefix;
using isa::RexW;
using isa::Size;
using isa::VexL;

namespace {

bool has(const isa::Row& row, std::initializer_list<From> list) {
    return std::ranges::any_of(row.operands.o, [&](auto& o) { return std::ranges::find(list, o.from) != list.end(); });
}
bool is(const Insn& insn, std::initializer_list<std::string_view> names) {
    return std::ranges::find(names, insn.row->name) != names.end();
}
bool inside(u64 at, u64 bytes) { return at >= sandbox::data && at < sandbox::end && sandbox::end - at >= bytes; }
bool is_string(const isa::Row& row) { return has(row, {From::X, From::Y}) && row.name != "xlat" && row.name != "clzero" && row.name.find("monitor") == row.name.npos; }
bool counts(const isa::Row& row) { return row.name.starts_with("loop") || row.name.starts_with("jcxz"); }
bool floating(const isa::Row& row) { return row.gate.unit != isa::Unit::none || row.name.starts_with("fx"); }
bool x87_or_mmx(const isa::Row& row) { return row.gate.unit != isa::Unit::none && row.gate.unit != isa::Unit::sse && row.gate.unit != isa::Unit::avx; }

// Whether the ModRM byte may name a register, or memory.
bool may_be(const isa::Row& row, bool memory) {
    if (!row.encoding.has_modrm) return !memory;
    if (row.gate.mod_ignored) return !memory;
    if (row.encoding.modrm_mask >= 0xc0) return memory == (row.encoding.modrm_value < 0xc0);
    char mod = row.operands.mod();
    if (mod == ' ' && !has(row, {From::E, From::W, From::Q})) return !memory;
    return mod == ' ' || (mod == 'M') == memory;
}

void forms_with_memory(const Form& form, std::vector<Form>& out) {
    auto& row = *form.row;
    bool implicit = has(row, {From::O, From::X, From::Y, From::BD});
    bool addressed = form.memory || implicit || counts(row);
    for (int p67 = 0; p67 <= addressed; p67++)
        for (int lock = 0; lock <= (row.gate.lock && form.memory); lock++)
            for (u8 rep : {0, 0xf3, 0xf2}) {
                if (rep && !is_string(row)) break;
                Form f = form;
                f.p67 = p67, f.lock = lock, f.rep = rep;
                out.push_back(f);
            }
}

}

std::string Form::text() const {
    std::string s = memory ? "mem" : "reg";
    if (p66) s += " 66";
    if (w) s += " W";
    if (l) s += " L";
    if (p67) s += " 67";
    if (lock) s += " lock";
    if (rep) s += rep == 0xf3 ? " f3" : " f2";
    return s;
}

std::vector<Form> forms_of(const isa::Row& row, Mode mode) {
    std::vector<Form> out;
    bool long_mode = mode == Mode::bits64;
    if (long_mode ? row.gate.not64 : row.gate.only64) return out;
    auto& e = row.encoding;
    for (int memory = 0; memory < 2; memory++) {
        if (!may_be(row, memory)) continue;
        for (int p66 = 0; p66 < 2; p66++)
            for (int w = 0; w < 2; w++) {
                if (e.prefix == Prefix::np && p66) continue;
                if (e.prefix == Prefix::p66 && (!p66 != e.vex)) continue;
                if (e.vex && p66) continue;
                if (w && !long_mode && !e.vex) continue;
                if (w != (e.w == RexW::w1) && e.w != RexW::any) continue;
                for (int l = 0; l <= e.vex; l++)
                    if (e.l == VexL::any || l == (e.l == VexL::l1))
                        forms_with_memory({&row, mode, bool(p66), bool(w), bool(l), false, false, bool(memory), 0}, out);
            }
    }
    return out;
}

void Maker::prefixes(const Form& form, std::vector<u8>& out, bool wants_segment) {
    if (form.p66) out.push_back(0x66);
    if (form.p67) out.push_back(0x67);
    if (form.lock) out.push_back(0xf0);
    if (wants_segment && random.chance(40)) {
        static constexpr u8 overrides[] = {0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65};
        out.push_back(random.pick(overrides));
    }
    auto p = form.row->encoding.prefix;
    if (form.rep) out.push_back(form.rep);
    else if (form.row->encoding.vex) {}
    else if (p == Prefix::pF3) out.push_back(0xf3);
    else if (p == Prefix::pF2) out.push_back(0xf2);
    else if (p == Prefix::any && !is_string(*form.row) && !counts(*form.row) && random.chance(4)) out.push_back(random.flip() ? 0xf2 : 0xf3);    // ignored
    if (random.chance(3)) out.push_back(0x3e);
    // (Zen 5 takes F3 LOOPNE for LOOPE and F2 LOOPE for LOOPNE; REP with either is reserved: SDM vol. 2, 2.1.1.)
    for (std::size_t i = out.size(); i > 1; i--) std::swap(out[i - 1], out[random.below(i)]);
}

// ModRM, SIB and displacement.
void Maker::modrm(const Form& form, std::vector<u8>& out) {
    auto& e = form.row->encoding;
    u8 byte = u8(random.next());
    byte = form.memory ? u8((byte & 0x3f) | random.below(3) << 6) : u8(byte | 0xc0);
    byte = u8((byte & ~e.modrm_mask) | e.modrm_value);
    if (has(*form.row, {From::VM})) byte = u8((byte & 0xf8) | 4);
    out.push_back(byte);
    displacement_size = 0;
    bool wide = form.mode == Mode::bits64 || (form.mode == Mode::compatibility32) != form.p67;
    u8 mod = byte >> 6, rm = byte & 7;
    if (mod != 3) {
        if (wide) {
            u8 base = rm;
            if (rm == 4) {
                u8 sib = u8(random.next());
                out.push_back(sib);
                base = sib & 7;
            }
            displacement_size = mod == 1 ? 1 : mod == 2 || base == 5 ? 4 : 0;
        } else {
            displacement_size = mod == 1 ? 1 : mod == 2 || rm == 6 ? 2 : 0;
        }
    }
    displacement_at = unsigned(out.size());
    for (unsigned i = 0; i < displacement_size; i++) out.push_back(u8(random.next()));
}

bool Maker::assemble(const Form& form, Case& c) {
    auto& row = *form.row;
    auto& e = row.encoding;
    std::vector<u8> out;
    bool long_mode = form.mode == Mode::bits64;
    prefixes(form, out, form.memory || has(row, {From::O, From::X, From::BD}));
    u8 rxb = u8(random.next() & 7);
    if (e.no_rex_b) rxb &= 6;
    if (e.vex) {
        bool uses_vvvv = has(row, {From::B, From::H});
        u8 vvvv = uses_vvvv ? u8(random.next() & 15) : 15;
        static constexpr u8 pp[] = {0, 0, 1, 2, 3};
        if (!long_mode) rxb = 0, vvvv |= 8;
        u8 last = u8(vvvv << 3 | (form.l ? 4 : 0) | pp[unsigned(e.prefix)]);
        if (e.map == 1 && !form.w && !(rxb & 3) && random.flip()) {
            out.push_back(0xc5);
            out.push_back(u8((rxb ? 0 : 0x80) | last));
        } else {
            out.push_back(0xc4);
            out.push_back(u8((~rxb & 7) << 5 | e.map));
            out.push_back(u8((form.w ? 0x80 : 0) | last));
        }
    } else {
        if (long_mode && (form.w || random.flip())) out.push_back(u8(0x40 | (form.w ? 8 : 0) | rxb));
        if (e.map) out.push_back(0x0f);
        if (e.map == 2) out.push_back(0x38);
        if (e.map == 3) out.push_back(0x3a);
    }
    out.push_back(u8(e.opcode + (e.plus_r ? random.below(8) : 0)));
    displacement_size = 0;
    if (e.has_modrm) modrm(form, out);
    else displacement_at = unsigned(out.size());
    u64 tail = random.integer();
    for (unsigned i = 0; i < 8; i++) out.push_back(u8(tail >> (i * 8)));
    out.resize(std::max<std::size_t>(out.size(), 15));
    std::copy_n(out.begin(), 15, c.bytes.begin());
    drawn = nullptr;
    if (decode::decode({c.bytes.data(), 15}, decode_mode, c.insn) != decode::Result::ok) return false;
    drawn = c.insn.row;
    c.length = c.insn.length;
    if (row.operands.o[0].from == From::O || row.operands.o[1].from == From::O) displacement_size = c.insn.address_size;
    return c.insn.row == form.row;
}

u64 Maker::base_of(const Case& c, Seg s) const {
    if (c.mode == Mode::bits64) return s == Seg::fs ? c.start.fs_base : s == Seg::gs ? c.start.gs_base : 0;
    u16 selector = c.start.selector[unsigned(s)];
    return selector & 4 ? ldt[selector >> 3].base : 0;
}

void Maker::segments(Case& c) {
    static constexpr u16 data[] = {flat, flat, selector(3), selector(4), selector(4), selector(5), selector(6), selector(7), selector(8), selector(9), 0};
    static constexpr u16 stack[] = {flat, flat, selector(3), selector(4), selector(5), selector(7), selector(8), selector(9)};
    static constexpr u64 bases[] = {0, sandbox::start, sandbox::start + 0x4321, 0x7fffffff0000, u64(-0x10000), 0xffff800000000000};
    auto& s = c.start;
    for (auto n : {Seg::es, Seg::ds, Seg::fs, Seg::gs}) s.selector[unsigned(n)] = random.pick(data);
    s.selector[unsigned(Seg::cs)] = code_selector(c.mode);
    s.selector[unsigned(Seg::ss)] = random.pick(stack);
    s.fs_base = s.gs_base = 0;
    if (c.mode != Mode::bits64) return;
    s.selector = {0, code64, stack64, 0, 0, 0};
    s.fs_base = random.pick(bases), s.gs_base = random.pick(bases);
}

void Maker::registers(Case& c) {
    for (auto& r : c.start.gpr) r = random.integer();
    if (c.mode != Mode::bits64)
        for (auto& r : c.start.gpr) r = u32(r);
}

void Maker::flags(Case& c) {
    u64 value = 0x202 | (random.next() & (rflags::status | rflags::df));
    if (random.chance(2)) value |= rflags::ac;
    c.start.rflags = value;
}

void Maker::poke_lane(u8* to, unsigned lane) {
    u64 value = 0;
    u16 top = 0;
    switch (lane) {
    case 0: value = random.next(); break;
    case 1: case 2: for (unsigned i = 0; i < 64; i += 16) value |= (random.integer() & 0xffff) << i; break;
    case 3: value = u64(u32(random.integer())) << 32 | u32(random.integer()); break;
    case 4: value = random.integer(); break;
    case 5: value = u64(random.single()) << 32 | random.single(); break;
    case 6: value = random.two_fold(); break;
    case 7: random.extended(value, top); break;
    case 8: random.decimal(value, top); break;
    }
    std::memcpy(to, &value, 8);
    if (lane >= 7) std::memcpy(to + 8, &top, 2);
}

// The lane type that an instruction's operands mostly have.
static unsigned lane_of(const Insn& insn, Random& random) {
    auto name = insn.row->name;
    bool sse = insn.row->gate.unit == isa::Unit::sse || insn.row->gate.unit == isa::Unit::sse_mmx || insn.row->gate.unit == isa::Unit::avx;
    if (insn.vex) name.remove_prefix(1);
    if (random.chance(10)) return unsigned(random.below(9));
    if (sse && (name.ends_with("sd") || name.ends_with("pd") || name.starts_with("cvtsd") || name.starts_with("cvtpd") ||
                name.starts_with("cvttsd") || name.starts_with("cvttpd"))) return 6;
    if (sse && (name.ends_with("ss") || name.ends_with("ps") || name.starts_with("cvt"))) return 5;
    if (insn.row->gate.unit == isa::Unit::x87) {
        if (name.starts_with("fb")) return 8;
        if (name.starts_with("fi")) return random.flip() ? 2 : 4;
        unsigned width = insn.operand[0].width;
        return width == 4 ? 5 : width == 8 ? 6 : 7;
    }
    return unsigned(random.below(5));
}

void Maker::poke(Data& data, u64 at, unsigned bytes) {
    u8 raw[80];
    unsigned lane = lane_of(*poked, random), step = lane >= 7 ? 10 : 8;
    for (unsigned i = 0; i + step <= sizeof raw; i += step) poke_lane(raw + i, lane);
    for (unsigned i = 0; i < std::min(bytes, 80u); i++)
        if (at + i >= sandbox::data && at + i < sandbox::end) data[at + i - sandbox::data] = raw[i];
}

void Maker::vectors(Case& c) {
    auto& fx = c.start.fx;
    unsigned lane = lane_of(c.insn, random);
    if (lane >= 7) lane = 4;
    for (unsigned i = 0; i < 32; i++) poke_lane(fx.bytes.data() + Fx::xmm + i * 8, lane);
    for (auto& u : c.start.upper) poke_lane(u.data(), lane), poke_lane(u.data() + 8, lane);
    if (random.chance(10)) std::memcpy(fx.bytes.data() + Fx::xmm, fx.bytes.data() + Fx::xmm + 16, 16);
    u32 mxcsr = 0x1f80 | u32(random.below(4)) << 13;
    if (random.chance(30)) mxcsr = (mxcsr & ~0x1f80u) | u32(random.next() & 0x1f80);
    if (random.chance(30)) mxcsr |= u32(random.next() & 0x3f);
    if (random.chance(20)) mxcsr |= 0x40;
    if (random.chance(20)) mxcsr |= 0x8000;
    fx.put(Fx::mxcsr, mxcsr);
}

void Maker::x87(Case& c) {
    auto& fx = c.start.fx;
    u16 control = u16(0x7f | random.below(4) << 10 | random.below(2) << 12);
    static constexpr u16 precisions[] = {0x300, 0x300, 0x300, 0x200, 0, 0x100};
    control |= random.pick(precisions);
    if (random.chance(25)) control = u16((control & ~0x3f) | (random.next() & 0x3f));
    u16 status = u16(random.next() & 0x4700) | u16(random.below(8) << 11);
    if (random.chance(30)) status |= u16(random.next() & 0x7f);
    if (!random.chance(5)) status &= u16(~0x3f | control);              // mostly nothing pending
    if (status & ~control & 0x3f) status |= 0x8080;
    u8 tags = random.chance(60) ? 0xff : u8(random.next());
    fx.put(Fx::control, control), fx.put(Fx::status, status), fx.put(Fx::tags, tags);
    for (unsigned i = 0; i < 8; i++) {
        u64 significand;
        u16 sign_exponent;
        random.extended(significand, sign_exponent);
        if (random.chance(8)) sign_exponent = 0xffff, significand = random.integer();
        fx.put(Fx::st + i * 16, significand), fx.put(Fx::st + i * 16 + 8, u64(sign_exponent));
    }
}

// A linear address for an operand: mostly inside and aligned, sometimes across the ends of pages, or nowhere.
u64 Maker::target(const Case& c, unsigned width) {
    unsigned align = width == 32 ? 32 : width > 16 ? 16 : std::max(1u, width);
    u64 room = sandbox::read_only - sandbox::data - 1024;
    u64 at = sandbox::data + 512 + random.below(room);
    auto kind = random.below(100);
    if (kind < 70) return at / align * align;
    if (kind < 86) return at;
    if (kind < 90) return sandbox::read_only - random.below(width + 1);
    if (kind < 93) return sandbox::read_only + random.below(4000);
    if (kind < 95) return sandbox::end - random.below(width + 1);
    if (kind < 97) return sandbox::data - random.below(width + 1);
    if (c.mode == Mode::bits64 && kind == 97) return bit(47) - random.below(width + 2);
    if (c.mode == Mode::bits64 && kind == 98) return random.next() | bit(62);
    return sandbox::data + 0x1000 - random.below(width + 1);
}

// The offset that gives a linear address; within the segment's limit where that is easy.
u64 Maker::offset_for(const Case& c, Seg s, u64 linear, unsigned width) const { return (linear - base_of(c, s)) & ones(width); }

static unsigned stack_width(const Case& c) {
    if (c.mode == Mode::bits64) return 8;
    return ldt[c.start.selector[unsigned(Seg::ss)] >> 3].wide ? 4 : 2;
}

// Registers that instructions use without naming them.
void Maker::implicit(Case& c, Data& data) {
    auto& insn = c.insn;
    auto& row = *insn.row;
    auto& r = c.start.gpr;
    unsigned width = insn.address_size;
    auto set = [&](unsigned n, u64 value, unsigned bytes) { r[n] = c.mode == Mode::bits64 && bytes == 8 ? value : (r[n] & ~ones(bytes) & 0xffffffff) | (value & ones(bytes)); };
    auto point = [&](unsigned n, Seg s, unsigned bytes, unsigned operand) {
        u64 at = target(c, operand);
        set(n, offset_for(c, s, at, bytes), bytes);
        poke(data, at, 16);
        return at;
    };
    unsigned element = std::max<unsigned>(insn.operand[0].width, insn.operand[1].width);
    if (is_string(row)) {
        c.operand_at = point(rsi, insn.segment, width, element), point(rdi, Seg::es, width, element);
        if (random.flip()) point(rdi, Seg::es, width, element);
    }
    if (is_string(row) || counts(row)) {
        u64 count = random.chance(80) ? random.below(4) : random.integer();
        set(rcx, count, width);
    }
    if (row.name.starts_with("pcmpestr"))
        for (auto n : {rax, rdx})
            if (random.chance(80)) set(n, random.below(40) - 20, insn.rex_w() ? 8 : 4);
    if (row.name == "xlat") set(rbx, offset_for(c, insn.segment, target(c, 1), width) - (r[rax] & 0xff), width);
    if (row.name == "clzero") point(rax, insn.segment, width, 64);
    unsigned stack = stack_width(c);
    bool stacks = is(insn, {"push", "pop", "pusha/pushad", "popa/popad", "enter", "leave", "pushf/pushfd/pushfq", "popf/popfd/popfq", "call", "ret"});
    if (stacks) {
        u64 at = target(c, insn.operand_size);
        set(rsp, offset_for(c, Seg::ss, at, stack), stack);
        if (is(insn, {"ret"})) {
            u64 to = random.chance(90) ? u32(random.integer()) & 0x7fffffff : random.integer();
            for (unsigned i = 0; i < 8; i++)
                if (at + i >= sandbox::data && at + i < sandbox::end) data[at + i - sandbox::data] = u8(to >> (i * 8));
        }
        if (is(insn, {"leave", "enter"})) point(rbp, Seg::ss, stack, insn.operand_size);
    }
    if (is(insn, {"div", "idiv"}) && random.chance(75)) {
        unsigned w = insn.operand[0].width;
        bool negative = random.flip() && row.name == "idiv";
        if (w == 1) r[rax] = (r[rax] & ~u64{0xff00}) | (random.chance(70) ? random.below(4) : negative ? 0xff : 0) << 8;
        else r[rdx] = negative ? c.mode == Mode::bits64 ? ~u64{0} : 0xffffffff : random.chance(70) ? 0 : random.below(16);
    }
}

// Registers and displacement of the memory operand, so that it lies where target() says; false if it would lie where the host
// has something of its own.
bool Maker::aim(Case& c, Data& data) {
    auto& insn = c.insn;
    auto& r = c.start.gpr;
    bool memory = false, bits = false;
    unsigned width = 0;
    for (auto& o : insn.operand)
        if (o.place == Place::memory) memory = true, width = o.width;
    if (!memory && (insn.modrm >= 0xc0 || !insn.row->encoding.has_modrm)) return true;
    if (!width) width = 16;
    bits = insn.row->name.starts_with("bt") && insn.operand[1].place == Place::gpr;
    if (bits && random.chance(85)) {
        u64 small = (random.below(2000) - 1000);
        unsigned n = insn.operand[1].number;
        r[n] = c.mode == Mode::bits64 ? small : u32(small);
    }
    u64 at = target(c, width);
    u64 offset = offset_for(c, insn.segment, at, insn.address_size);
    u64 displacement = insn.displacement;
    bool based = insn.base < 16, indexed = insn.index < 16;
    u64 keep = c.mode == Mode::bits64 ? ~u64{0} : 0xffffffff;
    auto patch = [&](u64 value) {
        for (unsigned i = 0; i < displacement_size; i++) c.bytes[displacement_at + i] = u8(value >> (i * 8));
    };
    if (!based && !indexed) {
        patch(insn.base == rip_reg ? offset - (c.start.rip + insn.length) : offset);
    } else if (based && indexed && insn.base == insn.index) {
        u64 factor = 1 + (u64{1} << insn.scale), inverse = factor;
        for (int i = 0; i < 6; i++) inverse *= 2 - factor * inverse;
        r[insn.base] = (factor == 2 ? (offset - displacement) / 2 : (offset - displacement) * inverse) & keep;
    } else if (based) {
        u64 index = indexed ? r[insn.index] << insn.scale : 0;
        r[insn.base] = (offset - displacement - index) & keep;
    } else {
        r[insn.index] = (((offset - displacement) & ones(insn.address_size)) >> insn.scale) & keep;
    }
    if (insn.address_size != 8 && c.mode == Mode::bits64 && random.flip())      // bits above the address size don't count
        for (auto n : {insn.base, insn.index})
            if (n < 16) r[n] = (r[n] & 0xffffffff) | random.next() << 32;
    if (decode::decode({c.bytes.data(), 15}, decode_mode, insn) != decode::Result::ok) return false;
    u64 reg[reg_slots] = {};
    std::copy_n(r.begin(), 16, reg);
    reg[rip_reg] = c.start.rip;
    u64 is_at = (reg[insn.base] + (reg[insn.index] << insn.scale) + insn.displacement) & ones(insn.address_size);
    u64 linear = is_at + base_of(c, insn.segment);
    if (c.mode != Mode::bits64) linear = u32(linear);
    c.operand_at = linear;
    poke(data, linear, width + 16);
    return true;
}

namespace {

// Whether nothing of the host's own can be touched from a linear address on.
bool safe(u64 linear) { return linear < 0xf0000000 || sign_extend(linear, 48) != linear || linear - (bit(47) - 64) < 64 || linear > u64(-0x1000); }

bool all_safe(const Case& c, u64 fs, u64 gs) {
    auto& insn = c.insn;
    auto& r = c.start.gpr;
    u64 base = insn.segment == Seg::fs ? fs : insn.segment == Seg::gs ? gs : 0;
    auto names = [&](std::string_view n) { return insn.row->name == n; };
    if (c.operand_at && !safe(c.operand_at)) return false;
    if (is_string(*insn.row)) {
        u64 m = ones(insn.address_size);
        if (!safe((r[rsi] & m) + base) || !safe(r[rdi] & m)) return false;
    }
    if (insn.row->name.starts_with("bt") && insn.operand[1].place == Place::gpr && insn.is_memory(0)) {
        u64 step = u64(s64(sign_extend(r[insn.operand[1].number], insn.operand_size * 8)) >> 3);
        if (!safe(c.operand_at + step)) return false;
    }
    if (names("xlat")) return safe(((r[rbx] + (r[rax] & 0xff)) & ones(insn.address_size)) + base);
    if (names("clzero")) return safe((r[rax] & ones(insn.address_size)) + base);
    bool stacks = names("push") || names("pop") || names("enter") || names("leave") || names("call") || names("ret") ||
                  names("pushf/pushfd/pushfq") || names("popf/popfd/popfq");
    if (stacks && (!safe(r[rsp]) || !safe(r[rsp] - 0x100))) return false;
    if ((names("enter") || names("leave")) && !safe(r[rbp])) return false;
    if (names("enter") && !safe(r[rsp] - 0x20000)) return false;
    return true;
}

}

// Who reads a selector gets one of the LDT, null, or one beyond it: the GDT is the operating system's.
bool Maker::selectors(Case& c, Data& data) {
    auto& insn = c.insn;
    bool far = is(insn, {"les", "lds", "lfs", "lgs"}), pops = is(insn, {"pop"}) && insn.operand[0].place == Place::segment;
    bool loads = is(insn, {"mov"}) && insn.operand[0].place == Place::segment, asks = is(insn, {"lar", "lsl", "verr", "verw"});
    if (!far && !pops && !loads && !asks) return true;
    if (loads && insn.operand[0].number == unsigned(Seg::ss)) return false;         // holds the trap back
    u16 chosen = u16(random.below(std::size(ldt) + 1) << 3 | 4 | (random.chance(80) ? 3 : random.below(4)));
    if (random.chance(10)) chosen = u16(random.below(4));
    auto& source = insn.operand[loads || is(insn, {"lar", "lsl"}) ? 1 : 0];
    if (!far && !pops && source.place == Place::gpr) {
        auto& r = c.start.gpr[source.number];
        r = (r & ~u64{0xffff}) | chosen;
        return true;
    }
    u64 offset = insn.operand_size == 8 && decode_mode.amd ? 4 : insn.operand_size;         // AMD's far pointers have no 64-bit offsets
    u64 at = far ? c.operand_at + offset : c.operand_at;
    if (pops) at = c.mode == Mode::bits64 ? c.start.gpr[rsp] : base_of(c, Seg::ss) + (c.start.gpr[rsp] & ones(stack_width(c)));
    if (at + 16 > sandbox::code && at < sandbox::code + sandbox::code_size) return false;
    for (unsigned i = 0; i < 2; i++)
        if (inside(at + i, 1)) data[at + i - sandbox::data] = u8(chosen >> (i * 8));
    return true;
}

// Indexes that lead from the memory operand to places near it, seldom elsewhere; the mask as it is. False if one would lead to what is
// the host's own.
bool Maker::gather(Case& c) {
    auto& insn = c.insn;
    if (!has(*insn.row, {From::VM})) return true;
    unsigned bytes = insn.row->operands.o[1].size == Size::d ? 4 : 8;
    unsigned n = insn.operand[1].number;
    std::array<u8, 32> indexes;
    for (unsigned i = 0; i < 32; i += bytes) {
        u64 index = random.below(512) - 256;
        if (random.chance(3)) index = random.flip() ? random.below(0x8000000) : random.next() >> 2 | bit(61);
        std::memcpy(indexes.data() + i, &index, bytes);
        u64 wide = sign_extend(index, bytes * 8) << insn.scale, offset = (c.operand_at - base_of(c, insn.segment) + wide) & ones(insn.address_size);
        u64 linear = offset + base_of(c, insn.segment);
        if (!safe(c.mode == Mode::bits64 ? linear : u32(linear))) return false;
    }
    std::memcpy(c.start.fx.bytes.data() + Fx::xmm + n * 16, indexes.data(), 16);
    std::memcpy(c.start.upper[n].data(), indexes.data() + 16, 16);
    return true;
}

bool Maker::make(const Form& form, Case& c, Data& data) {
    c.mode = form.mode, c.operand_at = 0;
    if (!assemble(form, c)) return false;
    auto& row = *c.insn.row;
    poked = &c.insn;
    segments(c);
    registers(c);
    flags(c);
    bool fresh = !c.start.fx.get<u16>(Fx::control);
    if (fresh || floating(row) || random.chance(5)) vectors(c);
    if (fresh || x87_or_mmx(row) || random.chance(5)) x87(c);
    u64 linear = sandbox::code + random.below(0xf00);
    if (random.chance(3)) linear = sandbox::code + sandbox::code_size - c.length - random.below(2);
    if (random.chance(1)) linear = sandbox::code + sandbox::code_size - random.below(c.length) - 1;
    c.start.rip = linear - code_base(c.mode);
    implicit(c, data);
    if (!aim(c, data) || !selectors(c, data) || !gather(c)) return false;
    auto& r = c.start.gpr;
    auto operand = [&](unsigned width) {
        u64 v = 0;
        if (inside(c.operand_at, 16)) std::memcpy(&v, data.data() + (c.operand_at - sandbox::data), width);
        return v;
    };
    // Comparisons that come out equal.
    if (is(c.insn, {"cmpxchg"}) && random.flip())
        r[rax] = c.insn.is_memory(0) ? operand(c.insn.operand[0].width) : r[c.insn.operand[0].number];
    if (is(c.insn, {"cmpxchg8b", "cmpxchg16b"}) && random.flip() && inside(c.operand_at, 16)) {
        bool wide = is(c.insn, {"cmpxchg16b"});
        auto* p = data.data() + (c.operand_at - sandbox::data);
        r[rax] = r[rdx] = 0;
        std::memcpy(&r[rax], p, wide ? 8 : 4), std::memcpy(&r[rdx], p + (wide ? 8 : 4), wide ? 8 : 4);
    }
    // Strings that have something in common.
    if (row.name.starts_with("pcmpestr") || row.name.starts_with("pcmpistr")) {
        u8 letters = random.flip() ? 0xff : 3;
        for (unsigned i = 0; i < 256; i++) c.start.fx.bytes[Fx::xmm + i] &= letters;
        for (unsigned i = 0; i < 16; i++)
            if (inside(c.operand_at + i, 1)) data[c.operand_at + i - sandbox::data] &= letters;
    }
    // Images to load: mostly as something saved them.
    if (is(c.insn, {"fxrstor", "fxrstor64"}) && inside(c.operand_at, 512)) {
        Fx old = c.start.fx;
        vectors(c), x87(c);
        std::memcpy(data.data() + (c.operand_at - sandbox::data), c.start.fx.bytes.data(), 464);
        c.start.fx = old;
    }
    if (is(c.insn, {"ldmxcsr", "vldmxcsr"}) && random.chance(85) && inside(c.operand_at, 4)) {
        u32 value = u32(random.next() & 0xffff);
        std::memcpy(data.data() + (c.operand_at - sandbox::data), &value, 4);
    }
    // MXCSR.MM is AMD's misaligned SSE mode, which no model has.
    for (unsigned at : {is(c.insn, {"ldmxcsr", "vldmxcsr"}) ? 2u : 0, is(c.insn, {"fxrstor", "fxrstor64"}) ? 26u : 0})
        if (at && inside(c.operand_at + at, 1)) data[c.operand_at + at - sandbox::data] &= 0xfd;
    return all_safe(c, c.start.fs_base, c.start.gs_base);
}

}
