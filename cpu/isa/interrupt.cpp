// SPDX-License-Identifier: MIT
// INT n, INT3, INTO, INT1 (ICEBP) and IRET (SDM vol. 2).
#include "cpu/event/deliver.h"
#include "cpu/event/task_switch.h"
#include "cpu/isa/families.h"
#include "cpu/isa/far.h"
#include <utility>

namespace isa {

namespace {

using event::Origin;

// ---- software interrupts

Outcome int_n(Slow& x) { return event::software(x.cpu, u8(x.insn.immediate), Origin::int_n, x.next_rip()); }
Outcome int3(Slow& x) { return event::software(x.cpu, bp_vector, Origin::int3, x.next_rip()); }
Outcome int1(Slow& x) { return event::software(x.cpu, db_vector, Origin::icebp, x.next_rip()); }
Outcome into(Slow& x) {
    if (!x.flags().of()) return Outcome::next;
    return event::software(x.cpu, of_vector, Origin::int3, x.next_rip());
}

// ---- IRET
//
// Rule of restart: as far.cpp; besides, IRET unblocks NMIs even if it faults (Intel's VMX has a bit
// of the exit qualification for just that).

constexpr u64 any_ring = rflags::status | rflags::tf | rflags::df | rflags::nt;
constexpr u64 upper = rflags::rf | rflags::ac | rflags::id;

// RIP, CS and RFLAGS as popped.
struct Popped {
    u64 rip, flags;
    u16 cs;
};
Popped pop(Slow& x, unsigned w) { return {peek_stack(x, 0, w), peek_stack(x, 2 * w, w), u16(peek_stack(x, w, w))}; }

Outcome to_real_segment(Slow& x, const Popped& p, u64 which) {
    auto& cpu = x.cpu;
    if (p.rip > cpu.seg[Seg::cs].limit) return cpu.raise(gp(0));
    x.move_rsp(3 * x.insn.operand_size);
    cpu.set_real_segment(Seg::cs, p.cs);
    cpu.rip() = p.rip;
    cpu.set_rflags(p.flags, which);
    cpu.mode_changed();
    return Outcome::taken;
}

Outcome iret_real(Slow& x) {
    unsigned w = x.insn.operand_size;
    auto p = pop(x, w);
    if (x.stopped()) return x.why();
    return to_real_segment(x, p, any_ring | rflags::if_ | rflags::iopl | (w == 4 ? upper : 0));
}

// Below IOPL 3 with CR4.VME: VIF stands in for IF (SDM vol. 3, 21.3.3, and vol. 2, IRET).
Outcome iret_virtual_if(Slow& x) {
    auto& cpu = x.cpu;
    auto p = pop(x, 2);
    if (x.stopped()) return x.why();
    bool enable = p.flags & rflags::if_;
    if ((p.flags & rflags::tf) || (enable && (cpu.rflags & rflags::vip))) return cpu.raise(gp(0));
    if (enable) p.flags |= rflags::vif;
    return to_real_segment(x, p, any_ring | rflags::vif);
}

Outcome iret_v86(Slow& x) {
    auto& cpu = x.cpu;
    unsigned w = x.insn.operand_size;
    if (cpu.iopl() < 3) {
        if (!(cpu.control.cr4 & cr4::vme) || w != 2) return cpu.raise(gp(0));
        return iret_virtual_if(x);
    }
    auto p = pop(x, w);
    if (x.stopped()) return x.why();
    return to_real_segment(x, p, any_ring | rflags::if_ | (w == 4 ? upper : 0));
}

// To virtual-8086 mode, from ring 0 (SDM vol. 3, 21.2.5): ESP, SS, ES, DS, FS, GS follow EFLAGS on
// the stack.
Outcome iret_to_v86(Slow& x, const Popped& p) {
    auto& cpu = x.cpu;
    u64 new_esp = peek_stack(x, 12, 4);
    constexpr Seg order[] = {Seg::ss, Seg::es, Seg::ds, Seg::fs, Seg::gs};
    u16 selector[5];
    for (unsigned n = 0; n < 5; n++) selector[n] = u16(peek_stack(x, 16 + n * 4, 4));
    if (x.stopped()) return x.why();
    if (p.rip > 0xffff) return cpu.raise(gp(0));
    cpu.cpl = 3;
    cpu.set_rflags(p.flags);
    cpu.set_real_segment(Seg::cs, p.cs);
    for (unsigned n = 0; n < 5; n++) cpu.set_real_segment(order[n], selector[n]);
    cpu.gpr[rsp] = new_esp;
    cpu.rip() = p.rip;
    cpu.mode_changed();
    return Outcome::taken;
}

// Which flags the ring that executes IRET may change.
u64 changeable(const Cpu& cpu, unsigned w) {
    u64 which = any_ring;
    if (w > 2) which |= upper;
    if (cpu.cpl <= cpu.iopl()) which |= rflags::if_;
    if (cpu.cpl == 0) which |= rflags::iopl;
    if (cpu.cpl == 0 && w > 2) which |= rflags::vif | rflags::vip;
    return which;
}

Outcome iret_protected(Slow& x) {
    auto& cpu = x.cpu;
    unsigned w = x.insn.operand_size;
    auto p = pop(x, w);
    if (x.stopped()) return x.why();
    if ((p.flags & rflags::vm) && cpu.cpl == 0 && w == 4 && !cpu.long_mode()) return iret_to_v86(x, p);

    Return r;
    r.rip = p.rip, r.cs = p.cs;
    if (!judge_return_code(cpu, r)) return Outcome::fault;
    r.pops_stack = r.cpl > cpu.cpl || cpu.bits64();
    if (r.pops_stack) {
        r.rsp = peek_stack(x, 3 * w, w);
        r.ss = u16(peek_stack(x, 4 * w, w));
        if (x.stopped()) return x.why();
        if (!judge_return_stack(cpu, r)) return Outcome::fault;
    }
    if (!judge_return_address(cpu, r)) return Outcome::fault;
    u64 which = changeable(cpu, w);
    if (!r.pops_stack) x.move_rsp(3 * w);
    commit_return(cpu, r, 0);
    cpu.set_rflags(p.flags, which);
    return Outcome::taken;
}

Outcome iret_of_any_mode(Slow& x) {
    auto& cpu = x.cpu;
    if (cpu.real_mode()) return iret_real(x);
    if (cpu.v86()) return iret_v86(x);
    if (!(cpu.rflags & rflags::nt)) return iret_protected(x);
    if (cpu.long_mode()) return cpu.raise(gp(0));
    return event::return_to_linked_task(cpu, x.next_rip());
}

Outcome iret(Slow& x) {
    auto& cpu = x.cpu;
    if (cpu.iret_unblocks_nmi) cpu.nmi_unblocked_by_iret = std::exchange(cpu.nmi_blocked, false);
    Outcome outcome = iret_of_any_mode(x);
    if (outcome != Outcome::fault) cpu.nmi_unblocked_by_iret = false;
    return outcome;
}

constexpr Row rows[] = {
    // name   encoding  operands  gate               event          run
    {"int3", "CC",     "",       {},                Event::int_n,  plain<int3>},
    {"int",  "CD",     "Ib",     {},                Event::int_n,  plain<int_n>},
    {"into", "CE",     "",       {.not64 = true},   Event::into,   plain<into>},
    {"iret/iretd/iretq", "CF",     "",       {},                Event::iret,   plain<iret>},
    {"int1", "F1",     "",       {},                Event::icebp,  plain<int1>},
};
static_assert(no_overlap(rows), "two rows claim the same bytes");

}
std::span<const Row> interrupt() { return rows; }
}
