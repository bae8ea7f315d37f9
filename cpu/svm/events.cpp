// SPDX-License-Identifier: MIT
// What comes between two instructions of a guest, physical and virtual, and what GIF, IF and V_INTR_MASKING hold back
// (APM vol. 2, 15.13, 15.17 and 15.21).
#include "cpu/event/interrupts.h"
#include "cpu/svm/svm.h"

namespace svm {

namespace {

bool in_shadow(const Cpu& cpu) { return cpu.sti_shadow || cpu.mov_ss_shadow; }

// Cpu::due() knows GIF and which IF masks physical interrupts.
template <u32 Which> bool physical_due(Cpu& cpu) {
    return (cpu.due() & Which) && event::listening(cpu) && !in_shadow(cpu) && (Which != pending::apic || cpu.apic.highest() >= 0);
}
bool physical_nmi_due(Cpu& cpu) {
    bool blocked = of(cpu).physical_nmi_blocked() || cpu.mov_ss_shadow || cpu.activity == Activity::wait_for_sipi;
    return (cpu.due() & pending::nmi) && !blocked;
}
bool virtual_nmi_due(Cpu& cpu) {
    return (cpu.due() & pending::guest) && event::listening(cpu) && !in_shadow(cpu) && of(cpu).virtual_nmi_ready();
}
bool trap_due(Cpu& cpu) { return of(cpu).trap_due(); }
bool virtual_due(Cpu& cpu) { return (cpu.due() & pending::window) && event::listening(cpu) && !in_shadow(cpu); }

// The event stays pending, if it is intercepted; else it is the guest's.
template <Exit E, void (*Otherwise)(Cpu&)> void intercepted_or(Cpu& cpu) {
    if (!of(cpu).intercepts(E)) return Otherwise(cpu);
    of(cpu).exit(E);
    of(cpu).leave();
}
// HWCR.SMMLOCK switches the intercept off (APM vol. 2, 15.13.3).
void smi(Cpu& cpu) {
    if (cpu.msr.hwcr & 1) smm::enter(cpu);
    else intercepted_or<Exit::smi, smm::enter>(cpu);
}
void virtual_nmi(Cpu& cpu) { of(cpu).take_virtual_nmi(); }
void trap(Cpu& cpu) { of(cpu).take_trap(); }
void take_virtual_interrupt(Cpu& cpu) { of(cpu).take_virtual_interrupt(); }
// AVIC has no use for V_IRQ and its intercept.
void virtual_interrupt(Cpu& cpu) {
    if (of(cpu).avic_enabled()) take_virtual_interrupt(cpu);
    else intercepted_or<Exit::vintr, take_virtual_interrupt>(cpu);
}

// INTR is before the virtual interrupt, and the virtual NMI between them.
constexpr event::Priority priorities[] = {
    // event                          due                          action
    {"AVIC's trap",                   trap_due,                     trap},
    {"SMI",                           event::smi_due,              smi},
    {"INIT",                          event::init_due,             intercepted_or<Exit::init, event::init>},
    {"start-up IPI",                  event::start_up_due,         event::start_up},
    {"traps on the last instruction", event::debug_trap_due,       event::debug_trap},
    {"NMI",                           physical_nmi_due,            intercepted_or<Exit::nmi, event::nmi>},
    {"ExtINT of the 8259s",           physical_due<pending::intr>, intercepted_or<Exit::intr, event::extint>},
    {"local APIC interrupt",          physical_due<pending::apic>, intercepted_or<Exit::intr, event::apic>},
    {"virtual NMI",                   virtual_nmi_due,              virtual_nmi},
    {"virtual interrupt",             virtual_due,                 virtual_interrupt},
};

}

bool Svm::service_pending() { return event::serve(cpu, priorities); }

bool Svm::virtual_gif() const {
    u64 c = vmcb[Field::interrupt_control];
    return !has(Feature::vgif) || !(c & interrupt::gif_enable) || (c & interrupt::gif);
}

bool Svm::virtual_nmi_ready() const {
    return virtual_nmis() && (vmcb[Field::interrupt_control] & interrupt::nmi) && !cpu.nmi_blocked && virtual_gif();
}

void Svm::take_virtual_nmi() {
    vmcb[Field::interrupt_control] &= ~interrupt::nmi;
    cpu.nmi_blocked = true;
    update_events();
    cpu.deliver_interrupt(nmi_vector, event::Origin::nmi);
}

bool Svm::virtual_interrupt_ready() const {
    if (avic_enabled()) return virtual_gif() && requested_vector() >= 0;
    u64 c = vmcb[Field::interrupt_control];
    if (!(c & interrupt::irq)) return false;
    return virtual_gif() && ((c & interrupt::ignore_tpr) || interrupt::priority(c) > (c & 15));
}

void Svm::take_virtual_interrupt() {
    u64& c = vmcb[Field::interrupt_control];
    int vector = avic_enabled() ? requested_vector() : interrupt::vector(c);
    if (vector < 0) return update_events();                // the page has changed meanwhile
    if (avic_enabled()) accept_requested(u8(vector));
    else c &= ~interrupt::irq;
    update_events();
    cpu.deliver_interrupt(u8(vector));
}

// Under V_INTR_MASKING the host's IF, as it was at VMRUN, masks physical interrupts and the guest's only virtual ones.
void Svm::update_events() {
    constexpr u32 physical = pending::intr | pending::apic, all = physical | pending::nmi | pending::init | pending::smi;
    bool masking = cpu.guest && masks_interrupts();
    cpu.held = !gif ? all : masking && !host_if ? physical : 0;
    cpu.if_masks = masking ? pending::window : Cpu::maskable;
    cpu.pending &= ~(pending::guest | pending::window);
    if (!cpu.guest) return;
    if (virtual_interrupt_ready()) cpu.pending |= pending::window;
    // Masked or not: IRET tells nobody when it ends the masking.
    bool nmi = virtual_nmis() && (vmcb[Field::interrupt_control] & interrupt::nmi);
    if (nmi || trap.due) cpu.pending |= pending::guest;
}

// VM_CR.R_INIT makes INIT a security exception, #SX with error code 1 (APM vol. 2, 15.28).
bool Svm::redirects_init() {
    if (!(cpu.msr.vm_cr & bit(1))) return false;
    cpu.pending &= ~pending::init;
    cpu.deliver({.vector = 30, .has_code = true, .code = 1});
    return true;
}

}
