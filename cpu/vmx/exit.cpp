// SPDX-License-Identifier: MIT
// VM exit: what it tells, the guest's state saved, the host's loaded, VMX abort (SDM vol. 3, ch. 28).
#include "base/log.h"
#include "cpu/event/debug.h"
#include "cpu/mmu.h"
#include "cpu/msr/access.h"
#include "cpu/vmx/vmx.h"

namespace vmx {

void Vmx::exit_now(const Noted& n) {
    noted = n;
    leave();
}

void Vmx::leave() {
    record_exit(u64(noted.reason), noted.qualification, noted.guest_physical);
    fill_information();
    save_guest();
    if (!store_msrs(vmcs[Field::exit_msr_store_address], vmcs[Field::exit_msr_store_count])) return abort(1);
    to_host();
}

// ---- information (28.2)

// Bit 12 of the interruption information or of the qualification of what the second stage refuses: IRET had unblocked NMIs
// already when it met this (28.2.3).
static bool tells_of_iret(Reason r) { return r == Reason::ept_violation || r == Reason::page_log_full || r == Reason::sub_page; }
static bool has_guest_physical(Reason r) { return r == Reason::ept_violation || r == Reason::ept_misconfiguration || r == Reason::sub_page; }

void Vmx::fill_information() {
    bool unblocked = unblocked_by_iret();
    auto& n = noted;
    if (unblocked && tells_of_iret(n.reason)) n.qualification |= bit(12);
    if (unblocked && n.interruption && u8(n.interruption) != df_vector) n.interruption |= u32(bit(12));
    vmcs.set(Field::exit_reason, u64(n.reason));
    vmcs.set(Field::exit_qualification, n.qualification);
    vmcs.set(Field::exit_interruption, n.interruption);
    if (n.interruption & bit(11)) vmcs.set(Field::exit_interruption_error_code, n.error_code);
    vmcs.set(Field::exit_instruction_length, n.length);
    vmcs.set(Field::exit_instruction_information, n.instruction_information);
    vmcs.set(Field::guest_linear_address, n.linear);
    if (has_guest_physical(n.reason)) vmcs.set(Field::guest_physical_address, n.guest_physical);
    fill_vectoring();
    vmcs.set(Field::entry_interruption, vmcs[Field::entry_interruption] & ~bit(31));
    cpu.nmi_unblocked_by_iret = false;
}

// The event whose delivery met the exit (28.2.4).
void Vmx::fill_vectoring() {
    using event::Origin;
    auto d = cpu.delivering;
    cpu.delivering.reset();
    if (!d) return vmcs.set(Field::idt_vectoring, 0);
    u64 type = 0;
    switch (d->origin) {
    case Origin::external: type = 0; break;
    case Origin::nmi: type = 2; break;
    case Origin::exception: type = 3; break;
    case Origin::int_n: type = 4; break;
    case Origin::icebp: type = 5; break;
    case Origin::int3: type = 6; break;
    }
    vmcs.set(Field::idt_vectoring, d->vector | type << 8 | (d->has_code ? bit(11) : 0) | bit(31));
    if (d->has_code) vmcs.set(Field::idt_vectoring_error_code, d->code);
    if (d->length) vmcs.set(Field::exit_instruction_length, d->length);
}

// ---- the guest's state (28.3)

void Vmx::save_guest() {
    save_guest_control();
    save_guest_segments();
    save_guest_rest();
}

void Vmx::save_guest_control() {
    auto& c = cpu.control;
    vmcs.set(Field::guest_cr0, c.cr0), vmcs.set(Field::guest_cr3, c.cr3), vmcs.set(Field::guest_cr4, c.cr4);
    vmcs.set(Field::guest_sysenter_cs, cpu.msr.sysenter_cs);
    vmcs.set(Field::guest_sysenter_esp, cpu.msr.sysenter_esp), vmcs.set(Field::guest_sysenter_eip, cpu.msr.sysenter_eip);
    if (has(exit::save_debug_controls)) vmcs.set(Field::guest_dr7, c.dr[7]), vmcs.set(Field::guest_debugctl, cpu.msr.debugctl);
    if (has(exit::save_pat)) vmcs.set(Field::guest_pat, cpu.msr.pat);
    if (has(exit::save_efer)) vmcs.set(Field::guest_efer, c.efer);
    bool lma = c.efer & efer::lma;
    if (has(secondary::unrestricted_guest))
        vmcs.set(Field::entry_controls, (vmcs[Field::entry_controls] & ~bit(entry::ia32e_guest.bit)) | (lma ? bit(entry::ia32e_guest.bit) : 0));
    if (!has(secondary::ept) || !(c.cr0 & cr0::pg) || !(c.cr4 & cr4::pae) || lma) return;
    static constexpr Field pdptes[] = {Field::guest_pdpte0, Field::guest_pdpte1, Field::guest_pdpte2, Field::guest_pdpte3};
    for (unsigned n = 0; n < 4; n++) vmcs.set(pdptes[n], c.pdpte[n]);
}

void Vmx::save_guest_segments() {
    each_segment([&](auto n) {
        constexpr unsigned at = 2 * n;
        const Segment& s = cpu.seg[Seg(unsigned(n))];
        vmcs.set(Field(0x800 + at), s.selector);
        vmcs.set(Field(0x4800 + at), s.limit);
        u32 rights = s.rights.value;
        if (Seg(unsigned(n)) == Seg::ss) rights = (rights & ~0x60u) | u32{cpu.cpl} << 5;
        vmcs.set(Field(0x4814 + at), rights);
        vmcs.set(Field(0x6806 + at), s.base);
    });
    vmcs.set(Field::guest_gdtr_base, cpu.seg.gdtr.base), vmcs.set(Field::guest_gdtr_limit, cpu.seg.gdtr.limit);
    vmcs.set(Field::guest_idtr_base, cpu.seg.idtr.base), vmcs.set(Field::guest_idtr_limit, cpu.seg.idtr.limit);
}

void Vmx::save_guest_rest() {
    vmcs.set(Field::guest_rsp, cpu.gpr[rsp]), vmcs.set(Field::guest_rip, cpu.rip()), vmcs.set(Field::guest_rflags, cpu.rflags);
    vmcs.set(Field::guest_activity, u64(cpu.mwaiting ? Activity::active : cpu.activity));      // MWAIT has no state of its own (25.4.2)
    vmcs.set(Field::guest_interruptibility, (cpu.sti_shadow ? 1 : 0) | (cpu.mov_ss_shadow ? 2 : 0) | (cpu.nmi_blocked ? 8 : 0));
    u64 traps = cpu.pending_dr6;
    vmcs.set(Field::guest_pending_debug, traps | (traps & mask(3, 0) ? bit(12) : 0));
    if (has(exit::save_preemption_timer) && has(pin::preemption_timer)) vmcs.set(Field::preemption_timer_value, timer_left());
}

bool Vmx::store_msrs(u64 at, u64 count) {
    for (u64 i = 0; i < count; i++, at += 16) {
        u64 name = cpu.memory.read(Physical(at), 8), value;
        bool x2apic = name >> 8 == 8 && cpu.apic.state() == LocalApic::State::x2apic;
        if (i == longest_list || name >> 32 || name == 0x9e || x2apic || !read_msr(cpu, u32(name), value)) return false;
        cpu.memory.write(Physical(at + 8), 8, value);
    }
    return true;
}

// ---- the host's state (28.5 and 28.6)

// What was in force for the guest alone.
void Vmx::end_guest() {
    cpu.guest = nullptr, cpu.monitor_trap = false;
    cpu.guest_tsc_offset = 0, cpu.guest_tsc_ratio = Cpu::tsc_unscaled;
    cpu.pending &= ~(pending::guest | pending::window | pending::debug);
    cpu.pending_dr6 = 0;
    cpu.if_masks = Cpu::maskable, cpu.iret_unblocks_nmi = true;
    cpu.held |= pending::init;
    trap_pending = timer_expired = tpr_below_threshold = virtual_interrupt = false;
    behind = {};
    timer.off();
}

void Vmx::to_host() {
    bool tagged = has(secondary::vpid), virtual_nmis = has(pin::virtual_nmis);
    u64 exit_reason = vmcs[Field::exit_reason];
    end_guest();
    cpu.rflags = rflags::one, cpu.cpl = 0;        // before the host's translation is selected

    if (!load_host_control()) return abort(2);
    load_host_segments();
    cpu.gpr[rsp] = vmcs[Field::host_rsp], cpu.rip() = vmcs[Field::host_rip];
    cpu.activity = Activity::active, cpu.mwaiting = false, cpu.stepping = false;
    cpu.sti_shadow = cpu.mov_ss_shadow = false;
    // Of the host's NMI blocking only the exit for an NMI makes some; what was the guest's virtual blocking ends here (28.5.5).
    bool by_nmi = exit_reason == u64(Reason::exception_or_nmi) && bits(vmcs[Field::exit_interruption], 10, 8) == 2;
    if (by_nmi) cpu.nmi_blocked = true;
    else if (virtual_nmis) cpu.nmi_blocked = false;
    cpu.mode_changed();
    cpu.mmu->invalidate(tagged ? paging::Operation::world_switch : paging::Operation::world_switch_untagged, {{0, 0, paging::Context::no_ept}});
    u64 failed;
    if (!load_msrs(vmcs[Field::exit_msr_load_address], vmcs[Field::exit_msr_load_count], failed)) abort(4);
}

bool Vmx::load_host_control() {
    auto& c = cpu.control;
    bool ia32e = has(exit::host_address_space_size);
    c.cr0 = (c.cr0 & untouched_cr0) | (vmcs[Field::host_cr0] & ~untouched_cr0);
    c.cr3 = vmcs[Field::host_cr3];
    c.cr4 = vmcs[Field::host_cr4] | (ia32e ? cr4::pae : 0);
    if (!ia32e) c.cr4 &= ~cr4::pcide;
    c.efer = (c.efer & ~(efer::lma | efer::lme)) | (ia32e ? efer::lma | efer::lme : 0);
    if (has(exit::load_efer)) c.efer = vmcs[Field::host_efer];
    c.dr[7] = 0x400;
    cpu.msr.debugctl = 0;
    cpu.msr.sysenter_cs = vmcs[Field::host_sysenter_cs];
    cpu.msr.sysenter_esp = vmcs[Field::host_sysenter_esp], cpu.msr.sysenter_eip = vmcs[Field::host_sysenter_eip];
    if (has(exit::load_pat)) cpu.msr.pat = vmcs[Field::host_pat];
    if (has(exit::load_perf_global)) cpu.counters.set_global_control(vmcs[Field::host_perf_global]);
    cpu.mmu->leave_context();
    if (ia32e || !(c.cr4 & cr4::pae)) return true;
    if (!cpu.load_pdptes(c.cr3)) return false;
    cpu.mmu->refresh_regime();
    return true;
}

void Vmx::load_host_segments() {
    bool ia32e = has(exit::host_address_space_size);
    constexpr u32 code = 0x809b, data = 0xc093;
    auto load = [&](Seg s, Field selector, u32 rights, u64 base) {
        u16 value = u16(vmcs[selector]);
        cpu.seg[s] = {value, base, 0xffffffff, {rights | (value || s == Seg::cs ? 0 : Rights::unusable_bit)}};
    };
    load(Seg::cs, Field::host_cs_selector, code | (ia32e ? 0x2000 : 0x4000), 0);
    load(Seg::ss, Field::host_ss_selector, data, 0);
    load(Seg::ds, Field::host_ds_selector, data, 0);
    load(Seg::es, Field::host_es_selector, data, 0);
    load(Seg::fs, Field::host_fs_selector, data, vmcs[Field::host_fs_base]);
    load(Seg::gs, Field::host_gs_selector, data, vmcs[Field::host_gs_base]);
    cpu.seg[Seg::tr] = {u16(vmcs[Field::host_tr_selector]), vmcs[Field::host_tr_base], 0x67, {0x8b}};
    cpu.seg[Seg::ldtr] = {0, 0, 0, {Rights::unusable_bit}};
    cpu.seg.gdtr = {vmcs[Field::host_gdtr_base], 0xffff};
    cpu.seg.idtr = {vmcs[Field::host_idtr_base], 0xffff};
}

// The indicator goes to the region, and the CPU shuts down (28.7).
void Vmx::abort(u32 indicator) {
    cpu.memory.write(Physical(current + 4), 4, indicator);
    log_line("VMX abort " + std::to_string(indicator) + ": the CPU shuts down");
    if (cpu.guest) end_guest(), cpu.mmu->leave_guest();
    cpu.activity = Activity::shutdown;
    cpu.wires.shutdown();
}

}
