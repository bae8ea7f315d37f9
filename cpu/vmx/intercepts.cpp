// SPDX-License-Identifier: MIT
// Which instructions of a guest exit, and what the exit says of them (SDM vol. 3, 26.1 and 28.2).
#include "cpu/cpu.h"
#include "cpu/mmu.h"
#include "cpu/msr/access.h"
#include "cpu/virt/operand.h"
#include "cpu/vmx/information.h"
#include "cpu/vmx/vmx.h"

namespace vmx {

using isa::Event;

namespace {

using Tell = u64 (*)(const Cpu&, const Insn&);

u64 nothing(const Cpu&, const Insn&) { return 0; }

// What a control alone decides, and the exit's qualification and instruction information.
struct Row {
    Event event;
    Control by;                   // `always`: it exits whatever the controls
    Reason reason;
    Tell qualification = nothing, information = nothing;
};
constexpr Row simple[] = {
    {Event::cpuid,   always,                     Reason::cpuid},
    {Event::hlt,     primary::hlt_exiting,       Reason::hlt},
    {Event::invd,    always,                     Reason::invd},
    {Event::invlpg,  primary::invlpg_exiting,    Reason::invlpg,  virt::operand_address},
    {Event::rdpmc,   primary::rdpmc_exiting,     Reason::rdpmc},
    {Event::rdtsc,   primary::rdtsc_exiting,     Reason::rdtsc},
    {Event::rdtscp,  primary::rdtsc_exiting,     Reason::rdtscp},
    {Event::mov_dr,  primary::mov_dr_exiting,    Reason::mov_dr,  debug_register_access},
    {Event::mwait,   primary::mwait_exiting,     Reason::mwait},
    {Event::monitor, primary::monitor_exiting,   Reason::monitor},
    {Event::umwait,  primary::rdtsc_exiting,     Reason::umwait,  nothing,              wait_information},
    {Event::tpause,  primary::rdtsc_exiting,     Reason::tpause,  nothing,              wait_information},
    {Event::wbinvd,  secondary::wbinvd_exiting,  Reason::wbinvd},
    {Event::xsetbv,  always,                     Reason::xsetbv},
    {Event::rdrand,  secondary::rdrand_exiting,  Reason::rdrand,  nothing,              random_information},
    {Event::rdseed,  secondary::rdseed_exiting,  Reason::rdseed,  nothing,              random_information},
    {Event::invpcid, primary::invlpg_exiting,    Reason::invpcid, displacement,         memory_information},
};

bool of_task(const Insn& insn) {
    for (std::string_view name : {"sldt", "str", "lldt", "ltr"})
        if (insn.row->name == name) return true;
    return false;
}

}

bool Vmx::exists(const Insn& insn) const {
    switch (insn.row->event) {
    case Event::invpcid: return has(secondary::invpcid);
    case Event::xsaves: case Event::xrstors: return has(secondary::xsaves);
    case Event::umonitor: case Event::umwait: case Event::tpause: return has(secondary::user_wait);
    default: return has(secondary::rdtscp);
    }
}

::Outcome Vmx::intercept(const Insn& insn) {
    switch (insn.row->event) {
    case Event::rdmsr: return rdmsr(insn, u32(cpu.gpr[rcx]));
    case Event::wrmsr: return wrmsr(insn, u32(cpu.gpr[rcx]));
    case Event::pause: return pause(insn);
    case Event::xsaves: return saves_exit() ? exit(Reason::xsaves, insn, displacement(cpu, insn), u32(memory_information(cpu, insn))) : ::Outcome::next;
    case Event::xrstors: return saves_exit() ? exit(Reason::xrstors, insn, displacement(cpu, insn), u32(memory_information(cpu, insn))) : ::Outcome::next;
    case Event::descriptor_table:
        if (!has(secondary::descriptor_table_exiting)) return ::Outcome::next;
        return exit(of_task(insn) ? Reason::ldtr_or_tr : Reason::gdtr_or_idtr, insn, displacement(cpu, insn), u32(table_information(cpu, insn)));
    default: break;
    }
    for (auto& r : simple)
        if (r.event == insn.row->event) {
            if (!(r.by == always) && !has(r.by)) return ::Outcome::next;
            return exit(r.reason, insn, r.qualification(cpu, insn), u32(r.information(cpu, insn)));
        }
    return ::Outcome::next;
}

// ---- PAUSE (SDM vol. 3, 26.1.3): loops are looked for in ring 0 only; times are TSC ticks.
::Outcome Vmx::pause(const Insn& insn) {
    if (has(primary::pause_exiting)) return exit(Reason::pause, insn);
    if (!has(secondary::pause_loop_exiting) || cpu.cpl) return ::Outcome::next;
    u64 now = read_tsc(cpu);
    bool first = !pausing || now - pause_last > vmcs[Field::ple_gap];
    if (first) pause_first = now;
    pausing = true, pause_last = now;
    if (now - pause_first <= vmcs[Field::ple_window]) return ::Outcome::next;
    pausing = false;
    return exit(Reason::pause, insn);
}

// ---- XSAVES and XRSTORS (SDM vol. 3, 26.1.3): a component of IA32_XSS that is asked for and has its bit in the bitmap
bool Vmx::saves_exit() const {
    return cpu.gpr.edx_eax() & cpu.msr.xss & vmcs[Field::xss_exiting_bitmap];
}

// ---- MSRs: a bit each for reads and writes of 0 to 1FFFh and of C000_0000h to C000_1FFFh (SDM vol. 3, 25.6.9)
bool Vmx::msr_exits(u32 index, bool write) const {
    u32 n = index & 0x1fff;
    bool low = index < 0x2000, high = index >= 0xc0000000 && index < 0xc0002000;
    if (!has(primary::msr_bitmaps) || (!low && !high)) return true;
    u64 at = vmcs[Field::msr_bitmap] + (high ? 1024 : 0) + (write ? 2048 : 0) + n / 8;
    return cpu.memory.read(Physical(at), 1) >> n % 8 & 1;
}

::Outcome Vmx::rdmsr(const Insn& insn, u32 index) {
    if (msr_exits(index, false)) return exit(Reason::rdmsr, insn);
    return reads_virtual_msr(index) ? read_virtual_msr(index) : ::Outcome::next;
}
::Outcome Vmx::wrmsr(const Insn& insn, u32 index) {
    if (msr_exits(index, true)) return exit(Reason::wrmsr, insn);
    return writes_virtual_msr(index) ? write_virtual_msr(index, cpu.gpr.edx_eax()) : ::Outcome::next;
}

// ---- ports (SDM vol. 3, 25.6.4): any byte's bit; an access that wraps around 64 KiB exits
bool Vmx::port_exits(u16 port, unsigned width) const {
    if (!has(primary::io_bitmaps)) return has(primary::unconditional_io);
    if (port + width > 0x10000) return true;
    for (u32 p = port; p < port + width; p++) {
        u64 map = vmcs[p < 0x8000 ? Field::io_bitmap_a : Field::io_bitmap_b];
        if (cpu.memory.read(Physical(map + (p & 0x7fff) / 8), 1) >> p % 8 & 1) return true;
    }
    return false;
}

// Exit qualification: SDM vol. 3, table 28-5.
::Outcome Vmx::port(const Insn& insn, u16 port, unsigned width, bool in, u64 linear) {
    if (!port_exits(port, width)) return ::Outcome::next;
    bool string = is_string(insn), immediate = !string && insn.opcode < 0xe8;
    u64 q = (width - 1) | (in ? bit(3) : 0) | (string ? bit(4) : 0) | (string && insn.rep ? bit(5) : 0) | (immediate ? bit(6) : 0) | u64{port} << 16;
    Noted n{.reason = Reason::io_instruction, .qualification = q, .length = insn.length};
    if (string) n.linear = linear, n.instruction_information = u32(string_information(insn));
    return note(n);
}

// ---- control registers (SDM vol. 3, 26.1.3 and 26.3; qualification: table 28-3)

namespace {

enum Access : u64 { to_cr, from_cr, clts_access, lmsw_access };
u64 cr_qualification(unsigned n, Access access, unsigned reg) { return n | access << 4 | u64{reg} << 8; }

}

::Outcome Vmx::read_cr(const Insn& insn, unsigned n, u64& value) {
    auto exits = [&](Control c) { return has(c) ? exit(Reason::control_register, insn, cr_qualification(n, from_cr, insn.operand[0].number)) : ::Outcome::next; };
    auto shown = [&](Field mask, Field shadow) { return (value & ~vmcs[mask]) | (vmcs[shadow] & vmcs[mask]); };
    switch (n) {
    case 0: return value = shown(Field::cr0_mask, Field::cr0_read_shadow), ::Outcome::next;
    case 3: return exits(primary::cr3_store_exiting);
    case 4: return value = shown(Field::cr4_mask, Field::cr4_read_shadow), ::Outcome::next;
    case 8:
        if (has(primary::cr8_store_exiting)) return exits(primary::cr8_store_exiting);
        if (has(primary::tpr_shadow)) value = virtual_tpr() >> 4;
        return ::Outcome::next;
    default: return ::Outcome::next;
    }
}

::Outcome Vmx::write_cr(const Insn& insn, unsigned n, u64& value) {
    auto exits = [&](Access access, u64 more = 0) {
        if (access != lmsw_access) noted.linear = 0;
        unsigned reg = access == to_cr ? insn.operand[1].number : 0;
        return exit(Reason::control_register, insn, cr_qualification(n, access, reg) | more);
    };
    u64 mask, differs;
    switch (n) {
    case 0:
        mask = vmcs[Field::cr0_mask], differs = mask & (value ^ vmcs[Field::cr0_read_shadow]);
        if (insn.row->event == Event::clts) {
            if (mask & vmcs[Field::cr0_read_shadow] & cr0::ts) return exits(clts_access);
        } else if (insn.row->event == Event::lmsw) {
            bool sets_pe = differs & value & cr0::pe;
            if (!(differs & 14) && !sets_pe) break;
            bool memory = insn.is_memory(0);
            noted.linear = memory ? virt::operand_address(cpu, insn) : 0;
            return exits(lmsw_access, (memory ? bit(6) : 0) | (value & 0xffff) << 16);
        } else if (differs) {
            return exits(to_cr);
        }
        break;
    case 3:
        if (!has(primary::cr3_load_exiting)) return ::Outcome::next;
        for (unsigned i = 0; i < vmcs[Field::cr3_target_count]; i++)
            if (value == vmcs[Field(u16(Field::cr3_target0) + 2 * i)]) return ::Outcome::next;
        return exits(to_cr);
    case 4:
        mask = vmcs[Field::cr4_mask];
        if (mask & (value ^ vmcs[Field::cr4_read_shadow])) return exits(to_cr);
        value = (cpu.control.cr4 & mask) | (value & ~mask);
        return ::Outcome::next;
    case 8:
        if (has(primary::cr8_load_exiting)) return exits(to_cr);
        if (!has(primary::tpr_shadow)) return ::Outcome::next;
        if (value >> 4) return cpu.raise(gp(0));
        set_virtual_tpr(u8(value << 4));
        return ::Outcome::changed;
    default: return ::Outcome::next;
    }
    value = (cpu.control.cr0 & mask) | (value & ~mask);
    return ::Outcome::next;
}

// ---- VM functions

bool Vmx::switch_ept(u64 index) {
    if (index >= 512) return false;
    u64 eptp = cpu.memory.read(Physical(vmcs[Field::eptp_list_address] + index * 8), 8);
    if (!valid_eptp(eptp, limits)) return false;
    vmcs.set(Field::ept_pointer, eptp);
    if (limits.allows(secondary::violation_ve)) vmcs.set(Field::eptp_index, index);
    select_translation();
    cpu.mmu->select_bank();
    cpu.mmu->invalidate(paging::Operation::vmfunc_eptp);
    return true;
}

// ---- raising

::Outcome Vmx::note(const Noted& n) {
    noted = n;
    return raise();
}

::Outcome Vmx::exit(Reason reason, const Insn& insn, u64 qualification, u32 information) {
    Noted n{.reason = reason, .qualification = qualification, .instruction_information = information, .length = insn.length};
    if (reason == Reason::control_register) n.linear = noted.linear;
    return note(n);
}

// SDM vol. 3, 26.4.2 and table 28-2.
::Outcome Vmx::task_switch(u16 selector, event::Why why, u64 next_rip) {
    static constexpr u8 source[] = {2, 0, 1, 3};               // by event::Why
    u8 length = cpu.delivering ? cpu.delivering->length : u8(next_rip - cpu.rip());
    return note({.reason = Reason::task_switch, .qualification = selector | u64{source[unsigned(why)]} << 30, .length = length});
}

static Reason reason_of(paging::Event event) {
    switch (event) {
    case paging::Event::ept_violation: return Reason::ept_violation;
    case paging::Event::log_full: return Reason::page_log_full;
    case paging::Event::sub_page: return Reason::sub_page;
    default: return Reason::ept_misconfiguration;
    }
}

::Outcome Vmx::second_stage_fault(const paging::Fault& f) {
    if (f.event == paging::Event::apic_access) return guest_physical_apic_access();
    if (f.event == paging::Event::ept_violation && raises_ve(f)) return violation = f, cpu.raise(ve());
    Noted n{.reason = reason_of(f.event), .qualification = f.information};
    n.linear = f.linear.value, n.guest_physical = f.guest.value;
    return note(n);
}

// ---- EPT violations that become virtualization exceptions (SDM vol. 3, 26.5.7)

namespace {

// The information area.
constexpr u64 area_reason = 0, area_busy = 4, area_qualification = 8, area_linear = 16, area_guest_physical = 24, area_eptp_index = 32;

// Bit 63 of the entry that is not present, or of the page's, suppresses them.
bool convertible(const paging::Fault& f) { return f.reason != paging::Reason::too_wide && !(f.entry & bit(63)); }

}

bool Vmx::raises_ve(const paging::Fault& f) const {
    if (!has(secondary::violation_ve) || !convertible(f) || !cpu.protected_mode() || cpu.delivering) return false;
    return !cpu.memory.read(Physical(vmcs[Field::ve_information_address] + area_busy), 4);
}

// Behind the last raise, so that an access that is tried again by other means finds the area free.
void Vmx::tell_violation() {
    auto& f = violation;
    auto put = [&](u64 at, unsigned bytes, u64 value) { cpu.memory.write(Physical(vmcs[Field::ve_information_address] + at), bytes, value); };
    put(area_reason, 4, u64(Reason::ept_violation));
    put(area_busy, 4, mask(31, 0));
    put(area_qualification, 8, f.information | (unblocked_by_iret() ? bit(12) : 0));
    put(area_linear, 8, f.linear.value);
    put(area_guest_physical, 8, f.guest.value);
    put(area_eptp_index, 2, vmcs[Field::eptp_index]);
}

// ---- page-modification logging

void Vmx::PageLog::add(GuestPhysical page) {
    u64 index = of.vmcs[Field::page_log_index];
    of.cpu.memory.write(Physical(of.vmcs[Field::page_log_address] + index * 8), 8, page.page());
    of.vmcs.set(Field::page_log_index, index - 1);
}

// ---- exceptions (SDM vol. 3, 26.2 and 28.2.2)

namespace {

enum Type : u32 { external_type = 0, nmi_type = 2, hardware_exception = 3, software_interrupt = 4, privileged_software_exception = 5, software_exception = 6 };

u32 interruption(u32 vector, u32 type, bool has_code) { return vector | type << 8 | (has_code ? u32(bit(11)) : 0) | u32(bit(31)); }

}

// A page fault exits by bit 14 where its error code matches, and by the opposite where not (SDM vol. 3, 26.2).
static bool wanted(const Vmcs& vmcs, const Fault& f) {
    bool set = vmcs[Field::exception_bitmap] >> f.vector & 1;
    if (f.vector != pf_vector) return set;
    return ((f.code & vmcs[Field::page_fault_error_code_mask]) == vmcs[Field::page_fault_error_code_match]) == set;
}

bool Vmx::exception(const Fault& f) {
    if (f.vector == ve_vector) tell_violation();
    if (!wanted(vmcs, f)) return false;
    u32 type = !f.length ? hardware_exception : f.vector == db_vector ? privileged_software_exception : software_exception;
    Noted n{.reason = Reason::exception_or_nmi, .interruption = interruption(f.vector, type, f.has_code), .error_code = f.code, .length = f.length};
    if (f.vector == pf_vector || f.vector == db_vector) n.qualification = f.address;
    note(n);
    return true;
}

void Vmx::triple_fault() { exit_now({.reason = Reason::triple_fault}); }

}
