// SPDX-License-Identifier: MIT
// Guest levels as the CPU has put them away: the VMCS's host and guest areas (SDM vol. 3, 25.4 and 25.5), the VMCB and the host's
// save area (APM vol. 2, 15.5 and 15.30.4).
#include "debugger/viewpoint.h"
#include "base/error.h"
#include "cpu/mmu.h"
#include "cpu/svm/svm.h"
#include "cpu/vmx/vmx.h"
#include "debugger/look.h"
#include "debugger/registers.h"
#include "debugger/result.h"

namespace debugger {

namespace {

constexpr std::string_view segment_names[] = {"es", "cs", "ss", "ds", "fs", "gs", "ldtr", "tr"};

const vmx::Vmx* vmx_of(const Cpu& cpu) { return cpu.virt && cpu.intel() ? static_cast<const vmx::Vmx*>(cpu.virt.get()) : nullptr; }
const svm::Svm* svm_of(const Cpu& cpu) { return cpu.virt && !cpu.intel() ? static_cast<const svm::Svm*>(cpu.virt.get()) : nullptr; }

// SDM vol. 3, 4.1.1.
paging::Mode mode_of(const Control& c) {
    if (!(c.cr0 & cr0::pg)) return paging::Mode::off;
    if (!(c.cr4 & cr4::pae)) return paging::Mode::bits32;
    if (!(c.efer & efer::lma)) return paging::Mode::pae;
    return c.cr4 & cr4::la57 ? paging::Mode::level5 : paging::Mode::level4;
}

svm::Vmcb vmcb_in(const Cpu& cpu, u64 address) {
    QuietTables tables{cpu};
    if (address & 0xfff || !tables.plain(Physical(address))) throw Error(hex(address) + " is no page of memory");
    svm::Vmcb vmcb;
    vmcb.load(cpu.memory, Physical(address), ~u32{0});
    return vmcb;
}

}

unsigned running_level(const Cpu& cpu) { return cpu.guest ? 2 : 1; }

bool has_level(const Cpu& cpu, unsigned level) {
    if (level == running_level(cpu) || level == 1) return true;
    if (auto* v = vmx_of(cpu)) return level == 2 && v->current != vmx::Vmx::none;
    if (auto* v = svm_of(cpu)) return level == 2 && v->vmcb_address != svm::Svm::none;
    return false;
}

Viewpoint::Viewpoint(const Cpu& cpu)
    : cpu(cpu), level(running_level(cpu)), source("the CPU"), regime(cpu.mmu->regime), context(cpu.mmu->context), control(cpu.control), seg(cpu.seg),
      rip(cpu.gpr[rip_reg]), rflags(cpu.rflags), cpl(cpu.cpl), code(cpu.code.size) {}

Viewpoint::Viewpoint(const Cpu& cpu, unsigned wanted) : Viewpoint(cpu) {
    if (!wanted || wanted == level) return;
    if (!has_level(cpu, wanted)) throw Error(wanted == 2 ? "there is no level 2: no guest runs, and no VMCS or VMCB is at hand" : "levels are 1 and 2");
    level = wanted, live = false;
    if (cpu.intel()) level == 1 ? take_vmcs_host() : take_vmcs_guest();
    else level == 1 ? take_save_area() : take_vmcb();
}

void Viewpoint::add_segment(Seg s, u64 selector, u64 base, u64 limit, u64 rights) {
    seg[s] = {u16(selector), base, u32(limit), {u32(rights)}};
    std::string name(segment_names[unsigned(s)]);
    known[name] = selector, known[name + ".base"] = base, known[name + ".limit"] = limit, known[name + ".rights"] = rights;
}

// What follows from the control registers: the first stage, the size of code, registers by name.
void Viewpoint::settle(std::array<u64, 4> pdptes, bool pdptes_known) {
    auto& c = control;
    auto& s = regime.stage1;
    s.mode = mode_of(c), s.root = c.cr3;
    s.wp = c.cr0 & cr0::wp, s.pse = c.cr4 & cr4::pse, s.pge = c.cr4 & cr4::pge, s.smep = c.cr4 & cr4::smep, s.smap = c.cr4 & cr4::smap;
    s.pke = c.cr4 & cr4::pke, s.nxe = c.efer & efer::nxe;
    s.pdptes_in_memory = regime.stage2.kind == paging::Nesting::npt || (!pdptes_known && s.mode == paging::Mode::pae);
    s.pdpte = c.pdpte = pdptes;
    bool long_code = long_mode() && seg[Seg::cs].rights.l();
    code = long_code ? decode::CodeSize::bits64 : seg[Seg::cs].rights.db() ? decode::CodeSize::bits32 : decode::CodeSize::bits16;
    for (auto& [name, value] : {std::pair{"cr0", c.cr0}, {"cr3", c.cr3}, {"cr4", c.cr4}, {"efer", c.efer}, {"rip", rip}, {"rflags", rflags}, {"cpl", u64{cpl}},
                                {"dr7", c.dr[7]}, {"gdtr.base", seg.gdtr.base}, {"gdtr.limit", u64{seg.gdtr.limit}}, {"idtr.base", seg.idtr.base},
                                {"idtr.limit", u64{seg.idtr.limit}}, {"pkru", u64{c.pkru}}, {"xcr0", c.xcr0}})
        known[name] = value;
    for (unsigned n = 0; n < 4 && s.mode == paging::Mode::pae && pdptes_known; n++) known["pdpte" + std::to_string(n)] = pdptes[n];
}

// As a VM exit will load it (SDM vol. 3, 28.5).
void Viewpoint::take_vmcs_host() {
    using vmx::Field;
    auto& v = *vmx_of(cpu);
    auto& m = v.vmcs;
    source = "the host state of the VMCS at " + hex(v.current);
    bool ia32e = m[vmx::exit::host_address_space_size];
    regime.stage2.leave();
    control.cr0 = (control.cr0 & vmx::untouched_cr0) | (m[Field::host_cr0] & ~vmx::untouched_cr0);
    control.cr3 = m[Field::host_cr3];
    control.cr4 = m[Field::host_cr4] | (ia32e ? cr4::pae : 0);
    control.efer = m[vmx::exit::load_efer] ? m[Field::host_efer] : (control.efer & ~(efer::lma | efer::lme)) | (ia32e ? efer::lma | efer::lme : 0);
    control.dr[7] = 0x400, rflags = 2, cpl = 0, rip = m[Field::host_rip];
    known["rsp"] = m[Field::host_rsp];
    auto add = [&](Seg s, Field selector, u64 rights, u64 base) {
        u64 value = m[selector];
        add_segment(s, value, base, 0xffffffff, rights | (value || s == Seg::cs ? 0 : Rights::unusable_bit));
    };
    add(Seg::cs, Field::host_cs_selector, ia32e ? 0xa09b : 0xc09b, 0);
    add(Seg::ss, Field::host_ss_selector, 0xc093, 0);
    add(Seg::ds, Field::host_ds_selector, 0xc093, 0);
    add(Seg::es, Field::host_es_selector, 0xc093, 0);
    add(Seg::fs, Field::host_fs_selector, 0xc093, m[Field::host_fs_base]);
    add(Seg::gs, Field::host_gs_selector, 0xc093, m[Field::host_gs_base]);
    add_segment(Seg::tr, m[Field::host_tr_selector], m[Field::host_tr_base], 0x67, 0x8b);
    add_segment(Seg::ldtr, 0, 0, 0, Rights::unusable_bit);
    seg.gdtr = {m[Field::host_gdtr_base], 0xffff}, seg.idtr = {m[Field::host_idtr_base], 0xffff};
    settle({}, false);
}

// As a VM entry would load it (SDM vol. 3, 27.3.2).
void Viewpoint::take_vmcs_guest() {
    using vmx::Field;
    auto& v = *vmx_of(cpu);
    auto& m = v.vmcs;
    source = "the guest state of the VMCS at " + hex(v.current);
    bool ia32e = m[vmx::entry::ia32e_guest];
    control.cr0 = (control.cr0 & vmx::untouched_cr0) | (m[Field::guest_cr0] & ~vmx::untouched_cr0);
    control.cr3 = m[Field::guest_cr3], control.cr4 = m[Field::guest_cr4];
    control.efer = m[vmx::entry::load_efer] ? m[Field::guest_efer] : (control.efer & ~(efer::lma | efer::lme)) | (ia32e ? efer::lma | efer::lme : 0);
    control.dr[7] = m[Field::guest_dr7];
    rip = m[Field::guest_rip], rflags = m[Field::guest_rflags];
    known["rsp"] = m[Field::guest_rsp];
    vmx::each_segment([&](auto n) {
        constexpr unsigned at = 2 * n;
        add_segment(Seg(unsigned(n)), m[Field(0x800 + at)], m[Field(0x6806 + at)], m[Field(0x4800 + at)], m[Field(0x4814 + at)]);
    });
    cpl = rflags & rflags::vm ? u8(3) : u8(seg[Seg::ss].rights.dpl());
    seg.gdtr = {m[Field::guest_gdtr_base], u16(m[Field::guest_gdtr_limit])}, seg.idtr = {m[Field::guest_idtr_base], u16(m[Field::guest_idtr_limit])};
    auto& second = regime.stage2;
    bool ept = m[vmx::secondary::ept];
    if (m[vmx::secondary::virtualize_apic]) second.apic_access = m[Field::apic_access_address];
    if (ept) {
        second.kind = paging::Nesting::ept, second.root = m[Field::ept_pointer], second.maxphyaddr = v.limits.physical_bits;
        second.mode = paging::Mode::level4;
        second.gib_pages = v.limits.ept_vpid & vmx::ept_vpid::pages_1g, second.large_pages = v.limits.ept_vpid & vmx::ept_vpid::pages_2m;
        second.execute_only = v.limits.ept_vpid & vmx::ept_vpid::execute_only;
        second.advanced_information = v.limits.ept_vpid & vmx::ept_vpid::violation_information;
        second.accessed_dirty = second.root & bit(6), second.mode_based_execute = m[vmx::secondary::mode_based_execute];
        second.sub_pages = m[vmx::secondary::sub_pages], second.sub_page_table = second.sub_pages ? m[Field::sub_page_table] : 0;
    }
    settle({m[Field::guest_pdpte0], m[Field::guest_pdpte1], m[Field::guest_pdpte2], m[Field::guest_pdpte3]}, ept);
}

static void take_common(Viewpoint& v, const svm::Vmcb& from) {
    using svm::Field;
    v.control.cr0 = from[Field::cr0], v.control.cr3 = from[Field::cr3], v.control.cr4 = from[Field::cr4], v.control.efer = from[Field::efer];
    bool ia32e = (v.control.efer & efer::lme) && v.paging();
    v.control.efer = (v.control.efer & ~efer::lma) | (ia32e ? efer::lma : 0);
    v.rip = from[Field::rip], v.rflags = from[Field::rflags];
    v.seg.gdtr = {from[Field::gdtr_base], u16(from[Field::gdtr_limit])}, v.seg.idtr = {from[Field::idtr_base], u16(from[Field::idtr_limit])};
}

// What #VMEXIT will load. FS, GS, LDTR and TR are the system's own to save.
void Viewpoint::take_save_area() {
    using svm::Field;
    u64 address = cpu.msr.vm_hsave_pa;
    auto from = vmcb_in(cpu, address);
    source = "the host's save area at " + hex(address);
    take_common(*this, from);
    regime.stage2.leave();
    cpl = 0, control.dr[7] = 0x400;
    known["rsp"] = from[Field::rsp], known["rax"] = from[Field::rax];
    for (auto [s, f] : {std::pair{Seg::es, Field::es_selector}, {Seg::cs, Field::cs_selector}, {Seg::ss, Field::ss_selector}, {Seg::ds, Field::ds_selector}})
        add_segment(s, from[f], from[Field(unsigned(f) + 3)], from[Field(unsigned(f) + 2)], svm::rights_of(from[Field(unsigned(f) + 1)]));
    for (Seg s : {Seg::fs, Seg::gs, Seg::ldtr, Seg::tr}) seg[s] = {};
    settle({}, false);
}

// What VMRUN would load from memory; the format of the nested tables is the host's paging mode (APM vol. 2, 15.25.3).
void Viewpoint::take_vmcb() {
    using svm::Field;
    u64 address = svm_of(cpu)->vmcb_address;
    auto from = vmcb_in(cpu, address);
    source = "the VMCB at " + hex(address);
    auto host = regime.stage1;
    take_common(*this, from);
    cpl = !(control.cr0 & cr0::pe) ? u8(0) : rflags & rflags::vm ? u8(3) : u8(from[Field::cpl] & 3);
    control.cr2 = from[Field::cr2], control.dr[6] = from[Field::dr6], control.dr[7] = from[Field::dr7];
    known["rsp"] = from[Field::rsp], known["rax"] = from[Field::rax], known["cr2"] = control.cr2, known["dr6"] = control.dr[6];
    for (auto [s, f] : {std::pair{Seg::es, Field::es_selector}, {Seg::cs, Field::cs_selector}, {Seg::ss, Field::ss_selector}, {Seg::ds, Field::ds_selector},
                        {Seg::fs, Field::fs_selector}, {Seg::gs, Field::gs_selector}, {Seg::ldtr, Field::ldtr_selector}, {Seg::tr, Field::tr_selector}})
        add_segment(s, from[f], from[Field(unsigned(f) + 3)], from[Field(unsigned(f) + 2)], svm::rights_of(from[Field(unsigned(f) + 1)]));
    auto& second = regime.stage2;
    if (from[Field::nested_control] & svm::np_enable) {
        second.kind = paging::Nesting::npt, second.mode = host.mode, second.root = from[Field::nested_cr3], second.maxphyaddr = host.maxphyaddr;
        second.gib_pages = host.gib_pages, second.large_pages = host.pse, second.nxe = host.nxe, second.pse36 = host.pse36;
        second.global_reserved = host.global_reserved;
        second.execute_trap = cpu.features.has(Feature::gmet) && (from[Field::nested_control] & svm::gmet_enable);
    }
    settle({}, false);
}

std::optional<u64> Viewpoint::value(const Register& r) const {
    if (live) return r.get(cpu, r.number);
    auto found = known.find(r.name);
    return found == known.end() ? std::nullopt : std::optional(found->second);
}

u64 Viewpoint::stack_pointer() const {
    if (live) return cpu.gpr[rsp];
    auto found = known.find("rsp");
    return found == known.end() ? 0 : found->second;
}

}
