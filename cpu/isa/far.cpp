// SPDX-License-Identifier: MIT
// Far JMP, CALL and RET, with call gates, task gates and TSSs (SDM vol. 3, 5.8 and 7.3; vol. 2,
// JMP, CALL, RET).
//
// Rule of restart: everything is read, checked and probed before RIP, CS, SS or the stack change;
// only Accessed bits may be set before a fault. Task switches follow the rule of task_switch.cpp.
#include "cpu/isa/far.h"
#include "cpu/event/task_switch.h"

namespace isa {

using namespace descriptors;
using namespace transfer;

namespace {

bool fail(Cpu& cpu, const Fault& f) {
    cpu.raise(f);
    return false;
}

u64 load_width(Slow& x, unsigned width, u64 add) {
    return width == 2 ? x.load<u16>(add) : width == 4 ? x.load<u32>(add) : x.load<u64>(add);
}

// JMP and CALL differ by what they push and by which gates change the ring.
enum class Verb : u8 { jump, call };

struct Far {
    Slow& x;
    Cpu& cpu;
    Verb verb;
    u16 selector;
    u64 offset;
    unsigned width;               // of the offset, and of what a direct CALL pushes

    Outcome fault(const Fault& f) const { return cpu.raise(f); }

    // CS and the address behind the CALL.
    void push_return(Frame& frame, unsigned w) const {
        if (verb != Verb::call) return;
        frame.push(cpu.seg[Seg::cs].selector, w);
        frame.push(x.next_rip(), w);
    }

    // ---- real and virtual-8086 mode
    Outcome real() const {
        Stack stack = current_stack(cpu);
        Frame frame(cpu, stack);
        push_return(frame, width);
        if (frame.failed()) return Outcome::fault;
        if (offset > cpu.seg[Seg::cs].limit) return fault(gp(0));
        frame.commit();
        cpu.gpr[rsp] = frame.rsp;
        cpu.set_real_segment(Seg::cs, selector);
        cpu.rip() = offset;
        cpu.mode_changed();
        return Outcome::taken;
    }

    // ---- protected mode
    Outcome run() const {
        if (cpu.real_or_v86()) return real();
        Entry entry;
        if (is_null(selector)) return fault(gp(0));
        if (!read(cpu, selector, gp, entry)) return Outcome::fault;
        if (entry.rights().s()) return direct(entry);
        switch (entry.type()) {
        case call_gate16: return cpu.long_mode() ? fault(gp(code_of(selector))) : through_call_gate(entry);
        case call_gate32: return through_call_gate(entry);
        case task_gate: return cpu.long_mode() ? fault(gp(code_of(selector))) : through_task_gate(entry);
        case tss16: case tss32: return cpu.long_mode() ? fault(gp(code_of(selector))) : to_task(entry);
        default: return fault(gp(code_of(selector)));
        }
    }

    // A code segment of this ring, or a conforming one (SDM vol. 3, 5.8.1).
    Outcome direct(Entry& code) const {
        Rights r = code.rights();
        bool privileged = r.conforming() ? r.dpl() <= cpu.cpl : r.dpl() == cpu.cpl && rpl(selector) <= cpu.cpl;
        if (!r.code() || !valid_code_size(cpu, r) || !privileged) return fault(gp(code_of(selector)));
        if (!r.p()) return fault(np(code_of(selector)));
        Stack stack = current_stack(cpu);
        return same_ring(code, selector, offset, stack, width);
    }

    Outcome same_ring(Entry& code, u16 cs, u64 rip, const Stack& stack, unsigned w) const {
        Frame frame(cpu, stack);
        push_return(frame, w);
        if (frame.failed()) return Outcome::fault;
        if (!reachable(cpu, segment(code, cs), rip)) return fault(gp(0));
        if (!set_accessed(cpu, code)) return Outcome::fault;
        frame.commit();
        cpu.gpr[rsp] = frame.rsp;
        enter(cpu, segment(code, cs), cpu.cpl, rip);
        return Outcome::taken;
    }

    // What both kinds of gate and a TSS ask of RPL and CPL.
    bool gate_open(const Entry& gate) const {
        unsigned dpl = gate.rights().dpl();
        if (dpl < cpu.cpl || dpl < rpl(selector)) return fail(cpu, gp(code_of(selector)));
        if (!gate.rights().p()) return fail(cpu, np(code_of(selector)));
        return true;
    }

