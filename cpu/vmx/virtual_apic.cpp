// SPDX-License-Identifier: MIT
// A guest's local APIC: its page, virtual interrupts, x2APIC's MSRs, posted interrupts (SDM vol. 3, ch. 30).
// RVI and SVI are bits 7:0 and 15:8 of the field "guest interrupt status".
#include "cpu/virt/virtual_apic.h"
#include "cpu/vmx/vmx.h"
#include <algorithm>

namespace vmx {

namespace page = virt::apic_page;
using virt::VirtualApic;

namespace {

VirtualApic apic_of(Cpu& cpu, const Vmcs& vmcs) { return {cpu.memory, Physical(vmcs[Field::virtual_apic_address])}; }
u8 requesting(const Vmcs& vmcs) { return u8(vmcs[Field::guest_interrupt_status]); }
u8 in_service(const Vmcs& vmcs) { return u8(vmcs[Field::guest_interrupt_status] >> 8); }
void set_status(Vmcs& vmcs, u8 requesting, u8 in_service) { vmcs.set(Field::guest_interrupt_status, requesting | u64{in_service} << 8); }
constexpr u32 msr_of(unsigned offset) { return 0x800 + offset / 16; }
u8 vector_or_0(int highest) { return highest == VirtualApic::none ? u8(0) : u8(highest); }

}

// ---- virtual interrupts (30.1 and 30.2)

u8 Vmx::virtual_tpr() const { return u8(apic_of(cpu, vmcs).get(page::task_priority)); }

void Vmx::set_virtual_tpr(u8 value) {
    apic_of(cpu, vmcs).set(page::task_priority, value);
    virtual_tpr_written();
}

// TPR virtualization.
void Vmx::virtual_tpr_written() {
    if (has(secondary::interrupt_delivery)) update_virtual_interrupts();
    else look_at_threshold();
}

void Vmx::look_at_threshold() {
    if (virtual_tpr() >> 4 >= (vmcs[Field::tpr_threshold] & 15)) return;
    tpr_below_threshold = true;
    cpu.pending |= pending::guest;
}

// PPR virtualization, then the evaluation of pending virtual interrupts.
void Vmx::update_virtual_interrupts() {
    apic_of(cpu, vmcs).update_priority(in_service(vmcs));
    evaluate_virtual_interrupt();
}

void Vmx::evaluate_virtual_interrupt() {
    if (has(primary::interrupt_window)) return;           // nothing is recognized, and the window has the bit
    virtual_interrupt = virt::deliverable(requesting(vmcs), apic_of(cpu, vmcs).priority());
    cpu.pending = (cpu.pending & ~pending::window) | (virtual_interrupt ? pending::window : 0);
}

void Vmx::take_virtual_interrupt() {
    auto apic = apic_of(cpu, vmcs);
    u8 vector = requesting(vmcs);
    apic.accept(vector);
    set_status(vmcs, vector_or_0(apic.highest(page::requested)), vector);
    virtual_interrupt = false;
    cpu.pending &= ~pending::window;
    cpu.deliver_interrupt(vector);
}

void Vmx::request_virtual_interrupt(u8 vector) {
    apic_of(cpu, vmcs).add(page::requested, vector);
    set_status(vmcs, std::max(requesting(vmcs), vector), in_service(vmcs));
    evaluate_virtual_interrupt();
}

// EOI virtualization.
void Vmx::end_virtual_interrupt() {
    u8 vector = in_service(vmcs);
    set_status(vmcs, requesting(vmcs), vector_or_0(apic_of(cpu, vmcs).end(vector)));
    static constexpr Field bitmap[] = {Field::eoi_exit_bitmap0, Field::eoi_exit_bitmap1, Field::eoi_exit_bitmap2, Field::eoi_exit_bitmap3};
    if (vmcs[bitmap[vector / 64]] >> vector % 64 & 1) exit_behind(Reason::virtualized_eoi, vector);
    else evaluate_virtual_interrupt();
}

// The exit comes behind the instruction.
void Vmx::exit_behind(Reason reason, u64 qualification) {
    behind = {true, reason, qualification};
    cpu.pending |= pending::guest;
}

void Vmx::take_exit_behind() { exit_now({.reason = behind.reason, .qualification = behind.qualification}); }

// ---- accesses to the APIC-access page (30.4)

namespace {

enum AccessType : u64 { linear_read, linear_write, linear_fetch, linear_delivery, physical_delivery = 10, physical_access = 15 };

constexpr u64 qualification_of(AccessType type, unsigned offset) { return u64{type} << 12 | offset; }

}

// One that an instruction makes behind a write of its own to the page isn't.
bool Vmx::is_virtualized(unsigned offset, unsigned width, Kind kind) const {
    auto* r = apic::find(offset, width);
    if (!r || !has(primary::tpr_shadow) || kind == Kind::execute || behind.due) return false;
    switch (kind == Kind::write ? r->write : r->read) {
    case apic::With::shadow: return true;
    case apic::With::delivery: return has(secondary::interrupt_delivery) || has(secondary::apic_registers);
    case apic::With::registers: return has(secondary::apic_registers);
    default: return false;
    }
}

// The instruction is fetched once more for its length, which KVM goes by when a guest writes to EOI.
bool Vmx::virtual_apic_access(unsigned offset, unsigned width, Kind kind) {
    if (is_virtualized(offset, width, kind)) return true;
    auto type = cpu.delivering ? linear_delivery : kind == Kind::execute ? linear_fetch : kind == Kind::write ? linear_write : linear_read;
    const Insn* insn = type == linear_read || type == linear_write ? cpu.fetch() : nullptr;
    note({.reason = Reason::apic_access, .qualification = qualification_of(type, offset), .length = insn ? insn->length : u8(0)});
    return false;
}

// One that no linear address leads to: the walk's own.
::Outcome Vmx::guest_physical_apic_access() {
    return note({.reason = Reason::apic_access, .qualification = qualification_of(cpu.delivering ? physical_delivery : physical_access, 0)});
}

u64 Vmx::read_virtual_apic(unsigned offset, unsigned width) {
    return cpu.memory.read(Physical(vmcs[Field::virtual_apic_address]) + offset, width);
}

void Vmx::write_virtual_apic(unsigned offset, unsigned width, u64 value) {
    cpu.memory.write(Physical(vmcs[Field::virtual_apic_address]) + offset, width, value);
    auto* r = apic::find(offset, width);
    if (r) virtual_apic_written(r->comes_to, offset);
}

// APIC-write emulation.
void Vmx::virtual_apic_written(apic::Write what, unsigned offset) {
    auto apic = apic_of(cpu, vmcs);
    bool delivery = has(secondary::interrupt_delivery);
    switch (what) {
    case apic::Write::task_priority: return set_virtual_tpr(virtual_tpr());
    case apic::Write::destination: return apic.set(page::icr_high, apic.get(page::icr_high) & u32(mask(31, 24)));
    case apic::Write::end:
        if (!delivery) break;
        apic.set(page::eoi, 0);
        return end_virtual_interrupt();
    case apic::Write::command:
        if (!delivery || !is_self_ipi(apic.get(page::icr_low))) break;
        return request_virtual_interrupt(u8(apic.get(page::icr_low)));
    case apic::Write::exit: break;
    }
    exit_behind(Reason::apic_write, offset);
}

// A fixed one to itself alone, by the shorthand, by edge, of a vector that there is.
bool Vmx::is_self_ipi(u32 command) {
    constexpr u32 self = 1 << 18, vector = 0xff, level = 1 << 14, logical = 1 << 11;
    return (command & ~(vector | level | logical)) == self && (command & 0xf0);
}

// ---- x2APIC's MSRs (30.5), behind what the MSR bitmaps say

bool Vmx::reads_virtual_msr(u32 index) const {
    return has(secondary::virtualize_x2apic) && (index == msr_of(page::task_priority) || (has(secondary::apic_registers) && index >> 8 == 8));
}

::Outcome Vmx::read_virtual_msr(u32 index) {
    cpu.gpr.set_edx_eax(read_virtual_apic((index & 0xff) << 4, 8));
    return ::Outcome::changed;
}

bool Vmx::writes_virtual_msr(u32 index) const {
    if (!has(secondary::virtualize_x2apic)) return false;
    bool by_delivery = index == msr_of(page::eoi) || index == msr_of(page::self_ipi);
    return index == msr_of(page::task_priority) || (by_delivery && has(secondary::interrupt_delivery));
}

::Outcome Vmx::write_virtual_msr(u32 index, u64 value) {
    if (value >> (index == msr_of(page::eoi) ? 0 : 8)) return cpu.raise(gp(0));
    unsigned offset = (index & 0xff) << 4;
    cpu.memory.write(Physical(vmcs[Field::virtual_apic_address]) + offset, 8, value);
    if (offset == page::task_priority) virtual_tpr_written();
    else if (offset == page::eoi) end_virtual_interrupt();
    else if (value & 0xf0) request_virtual_interrupt(u8(value));
    else exit_behind(Reason::apic_write, offset);
    return ::Outcome::changed;
}

// ---- posted interrupts (30.6)

// The controller has been told already: "process posted interrupts" needs "acknowledge interrupt on exit".
bool Vmx::takes_posted(u8 vector) {
    if (!has(pin::posted_interrupts) || vector != vmcs[Field::notification_vector]) return false;
    cpu.apic.end_of_interrupt();
    Physical descriptor(vmcs[Field::posted_descriptor]);
    constexpr unsigned outstanding_at = 32;
    cpu.memory.write(descriptor + outstanding_at, 1, cpu.memory.read(descriptor + outstanding_at, 1) & ~u64{1});
    auto apic = apic_of(cpu, vmcs);
    int highest = VirtualApic::none;
    for (unsigned n = 0; n < 8; n++) {
        u32 posted = u32(cpu.memory.read(descriptor + n * 4, 4));
        if (!posted) continue;
        cpu.memory.write(descriptor + n * 4, 4, 0);
        apic.set(page::requested + n * 16, apic.get(page::requested + n * 16) | posted);
        highest = int(n * 32 + 31) - std::countl_zero(posted);
    }
    set_status(vmcs, std::max(requesting(vmcs), vector_or_0(highest)), in_service(vmcs));
    evaluate_virtual_interrupt();
    return true;
}

}
