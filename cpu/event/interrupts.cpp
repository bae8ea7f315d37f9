// SPDX-License-Identifier: MIT
// What comes next between two instructions: the priorities of SDM vol. 3, table 6-2, and the
// requests that arrive from outside. Left out: machine checks, FLUSH# and STPCLK#.
#include "cpu/event/interrupts.h"
#include "cpu/event/debug.h"
#include "cpu/virt/layer.h"

namespace event {

bool listening(const Cpu& cpu) { return cpu.activity == Activity::active || cpu.activity == Activity::halted; }

bool interruptible(const Cpu& cpu) {
    return listening(cpu) && (cpu.rflags & rflags::if_) && !cpu.sti_shadow && !cpu.mov_ss_shadow;
}

// ---- when

// Held back by the shadows of STI and MOV SS, so that there is none to keep.
bool smi_due(Cpu& cpu) { return (cpu.due() & pending::smi) && !cpu.smm.active && listening(cpu) && !cpu.sti_shadow && !cpu.mov_ss_shadow; }
bool init_due(Cpu& cpu) { return (cpu.due() & pending::init) && !cpu.smm.active; }
bool start_up_due(Cpu& cpu) { return cpu.pending & pending::sipi; }
bool debug_trap_due(Cpu& cpu) { return cpu.pending_dr6 && listening(cpu) && !cpu.mov_ss_shadow; }
bool nmi_due(Cpu& cpu) {
    bool blocked = cpu.nmi_blocked || cpu.mov_ss_shadow || cpu.activity == Activity::wait_for_sipi;
    return (cpu.due() & pending::nmi) && !blocked;
}
bool extint_due(Cpu& cpu) { return (cpu.due() & pending::intr) && interruptible(cpu); }
bool apic_due(Cpu& cpu) { return (cpu.due() & pending::apic) && interruptible(cpu) && cpu.apic.highest() >= 0; }

// ---- what

void init(Cpu& cpu) {
    if (cpu.virt && cpu.virt->redirects_init()) return;
    cpu.reset(true);
}

// SDM vol. 3, 9.4.4: only a processor that waits for it takes a start-up IPI.
void start_up(Cpu& cpu) {
    cpu.pending &= ~pending::sipi;
    if (cpu.activity != Activity::wait_for_sipi) return;
    cpu.activity = Activity::active;
    cpu.set_real_segment(Seg::cs, u16(cpu.startup_vector << 8));
    cpu.rip() = 0;
    cpu.mode_changed();
}

void debug_trap(Cpu& cpu) {
    u64 dr6 = cpu.pending_dr6;
    cpu.pending_dr6 = 0;
    cpu.pending &= ~pending::debug;
    cpu.deliver(debug::db(dr6));
}

void nmi(Cpu& cpu) {
    cpu.pending &= ~pending::nmi;
    cpu.nmi_blocked = true;
    cpu.deliver_interrupt(nmi_vector, Origin::nmi);
}

void extint(Cpu& cpu) { cpu.deliver_interrupt(cpu.wires.acknowledge()); }
void apic(Cpu& cpu) { cpu.deliver_interrupt(cpu.apic.acknowledge()); }

// The highest priority first. The T flag's trap (class 2) is one #DB with the traps of class 4.
static constexpr Priority priorities[] = {
    // event                          due             action
    {"SMI",                           smi_due,        smm::enter},
    {"INIT",                          init_due,       init},
    {"start-up IPI",                  start_up_due,   start_up},
    {"traps on the last instruction", debug_trap_due, debug_trap},
    {"NMI",                           nmi_due,        nmi},
    {"ExtINT of the 8259s",           extint_due,     extint},
    {"local APIC interrupt",          apic_due,       apic},
};

bool serve(Cpu& cpu, std::span<const Priority> rows) {
    for (auto& row : rows) {
        if (!row.due(cpu)) continue;
        row.act(cpu);
        return true;
    }
    return false;
}

}

bool Cpu::service_pending() {
    if (!pending_dr6) pending &= ~pending::debug;
    return guest ? guest->service_pending() : event::serve(*this, event::priorities);
}

void Cpu::set_intr(bool level) { apic.set_lint(0, level); }
void Cpu::request_nmi() { pending |= pending::nmi; }
// A start-up IPI from before INIT is lost; one that comes before INIT has been done counts.
void Cpu::request_init() { pending = (pending & ~pending::sipi) | pending::init; }
void Cpu::request_startup(u8 vector) {
    startup_vector = vector;
    pending |= pending::sipi;
}
