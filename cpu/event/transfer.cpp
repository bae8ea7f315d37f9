// SPDX-License-Identifier: MIT
// Inner stacks, frames and code segments of far transfers (SDM vol. 3, 5.8 and 6.12).
#include "cpu/event/transfer.h"

namespace transfer {

using namespace descriptors;

bool store(Cpu& cpu, u64 address, u64 value, unsigned width, As as) {
    switch (width) {
    case 1: return cpu.store(address, u8(value), as, Seg::ss);
    case 2: return cpu.store(address, u16(value), as, Seg::ss);
    case 4: return cpu.store(address, u32(value), as, Seg::ss);
    default: return cpu.store(address, value, as, Seg::ss);
    }
}

template <Word T> static bool load_as(Cpu& cpu, u64 address, u64& value, As as) {
    T narrow{};
    if (!cpu.load(address, narrow, as, Seg::ss)) return false;
    value = narrow;
    return true;
}
bool load(Cpu& cpu, u64 address, u64& value, unsigned width, As as) {
    switch (width) {
    case 1: return load_as<u8>(cpu, address, value, as);
    case 2: return load_as<u16>(cpu, address, value, as);
    case 4: return load_as<u32>(cpu, address, value, as);
    default: return load_as<u64>(cpu, address, value, as);
    }
}

Stack current_stack(const Cpu& cpu) { return {cpu.seg[Seg::ss], cpu.gpr[rsp], cpu.stack_bytes, cpu.cpl, 0}; }

// ---- the inner stack

namespace {

bool fail(Cpu& cpu, const Fault& f) {
    cpu.raise(f);
    return false;
}

// A field of the current TSS: #TS(TR) beyond its limit.
bool tss_field(Cpu& cpu, u64 offset, unsigned width, u64& value) {
    auto& tr = cpu.seg[Seg::tr];
    if (offset + width - 1 > tr.limit) return fail(cpu, ts(code_of(tr.selector)));
    u64 address = tr.base + offset;
    return load(cpu, cpu.long_mode() ? address : u32(address), value, width, As::supervisor);
}

// SDM vol. 3, 5.4.1 and 6.12.1: what the SS of an inner ring must be.
bool load_inner_ss(Cpu& cpu, u16 selector, unsigned cpl, Segment& result) {
    if (is_null(selector)) return fail(cpu, ts(0));
    Entry entry;
    if (!read(cpu, selector, ts, entry)) return false;
    Rights r = entry.rights();
    bool fits = rpl(selector) == cpl && r.dpl() == cpl && r.data() && r.writable();
    if (!fits) return fail(cpu, ts(code_of(selector)));
    if (!r.p()) return fail(cpu, ss(code_of(selector)));
    if (!set_accessed(cpu, entry)) return false;
    result = segment(entry, selector);
    return true;
}

// SDM vol. 3, figure 7-11.
bool inner_stack64(Cpu& cpu, unsigned cpl, unsigned ist, Stack& stack) {
    u64 at = ist ? 28 + ist * 8 : 4 + cpl * 8;
    stack.ss = cpl == cpu.cpl ? cpu.seg[Seg::ss] : null_segment(u16(cpl), cpl);
    stack.width = 8, stack.cpl = cpl, stack.code = 0;
    return tss_field(cpu, at, 8, stack.rsp);
}

}

bool inner_stack(Cpu& cpu, unsigned cpl, unsigned ist, Stack& stack) {
    if (cpu.long_mode()) return inner_stack64(cpu, cpl, ist, stack);
    bool wide = cpu.seg[Seg::tr].rights.type() & 8;              // a 32-bit TSS: figures 7-2 and 7-10
    unsigned width = wide ? 4 : 2;
    u64 at = width + cpl * width * 2, selector;
    auto& tr = cpu.seg[Seg::tr];
    if (at + width + 1 > tr.limit) return fail(cpu, ts(code_of(tr.selector)));
    if (!tss_field(cpu, at, width, stack.rsp) || !tss_field(cpu, at + width, 2, selector)) return false;
    if (!load_inner_ss(cpu, u16(selector), cpl, stack.ss)) return false;
    stack.width = stack.ss.rights.db() ? 4 : 2;
    stack.cpl = cpl, stack.code = code_of(u16(selector));
    return true;
}

// ---- the frame

// As Cpu::linear, for a stack that isn't in SS yet.
bool Frame::linear(u64 offset, unsigned width, u64& address) const {
    u64 last = offset + width - 1;
    if (stack.width == 8) {
        address = offset;
        return cpu.canonical(offset) && cpu.canonical(last);
    }
    auto& ss = stack.ss;
    address = u32(ss.base + offset);
    if (ss.rights.unusable()) return false;
    if (ss.rights.expand_down()) return offset > ss.limit && last <= (ss.rights.db() ? 0xffffffff : 0xffff);
    return last <= ss.limit;
}

void Frame::push(u64 value, unsigned width) {
    if (failure) return;
    u64 offset = (rsp - width) & ones(stack.width);
    Piece piece{0, value, width};
    Span span;
    if (!linear(offset, width, piece.address)) {
        failure = true;
        cpu.raise(ss(stack.code));
    } else if (!cpu.probe(piece.address, width, Kind::write, span, As::current, Seg::ss)) {
        failure = true;
    } else {
        pieces[count++] = piece;
        rsp = merged_rsp(rsp, offset, stack.width);
    }
}

void Frame::commit() {
    for (unsigned i = 0; i < count; i++) store(cpu, pieces[i].address, pieces[i].value, pieces[i].width);
    rights.reset();
}

// ---- the code segment

bool valid_code_size(const Cpu& cpu, Rights rights) { return !cpu.long_mode() || !(rights.l() && rights.db()); }

bool gate_code(Cpu& cpu, u16 selector, Entry& code) {
    if (is_null(selector)) return fail(cpu, gp(0));
    if (!read(cpu, selector, gp, code)) return false;
    Rights r = code.rights();
    bool wrong_size = cpu.long_mode() && (!r.l() || r.db());
    if (!r.code() || r.dpl() > cpu.cpl || wrong_size) return fail(cpu, gp(code_of(selector)));
    if (!r.p()) return fail(cpu, np(code_of(selector)));
    return true;
}

bool reachable(const Cpu& cpu, const Segment& cs, u64 rip) {
    return cpu.long_mode() && cs.rights.l() ? cpu.canonical(rip) : rip <= cs.limit;
}

void enter(Cpu& cpu, Segment cs, unsigned cpl, u64 rip) {
    cs.selector = u16((cs.selector & 0xfffc) | cpl);
    cpu.seg[Seg::cs] = cs;
    cpu.cpl = u8(cpl);
    cpu.rip() = rip;
    cpu.mode_changed();
}

void load_stack(Cpu& cpu, const Stack& stack, u64 rsp_behind) {
    cpu.seg[Seg::ss] = stack.ss;
    cpu.gpr[rsp] = rsp_behind;
    cpu.mode_changed();
}

}
