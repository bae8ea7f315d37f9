// SPDX-License-Identifier: MIT
// Segments, control registers and MSRs to and from a VMCB, held or in memory (APM vol. 2, 15.5.1 and appendix B).
#include "cpu/svm/state.h"
#include "cpu/event/debug.h"

namespace svm {

namespace {

struct Place {
    Seg seg;
    Field selector;               // attributes, limit and base follow
};
constexpr Place by_vmrun[] = {{Seg::es, Field::es_selector}, {Seg::cs, Field::cs_selector}, {Seg::ss, Field::ss_selector}, {Seg::ds, Field::ds_selector}};
constexpr Place by_vmload[] = {{Seg::fs, Field::fs_selector}, {Seg::gs, Field::gs_selector}, {Seg::ldtr, Field::ldtr_selector}, {Seg::tr, Field::tr_selector}};
constexpr Field next(Field f, unsigned n) { return Field(unsigned(f) + n); }

// Calls see(n) for each row of a table; n is a constant, and so is what the row names.
template <const auto& table, class See> [[gnu::always_inline]] inline void each(See&& see) {
    [&]<std::size_t... n>(std::index_sequence<n...>) {
        (see(std::integral_constant<std::size_t, n>{}), ...);
    }(std::make_index_sequence<std::size(table)>());
}

// Bases come out canonical, whatever the VMCB says.
u64 canonical(unsigned width, u64 base) { return sign_extend(base, width); }

static_assert(Rights::unusable_bit == 0x80 << 9);      // P, in attributes, is clear where it is set

// Only some attributes are looked at: CS is code and the others data or code whatever S and the type's high bit say; P
// clear is a null segment, but CS is there.
constexpr Rights rights(Seg s, u64 attributes) {
    u32 r = rights_of(attributes);
    if (s == Seg::ldtr || s == Seg::tr) return {r & 0x80 ? r & ~0x10u : r | Rights::unusable_bit};
    if (s == Seg::cs) return {r | 0x98};
    return {r | 0x10 | (~r & 0x80) << 9};
}

template <Seg S, Field Selector, class From> [[gnu::always_inline]] inline void load(Cpu& cpu, const From& v, unsigned width) {
    cpu.seg[S] = {u16(v.template get<Selector>()), canonical(width, v.template get<next(Selector, 3)>()),
                  u32(v.template get<next(Selector, 2)>()), rights(S, v.template get<next(Selector, 1)>())};
}
template <Seg S, Field Selector, class To> [[gnu::always_inline]] inline void save(const Cpu& cpu, To v) {
    auto& s = cpu.seg[S];
    v.template set<Selector>(s.selector);
    v.template set<next(Selector, 1)>(attributes_of(s.rights.unusable() ? s.rights.value & ~0x80u : s.rights.value));
    v.template set<next(Selector, 2)>(s.limit);
    v.template set<next(Selector, 3)>(s.base);
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

template <class From> void load_segments(Cpu& cpu, const From& v) {
    unsigned width = cpu.widest_linear_width();
    each<by_vmrun>([&](auto n) { load<by_vmrun[n].seg, by_vmrun[n].selector>(cpu, v, width); });
    cpu.seg.gdtr = {canonical(width, v.template get<Field::gdtr_base>()), u16(v.template get<Field::gdtr_limit>())};
    cpu.seg.idtr = {canonical(width, v.template get<Field::idtr_base>()), u16(v.template get<Field::idtr_limit>())};
}

template <class To> void save_segments(const Cpu& cpu, To v) {
    each<by_vmrun>([&](auto n) { save<by_vmrun[n].seg, by_vmrun[n].selector>(cpu, v); });
    v.template set<Field::gdtr_base>(cpu.seg.gdtr.base), v.template set<Field::gdtr_limit>(cpu.seg.gdtr.limit);
    v.template set<Field::idtr_base>(cpu.seg.idtr.base), v.template set<Field::idtr_limit>(cpu.seg.idtr.limit);
}

template <class From> void load_more(Cpu& cpu, const From& v) {
    unsigned width = cpu.widest_linear_width();
    each<by_vmload>([&](auto n) { load<by_vmload[n].seg, by_vmload[n].selector>(cpu, v, width); });
    each<msrs>([&](auto n) {
        u64 value = v.template get<msrs[n].field>();
        cpu.msr.*msrs[n].msr = msrs[n].address ? canonical(width, value) : value;
    });
    cpu.msr.fmask = u32(cpu.msr.fmask), cpu.msr.sysenter_cs = u32(cpu.msr.sysenter_cs);
}

template <class To> void save_more(const Cpu& cpu, To v) {
    each<by_vmload>([&](auto n) { save<by_vmload[n].seg, by_vmload[n].selector>(cpu, v); });
    each<msrs>([&](auto n) { v.template set<msrs[n].field>(cpu.msr.*msrs[n].msr); });
}

template <class From> void load_control(Cpu& cpu, const From& v, u64 cr4_bits, u64 efer_bits) {
    constexpr u64 exist = cr0::pe | cr0::mp | cr0::em | cr0::ts | cr0::ne | cr0::wp | cr0::am | cr0::nw | cr0::cd | cr0::pg;
    auto& c = cpu.control;
    c.cr0 = (v.template get<Field::cr0>() & exist) | cr0::et;
    c.cr3 = v.template get<Field::cr3>();
    c.cr4 = v.template get<Field::cr4>() & cr4_bits;
    u64 efer = v.template get<Field::efer>() & efer_bits & ~efer::lma;
    c.efer = (efer & efer::lme) && (c.cr0 & cr0::pg) ? efer | efer::lma : efer;
}

template <class To> void save_control(const Cpu& cpu, To v) {
    v.template set<Field::cr0>(cpu.control.cr0), v.template set<Field::cr3>(cpu.control.cr3);
    v.template set<Field::cr4>(cpu.control.cr4), v.template set<Field::efer>(cpu.control.efer);
}

// Bits of DEBUGCTL that don't exist are dropped.
void load_last_branches(Cpu& cpu, const Vmcb& v) {
    cpu.msr.debugctl = v[Field::debugctl] & (debug::lbr | debug::btf);
    for (unsigned n = 0; n < 4; n++) cpu.msr.last_branch[n] = v[next(Field::branch_from, n)];
}

void save_last_branches(const Cpu& cpu, VmcbHeld v) {
    v.set<Field::debugctl>(cpu.msr.debugctl);
    for (unsigned n = 0; n < 4; n++) v.held[next(Field::branch_from, n)] = cpu.msr.last_branch[n];
}

template void load_segments(Cpu&, const Vmcb&);
template void save_segments(const Cpu&, VmcbHeld);
template void load_more(Cpu&, const Vmcb&);
template void save_more(const Cpu&, VmcbHeld);
template void load_control(Cpu&, const Vmcb&, u64, u64);
template void save_control(const Cpu&, VmcbHeld);
template void load_segments(Cpu&, const VmcbPage<const u8>&);
template void save_segments(const Cpu&, VmcbPage<u8>);
template void save_segments(const Cpu&, VmcbTwice);
template void load_more(Cpu&, const VmcbPage<const u8>&);
template void save_more(const Cpu&, VmcbPage<u8>);
template void load_control(Cpu&, const VmcbPage<const u8>&, u64, u64);
template void save_control(const Cpu&, VmcbPage<u8>);
template void save_control(const Cpu&, VmcbTwice);

}
