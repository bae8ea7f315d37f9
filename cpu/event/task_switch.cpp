// SPDX-License-Identifier: MIT
// Task switches by JMP, CALL, IRET, task gates and events, with 16-bit and 32-bit TSSs (SDM vol. 3,
// 7.3).
//
// Rule of restart: what the old task could fault on (both TSSs and the descriptors of both) is read
// and probed first. Then the old state is saved and TR loaded; a fault met later, while LDTR, CR3
// and the segments are loaded, is the new task's, with the new task's CS:EIP. Descriptors of the
// new task's segments are not probed before the switch.
#include "cpu/event/task_switch.h"
#include "cpu/event/debug.h"
#include "cpu/event/transfer.h"
#include "cpu/virt/layer.h"

namespace event {

using namespace descriptors;
using namespace transfer;

namespace {

bool fail(Cpu& cpu, const Fault& f) {
    cpu.raise(f);
    return false;
}

// Where a TSS keeps what (SDM vol. 3, figures 7-2 and 7-10). Registers and selectors follow each
// other by `width`.
struct Layout {
    u8 width, segments;           // bytes of a register; how many selectors
    u8 eip, eflags, gpr, selectors, ldt;
    u32 least_limit;
};
constexpr Layout layout16{2, 4, 14, 16, 18, 34, 42, 0x2b};
constexpr Layout layout32{4, 6, 32, 36, 40, 72, 96, 0x67};
constexpr u8 link_at = 0, cr3_at = 28, trap_at = 100;     // the latter two in 32-bit TSSs only

const Layout& layout(unsigned type) { return type & 8 ? layout32 : layout16; }
constexpr u8 busy_bit = 2;

// What the new TSS says.
struct Image {
    u32 cr3 = 0, eip = 0, eflags = 0;
    std::array<u32, 8> gpr{};
    std::array<u16, 6> selector{};
    u16 ldt = 0, trap = 0;
};

u64 at(u64 base, unsigned offset) { return u32(base + offset); }

bool field(Cpu& cpu, u64 base, unsigned offset, unsigned width, u64& value) {
    return load(cpu, at(base, offset), value, width, As::supervisor);
}

bool read_image(Cpu& cpu, u64 base, const Layout& l, Image& image) {
    u64 value;
    if (!field(cpu, base, l.eip, l.width, value)) return false;
    image.eip = u32(value);
    if (!field(cpu, base, l.eflags, l.width, value)) return false;
    image.eflags = u32(value);
    for (unsigned n = 0; n < 8; n++) {
        if (!field(cpu, base, l.gpr + n * l.width, l.width, value)) return false;
        image.gpr[n] = u32(value);
    }
    for (unsigned n = 0; n < l.segments; n++) {
        if (!field(cpu, base, l.selectors + n * l.width, 2, value)) return false;
        image.selector[n] = u16(value);
    }
    if (!field(cpu, base, l.ldt, 2, value)) return false;
    image.ldt = u16(value);
    if (l.width == 2) return true;
    if (!field(cpu, base, cr3_at, 4, value)) return false;
    image.cr3 = u32(value);
    if (!field(cpu, base, trap_at, 2, value)) return false;
    image.trap = u16(value);
    return true;
}

bool writable(Cpu& cpu, u64 address, unsigned width) {
    Span span;
    return cpu.probe(u32(address), width, Kind::write, span, As::supervisor);
}

// EIP to the last selector of the old TSS: every field, since a page may end between them.
bool old_tss_writable(Cpu& cpu, u64 base, const Layout& l) {
    unsigned end = l.selectors + l.segments * l.width;
    for (unsigned offset = l.eip; offset < end; offset += l.width)
        if (!writable(cpu, base + offset, l.width)) return false;
    return true;
}

void save(Cpu& cpu, u64 base, const Layout& l, u64 rip, u64 flags) {
    store(cpu, at(base, l.eip), rip, l.width, As::supervisor);
    store(cpu, at(base, l.eflags), flags, l.width, As::supervisor);
    for (unsigned n = 0; n < 8; n++) store(cpu, at(base, l.gpr + n * l.width), cpu.gpr[n], l.width, As::supervisor);
    for (unsigned n = 0; n < l.segments; n++)
        store(cpu, at(base, l.selectors + n * l.width), cpu.seg[Seg(n)].selector, 2, As::supervisor);
}

// The current TSS's descriptor in the GDT, of which the Busy bit is cleared.
bool find_old(Cpu& cpu, Entry& old) {
    if (!read(cpu, cpu.seg[Seg::tr].selector, ts, old)) return false;
    return writable(cpu, old.address + 5, 1);
}

// ---- the new task's context (SDM vol. 3, 7.3, steps 12 and 13; table 7-1)

// Paging's root first, since it decides where the descriptors are.
bool load_cr3(Cpu& cpu, const Image& image) {
    if (!cpu.paging()) return true;
    if ((cpu.control.cr4 & cr4::pae) && !cpu.load_pdptes(image.cr3)) return false;
    bool changes = cpu.control.cr3 != image.cr3 || (cpu.control.cr4 & cr4::pae);
    cpu.control.cr3 = image.cr3;
    if (changes) cpu.cr3_written(false);
    return true;
}

bool load_ldt(Cpu& cpu, u16 selector) {
    cpu.seg[Seg::ldtr] = null_segment(selector);
    if (is_null(selector)) return true;
    Entry entry;
    if (in_ldt(selector)) return fail(cpu, ts(code_of(selector)));
    if (!read(cpu, selector, ts, entry)) return false;
    if (!entry.system(ldt) || !entry.rights().p()) return fail(cpu, ts(code_of(selector)));
    cpu.seg[Seg::ldtr] = segment(entry, selector);
    return true;
}

bool load_code(Cpu& cpu, u16 selector) {
    Entry entry;
    if (is_null(selector)) return fail(cpu, ts(0));
    if (!read(cpu, selector, ts, entry)) return false;
    Rights r = entry.rights();
    bool privileged = r.conforming() ? r.dpl() <= rpl(selector) : r.dpl() == rpl(selector);
    if (!r.code() || !privileged) return fail(cpu, ts(code_of(selector)));
    if (!r.p()) return fail(cpu, np(code_of(selector)));
    if (!set_accessed(cpu, entry)) return false;
    cpu.seg[Seg::cs] = segment(entry, selector);
    return true;
}

bool load_ss(Cpu& cpu, u16 selector) {
    Entry entry;
    if (is_null(selector)) return fail(cpu, ts(0));
    if (!read(cpu, selector, ts, entry)) return false;
    Rights r = entry.rights();
    bool fits = r.data() && r.writable() && r.dpl() == cpu.cpl && rpl(selector) == cpu.cpl;
    if (!fits) return fail(cpu, ts(code_of(selector)));
    if (!r.p()) return fail(cpu, ss(code_of(selector)));
    if (!set_accessed(cpu, entry)) return false;
    cpu.seg[Seg::ss] = segment(entry, selector);
    return true;
}

bool load_data(Cpu& cpu, Seg s, u16 selector) {
    Entry entry;
    if (is_null(selector)) return true;
    if (!read(cpu, selector, ts, entry)) return false;
    Rights r = entry.rights();
    bool privileged = (r.code() && r.conforming()) || (rpl(selector) <= r.dpl() && cpu.cpl <= r.dpl());
    if (!r.s() || !r.readable() || !privileged) return fail(cpu, ts(code_of(selector)));
    if (!r.p()) return fail(cpu, np(code_of(selector)));
    if (!set_accessed(cpu, entry)) return false;
    cpu.seg[s] = segment(entry, selector);
    return true;
}

bool load_segments(Cpu& cpu, const Image& image) {
    auto selector = [&](Seg s) { return image.selector[unsigned(s)]; };
    if (!load_code(cpu, selector(Seg::cs)) || !load_ss(cpu, selector(Seg::ss))) return false;
    for (auto s : {Seg::ds, Seg::es, Seg::fs, Seg::gs})
        if (!load_data(cpu, s, selector(s))) return false;
    return true;
}

// Registers, flags and selectors, which can't fault; segments are unusable until their descriptors
// have been judged.
void load_registers(Cpu& cpu, const Image& image, bool nested) {
    for (unsigned n = 0; n < 8; n++) cpu.gpr[n] = image.gpr[n];
    cpu.rip() = image.eip;
    bool v86 = image.eflags & rflags::vm;
    cpu.cpl = v86 ? 3 : u8(rpl(image.selector[unsigned(Seg::cs)]));
    cpu.set_rflags(image.eflags | (nested ? rflags::nt : 0));
    for (unsigned n = 0; n < 6; n++) {
        cpu.seg[Seg(n)] = null_segment(image.selector[n]);
        if (v86) cpu.set_real_segment(Seg(n), image.selector[n]);
    }
    cpu.mode_changed();
}

bool load_context(Cpu& cpu, const Image& image, bool nested) {
    load_registers(cpu, image, nested);
    if (!load_cr3(cpu, image) || !load_ldt(cpu, image.ldt)) return false;
    bool loaded = cpu.v86() || load_segments(cpu, image);
    cpu.mode_changed();
    return loaded && (cpu.rip() <= cpu.seg[Seg::cs].limit || fail(cpu, gp(0)));
}

}

bool read_task(Cpu& cpu, u16 selector, Entry& tss) {
    if (in_ldt(selector)) return fail(cpu, gp(code_of(selector)));
    if (!read(cpu, selector, gp, tss)) return false;
    if (!tss.system(tss16) && !tss.system(tss32)) return fail(cpu, gp(code_of(selector)));
    if (!tss.rights().p()) return fail(cpu, np(code_of(selector)));
    return true;
}

Outcome switch_task(Cpu& cpu, const Entry& tss, Why why, u64 rip, u64 flags) {
    auto& tr = cpu.seg[Seg::tr];
    const Layout &now = layout(tr.rights.type()), &next = layout(tss.type());
    bool nests = why == Why::call || why == Why::event, leaves = !nests;
    u64 new_base = tss.low.base(), old_base = tr.base;

    if (cpu.guest)
        if (auto outcome = cpu.guest->task_switch(tss.selector, why, rip); outcome != Outcome::next) return outcome;
    if (tss.low.limit() < next.least_limit) return cpu.raise(ts(code_of(tss.selector)));
    if (tr.limit < now.least_limit) return cpu.raise(ts(code_of(tr.selector)));
    Entry old;
    Image image;
    if (leaves && !find_old(cpu, old)) return Outcome::fault;
    if (!old_tss_writable(cpu, old_base, now) || !read_image(cpu, new_base, next, image)) return Outcome::fault;
    if (nests && !writable(cpu, at(new_base, link_at), 2)) return Outcome::fault;
    if (!writable(cpu, tss.address + 5, 1)) return Outcome::fault;

    // The old task ends here.
    if (leaves) store_type(cpu, old.address, u8(old.rights().value & ~u32{busy_bit}));
    save(cpu, old_base, now, rip, why == Why::iret ? flags & ~rflags::nt : flags);
    if (nests) store(cpu, at(new_base, link_at), tr.selector, 2, As::supervisor);
    u8 byte = u8(tss.rights().value | busy_bit);
    store_type(cpu, tss.address, byte);
    tr = segment(tss, tss.selector);
    tr.rights.value |= busy_bit;

    u64 cr0 = cpu.control.cr0;
    cpu.control.cr0 |= cr0::ts;
    cpu.cr0_written(cr0);
    cpu.control.dr[7] &= ~u64{0x155};                  // L0 to L3, LE
    cpu.stepping = false;
    if (image.trap & 1) cpu.pending_dr6 |= debug::bt, cpu.pending |= pending::debug;
    return load_context(cpu, image, nests) ? Outcome::taken : Outcome::fault;
}

Outcome return_to_linked_task(Cpu& cpu, u64 rip) {
    u64 link;
    if (!field(cpu, cpu.seg[Seg::tr].base, link_at, 2, link)) return Outcome::fault;
    u16 selector = u16(link);
    Entry tss;
    if (in_ldt(selector)) return cpu.raise(ts(code_of(selector)));
    if (!read(cpu, selector, ts, tss)) return Outcome::fault;
    if (!tss.system(tss16_busy) && !tss.system(tss32_busy)) return cpu.raise(ts(code_of(selector)));
    if (!tss.rights().p()) return cpu.raise(np(code_of(selector)));
    return switch_task(cpu, tss, Why::iret, rip, cpu.rflags);
}

}
