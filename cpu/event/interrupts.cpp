// SPDX-License-Identifier: MIT
// What comes next between two instructions: the priorities of SDM vol. 3, table 6-2, and the
// requests that arrive from outside. Left out: SMI, machine checks, FLUSH# and STPCLK#.
#include "cpu/cpu.h"
#include "cpu/event/debug.h"

namespace {

// A processor that waits for a start-up IPI, or has shut down, hears less (SDM vol. 3, 9.4.3 and
// 6.15, vector 8).
bool listening(const Cpu& cpu) { return cpu.activity == Activity::active || cpu.activity == Activity::halted; }

bool interruptible(const Cpu& cpu) {
    return listening(cpu) && (cpu.rflags & rflags::if_) && !cpu.sti_shadow && !cpu.mov_ss_shadow;
}

// ---- when

bool init_due(Cpu& cpu) { return cpu.pending & pending::init; }
bool sipi_due(Cpu& cpu) { return cpu.pending & pending::sipi; }
bool debug_due(Cpu& cpu) { return cpu.pending_dr6 && listening(cpu) && !cpu.mov_ss_shadow; }
bool nmi_due(Cpu& cpu) {
    bool blocked = cpu.nmi_blocked || cpu.mov_ss_shadow || cpu.activity == Activity::wait_for_sipi;
    return (cpu.pending & pending::nmi) && !blocked;
}
bool extint_due(Cpu& cpu) { return (cpu.pending & pending::intr) && interruptible(cpu); }
bool apic_due(Cpu& cpu) { return (cpu.pending & pending::apic) && interruptible(cpu) && cpu.apic.highest() >= 0; }

// ---- what

// The boot processor starts at the reset vector, the others wait (SDM vol. 3, table 10-1 and
// 9.4.3).
void init(Cpu& cpu) {
    cpu.reset(true);
    if (cpu.number != 0) cpu.activity = Activity::wait_for_sipi;
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
    cpu.deliver_interrupt(nmi_vector);
}

void extint(Cpu& cpu) { cpu.deliver_interrupt(cpu.wires.acknowledge()); }
void apic(Cpu& cpu) { cpu.deliver_interrupt(cpu.apic.acknowledge()); }

struct Row {
    std::string_view name;
    bool (*due)(Cpu&);
    void (*act)(Cpu&);
};

// The highest priority first. The T flag's trap (class 2) is one #DB with the traps of class 4.
constexpr Row priorities[] = {
    // event                          due          action
    {"INIT",                          init_due,    init},
    {"start-up IPI",                  sipi_due,    start_up},
    {"traps on the last instruction", debug_due,   debug_trap},
    {"NMI",                           nmi_due,     nmi},
    {"ExtINT of the 8259s",           extint_due,  extint},
    {"local APIC interrupt",          apic_due,    apic},
};

}

bool Cpu::service_pending() {
    if (!pending_dr6) pending &= ~pending::debug;
    for (auto& row : priorities) {
        if (!row.due(*this)) continue;
        row.act(*this);
        return true;
    }
    return false;
}

void Cpu::set_intr(bool level) { apic.set_lint(0, level); }
void Cpu::request_nmi() { pending |= pending::nmi; }
void Cpu::request_init() { pending |= pending::init; }
void Cpu::request_startup(u8 vector) {
    startup_vector = vector;
    pending |= pending::sipi;
}
