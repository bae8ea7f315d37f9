// SPDX-License-Identifier: MIT
// #VMEXIT: the guest's state goes to its VMCB, the host's comes back from the save area (APM vol. 2, 15.6).
#include "cpu/cpuid/model.h"
#include "cpu/isa/control.h"
#include "cpu/mmu.h"
#include "cpu/svm/state.h"
#include "cpu/svm/svm.h"
#include <cstring>

namespace svm {

namespace {

// Written at each #VMEXIT; others where the guest or the processor has them.
constexpr Field interrupt_fields[] = {Field::interrupt_control, Field::interrupt_shadow};
constexpr Field guest_fields[] = {
    Field::es_selector, Field::es_attributes, Field::es_limit, Field::es_base,
    Field::cs_selector, Field::cs_attributes, Field::cs_limit, Field::cs_base, Field::ss_selector, Field::ss_attributes, Field::ss_limit,
    Field::ss_base, Field::ds_selector, Field::ds_attributes, Field::ds_limit, Field::ds_base, Field::gdtr_limit, Field::gdtr_base,
    Field::idtr_limit, Field::idtr_base, Field::cpl, Field::efer, Field::cr4, Field::cr3, Field::cr0, Field::dr7, Field::dr6, Field::rflags,
    Field::rip, Field::rsp, Field::rax, Field::cr2,
};
constexpr Field exit_fields[] = {Field::exit_code, Field::exit_info1, Field::exit_info2, Field::exit_int_info, Field::event_injection};
constexpr Field nrip_fields[] = {Field::next_rip};
constexpr Field nested_fields[] = {Field::gpat};
constexpr Field assist_fields[] = {Field::fetched_count, Field::fetched_low, Field::fetched_high};

}

template <class To> static void save_guest_in(const Cpu& cpu, To to) {
    save_segments(cpu, to);
    save_control(cpu, to);
    to.template set<Field::cr2>(cpu.control.cr2);
    to.template set<Field::dr6>(cpu.control.dr[6]), to.template set<Field::dr7>(cpu.control.dr[7]);
    to.template set<Field::rflags>(cpu.rflags);
    to.template set<Field::rip>(cpu.gpr[rip_reg]), to.template set<Field::rsp>(cpu.gpr[rsp]), to.template set<Field::rax>(cpu.gpr[rax]);
    to.template set<Field::cpl>(cpu.cpl);
}

void Svm::leave_virtual_nmis() {
    u64& control = vmcb[Field::interrupt_control];
    control = (control & ~interrupt::nmi_mask) | (cpu.nmi_blocked ? interrupt::nmi_mask : 0);
    cpu.nmi_blocked = host_nmi_blocked;
}

void Svm::save_guest(const VmcbTarget& to) {
    vmcb[Field::interrupt_shadow] = (vmcb[Field::interrupt_shadow] & ~shadow::active) | (noted.shadow ? shadow::active : 0);
    if (VmcbTwice twice{vmcb, {to.page}}; to.page) {
        save_guest_in(cpu, twice);
        vmcb.store<interrupt_fields>(to);
    } else {
        save_guest_in(cpu, VmcbHeld{vmcb});
        vmcb.store<interrupt_fields>(to), vmcb.store<guest_fields>(to);
    }
    if (!nested_paging()) return;
    vmcb[Field::gpat] = cpu.msr.pat;
    vmcb.store<nested_fields>(to);
}

void Svm::write_exit(const VmcbTarget& to) {
    vmcb[Field::exit_code] = noted.code;
    vmcb[Field::exit_info1] = noted.information1, vmcb[Field::exit_info2] = noted.information2;
    vmcb[Field::exit_int_info] = noted.interrupted;
    vmcb[Field::event_injection] = 0;             // all of it: KVM asks whether the field is 0, not whether it is valid
    vmcb.store<exit_fields>(to);
    if (has(Feature::nrip_save)) {
        vmcb[Field::next_rip] = noted.next_rip;
        vmcb.store<nrip_fields>(to);
    }
    if (!has(Feature::decodeassists)) return;
    vmcb[Field::fetched_count] = noted.fetched;
    vmcb[Field::fetched_low] = vmcb[Field::fetched_high] = 0;
    std::memcpy(&vmcb[Field::fetched_low], noted.bytes.data(), 8);
    std::memcpy(&vmcb[Field::fetched_high], noted.bytes.data() + 8, 7);
    vmcb.store<assist_fields>(to);
}

// Software may have written to the save area: CR0.PE is set whatever it holds.
template <class From> static void load_host_from(Cpu& cpu, const From& host, u64 cr4_bits, u64 efer_bits) {
    load_control(cpu, host, cr4_bits, efer_bits);
    cpu.control.cr0 |= cr0::pe, cpu.control.efer |= efer::svme & efer_bits;
    load_segments(cpu, host);
    cpu.msr.pat = host.template get<Field::gpat>();
    cpu.set_rflags(host.template get<Field::rflags>() & ~rflags::vm);
    cpu.rip() = host.template get<Field::rip>();
    cpu.gpr[rsp] = host.template get<Field::rsp>(), cpu.gpr[rax] = host.template get<Field::rax>();
}

// What no MOV could have brought about shuts the processor down.
void Svm::load_host() {
    cpu.guest = nullptr;
    cpu.guest_tsc_offset = 0, cpu.guest_tsc_ratio = Cpu::tsc_unscaled;
    cpu.control.dr[7] = 0x400;
    cpu.cpl = 0;
    Physical at(cpu.msr.vm_hsave_pa);
    if (const u8* page = cpu.memory.page_for_read(at)) {
        load_host_from(cpu, VmcbPage<const u8>{page}, cr4_bits, efer_bits());
    } else {
        Vmcb host;
        host.load(cpu.memory, at, of(Clean::seg, Clean::dt, Clean::crx, Clean::np, Clean::fetched));
        load_host_from(cpu, host, cr4_bits, efer_bits());
    }
    cpu.sti_shadow = cpu.mov_ss_shadow = cpu.stepping = false;
    cpu.pending_dr6 = 0, trap = {};
    cpu.delivering.reset();
    cpu.activity = Activity::active, cpu.mwaiting = false;
    gif = false;
    update_events();
    cpu.mmu->leave_context();
    cpu.mode_changed();
    if (!cpu.bits64()) cpu.rip() = u32(cpu.rip());

    auto& c = cpu.control;
    bool paged = cpu.paging(), pae = c.cr4 & cr4::pae, long_mode = cpu.long_mode();
    bool consistent = !long_mode || (pae && c.cr3 >> cpu.model.physical_bits == 0);
    if (paged && pae && !long_mode) consistent = cpu.load_pdptes(c.cr3), cpu.mmu->refresh_regime(), cpu.mmu->select_bank();
    if (!consistent) {
        cpu.activity = Activity::shutdown;
        cpu.wires.shutdown();
    }
}

void Svm::leave_last_branches(const VmcbTarget& to) {
    save_last_branches(cpu, VmcbHeld{vmcb});
    vmcb.store<last_branch_fields>(to);
    Vmcb host;
    host.load(cpu.memory, Physical(cpu.msr.vm_hsave_pa), of(Clean::lbr));
    load_last_branches(cpu, host);
}

void Svm::leave_more(const VmcbTarget& to) {
    if (virtual_nmis()) leave_virtual_nmis();
    if (virtual_last_branches()) leave_last_branches(to);
}

void Svm::leave() {
    record_exit(noted.code, noted.information1, noted.information2);
    VmcbTarget to(cpu.memory, Physical(vmcb_address));
    if (has_more()) leave_more(to);
    save_guest(to);
    write_exit(to);
    load_host();
}

// One row stands for several codes: the number within it follows.
std::string Svm::exit_text(u64 code) const {
    if (code == exit_invalid) return "invalid";
    auto* row = exit_row(code);
    if (!row) return {};
    return std::string(row->text) + (row->count > 1 ? " (" + std::to_string(code - u64(row->exit)) + ")" : "");
}

}
