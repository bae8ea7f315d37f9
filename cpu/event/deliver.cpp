// SPDX-License-Identifier: MIT
// Event delivery: gates, inner stacks, error codes, double faults and shutdown (SDM vol. 3, ch. 6;
// vol. 2, INT n).
//
// Rule of restart: everything is read, checked and probed before the frame is written; Accessed
// bits may be set before a fault. A task gate follows the rule of task_switch.cpp.
#include "cpu/event/deliver.h"
#include "cpu/event/debug.h"
#include "cpu/event/task_switch.h"
#include "cpu/event/transfer.h"
#include "cpu/notice.h"
#include "cpu/virt/layer.h"

namespace event {

using namespace descriptors;
using namespace transfer;

namespace {

bool fail(Cpu& cpu, const Fault& f) {
    cpu.raise(f);
    return false;
}

// The error code that names an IDT entry (SDM vol. 3, 6.13).
constexpr u32 idt_code(u8 vector) { return u32(vector) << 3 | 2; }

u64 in_idt(const Cpu& cpu, u64 offset) {
    u64 address = cpu.seg.idtr.base + offset;
    return cpu.long_mode() ? address : u32(address);
}

// ---- real mode (SDM vol. 3, 21.1.4)

// Through the table of far pointers at `table`: three words are pushed, and no error code.
bool through_vector(Cpu& cpu, const Delivery& d, u64 table, As as, u64 flags) {
    u32 pointer;
    if (!cpu.load(u32(table + d.vector * 4u), pointer, as)) return false;
    Stack stack = current_stack(cpu);
    Frame frame(cpu, stack);
    frame.push(flags, 2);
    frame.push(cpu.seg[Seg::cs].selector, 2);
    frame.push(d.rip, 2);
    if (frame.failed()) return false;
    frame.commit();
    cpu.gpr[rsp] = frame.rsp;
    cpu.set_real_segment(Seg::cs, u16(pointer >> 16));
    cpu.rip() = u16(pointer);
    cpu.mode_changed();
    return true;
}

bool real_mode(Cpu& cpu, const Delivery& d) {
    if (d.vector * 4u + 3 > cpu.seg.idtr.limit) return fail(cpu, gp(idt_code(d.vector)));
    if (!through_vector(cpu, d, cpu.seg.idtr.base, As::supervisor, d.flags)) return false;
    cpu.set_rflags(0, rflags::if_ | rflags::tf | rflags::ac | rflags::rf);
    return true;
}

// ---- virtual-8086 mode's own handlers (SDM vol. 3, 21.3.3 and table 21-2)

// Whether the redirection bitmap below the I/O bitmap sends INT n to the 8086 program (bit clear).
bool redirected(Cpu& cpu, u8 vector, bool& result) {
    auto& tr = cpu.seg[Seg::tr];
    u16 io_map;
    u8 byte;
    result = false;
    if (!(tr.rights.type() & 8) || tr.limit < 103) return true;
    if (!cpu.load(u32(tr.base + 102), io_map, As::supervisor)) return false;
    u64 at = u64(io_map) - 32 + vector / 8;
    if (io_map < 32 || at > tr.limit) return true;
    if (!cpu.load(u32(tr.base + at), byte, As::supervisor)) return false;
    result = !(byte >> (vector % 8) & 1);
    return true;
}

// Below IOPL 3, VIF stands in for IF, and the program sees IOPL 3.
bool to_8086_handler(Cpu& cpu, const Delivery& d) {
    bool virtual_if = cpu.iopl() < 3;
    u64 flags = d.flags;
    u64 from = cpu.rip();
    cpu.delivering = d;
    if (virtual_if) flags = (flags & ~rflags::if_) | rflags::iopl | (flags & rflags::vif ? rflags::if_ : 0);
    if (!through_vector(cpu, d, 0, As::current, flags)) return false;
    cpu.set_rflags(0, rflags::tf | rflags::rf | (virtual_if ? rflags::vif : rflags::if_));
    cpu.delivering.reset();
    debug::record_event(cpu, from);
    return true;
}

// ---- gates (SDM vol. 3, 6.11 and 6.14.1)

struct Gate {
    Entry entry;
    u64 offset = 0;
    unsigned width = 0;           // of what is pushed: 2, 4, 8
    unsigned ist = 0;
    unsigned type() const { return entry.type(); }
    bool interrupt() const { return !(type() & 1); }      // clears IF; a trap gate doesn't
    u16 selector() const { return entry.low.selector(); }
};

bool gate_type_valid(const Cpu& cpu, const Entry& entry) {
    constexpr u32 legacy = 1 << task_gate | 1 << interrupt_gate16 | 1 << trap_gate16 | 1 << interrupt_gate32 | 1 << trap_gate32;
    constexpr u32 ia32e = 1 << interrupt_gate32 | 1 << trap_gate32;
    return !entry.rights().s() && ((cpu.long_mode() ? ia32e : legacy) >> entry.type() & 1);
}

bool read_gate(Cpu& cpu, const Delivery& d, Gate& gate) {
    bool wide = cpu.long_mode();
    unsigned size = wide ? 16 : 8;
    u32 code = idt_code(d.vector);
    auto& entry = gate.entry;
    if (d.vector * size + size - 1 > cpu.seg.idtr.limit) return fail(cpu, gp(code));
    if (!cpu.load(in_idt(cpu, d.vector * size), entry.low.raw, As::supervisor)) return false;
    if (wide && !cpu.load(in_idt(cpu, d.vector * size + 8), entry.high, As::supervisor)) return false;
    if (!gate_type_valid(cpu, entry)) return fail(cpu, gp(code));
    if (d.software() && entry.rights().dpl() < cpu.cpl) return fail(cpu, gp(code));
    if (!entry.rights().p()) return fail(cpu, np(code));
    gate.width = wide ? 8 : entry.type() & 8 ? 4 : 2;
    gate.offset = gate.width == 2 ? u16(entry.low.offset()) : entry.offset();
    gate.ist = wide ? entry.low.ist() : 0;
    return true;
}

// ---- interrupt and trap gates

// The ring that the handler runs in: virtual-8086 mode may only go to ring 0 (SDM vol. 3,
// 21.3.1.1).
bool handler_cpl(Cpu& cpu, const Entry& code, unsigned& cpl) {
    Rights r = code.rights();
    if (cpu.v86() && (r.conforming() || r.dpl() != 0)) return fail(cpu, gp(code_of(code.selector)));
    cpl = r.conforming() ? cpu.cpl : r.dpl();
    return true;
}

bool handler_stack(Cpu& cpu, const Gate& gate, unsigned cpl, Stack& stack) {
    if (cpl < cpu.cpl || gate.ist) {
        if (!inner_stack(cpu, cpl, gate.ist, stack)) return false;
    } else {
        stack = current_stack(cpu);
    }
    if (cpu.long_mode()) stack.width = 8, stack.rsp &= ~u64{15};
    return true;
}

void push_frame(Cpu& cpu, const Delivery& d, unsigned width, bool with_stack, Frame& frame) {
    if (cpu.v86())
        for (auto s : {Seg::gs, Seg::fs, Seg::ds, Seg::es}) frame.push(cpu.seg[s].selector, width);
    if (with_stack) {
        frame.push(cpu.seg[Seg::ss].selector, width);
        frame.push(cpu.gpr[rsp], width);
    }
    frame.push(d.flags, width);
    frame.push(cpu.seg[Seg::cs].selector, width);
    frame.push(d.rip, width);
    if (d.has_code) frame.push(d.code, width);
}

bool through_gate(Cpu& cpu, const Delivery& d, const Gate& gate) {
    Entry code;
    unsigned cpl;
    Stack stack;
    if (!gate_code(cpu, gate.selector(), code) || !handler_cpl(cpu, code, cpl)) return false;
    if (!handler_stack(cpu, gate, cpl, stack)) return false;

    bool inner = cpl < cpu.cpl, from_v86 = cpu.v86();
    Frame frame(cpu, stack);
    // The frame is probed with the rights of the ring that it is for; what it says is of the old
    // one.
    push_frame(cpu, d, gate.width, inner || cpu.long_mode(), frame);
    if (frame.failed()) return false;
    if (!reachable(cpu, segment(code, gate.selector()), gate.offset)) return fail(cpu, gp(0));
    if (!set_accessed(cpu, code)) return false;

    frame.commit();
    if (from_v86)
        for (auto s : {Seg::es, Seg::ds, Seg::fs, Seg::gs}) cpu.seg[s] = null_segment(0);
    load_stack(cpu, stack, frame.rsp);
    cpu.set_rflags(0, rflags::tf | rflags::nt | rflags::rf | rflags::vm | (gate.interrupt() ? rflags::if_ : 0));
    enter(cpu, segment(code, gate.selector()), cpl, gate.offset);
    return true;
}

// ---- task gates (SDM vol. 3, 6.12.2)

bool through_task_gate(Cpu& cpu, const Delivery& d, const Gate& gate) {
    Entry tss;
    if (!read_task(cpu, gate.selector(), tss)) return false;
    if (switch_task(cpu, tss, Why::event, d.rip, d.flags) == Outcome::fault) return false;
    Stack stack = current_stack(cpu);
    Frame frame(cpu, stack);
    if (d.has_code) frame.push(d.code, tss.type() & 8 ? 4 : 2);
    if (frame.failed()) return false;
    frame.commit();
    cpu.gpr[rsp] = frame.rsp;
    return true;
}

bool protected_mode(Cpu& cpu, const Delivery& d) {
    Gate gate;
    if (!read_gate(cpu, d, gate)) return false;
    return gate.type() == task_gate ? through_task_gate(cpu, d, gate) : through_gate(cpu, d, gate);
}

// EXT: the fault happened while something external to the program was being delivered (SDM vol. 3,
// 6.13).
void mark_external(Fault& f) {
    if (f.has_code && f.vector >= ts_vector && f.vector <= gp_vector) f.code |= 1;
}

}

bool attempt(Cpu& cpu, const Delivery& d) {
    u64 from = cpu.rip();
    cpu.delivering = d;
    if (!(cpu.real_mode() ? real_mode(cpu, d) : protected_mode(cpu, d))) {
        if (!d.software()) mark_external(cpu.fault_);
        return false;
    }
    cpu.delivering.reset();
    cpu.nmi_unblocked_by_iret = false;
    cpu.activity = Activity::active;
    cpu.mwaiting = false;
    cpu.sti_shadow = cpu.mov_ss_shadow = false;
    debug::record_event(cpu, from);
    if (cpu.monitor_trap) cpu.guest->stepped();
    return true;
}

// ---- software interrupts

namespace {

// SDM vol. 3, table 21-2: what INT n does in virtual-8086 mode by CR4.VME, IOPL and the redirection
// bitmap.
bool in_v86(Cpu& cpu, const Delivery& d) {
    bool own = false;
    if ((cpu.control.cr4 & cr4::vme) && !redirected(cpu, d.vector, own)) return false;
    if (own) return to_8086_handler(cpu, d);
    if (cpu.iopl() < 3) return fail(cpu, gp(0));
    return attempt(cpu, d);
}

}

Outcome software(Cpu& cpu, u8 vector, Origin origin, u64 next_rip) {
    Delivery d{vector, origin, false, 0, next_rip, cpu.rflags, u8(next_rip - cpu.rip())};
    if (cpu.guest && origin != Origin::int_n && cpu.guest->exception({.vector = vector, .length = d.length})) return Outcome::fault;
    if (origin == Origin::icebp) debug::entered(cpu, 0);
    bool done = cpu.v86() && origin == Origin::int_n ? in_v86(cpu, d) : attempt(cpu, d);
    if (!done) return Outcome::fault;
    notice::tell(&cpu, {notice::Kind::interrupt, vector});
    cpu.stepping = false;                     // TF has been cleared: no single-step trap behind it (SDM vol. 3, 18.3.1.4)
    return Outcome::taken;
}

}

