// SPDX-License-Identifier: MIT
// What an instruction of a guest answers to, beyond a bit for each (APM vol. 2, 15.8 to 15.11 and 15.14).
#include "cpu/decode/insn.h"
#include "cpu/isa/control.h"
#include "cpu/svm/permissions.h"
#include "cpu/svm/svm.h"
#include "cpu/virt/operand.h"

namespace svm {

namespace {

constexpr u64 mov_cr_instruction = bit(63);                // EXITINFO1: MOV, not CLTS, LMSW or SMSW

// LDTR and TR are SLDT, STR, LLDT and LTR (0F 00 /0 to /3); GDTR and IDTR are SGDT, SIDT, LGDT and LIDT (0F 01 /0 to /3).
Exit table_access(const Insn& insn) {
    static constexpr Exit exits[2][4] = {{Exit::ldtr_read, Exit::tr_read, Exit::ldtr_write, Exit::tr_write},
                                         {Exit::gdtr_read, Exit::idtr_read, Exit::gdtr_write, Exit::idtr_write}};
    return exits[insn.opcode & 1][insn.modrm >> 3 & 3];
}

// The register operand of MOV to and from control and debug registers.
u64 register_operand(const Insn& insn, unsigned n) { return insn.operand[n].number & 15; }

}

// By the row's event; INT3 answers to the intercept of #BP alone, and RDPID to none.
Outcome Svm::intercept(const Insn& insn) {
    using enum isa::Event;
    switch (insn.row->event) {
    case descriptor_table: return intercepts(table_access(insn)) ? exit_instruction(table_access(insn), insn) : Outcome::next;
    case mov_dr: return Svm::mov_dr(insn);
    case rdmsr: case wrmsr: return msr(insn);
    case isa::Event::pause: return Svm::pause(insn);
    case isa::Event::invlpg: return Svm::invlpg(insn);
    case invpcid:                 // the descriptor's address and the type, decode assists or not
        if (!intercepts(Exit::invpcid)) return Outcome::next;
        return exit_instruction(Exit::invpcid, insn, virt::operand_address(cpu, insn), cpu.gpr[insn.operand[0].number]);
    case int_n:
        if (insn.opcode != 0xcd || !intercepts(Exit::software_int)) return Outcome::next;
        return exit_instruction(Exit::software_int, insn, has(Feature::decodeassists) ? u8(insn.immediate) : 0);
    case mwait:
        if (!intercepts(Exit::mwait) && intercepts(Exit::mwait_conditional)) return exit_instruction(Exit::mwait_conditional, insn);
        break;
    case rdtscp:
        if (insn.opcode != 0x01) return Outcome::next;
        break;
    default: break;
    }
    auto* r = exit_of(insn.row->event);
    return r && intercepts(r->exit) ? exit_instruction(r->exit, insn) : Outcome::next;
}

// ---- control registers (APM vol. 2, 15.8.1)

Outcome Svm::read_cr(const Insn& insn, unsigned n, u64& value) {
    bool mov = insn.row->event == isa::Event::mov_cr;
    if (Exit e = numbered(Exit::cr_read, n); intercepts(e))
        return exit_instruction(e, insn, mov && has(Feature::decodeassists) ? mov_cr_instruction | register_operand(insn, 0) : 0);
    if (n == 8 && avic_enabled()) value = virtual_task_priority() >> 4;
    else if (n == 8 && masks_interrupts()) value = vmcb[Field::interrupt_control] & 15;
    return Outcome::next;
}

// The rules of the register itself are before the intercept. A selective write changes more of CR0 than TS and MP; CLTS
// changes no more, and LMSW can't clear PE.
Outcome Svm::write_cr(const Insn& insn, unsigned n, u64& value) {
    bool mov = insn.row->event == isa::Event::mov_cr;
    if (insn.row->event == isa::Event::lmsw) value |= cpu.control.cr0 & cr0::pe;
    if (!control::allowed(cpu, n, value)) return cpu.raise(gp(0));
    u64 information = mov && has(Feature::decodeassists) ? mov_cr_instruction | register_operand(insn, 1) : 0;
    if (Exit e = numbered(Exit::cr_write, n); intercepts(e)) return exit_instruction(e, insn, information);
    if (n == 0 && intercepts(Exit::cr0_sel_write) && ((value ^ cpu.control.cr0) & ~(cr0::ts | cr0::mp | cr0::et)))
        return exit_instruction(Exit::cr0_sel_write, insn, information);
    if (n == 8 && avic_enabled()) return set_virtual_task_priority(u8(value << 4)), Outcome::changed;
    if (n != 8 || !masks_interrupts()) return Outcome::next;
    u64& c = vmcb[Field::interrupt_control];
    c = (c & ~interrupt::tpr) | value;
    update_events();
    return Outcome::changed;
}

// ---- one function for each kind

Outcome Svm::mov_dr(const Insn& insn) {
    bool read = insn.operand[1].place == Place::debug;
    unsigned n = insn.operand[read].number;
    Exit e = numbered(read ? Exit::dr_read : Exit::dr_write, n);
    if (!intercepts(e)) return Outcome::next;
    return exit_instruction(e, insn, has(Feature::decodeassists) ? register_operand(insn, !read) : 0);
}

Outcome Svm::msr(const Insn& insn) {
    bool write = insn.row->event == isa::Event::wrmsr;
    auto byte = [&](Physical at) { return u8(cpu.memory.read(at, 1)); };
    if (!intercepts(Exit::msr) || !msr_intercepted(vmcb[Field::msrpm_base], u32(cpu.gpr[rcx]), write, byte)) return Outcome::next;
    return exit_instruction(Exit::msr, insn, write);
}

Outcome Svm::invlpg(const Insn& insn) {
    if (!intercepts(Exit::invlpg)) return Outcome::next;
    return exit_instruction(Exit::invlpg, insn, has(Feature::decodeassists) ? virt::operand_address(cpu, insn) : 0);
}

// So many PAUSEs go by; the count starts again once more than the threshold lies between two (APM vol. 2, 15.14.4).
Outcome Svm::pause(const Insn& insn) {
    if (!intercepts(Exit::pause)) return Outcome::next;
    u64 threshold = has(Feature::pfthreshold) ? vmcb[Field::pause_threshold] : 0;
    if (threshold && cpu.clock.ticks - last_pause > threshold) pauses_left = u32(vmcb[Field::pause_count]);
    last_pause = cpu.clock.ticks;
    if (!has(Feature::pausefilter) || !pauses_left) return exit_instruction(Exit::pause, insn);
    pauses_left--;
    return Outcome::next;
}

// EXITINFO1 (APM vol. 2, 15.10.2); the segment is a decode assist.
Outcome Svm::port(const Insn& insn, u16 port, unsigned width, bool in, u64) {
    auto byte = [&](Physical at) { return u8(cpu.memory.read(at, 1)); };
    if (!intercepts(Exit::ioio) || !io_intercepted(vmcb[Field::iopm_base], port, width, byte)) return Outcome::next;
    bool string = insn.opcode >= 0x6c && insn.opcode <= 0x6f;
    u64 segment = string && has(Feature::decodeassists) ? u64(in ? Seg::es : insn.segment) << 10 : 0;
    u64 information = u64{in} | u64{string} << 2 | u64{string && insn.rep} << 3 | u64{width} << 4 | u64{insn.address_size} << 6 | segment | u64{port} << 16;
    u64 next = cpu.rip() + insn.length;
    return exit_instruction(Exit::ioio, insn, information, cpu.bits64() ? next : u32(next));
}

// EXITINFO2 (APM vol. 2, 15.14.1): the error code that the new task is to find, and where the switch comes from.
Outcome Svm::task_switch(u16 selector, event::Why why, u64) {
    if (!intercepts(Exit::task_switch)) return Outcome::next;
    auto& d = cpu.delivering;
    bool code = why == event::Why::event && d && d->has_code;
    u64 flags = d ? d->flags : cpu.rflags;
    u64 information = (code ? d->code | bit(44) : 0) | (why == event::Why::iret ? bit(36) : 0) | (why == event::Why::jump ? bit(38) : 0) |
                      (flags & rflags::rf ? bit(48) : 0);
    return exit(Exit::task_switch, selector, information);
}

}