    // In IA-32e mode a call gate has 16 bytes, of which the upper type field is 0 (SDM vol. 3,
    // 5.8.3.1).
    bool read_gate_rest(Entry& gate) const {
        if (!cpu.long_mode()) return true;
        if (!read_rest(cpu, gp, gate)) return false;
        return bits(gate.high, 44, 40) == 0 || fail(cpu, gp(code_of(selector)));
    }

    Outcome through_call_gate(Entry& gate) const {
        Entry code;
        if (!read_gate_rest(gate) || !gate_open(gate) || !gate_code(cpu, gate.low.selector(), code)) return Outcome::fault;
        unsigned w = cpu.long_mode() ? 8 : gate.type() == call_gate32 ? 4 : 2;
        u64 rip = w == 2 ? u16(gate.low.offset()) : gate.offset();
        u16 cs = gate.low.selector();
        Rights r = code.rights();
        bool inner = !r.conforming() && r.dpl() < cpu.cpl;
        if (inner && verb == Verb::jump) return fault(gp(code_of(cs)));
        if (inner) return inner_ring(code, cs, rip, w, gate.low.parameters());
        Stack stack = current_stack(cpu);
        if (cpu.long_mode()) stack.width = 8;
        return same_ring(code, cs, rip, stack, w);
    }

    // SDM vol. 3, 5.8.5: SS:rSP, the parameters, CS:RIP on the inner stack.
    Outcome inner_ring(Entry& code, u16 cs, u64 rip, unsigned w, unsigned parameters) const {
        unsigned cpl = code.rights().dpl();
        Stack stack;
        if (!inner_stack(cpu, cpl, 0, stack)) return Outcome::fault;
        if (w == 8) parameters = 0;
        std::array<u64, 32> value{};
        for (unsigned n = 0; n < parameters; n++) value[n] = peek_stack(x, n * w, w);
        if (x.stopped()) return x.why();

        Frame frame(cpu, stack);
        frame.push(cpu.seg[Seg::ss].selector, w);
        frame.push(cpu.gpr[rsp], w);
        for (unsigned n = parameters; n > 0; n--) frame.push(value[n - 1], w);
        push_return(frame, w);
        if (frame.failed()) return Outcome::fault;
        if (!reachable(cpu, segment(code, cs), rip)) return fault(gp(0));
        if (!set_accessed(cpu, code)) return Outcome::fault;
        frame.commit();
        load_stack(cpu, stack, frame.rsp);
        enter(cpu, segment(code, cs), cpl, rip);
        return Outcome::taken;
    }

    event::Why why() const { return verb == Verb::call ? event::Why::call : event::Why::jump; }

    Outcome to_task(Entry& tss) const {
        if (in_ldt(selector)) return fault(gp(code_of(selector)));
        if (!gate_open(tss)) return Outcome::fault;
        return event::switch_task(cpu, tss, why(), x.next_rip(), cpu.rflags);
    }