// ---- the members of Cpu

namespace {

using namespace event;

// RF is pushed as 1 by faults, so that a code breakpoint doesn't strike again; #DB is a fault only
// by general detect, or by a code breakpoint, which leaves RF alone (SDM vol. 3, 18.3.1.1).
Delivery exception(const Cpu& cpu, const Fault& f) {
    bool fault = f.vector != db_vector || (f.address & debug::bd);
    u64 flags = cpu.rflags | (fault ? rflags::rf : 0);
    return {f.vector, Origin::exception, f.has_code, f.code, cpu.gpr[rip_reg], flags, 0};
}

// CR2 and DR6 are written even if delivery then fails (SDM vol. 3, 6.15, vector 14).
void record(Cpu& cpu, const Fault& f) {
    notice::tell(&cpu, {notice::Kind::exception, f.vector, f.code, f.address});
    if (f.vector == pf_vector) cpu.control.cr2 = f.address;
    if (f.vector == db_vector) debug::entered(cpu, f.address);
}

void shut_down(Cpu& cpu) {
    cpu.delivering.reset();
    if (cpu.guest) return cpu.guest->triple_fault();
    notice::tell(&cpu, {notice::Kind::shutdown});
    cpu.activity = Activity::shutdown;
    cpu.wires.shutdown();
}

}

