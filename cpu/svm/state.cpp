// SPDX-License-Identifier: MIT
// Segments, control registers and MSRs to and from a VMCB (APM vol. 2, 15.5.1 and appendix B).
#include "cpu/svm/state.h"

namespace svm {

namespace {

struct Place {
    Seg seg;
    Field selector;               // attributes, limit and base follow
};
constexpr Place by_vmrun[] = {{Seg::es, Field::es_selector}, {Seg::cs, Field::cs_selector}, {Seg::ss, Field::ss_selector}, {Seg::ds, Field::ds_selector}};
constexpr Place by_vmload[] = {{Seg::fs, Field::fs_selector}, {Seg::gs, Field::gs_selector}, {Seg::ldtr, Field::ldtr_selector}, {Seg::tr, Field::tr_selector}};
constexpr Field next(Field f, unsigned n) { return Field(unsigned(f) + n); }

// Bases come out canonical, whatever the VMCB says.
u64 canonical(unsigned width, u64 base) { return sign_extend(base, width); }

// Only some attributes are looked at: CS is code and the others data or code whatever S and the type's high bit say; P
// clear is a null segment, but CS is there.
Rights rights(Seg s, u64 attributes) {
    u32 r = rights_of(attributes);
    if (s == Seg::ldtr || s == Seg::tr) return {r & 0x80 ? r & ~0x10u : r | Rights::unusable_bit};
    if (s == Seg::cs) return {r | 0x98};
    return {r & 0x80 ? r | 0x10 : r | 0x10 | Rights::unusable_bit};
}

[[gnu::always_inline]] inline void load(Cpu& cpu, const Vmcb& v, const Place& p, unsigned width) {
    cpu.seg[p.seg] = {u16(v[p.selector]), canonical(width, v[next(p.selector, 3)]), u32(v[next(p.selector, 2)]),
                      rights(p.seg, v[next(p.selector, 1)])};
}
void save(const Cpu& cpu, Vmcb& v, const Place& p) {
    auto& s = cpu.seg[p.seg];
    v[p.selector] = s.selector;
    v[next(p.selector, 1)] = attributes_of(s.rights.unusable() ? s.rights.value & ~0x80u : s.rights.value);
    v[next(p.selector, 2)] = s.limit;
    v[next(p.selector, 3)] = s.base;
}

struct MsrPlace {
    Field field;
    u64 Msrs::* msr;
    bool address;
};
constexpr MsrPlace msrs[] = {
    {Field::star, &Msrs::star, false},
    {Field::lstar, &Msrs::lstar, true},
    {Field::cstar, &Msrs::cstar, true},
    {Field::sfmask, &Msrs::fmask, false},
    {Field::kernel_gs_base, &Msrs::kernel_gs_base, true},
    {Field::sysenter_cs, &Msrs::sysenter_cs, false},
    {Field::sysenter_esp, &Msrs::sysenter_esp, true},
    {Field::sysenter_eip, &Msrs::sysenter_eip, true},
};

}

void load_segments(Cpu& cpu, const Vmcb& v) {
    unsigned width = cpu.widest_linear_width();
    for (auto& p : by_vmrun) load(cpu, v, p, width);
    cpu.seg.gdtr = {canonical(width, v[Field::gdtr_base]), u16(v[Field::gdtr_limit])};
    cpu.seg.idtr = {canonical(width, v[Field::idtr_base]), u16(v[Field::idtr_limit])};
}

void save_segments(const Cpu& cpu, Vmcb& v) {
    for (auto& p : by_vmrun) save(cpu, v, p);
    v[Field::gdtr_base] = cpu.seg.gdtr.base, v[Field::gdtr_limit] = cpu.seg.gdtr.limit;
    v[Field::idtr_base] = cpu.seg.idtr.base, v[Field::idtr_limit] = cpu.seg.idtr.limit;
}

void load_more(Cpu& cpu, const Vmcb& v) {
    unsigned width = cpu.widest_linear_width();
    for (auto& p : by_vmload) load(cpu, v, p, width);
    for (auto& m : msrs) cpu.msr.*m.msr = m.address ? canonical(width, v[m.field]) : v[m.field];
    cpu.msr.fmask = u32(cpu.msr.fmask), cpu.msr.sysenter_cs = u32(cpu.msr.sysenter_cs);
}

void save_more(const Cpu& cpu, Vmcb& v) {
    for (auto& p : by_vmload) save(cpu, v, p);
    for (auto& m : msrs) v[m.field] = cpu.msr.*m.msr;
}

void load_control(Cpu& cpu, const Vmcb& v, u64 cr4_bits, u64 efer_bits) {
    constexpr u64 exist = cr0::pe | cr0::mp | cr0::em | cr0::ts | cr0::ne | cr0::wp | cr0::am | cr0::nw | cr0::cd | cr0::pg;
    auto& c = cpu.control;
    c.cr0 = (v[Field::cr0] & exist) | cr0::et;
    c.cr3 = v[Field::cr3];
    c.cr4 = v[Field::cr4] & cr4_bits;
    u64 efer = v[Field::efer] & efer_bits & ~efer::lma;
    c.efer = (efer & efer::lme) && (c.cr0 & cr0::pg) ? efer | efer::lma : efer;
}

void save_control(const Cpu& cpu, Vmcb& v) {
    v[Field::cr0] = cpu.control.cr0, v[Field::cr3] = cpu.control.cr3, v[Field::cr4] = cpu.control.cr4, v[Field::efer] = cpu.control.efer;
}

}
