// SPDX-License-Identifier: MIT
// VM entry: checks, the guest's state, MSRs, event injection (SDM vol. 3, ch. 27).
#include "base/log.h"
#include "cpu/event/debug.h"
#include "cpu/mmu.h"
#include "cpu/msr/access.h"
#include "cpu/notice.h"
#include "cpu/vmx/vmx.h"

namespace vmx {

// ---- the steps of 27.1

Vmx::Entered Vmx::enter() {
    auto around = surroundings();
    auto broken = checks.judge(vmcs, around, vmcs.take_changed());
    if (broken) {
        log.failed_entries++;
        failed.reset(new Failed{*broken, vmcs, current, cpu.clock.ticks, cpu.long_mode()});
        notice::tell(&cpu, {notice::Kind::entry_failure});
        if (explain) log_line(vmx::explain(*broken, vmcs, around));
    }
    if (broken && broken->outcome.kind == Outcome::vmfail) return {::Outcome::next, broken->outcome.number};
    if (broken) return fail_entry(Reason(broken->outcome.number), broken->outcome.qualification), Entered{::Outcome::taken};
    log.entry(cpu.clock.ticks);
    notice::tell(&cpu, {notice::Kind::vm_entry});
    cpu.guest = this;
    load_guest();
    u64 failed;
    if (!load_msrs(vmcs[Field::entry_msr_load_address], vmcs[Field::entry_msr_load_count], failed)) {
        notice::tell(&cpu, {notice::Kind::entry_failure});
        return fail_entry(Reason::entry_failure_msr_loading, failed), Entered{::Outcome::taken};
    }
    launched = true;
    select_events();
    inject();
    return {::Outcome::taken};
}

// ---- guest state (27.3.2)

void Vmx::load_guest() {
    load_guest_control();
    load_guest_segments();
    load_guest_pdptes();
    load_guest_rest();
    select_translation();                         // by the new CPL, too
    cpu.mode_changed();
    cpu.mmu->invalidate(has(secondary::vpid) ? paging::Operation::world_switch : paging::Operation::world_switch_untagged,
                        {{0, 0, paging::Context::no_ept}});
}

void Vmx::load_guest_control() {
    auto& c = cpu.control;
    c.cr0 = (c.cr0 & untouched_cr0) | (vmcs[Field::guest_cr0] & ~untouched_cr0);
    c.cr3 = vmcs[Field::guest_cr3];
    c.cr4 = vmcs[Field::guest_cr4];
    bool ia32e = has(entry::ia32e_guest);
    if (has(entry::load_efer)) {
        c.efer = vmcs[Field::guest_efer];
    } else {
        c.efer = (c.efer & ~efer::lma) | (ia32e ? efer::lma : 0);
        if (c.cr0 & cr0::pg) c.efer = (c.efer & ~efer::lme) | (ia32e ? efer::lme : 0);
    }
    if (has(entry::load_debug_controls)) {
        c.dr[7] = (vmcs[Field::guest_dr7] & 0xffff2fff) | 0x400;
        cpu.msr.debugctl = vmcs[Field::guest_debugctl];
    }
    if (has(entry::load_pat)) cpu.msr.pat = vmcs[Field::guest_pat];
    if (has(entry::load_perf_global)) cpu.counters.set_global_control(vmcs[Field::guest_perf_global]);
    cpu.msr.sysenter_cs = vmcs[Field::guest_sysenter_cs];
    cpu.msr.sysenter_esp = vmcs[Field::guest_sysenter_esp];
    cpu.msr.sysenter_eip = vmcs[Field::guest_sysenter_eip];
}

void Vmx::load_guest_segments() {
    each_segment([&](auto n) {
        constexpr unsigned at = 2 * n;
        Segment& s = cpu.seg[Seg(unsigned(n))];
        s.selector = u16(vmcs[Field(0x800 + at)]);
        s.limit = u32(vmcs[Field(0x4800 + at)]);
        s.rights = {u32(vmcs[Field(0x4814 + at)])};
        s.base = vmcs[Field(0x6806 + at)];
    });
    cpu.seg.gdtr = {vmcs[Field::guest_gdtr_base], u16(vmcs[Field::guest_gdtr_limit])};
    cpu.seg.idtr = {vmcs[Field::guest_idtr_base], u16(vmcs[Field::guest_idtr_limit])};
}

// The VMCS's with EPT, else memory's, which entry's checks have found good (27.3.2.4).
void Vmx::load_guest_pdptes() {
    auto& c = cpu.control;
    bool pae = (c.cr0 & cr0::pg) && (c.cr4 & cr4::pae) && !(c.efer & efer::lma);
    if (!pae) return;
    if (has(secondary::ept)) c.pdpte = {vmcs[Field::guest_pdpte0], vmcs[Field::guest_pdpte1], vmcs[Field::guest_pdpte2], vmcs[Field::guest_pdpte3]};
    else cpu.load_pdptes(c.cr3);
}

// Which tables of the second stage, and which tags.
void Vmx::select_translation() {
    auto& second = cpu.mmu->regime.stage2;
    if (has(secondary::virtualize_apic)) second.apic_access = vmcs[Field::apic_access_address];
    u64 root = paging::Context::no_ept;
    if (has(secondary::ept)) {
        u64 eptp = vmcs[Field::ept_pointer];
        second.kind = paging::Nesting::ept;
        second.root = eptp;
        second.maxphyaddr = limits.physical_bits;
        second.gib_pages = limits.ept_vpid & ept_vpid::pages_1g;
        second.large_pages = limits.ept_vpid & ept_vpid::pages_2m;
        second.accessed_dirty = eptp & bit(6);
        second.execute_only = limits.ept_vpid & ept_vpid::execute_only;
        second.log = second.accessed_dirty && has(secondary::page_log) ? &page_log : nullptr;
        second.mode_based_execute = has(secondary::mode_based_execute);
        second.advanced_information = limits.ept_vpid & ept_vpid::violation_information;
        second.sub_pages = has(secondary::sub_pages);
        if (second.sub_pages) second.sub_page_table = vmcs[Field::sub_page_table];
        root = (eptp & mask(51, 12)) | (eptp & mask(6, 3)) | (second.mode_based_execute ? bit(0) : 0) | (second.sub_pages ? bit(1) : 0);
    }
    cpu.mmu->switch_context(has(secondary::vpid) ? u16(vmcs[Field::vpid]) : u16(0), root);
}

void Vmx::load_guest_rest() {
    cpu.gpr[rsp] = vmcs[Field::guest_rsp];
    cpu.rip() = vmcs[Field::guest_rip];
    cpu.rflags = vmcs[Field::guest_rflags];
    cpu.cpl = cpu.rflags & rflags::vm ? u8(3) : u8(cpu.seg[Seg::ss].rights.dpl());
    u64 blocking = vmcs[Field::guest_interruptibility];
    cpu.sti_shadow = blocking & 1, cpu.mov_ss_shadow = blocking & 2, cpu.nmi_blocked = blocking & 8;
    cpu.activity = Activity(vmcs[Field::guest_activity]);
    cpu.mwaiting = false, cpu.stepping = false;
    cpu.pending_dr6 = vmcs[Field::guest_pending_debug] & (mask(3, 0) | debug::bs);
    load_guest_tsc();
}

// Without an offset there is no scale either (26.3).
void Vmx::load_guest_tsc() {
    bool offset = has(primary::tsc_offsetting);
    cpu.guest_tsc_offset = offset ? vmcs[Field::tsc_offset] : 0;
    cpu.guest_tsc_ratio = offset && has(secondary::tsc_scaling) ? vmcs[Field::tsc_multiplier] : Cpu::tsc_unscaled;
}

// ---- MSRs (27.4 and 28.6): entries of 16 bytes

namespace {

// What lists of MSRs must not load: what the VMCS has fields for, SMM's, microcode updates, x2APIC's in that mode.
bool loadable(const Cpu& cpu, u32 index) {
    switch (index) {
    case 0x79: case 0x8b: case 0x9b: case 0xc0000100: case 0xc0000101: return false;
    default: return index >> 8 != 8 || cpu.apic.state() != LocalApic::State::x2apic;
    }
}

}

bool Vmx::load_msrs(u64 at, u64 count, u64& failed) {
    for (u64 i = 0; i < count; i++, at += 16) {
        u64 name = cpu.memory.read(Physical(at), 8), value = cpu.memory.read(Physical(at + 8), 8);
        if (i == longest_list || name >> 32 || !loadable(cpu, u32(name)) || !write_msr(cpu, u32(name), value)) return failed = i + 1, false;
    }
    return true;
}

// ---- events (27.6 and 27.7)

// What a guest's events depend on, until the next exit.
void Vmx::select_events() {
    cpu.if_masks = has(pin::external_interrupt_exiting) ? pending::window : Cpu::maskable;
    cpu.held &= ~pending::init;
    cpu.iret_unblocks_nmi = !has(pin::nmi_exiting) || has(pin::virtual_nmis);
    cpu.monitor_trap = has(primary::monitor_trap_flag);
    trap_pending = timer_expired = tpr_below_threshold = virtual_interrupt = pausing = false;
    behind = {};
    if (has(primary::interrupt_window)) cpu.pending |= pending::window;
    if (has(primary::nmi_window)) cpu.pending |= pending::guest;
    if (cpu.pending_dr6) cpu.pending |= pending::debug;
    if (has(primary::tpr_shadow)) virtual_tpr_written();
    if (has(pin::preemption_timer)) start_timer();
}

// The timer counts down when the bit of the TSC that IA32_VMX_MISC[4:0] names changes (25.5.1).
constexpr unsigned timer_rate = 5;

void Vmx::start_timer() {
    u64 tsc = read_tsc(cpu);
    timer_started = tsc >> timer_rate;
    timer_value = vmcs[Field::preemption_timer_value];
    if (timer_value) return timer.at(cpu.clock.ticks + (((timer_started + timer_value) << timer_rate) - tsc));
    timer_expired = true;
    cpu.pending |= pending::guest;
}

u64 Vmx::timer_left() const {
    u64 passed = (read_tsc(cpu) >> timer_rate) - timer_started;
    return timer_value > passed ? timer_value - passed : 0;
}

// Injection delivers through the guest's IDT; a pending MTF is type 7 (27.6.2). What it meets is met "while delivering".
void Vmx::inject() {
    using event::Origin;
    u64 info = vmcs[Field::entry_interruption];
    if (!(info & bit(31))) return;
    static constexpr Origin origins[] = {Origin::external, Origin::external, Origin::nmi, Origin::exception, Origin::int_n, Origin::icebp, Origin::int3};
    unsigned type = unsigned(bits(info, 10, 8));
    if (type == 7) return stepped();
    event::Delivery d{.vector = u8(info), .origin = origins[type], .has_code = bool(info & bit(11)), .code = u32(vmcs[Field::entry_error_code])};
    bool software = type >= 4;
    d.length = software ? u8(vmcs[Field::entry_instruction_length]) : u8(0);
    d.rip = cpu.rip() + d.length, d.flags = cpu.rflags;
    if (!cpu.bits64()) d.rip = u32(d.rip);
    if (!software) cpu.pending_dr6 = 0;
    if (d.origin == Origin::nmi && has(pin::virtual_nmis)) cpu.nmi_blocked = true;     // 27.7.1: else bit 3 alone says it
    cpu.sti_shadow = cpu.mov_ss_shadow = false;
    cpu.deliver_event(d);
}

// ---- failure (27.8): the host's state is loaded as by an exit, the guest's is not saved
void Vmx::fail_entry(Reason reason, u64 qualification) {
    cpu.guest = this;
    vmcs.set(Field::exit_reason, u64(reason) | bit(31));
    vmcs.set(Field::exit_qualification, qualification);
    vmcs.set(Field::idt_vectoring, 0), vmcs.set(Field::exit_interruption, 0);
    to_host();
}

}
