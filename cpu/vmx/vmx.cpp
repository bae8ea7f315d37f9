// SPDX-License-Identifier: MIT
// VMX operation and VMCS regions: which VMCS is current, and where it lies while it isn't (SDM vol. 3, 24 and 25.1 to 25.3, 25.11).
#include "cpu/vmx/vmx.h"
#include "cpu/cpuid/model.h"
#include "cpu/isa/control.h"
#include "cpu/mmu.h"

namespace vmx {

// A region: revision identifier and abort indicator as the SDM says, then what is ours: the launch state and the fields.
constexpr u64 launch_state_at = 8, fields_at = 16;
static_assert(fields_at + field_count * 8 <= Vmx::region_size);

Vmx::Vmx(Cpu& cpu)
    : Layer(cpu), limits(vmx::limits(cpu.model.vmx, cpu.features, control::cr4_bits(cpu), cpu.model.physical_bits, cpu.model.perf_counters)),
      at_hand(vmcs, limits.fields, limits.all_writable), bus(cpu), timer(cpu.clock, [this] {
          timer_expired = true;
          this->cpu.pending |= pending::guest;
      }) {}

// INIT in root operation is held; what gets here is a reset of the board, or INIT outside VMX operation.
void Vmx::reset(bool) {
    on = launched = is_shadow = trap_pending = timer_expired = tpr_below_threshold = virtual_interrupt = pausing = false;
    behind = {}, hidden = {};
    vmxon_pointer = none;
    set_current(none);
    vmcs = {};
    timer.off();
    cpu.mmu->leave_guest();
}

void Vmx::visit(Archive& a) {
    bool inside = cpu.guest;
    a("on", on), a("inside", inside), a("vmxon_pointer", vmxon_pointer), a("current", current), a("launched", launched), a("is_shadow", is_shadow), a("vmcs", vmcs);
    a("trap_pending", trap_pending), a("timer_expired", timer_expired), a("tpr_below_threshold", tpr_below_threshold);
    a("virtual_interrupt", virtual_interrupt), a("behind", behind);
    a("timer", timer), a("timer_started", timer_started), a("timer_value", timer_value);
    a("pause_first", pause_first), a("pause_last", pause_last), a("pausing", pausing), a("hidden", hidden);
    set_current((on || hidden.on) && valid_region(current) ? current : none);
    if (hidden.on) cpu.vmcs = nullptr;
    inside = inside && on && current != none;
    if (!inside && !cpu.guest) return;
    cpu.guest = inside ? this : nullptr;
    cpu.mmu->leave_guest();
    if (inside) select_translation(), cpu.mmu->select_bank();
}

// SDM vol. 3, 24.8: bits that VMX operation fixes; PE and PG are free in an unrestricted guest.
bool Vmx::cr_allowed(unsigned n, u64 value) const {
    if (cpu.smm.active && n == 4) return !(value & cr4::vmxe);
    if (!on) return true;
    if (n == 4) return limits.cr4.permit(value);
    u64 ones = limits.cr0.ones;
    if (cpu.guest && vmcs[secondary::unrestricted_guest]) ones &= ~(cr0::pe | cr0::pg);
    return (value & ones) == ones;
}

u64 Vmx::Bus::read(u64 at, unsigned bytes) const { return cpu.memory.read(Physical(at), bytes); }

Surroundings Vmx::surroundings() const { return {&limits, &bus, cpu.long_mode(), current}; }

// ---- VMX operation

void Vmx::enter_operation(u64 region) {
    on = true;
    vmxon_pointer = region;
    set_current(none);
    cpu.held |= pending::init;
    cpu.mmu->invalidate(paging::Operation::vmx_on_off);
}

void Vmx::leave_operation() {
    write_back();
    on = false;
    vmxon_pointer = none;
    set_current(none);
    cpu.held &= ~pending::init;
    cpu.mmu->invalidate(paging::Operation::vmx_on_off);
}

// SDM vol. 3, "Default Treatment of SMI Delivery" and "of RSM".
void Vmx::enter_smm() {
    hidden = {on, cpu.guest != nullptr};
    on = false;
    cpu.vmcs = nullptr;
    if (!hidden.inside) return;
    cpu.guest = nullptr;
    cpu.mmu->leave_guest();
}

void Vmx::leave_smm() {
    on = hidden.on;
    if (on) set_current(current);
    if (hidden.inside) cpu.guest = this, select_translation(), cpu.mmu->select_bank();
    hidden = {};
}

// ---- regions

void Vmx::set_current(u64 address) {
    current = address;
    cpu.vmcs = address == none ? nullptr : &at_hand;
}

void Vmx::write_back() {
    if (current == none) return;
    cpu.memory.write(Physical(current + launch_state_at), 4, launched);
    for (unsigned n = 0; n < field_count; n++) cpu.memory.write(Physical(current + fields_at + n * 8), 8, vmcs.value[n]);
}

// The launch state in the region becomes "clear"; what was current is not any more.
void Vmx::clear(u64 address) {
    if (address == current) {
        write_back();
        set_current(none);
    }
    cpu.memory.write(Physical(address + launch_state_at), 4, 0);
}

void Vmx::make_current(u64 address) {
    if (address == current) return;
    write_back();
    set_current(address);
    is_shadow = cpu.memory.read(Physical(address), 4) & shadow_indicator;
    launched = cpu.memory.read(Physical(address + launch_state_at), 4);
    for (unsigned n = 0; n < field_count; n++)
        vmcs.value[n] = truncate(fields[n].field, cpu.memory.read(Physical(address + fields_at + n * 8), 8));
    vmcs.all_changed();
    checks.forget();
}

// ---- VMCS shadowing (25.6.15 and 26.3)

bool Vmx::is_shadowed(Field bitmap, u64 encoding) const {
    if (!has(secondary::vmcs_shadowing) || encoding >> 15) return false;
    return !(cpu.memory.read(Physical(vmcs[bitmap] + encoding / 8), 1) >> encoding % 8 & 1);
}

u64 Vmx::read_linked(u8 row) const {
    return truncate(fields[row].field, cpu.memory.read(Physical(vmcs[Field::vmcs_link_pointer] + fields_at + row * 8u), 8));
}

void Vmx::write_linked(u8 row, u64 value) { cpu.memory.write(Physical(vmcs[Field::vmcs_link_pointer] + fields_at + row * 8u), 8, value); }

}