// A VM exit comes before anything is recorded (SDM vol. 3, 28.1; APM vol. 2, 15.12).
bool Cpu::exits(const Fault& f) {
    if (!f.exit && !(guest && guest->exception(f))) return false;
    guest->leave();
    return true;
}

void Cpu::deliver(const Fault& f) {
    if (exits(f)) return;
    record(*this, f);
    deliver_event(exception(*this, f));
}

// What arrives from outside is benign: a fault met while delivering it is delivered as it is.
void Cpu::deliver_interrupt(u8 v, event::Origin origin) {
    notice::tell(this, {notice::Kind::interrupt, v});
    deliver_event({v, origin, false, 0, rip(), rflags, 0});
}

// Benign faults (#AC) can follow each other for ever on silicon; here the CPU shuts down instead of
// hanging the host.
void Cpu::deliver_event(const event::Delivery& first) {
    Delivery d = first;
    for (unsigned tries = 0; tries < 16; tries++) {
        if (attempt(*this, d)) return;
        Fault met = fault_;
        if (exits(met)) return;
        record(*this, met);
        Class now = d.origin == Origin::exception ? class_of(d.vector) : Class::benign;
        switch (next(now, class_of(met.vector))) {
        case Next::serial: d = exception(*this, met); break;
        case Next::double_fault:
            delivering.reset();
            met = {df_vector, true, 0};
            if (exits(met)) return;
            record(*this, met);
            d = exception(*this, met);
            break;
        case Next::shutdown: return shut_down(*this);
        }
    }
    shut_down(*this);
}
