// SPDX-License-Identifier: MIT
// What must hold before a row runs, as far as only the CPU's state knows: the unit's #UD and #NM, privilege, UMIP, #MF,
// and what a guest's hypervisor wants to be told.
// (LOCK, mode and CPUID conditions are settled when the instruction is decoded.)
#include "cpu/gate.h"
#include "cpu/virt/layer.h"

using isa::Unit;

// With CR0.NE the exception is #MF; without, FERR# tells the PC's interrupt controller, and the instruction waits for the interrupt
// (SDM vol. 3, 6.15, vector 16). Where none can be taken (IF, or the board's IGNNE#) it runs; without IGNNE# silicon would freeze.
static Outcome x87_pending(Cpu& cpu, const Insn& insn) {
    if (!cpu.fpu.error_pending()) return Outcome::next;
    if (cpu.control.cr0 & cr0::ne) return cpu.raise(mf());
    bool ignored = cpu.wires.ferr(true);
    if (cpu.guest && !ignored)
        if (auto exits = cpu.guest->freeze(insn); exits != Outcome::next) return exits;
    return cpu.due() & (pending::intr | pending::apic) ? Outcome::again : Outcome::next;
}

// SDM vol. 3, 2.5 (EM, TS, MP) and table 13-1 for SSE.
static Outcome unit_ready(Cpu& cpu, const Insn& insn) {
    auto unit = insn.row->gate.unit;
    u64 c0 = cpu.control.cr0;
    bool em = c0 & cr0::em, ts = c0 & cr0::ts;
    switch (unit) {
    case Unit::none: return Outcome::next;
    case Unit::x87:
        if (em || ts) return cpu.raise(nm());
        return x87_pending(cpu, insn);
    case Unit::x87_no_wait:
        return em || ts ? cpu.raise(nm()) : Outcome::next;
    case Unit::fwait:
        if ((c0 & cr0::mp) && ts) return cpu.raise(nm());
        return x87_pending(cpu, insn);
    case Unit::mmx:
        if (em) return cpu.raise(ud());
        if (ts) return cpu.raise(nm());
        return x87_pending(cpu, insn);
    case Unit::sse: case Unit::sse_mmx:
        if (em || !(cpu.control.cr4 & cr4::osfxsr)) return cpu.raise(ud());
        if (ts) return cpu.raise(nm());
        return unit == Unit::sse_mmx ? x87_pending(cpu, insn) : Outcome::next;
    case Unit::avx:
        if (!avx_enabled(cpu.control)) return cpu.raise(ud());
        return ts ? cpu.raise(nm()) : Outcome::next;
    }
    return Outcome::next;
}

Outcome gate(Cpu& cpu, const Insn& insn) {
    auto& g = insn.row->gate;
    if (auto ready = unit_ready(cpu, insn); ready != Outcome::next) return ready;
    if (cpu.cpl > g.cpl) return cpu.raise(gp(0));
    if (g.umip && cpu.cpl > 0 && (cpu.control.cr4 & cr4::umip)) return cpu.raise(gp(0));
    if (cpu.guest && insn.row->event != isa::Event::none && !g.asks_itself) return cpu.guest->intercept(insn);
    return Outcome::next;
}
