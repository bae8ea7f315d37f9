// SPDX-License-Identifier: MIT
// AVIC in xAPIC mode: a guest's accesses to its local APIC, IPIs among the processors of its machine, doorbells (APM vol. 2, 15.29).
#include "cpu/svm/avic.h"
#include "cpu/cpuid/model.h"
#include "cpu/svm/svm.h"
#include "cpu/virt/virtual_apic.h"

namespace svm {

namespace page = virt::apic_page;
using avic::Incomplete;
using avic::Permission;
using virt::VirtualApic;

namespace {

constexpr u64 pointer = mask(51, 12);
constexpr u64 written = bit(32);                           // EXITINFO1 of an access that is not accelerated
constexpr u32 delivery_status = 1 << 12;

// The interrupt command register, as far as AVIC looks at it.
struct Command {
    u32 low, high;
    u8 vector() const { return u8(low); }
    bool fixed_and_edge() const { return bits(low, 10, 8) == 0 && !(low & bit(15)); }
    bool logical() const { return low & bit(11); }
    unsigned shorthand() const { return unsigned(bits(low, 19, 18)); }
    u8 destination() const { return u8(high >> 24); }
};

VirtualApic apic_of(Cpu& cpu, u64 backing) { return {cpu.memory, Physical(backing & pointer)}; }

}

u64 Svm::apic_page() const { return avic_enabled() ? vmcb[Field::avic_apic_bar] & pointer : paging::Stage2::no_page; }

// The task priority and the one in service decide about what is requested.
void Svm::update_virtual_priority() {
    auto apic = apic_of(cpu, vmcb[Field::avic_backing_page]);
    apic.update_priority(apic.highest(page::in_service));
}

void Svm::enter_avic() {
    update_virtual_priority();
    note_task_priority(apic_of(cpu, vmcb[Field::avic_backing_page]).get(page::task_priority));
}

// V_TPR is what the page says.
void Svm::note_task_priority(u32 priority) {
    u64& control = vmcb[Field::interrupt_control];
    control = (control & ~interrupt::tpr) | (priority >> 4 & 15);
}

int Svm::requested_vector() const {
    auto apic = apic_of(cpu, vmcb[Field::avic_backing_page]);
    int vector = apic.highest(page::requested);
    return vector >= 0 && virt::deliverable(u8(vector), apic.priority()) ? vector : -1;
}

void Svm::accept_requested(u8 vector) { apic_of(cpu, vmcb[Field::avic_backing_page]).accept(vector); }

u8 Svm::virtual_task_priority() const { return u8(apic_of(cpu, vmcb[Field::avic_backing_page]).get(page::task_priority)); }

void Svm::set_virtual_task_priority(u8 priority) {
    apic_of(cpu, vmcb[Field::avic_backing_page]).set(page::task_priority, priority);
    note_task_priority(priority);
    update_virtual_priority();
    update_events();
}

// ---- accesses

// Fetches aren't virtualized: there is no memory to fetch from.
bool Svm::virtual_apic_access(unsigned offset, unsigned width, Kind kind) {
    bool write = kind == Kind::write;
    if (kind == Kind::execute) return true;
    if (avic::permission(offset, width, write) != Permission::fault) return true;
    exit(Exit::avic_noaccel, (write ? written : 0) | (offset & 0xff0));
    return false;
}

u64 Svm::read_virtual_apic(unsigned offset, unsigned width) {
    return cpu.memory.read(Physical(vmcb[Field::avic_backing_page] & pointer) + offset, width);
}

void Svm::write_virtual_apic(unsigned offset, unsigned, u64 value) {
    switch (offset) {
    case page::task_priority: return set_virtual_task_priority(u8(value));
    case page::eoi: return end_virtual_interrupt();
    case page::icr_low: return send_virtual_ipi(u32(value));
    default: break;
    }
    apic_of(cpu, vmcb[Field::avic_backing_page]).set(offset, u32(value));
    if (avic::permission(offset, 4, true) == Permission::trap) trap_behind(Exit::avic_noaccel, written | offset);
}

// The exit comes behind the instruction; the first of several is the one.
void Svm::trap_behind(Exit e, u64 information1, u64 information2) {
    if (trap.due) return;
    trap = {true, e, information1, information2};
    update_events();
}

void Svm::take_trap() {
    exit(trap.exit, trap.information1, trap.information2);
    trap = {};
    leave();
}

// The hypervisor ends what is by level: its I/O APIC has to know.
void Svm::end_virtual_interrupt() {
    auto apic = apic_of(cpu, vmcb[Field::avic_backing_page]);
    int vector = apic.highest(page::in_service);
    if (vector < 0) return;
    if (apic.has(page::trigger_mode, u8(vector))) return trap_behind(Exit::avic_noaccel, written | page::eoi, u64(vector));
    apic.end(u8(vector));
    update_events();
}

// ---- IPIs

void Svm::send_virtual_ipi(u32 low) {
    auto apic = apic_of(cpu, vmcb[Field::avic_backing_page]);
    low &= ~delivery_status;
    apic.set(page::icr_low, low);
    Command command{low, apic.get(page::icr_high)};
    Sent sent;
    if (!command.fixed_and_edge()) sent = {Incomplete::invalid_type};
    else if (command.vector() < 16) sent = {Incomplete::invalid_vector};
    else sent = command.shorthand() == 0 ? send_to_destination(command.vector(), command.destination(), command.logical())
                                         : send_by_shorthand(command.vector(), command.shorthand());
    if (sent.failed) trap_behind(Exit::avic_incomplete_ipi, u64{command.high} << 32 | low, u64(*sent.failed) << 32 | sent.index);
    update_events();
}

Svm::Sent Svm::send_to_destination(u8 vector, u8 destination, bool logical) {
    constexpr u8 broadcast = 0xff;
    if (destination == broadcast) return send_to_all(vector, true);
    return logical ? send_to_logical(vector, destination) : send_to_physical(vector, destination);
}

// 1: to itself; 2: to all; 3: to all others.
Svm::Sent Svm::send_by_shorthand(u8 vector, unsigned shorthand) {
    if (shorthand != 1) return send_to_all(vector, shorthand == 2);
    request_virtual(vmcb[Field::avic_backing_page], vector);
    return {};
}

void Svm::request_virtual(u64 backing, u8 vector) { apic_of(cpu, backing).add(page::requested, vector); }

Svm::Sent Svm::send_to_physical(u8 vector, u32 index) {
    u64 table = vmcb[Field::avic_physical_table];
    if (index > u8(table)) return {Incomplete::invalid_target, index};
    avic::PhysicalEntry entry{cpu.memory.read(Physical(table & pointer) + index * 8, 8)};
    if (!entry.valid()) return {Incomplete::invalid_target, index};
    if (entry.backing_page() >> cpu.model.physical_bits) return {Incomplete::invalid_page, index};
    request_virtual(entry.backing_page(), vector);
    if (!entry.running()) return {Incomplete::not_running, index};
    ring(entry.host_apic());
    return {};
}

// Flat: eight processors of one bit each. Clusters: four in each of fifteen, whose number is the upper half.
Svm::Sent Svm::send_to_logical(u8 vector, u8 destination) {
    bool flat = apic_of(cpu, vmcb[Field::avic_backing_page]).get(page::destination_format) >> 28 == 15;
    unsigned first = flat ? 0 : (destination >> 4) * 4u;
    Sent all;
    for (unsigned n = 0; n < (flat ? 8u : 4u); n++) {
        if (!(destination >> n & 1)) continue;
        Physical at = Physical(vmcb[Field::avic_logical_table] & pointer) + (first + n) * 4;
        avic::LogicalEntry entry{u32(cpu.memory.read(at, 4))};
        if (!entry.valid()) return {Incomplete::invalid_target, first + n};
        Sent one = send_to_physical(vector, entry.physical_id());
        if (one.failed && *one.failed != Incomplete::not_running) return one;
        if (!all.failed) all = one;
    }
    return all;
}

// All processors that the table has; the hypervisor hears of the first that doesn't run.
Svm::Sent Svm::send_to_all(u8 vector, bool self_too) {
    u64 table = vmcb[Field::avic_physical_table];
    u32 self = apic_of(cpu, vmcb[Field::avic_backing_page]).get(page::id) >> 24;
    Sent all;
    for (u32 index = 0; index <= u8(table); index++) {
        avic::PhysicalEntry entry{cpu.memory.read(Physical(table & pointer) + index * 8, 8)};
        if (!entry.valid() || (index == self && !self_too)) continue;
        Sent one = send_to_physical(vector, index);
        if (!all.failed) all = one;
    }
    return all;
}

// ---- doorbells

void Svm::ring(u32 host_apic) {
    if (host_apic == cpu.apic.initial_id()) doorbell();
    else cpu.wires.doorbell(host_apic);
}

// A host has no use for one: VMRUN looks at the page.
void Svm::doorbell() {
    if (cpu.guest && avic_enabled()) update_events();
}

}
