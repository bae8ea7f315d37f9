// SPDX-License-Identifier: MIT
// VMRUN: the host's state goes to its save area, the VMCB is read and judged, the guest starts (APM vol. 2, 15.5).
#include "base/log.h"
#include "cpu/cpuid/model.h"
#include "cpu/event/deliver.h"
#include "cpu/isa/control.h"
#include "cpu/mmu.h"
#include "cpu/notice.h"
#include "cpu/svm/state.h"
#include "cpu/svm/svm.h"

namespace svm {

namespace {

// What #VMEXIT restores, in the VMCB's own layout: VMSAVE to the same page goes beside it. The hidden parts of segments and
// the host's PAT are there too.
constexpr Field host_fields[] = {
    Field::es_selector, Field::es_attributes, Field::es_limit, Field::es_base, Field::cs_selector, Field::cs_attributes, Field::cs_limit,
    Field::cs_base, Field::ss_selector, Field::ss_attributes, Field::ss_limit, Field::ss_base, Field::ds_selector, Field::ds_attributes,
    Field::ds_limit, Field::ds_base, Field::gdtr_limit, Field::gdtr_base, Field::idtr_limit, Field::idtr_base, Field::efer, Field::cr4,
    Field::cr3, Field::cr0, Field::rflags, Field::rip, Field::rsp, Field::rax, Field::gpat,
};

enum class TlbControl : u8 { nothing = 0, all = 1, asid = 3, asid_but_globals = 7 };

}

template <class To> static void save_host_in(const Cpu& cpu, u64 next_rip, To host) {
    save_segments(cpu, host);
    save_control(cpu, host);
    host.template set<Field::rflags>(cpu.rflags);
    host.template set<Field::rip>(next_rip);
    host.template set<Field::rsp>(cpu.gpr[rsp]), host.template set<Field::rax>(cpu.gpr[rax]);
    host.template set<Field::gpat>(cpu.msr.pat);
}

void Svm::save_host(u64 next_rip) {
    Physical at(cpu.msr.vm_hsave_pa);
    if (VmcbPage<u8> host{cpu.memory.page_for_write(at)}; host.page) return save_host_in(cpu, next_rip, host);
    Vmcb host;
    save_host_in(cpu, next_rip, VmcbHeld{host});
    host.store<host_fields>({cpu.memory, at});
}

void Svm::look_around() {
    around.efer = efer_bits();
    around.host_paging = cpu.paging(), around.host_long_mode = cpu.long_mode();
    if (nested_paging() || !loads_pdptes(View(vmcb, around))) return;
    for (unsigned i = 0; i < 4; i++) around.pdptes[i] = cpu.memory.read(Physical((vmcb[Field::cr3] & mask(31, 5)) + i * 8), 8);
}

// The host's paging mode at VMRUN, which the MMU still has, is the format of the nested tables (APM vol. 2, 15.25.3).
void Svm::write_second_stage() {
    auto& host = cpu.mmu->regime.stage1;
    auto& s = cpu.mmu->regime.stage2;
    s.kind = paging::Nesting::npt;
    s.mode = host.mode, s.root = vmcb[Field::nested_cr3];
    s.maxphyaddr = host.maxphyaddr, s.gib_pages = host.gib_pages, s.large_pages = host.pse;
    s.execute_trap = has(Feature::gmet) && (vmcb[Field::nested_control] & gmet_enable);
    s.apic_page = apic_page();
    s.nxe = host.nxe, s.pse36 = host.pse36, s.global_reserved = host.global_reserved;
}

// Values that the manual doesn't define flush everything. 3 and 7 exist with FlushByAsid.
void Svm::flush_by_tlb_control() {
    using paging::Operation;
    paging::Target target{{.vpid = u16(vmcb[Field::asid])}};
    auto asked = TlbControl(vmcb[Field::tlb_control] & 7);
    if (asked != TlbControl::nothing && !has(Feature::flushbyasid)) asked = TlbControl::all;
    switch (asked) {
    case TlbControl::nothing: return cpu.mmu->invalidate(Operation::vmrun_nothing, target);
    case TlbControl::asid: return cpu.mmu->invalidate(Operation::vmrun_asid, target);
    case TlbControl::asid_but_globals: return cpu.mmu->invalidate(Operation::vmrun_asid_retaining_globals, target);
    default: return cpu.mmu->invalidate(Operation::vmrun_all, target);
    }
}

void Svm::load_guest() {
    load_control(cpu, vmcb, around.cr4, around.efer);
    load_segments(cpu, vmcb);
    cpu.control.cr2 = vmcb[Field::cr2];
    cpu.control.dr[6] = (vmcb[Field::dr6] & 0xe00f) | 0xffff0ff0;
    cpu.control.dr[7] = (vmcb[Field::dr7] & 0xffff23ff) | 0x400;
    cpu.set_rflags(vmcb[Field::rflags]);
    cpu.rip() = vmcb[Field::rip], cpu.gpr[rsp] = vmcb[Field::rsp], cpu.gpr[rax] = vmcb[Field::rax];
    cpu.cpl = cpu.real_mode() ? 0 : cpu.v86() ? 3 : vmcb[Field::cpl] & 3;
    cpu.sti_shadow = vmcb[Field::interrupt_shadow] & shadow::active;
    cpu.mov_ss_shadow = cpu.stepping = false;
    cpu.pending_dr6 = 0;
    cpu.guest_tsc_offset = vmcb[Field::tsc_offset];
    cpu.guest_tsc_ratio = cpu.msr.tsc_ratio << 16;
    pauses_left = u32(vmcb[Field::pause_count]), last_pause = cpu.clock.ticks;
}

// Another context, and nothing is flushed.
void Svm::load_guest_paging() {
    if (nested_paging()) cpu.msr.pat = vmcb[Field::gpat], write_second_stage();
    else cpu.control.pdpte = around.pdptes;
    cpu.mmu->switch_context(u16(vmcb[Field::asid]));
    cpu.mode_changed();
    if (!cpu.bits64()) cpu.rip() = u32(cpu.rip());
}

// APM vol. 2, 15.20. A software interrupt, #BP and #OF return behind their instruction where nRIP says where that is.
void Svm::inject_event() {
    EventInformation e{vmcb[Field::event_injection]};
    if (!e.valid()) return;
    using enum event::Origin;
    bool trap = e.type() == EventInformation::exception && (e.vector() == bp_vector || e.vector() == of_vector);
    bool software = e.type() == EventInformation::software;
    event::Delivery d;
    d.origin = software ? int_n : trap ? int3 : e.type() == EventInformation::exception ? event::Origin::exception :
               e.type() == EventInformation::nmi ? event::Origin::nmi : external;
    d.vector = d.origin == event::Origin::nmi ? u8(nmi_vector) : e.vector();
    d.has_code = e.has_code(), d.code = e.code();
    d.rip = (trap || software) && has(Feature::nrip_save) && vmcb[Field::next_rip] ? vmcb[Field::next_rip] : cpu.rip();
    d.flags = cpu.rflags;
    if (d.origin == event::Origin::nmi) cpu.nmi_blocked = true;
    cpu.deliver_event(d);
}

// While the guest runs what masks NMIs is V_NMI_MASK, which an injected NMI sets and IRET clears (APM vol. 2, 15.21.10).
void Svm::enter_virtual_nmis() {
    host_nmi_blocked = cpu.nmi_blocked;
    cpu.nmi_blocked = vmcb[Field::interrupt_control] & interrupt::nmi_mask;
}

// APM vol. 2, 15.23.2.
void Svm::enter_last_branches() {
    Vmcb host;
    save_last_branches(cpu, VmcbHeld{host});
    host.store<last_branch_fields>({cpu.memory, Physical(cpu.msr.vm_hsave_pa)});
    load_last_branches(cpu, vmcb);
}

void Svm::enter_more() {
    if (virtual_last_branches()) enter_last_branches();
    if (virtual_nmis()) enter_virtual_nmis();
    if (avic_enabled()) enter_avic();
}

Outcome Svm::vmrun(u64 address, u64 next_rip) {
    Physical at(address);
    u32 clean = has(Feature::vmcb_clean) && address == vmcb_address ? Vmcb::clean_bits(cpu.memory, at) & clean_bits : 0;
    vmcb.load(cpu.memory, at, vmrun_reads & ~clean);
    if (has_more()) vmcb.load(cpu.memory, at, of(Clean::lbr, Clean::avic) & ~clean);
    vmcb_address = address;
    save_host(next_rip);
    look_around();
    host_if = cpu.rflags & rflags::if_;
    refused = checks.first_broken(vmcb, around);
    if (refused) {
        log.failed_entries++;
        failed.reset(new Failed{refused, vmcb, around, address, cpu.clock.ticks});
        notice::tell(&cpu, {notice::Kind::entry_failure});
        if (explain) log_line(svm::explain(*refused, vmcb, around));
        noted = {.code = exit_invalid};
        write_exit({cpu.memory, at});
        load_host();
        return Outcome::taken;
    }
    log.entry(cpu.clock.ticks);
    notice::tell(&cpu, {notice::Kind::vm_entry});
    flush_by_tlb_control();
    cpu.guest = this;
    gif = true;
    load_guest();
    load_guest_paging();
    if (has_more()) enter_more();
    update_events();
    inject_event();
    return Outcome::taken;
}

}