    Outcome through_task_gate(const Entry& gate) const {
        Entry tss;
        if (!gate_open(gate) || !event::read_task(cpu, gate.low.selector(), tss)) return Outcome::fault;
        return event::switch_task(cpu, tss, why(), x.next_rip(), cpu.rflags);
    }
};

Outcome direct(Slow& x, Verb verb) {
    return Far{x, x.cpu, verb, u16(x.insn.immediate2), x.insn.immediate, x.insn.operand_size}.run();
}

Outcome indirect(Slow& x, Verb verb) {
    auto to = load_far_pointer(x);
    if (x.stopped()) return x.why();
    return Far{x, x.cpu, verb, to.selector, to.offset, to.width}.run();
}

}

FarPointer load_far_pointer(Slow& x) {
    unsigned width = x.insn.operand_size == 8 && !x.cpu.intel() ? 4 : x.insn.operand_size;
    u64 offset = load_width(x, width, 0);
    return {x.load<u16>(width), offset, width};
}

u64 peek_stack(Slow& x, u64 above, unsigned width) {
    return width == 2 ? x.peek_stack<u16>(above) : width == 4 ? x.peek_stack<u32>(above) : x.peek_stack<u64>(above);
}

Outcome jmp_far_direct(Slow& x) { return direct(x, Verb::jump); }
Outcome jmp_far_indirect(Slow& x) { return indirect(x, Verb::jump); }
Outcome call_far_direct(Slow& x) { return direct(x, Verb::call); }
Outcome call_far_indirect(Slow& x) { return indirect(x, Verb::call); }

// ---- returns

bool judge_return_code(Cpu& cpu, Return& r) {
    if (is_null(r.cs)) return fail(cpu, gp(0));
    if (!read(cpu, r.cs, gp, r.code)) return false;
    Rights rights = r.code.rights();
    r.cpl = rpl(r.cs);
    bool privileged = rights.conforming() ? rights.dpl() <= r.cpl : rights.dpl() == r.cpl;
    bool fits = rights.code() && r.cpl >= cpu.cpl && privileged && valid_code_size(cpu, rights);
    if (!fits) return fail(cpu, gp(code_of(r.cs)));
    if (!rights.p()) return fail(cpu, np(code_of(r.cs)));
    return true;
}

// A null SS is for 64-bit code below ring 3 (SDM vol. 3, 5.4.1.1).
bool judge_return_stack(Cpu& cpu, Return& r) {
    if (is_null(r.ss)) {
        bool allowed = cpu.long_mode() && r.code.rights().l() && r.cpl != 3;
        if (!allowed) return fail(cpu, gp(0));
        r.stack = null_segment(r.ss, r.cpl);
        return true;
    }
    Entry entry;
    if (!read(cpu, r.ss, gp, entry)) return false;
    Rights rights = entry.rights();
    bool fits = rpl(r.ss) == r.cpl && rights.data() && rights.writable() && rights.dpl() == r.cpl;
    if (!fits) return fail(cpu, gp(code_of(r.ss)));
    if (!rights.p()) return fail(cpu, ss(code_of(r.ss)));
    if (!set_accessed(cpu, entry)) return false;
    r.stack = segment(entry, r.ss);
    return true;
}

bool judge_return_address(Cpu& cpu, Return& r) {
    if (!reachable(cpu, segment(r.code, r.cs), r.rip)) return fail(cpu, gp(0));
    return set_accessed(cpu, r.code);
}

// SDM vol. 3, 5.8.6, step 4: data segments of an inner ring don't outlive a return to an outer one. A null selector points to
// none, and keeps its base, whatever its rights say: KVM enters its guest's guests' hosts with an FS like that.
static void drop_inner_data_segments(Cpu& cpu) {
    for (auto s : {Seg::es, Seg::ds, Seg::fs, Seg::gs}) {
        Rights r = cpu.seg[s].rights;
        bool conforming = r.code() && r.conforming(), null = cpu.seg[s].selector < 4;
        if (!r.unusable() && !null && !conforming && r.dpl() < cpu.cpl) cpu.seg[s] = null_segment(0);
    }
}

void commit_return(Cpu& cpu, const Return& r, u64 release) {
    bool outer = r.cpl > cpu.cpl;
    enter(cpu, segment(r.code, r.cs), r.cpl, r.rip);
    if (r.pops_stack) {
        cpu.seg[Seg::ss] = r.stack;
        cpu.mode_changed();
        unsigned width = cpu.stack_bytes;
        cpu.gpr[rsp] = merged_rsp(cpu.gpr[rsp], r.rsp + release, width);
    }
    if (outer) drop_inner_data_segments(cpu);
}

namespace {

Outcome ret_real(Slow& x, u64 rip, u16 cs, u64 release) {
    auto& cpu = x.cpu;
    if (rip > cpu.seg[Seg::cs].limit) return cpu.raise(gp(0));
    x.move_rsp(s64(2u * x.insn.operand_size + release));
    cpu.set_real_segment(Seg::cs, cs);
    cpu.rip() = rip;
    cpu.mode_changed();
    return Outcome::taken;
}

Outcome ret(Slow& x, u64 release) {
    auto& cpu = x.cpu;
    unsigned w = x.insn.operand_size;
    Return r;
    r.rip = peek_stack(x, 0, w);
    r.cs = u16(peek_stack(x, w, w));
    if (x.stopped()) return x.why();
    if (cpu.real_or_v86()) return ret_real(x, r.rip, r.cs, release);

    if (!judge_return_code(cpu, r)) return Outcome::fault;
    r.pops_stack = r.cpl > cpu.cpl;
    if (r.pops_stack) {
        r.rsp = peek_stack(x, 2 * w + release, w);
        r.ss = u16(peek_stack(x, 3 * w + release, w));
        if (x.stopped()) return x.why();
        if (!judge_return_stack(cpu, r)) return Outcome::fault;
    }
    if (!judge_return_address(cpu, r)) return Outcome::fault;
    if (!r.pops_stack) x.move_rsp(s64(2 * w + release));
    commit_return(cpu, r, release);
    return Outcome::taken;
}

}

Outcome ret_far(Slow& x) { return ret(x, 0); }
Outcome ret_far_immediate(Slow& x) { return ret(x, u16(x.insn.immediate)); }

}
