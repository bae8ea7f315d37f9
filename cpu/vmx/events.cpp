// SPDX-License-Identifier: MIT
// What comes next between two instructions of a guest (SDM vol. 3, 26.2 and 26.3, 27.7; table 6-2 for the rest).
#include "cpu/event/interrupts.h"
#include "cpu/vmx/vmx.h"

namespace vmx {

namespace {

Vmx& of(Cpu& cpu) { return static_cast<Vmx&>(*cpu.guest); }
bool waits(const Cpu& cpu) { return cpu.activity == Activity::wait_for_sipi; }

// ---- when

bool exit_behind_due(Cpu& cpu) { return of(cpu).exits_behind(); }
bool threshold_due(Cpu& cpu) { return of(cpu).tpr_below_threshold && !waits(cpu); }
bool init_due(Cpu& cpu) { return (cpu.pending & pending::init) && !waits(cpu); }
bool start_up_due(Cpu& cpu) { return cpu.pending & pending::sipi; }
bool trap_due(Cpu& cpu) { return of(cpu).trap_pending && !waits(cpu); }
bool timer_due(Cpu& cpu) { return of(cpu).timer_expired && !waits(cpu); }
bool nmi_open(const Cpu& cpu) { return !cpu.nmi_blocked && !cpu.mov_ss_shadow && !waits(cpu); }
bool nmi_window_due(Cpu& cpu) { return of(cpu).has(primary::nmi_window) && nmi_open(cpu); }
// Virtual NMIs leave the blocking of real ones to the host.
bool nmi_due(Cpu& cpu) {
    bool blocked = of(cpu).has(pin::virtual_nmis) ? cpu.mov_ss_shadow || waits(cpu) : !nmi_open(cpu);
    return (cpu.pending & pending::nmi) && !blocked;
}
bool window_due(Cpu& cpu) { return of(cpu).has(primary::interrupt_window) && event::interruptible(cpu); }
bool virtual_interrupt_due(Cpu& cpu) { return of(cpu).virtual_interrupt && event::interruptible(cpu); }
// An interrupt that exits is not held by IF, nor by anything in HLT.
bool open_to_interrupts(const Cpu& cpu) { return event::listening(cpu) && !cpu.sti_shadow && !cpu.mov_ss_shadow; }
bool extint_due(Cpu& cpu) {
    if (!of(cpu).has(pin::external_interrupt_exiting)) return event::extint_due(cpu);
    return (cpu.pending & pending::intr) && open_to_interrupts(cpu);
}
bool apic_due(Cpu& cpu) {
    if (!of(cpu).has(pin::external_interrupt_exiting)) return event::apic_due(cpu);
    return (cpu.pending & pending::apic) && open_to_interrupts(cpu) && cpu.apic.highest() >= 0;
}

// ---- what

void exit_behind(Cpu& cpu) { of(cpu).take_exit_behind(); }
void threshold(Cpu& cpu) { of(cpu).exit_now({.reason = Reason::tpr_below_threshold}); }
void init(Cpu& cpu) {
    cpu.pending &= ~pending::init;
    of(cpu).exit_now({.reason = Reason::init_signal});
}
void start_up(Cpu& cpu) {
    cpu.pending &= ~pending::sipi;
    if (waits(cpu)) of(cpu).exit_now({.reason = Reason::startup_ipi, .qualification = cpu.startup_vector});
}
void trap(Cpu& cpu) { of(cpu).exit_now({.reason = Reason::monitor_trap_flag}); }
void timer(Cpu& cpu) { of(cpu).exit_now({.reason = Reason::preemption_timer}); }
void nmi_window(Cpu& cpu) { of(cpu).exit_now({.reason = Reason::nmi_window}); }
void nmi(Cpu& cpu) {
    if (!of(cpu).has(pin::nmi_exiting)) return event::nmi(cpu);
    cpu.pending &= ~pending::nmi;
    of(cpu).exit_now({.reason = Reason::exception_or_nmi, .interruption = nmi_vector | 2u << 8 | u32(bit(31))});
}
void window(Cpu& cpu) { of(cpu).exit_now({.reason = Reason::interrupt_window}); }
void virtual_interrupt(Cpu& cpu) { of(cpu).take_virtual_interrupt(); }

// With "acknowledge interrupt on exit" the exit says which it was, and the controller has been told.
u32 acknowledged(u8 vector) { return vector | u32(bit(31)); }
void external(Cpu& cpu, u32 told) { of(cpu).exit_now({.reason = Reason::external_interrupt, .interruption = told}); }
void extint(Cpu& cpu) {
    if (!of(cpu).has(pin::external_interrupt_exiting)) return event::extint(cpu);
    external(cpu, of(cpu).has(exit::acknowledge_interrupt) ? acknowledged(cpu.wires.acknowledge()) : 0);
}
void apic(Cpu& cpu) {
    if (!of(cpu).has(pin::external_interrupt_exiting)) return event::apic(cpu);
    if (!of(cpu).has(exit::acknowledge_interrupt)) return external(cpu, 0);
    u8 vector = cpu.apic.acknowledge();
    if (!of(cpu).takes_posted(vector)) external(cpu, acknowledged(vector));
}

constexpr event::Priority priorities[] = {
    // event                          due                    action
    {"EOI or APIC write",             exit_behind_due,       exit_behind},
    {"TPR below threshold",           threshold_due,         threshold},
    {"SMI",                           event::smi_due,        smm::enter},
    {"INIT",                          init_due,              init},
    {"start-up IPI",                  start_up_due,          start_up},
    {"monitor trap flag",             trap_due,              trap},
    {"traps on the last instruction", event::debug_trap_due, event::debug_trap},
    {"VMX-preemption timer",          timer_due,             timer},
    {"NMI window",                    nmi_window_due,        nmi_window},
    {"NMI",                           nmi_due,               nmi},
    {"interrupt window",              window_due,            window},
    {"virtual interrupt",             virtual_interrupt_due, virtual_interrupt},
    {"ExtINT of the 8259s",           extint_due,            extint},
    {"local APIC interrupt",          apic_due,              apic},
};

}

bool Vmx::service_pending() { return event::serve(cpu, priorities); }

void Vmx::stepped() {
    trap_pending = true;
    cpu.pending |= pending::guest;
}

}
