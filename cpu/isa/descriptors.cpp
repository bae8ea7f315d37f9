// SPDX-License-Identifier: MIT
// Descriptor lookup and the loading of ES, SS, DS, FS and GS (SDM vol. 3, 3.4 and 5.6 to 5.7; vol.
// 2, MOV).
#include "cpu/isa/descriptors.h"

namespace descriptors {

namespace {

// Table addresses wrap at 4 GiB outside IA-32e mode.
u64 in_table(const Cpu& cpu, u64 base, u64 offset) { return cpu.long_mode() ? base + offset : u32(base + offset); }

Found load(Cpu& cpu, u16 selector, unsigned skip, u64& value, u64& address) {
    auto& ldtr = cpu.seg[Seg::ldtr];
    bool local = in_ldt(selector);
    if (local && ldtr.rights.unusable()) return Found::beyond;
    u64 base = local ? ldtr.base : cpu.seg.gdtr.base, limit = local ? ldtr.limit : cpu.seg.gdtr.limit;
    u64 offset = (selector & 0xfff8u) + skip;
    if (offset + 7 > limit) return Found::beyond;
    address = in_table(cpu, base, offset);
    return cpu.load(address, value, As::supervisor) ? Found::yes : Found::fault;
}

bool settle(Cpu& cpu, Found found, u16 selector, Fault (*beyond)(u32)) {
    if (found == Found::beyond) cpu.raise(beyond(code_of(selector)));
    return found == Found::yes;
}

}

Found look_up(Cpu& cpu, u16 selector, Entry& entry) {
    entry.selector = selector, entry.high = 0;
    return load(cpu, selector, 0, entry.low.raw, entry.address);
}

Found look_up_rest(Cpu& cpu, Entry& entry) {
    u64 unused;
    return load(cpu, entry.selector, 8, entry.high, unused);
}

bool read(Cpu& cpu, u16 selector, Fault (*beyond)(u32), Entry& entry) {
    return settle(cpu, look_up(cpu, selector, entry), selector, beyond);
}

bool read_rest(Cpu& cpu, Fault (*beyond)(u32), Entry& entry) {
    return settle(cpu, look_up_rest(cpu, entry), entry.selector, beyond);
}

bool store_type(Cpu& cpu, u64 address, u8 byte) { return cpu.store(address + 5, byte, As::supervisor); }

bool set_accessed(Cpu& cpu, Entry& entry) {
    if (entry.type() & Rights::accessed) return true;
    if (!store_type(cpu, entry.address, u8(entry.rights().value | Rights::accessed))) return false;
    entry.low.raw |= u64{Rights::accessed} << 40;
    return true;
}

Segment segment(const Entry& entry, u16 selector) {
    return {selector, entry.low.base(), entry.low.limit(), entry.rights()};
}

Segment null_segment(u16 selector, unsigned dpl) { return {selector, 0, 0, {Rights::unusable_bit | dpl << 5}}; }

}

using namespace descriptors;

bool Cpu::read_descriptor(u16 selector, Descriptor& d, Fault (*beyond)(u32), bool wide, u64* high) {
    Entry entry;
    if (!read(*this, selector, beyond, entry)) return false;
    if (wide && !read_rest(*this, beyond, entry)) return false;
    d = entry.low;
    if (high) *high = entry.high;
    return true;
}

// Real mode changes selector and base only, so that limits and types set in protected mode stay
// (SDM vol. 3, 10.9.2); virtual-8086 mode makes a writable 64 KiB segment of ring 3 (SDM vol. 3,
// 21.2).
void Cpu::set_real_segment(Seg s, u16 selector) {
    auto& target = seg[s];
    if (v86()) {
        target.limit = 0xffff, target.rights = {0xf3};
    } else if (target.rights.unusable()) {
        target.limit = 0xffff, target.rights = {s == Seg::cs ? 0x9bu : 0x93u};
    }
    target.selector = selector;
    target.base = u64{selector} << 4;
}

namespace {

// Null SS is for 64-bit mode below ring 3, with the RPL of the ring (SDM vol. 3, 5.4.1.1).
Outcome load_stack_segment(Cpu& cpu, u16 selector) {
    if (is_null(selector)) {
        if (!cpu.bits64() || cpu.cpl == 3 || rpl(selector) != cpu.cpl) return cpu.raise(gp(0));
        cpu.seg[Seg::ss] = null_segment(selector, cpu.cpl);
        return Outcome::next;
    }
    Entry entry;
    if (!read(cpu, selector, gp, entry)) return Outcome::fault;
    Rights r = entry.rights();
    bool fits = rpl(selector) == cpu.cpl && r.data() && r.writable() && r.dpl() == cpu.cpl;
    if (!fits) return cpu.raise(gp(code_of(selector)));
    if (!r.p()) return cpu.raise(ss(code_of(selector)));
    if (!set_accessed(cpu, entry)) return Outcome::fault;
    cpu.seg[Seg::ss] = segment(entry, selector);
    return Outcome::next;
}

// A null selector clears the base too, as Intel's and AMD's newer CPUs do (AMD before Zen 2 keeps
// it: not modelled).
Outcome load_data_segment(Cpu& cpu, Seg s, u16 selector) {
    if (is_null(selector)) {
        cpu.seg[s] = null_segment(selector);
        return Outcome::next;
    }
    Entry entry;
    if (!read(cpu, selector, gp, entry)) return Outcome::fault;
    Rights r = entry.rights();
    bool conforming = r.code() && r.conforming();
    bool privileged = conforming || (rpl(selector) <= r.dpl() && cpu.cpl <= r.dpl());
    if (!r.s() || !r.readable() || !privileged) return cpu.raise(gp(code_of(selector)));
    if (!r.p()) return cpu.raise(np(code_of(selector)));
    if (!set_accessed(cpu, entry)) return Outcome::fault;
    cpu.seg[s] = segment(entry, selector);
    return Outcome::next;
}

}

// Rule of restart: the Accessed bit may be set before a fault of the same instruction; the register
// is loaded last.
Outcome Cpu::load_segment(Seg s, u16 selector) {
    Outcome done = Outcome::next;
    if (real_or_v86()) set_real_segment(s, selector);
    else done = s == Seg::ss ? load_stack_segment(*this, selector) : load_data_segment(*this, s, selector);
    if (done == Outcome::next && s == Seg::ss) mode_changed();
    return done;
}
