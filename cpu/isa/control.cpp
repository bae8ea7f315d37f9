// SPDX-License-Identifier: MIT
// The rules of writing CR0, CR3, CR4, CR8 and the debug registers (SDM vol. 2, MOV; vol. 3, 2.5, 4.1 and 18.2).
#include "cpu/isa/control.h"
#include "cpu/cpuid/model.h"
#include "cpu/virt/layer.h"

namespace control {

static bool refuse(Cpu& cpu) { return cpu.raise(gp(0)), false; }

// SDM vol. 3, 4.4.1: PAE paging, outside IA-32e mode.
static bool pae_paging(const Control& c, u64 cr0, u64 cr4) { return (cr0 & cr0::pg) && (cr4 & cr4::pae) && !(c.efer & efer::lme); }

static bool cr0_allowed(const Cpu& cpu, u64 value) {
    auto& c = cpu.control;
    bool pg = value & cr0::pg, enabling = pg && !cpu.paging();
    if (value >> 32) return false;
    if (pg && !(value & cr0::pe)) return false;
    if ((value & cr0::nw) && !(value & cr0::cd)) return false;
    if (!pg && (cpu.bits64() || (c.cr4 & cr4::pcide))) return false;
    if (!enabling || !(c.efer & efer::lme)) return true;
    bool tss16 = (cpu.seg[Seg::tr].rights.type() & 13) == 1;              // SDM vol. 3, 10.8.5.1
    return (c.cr4 & cr4::pae) && !cpu.seg[Seg::cs].rights.l() && !(tss16 && cpu.intel() && cpu.protected_mode() && cpu.seg[Seg::tr].selector > 3);
}

static bool extension_allows(const Cpu& cpu, unsigned n, u64 value) { return !cpu.virt || cpu.virt->cr_allowed(n, value); }

static bool cr3_allowed(const Cpu& cpu, u64 value) {
    if (cpu.control.cr4 & cr4::pcide) value &= ~bit(63);
    return !cpu.long_mode() || value >> cpu.model.physical_bits == 0;
}
static bool cr4_allowed(const Cpu& cpu, u64 value);

bool allowed(const Cpu& cpu, unsigned n, u64 value) {
    switch (n) {
    case 0: return cr0_allowed(cpu, value) && extension_allows(cpu, 0, value);
    case 3: return cr3_allowed(cpu, value);
    case 4: return cr4_allowed(cpu, value) && extension_allows(cpu, 4, value);
    case 8: return !(value >> 4);
    default: return true;
    }
}

bool write_cr0(Cpu& cpu, u64 value) {
    constexpr u64 exist = cr0::pe | cr0::mp | cr0::em | cr0::ts | cr0::ne | cr0::wp | cr0::am | cr0::nw | cr0::cd | cr0::pg;
    auto& c = cpu.control;
    if (!allowed(cpu, 0, value)) return refuse(cpu);
    u64 old = c.cr0, now = (value & exist) | cr0::et;
    bool reload = (old ^ now) & (cr0::pg | cr0::cd | cr0::nw);
    if (reload && pae_paging(c, now, c.cr4) && !cpu.load_pdptes(c.cr3)) return false;
    c.cr0 = now;
    if (now & cr0::pg) c.efer |= c.efer & efer::lme ? efer::lma : 0;      // SDM vol. 3, 10.8.5.1
    else c.efer &= ~efer::lma;
    cpu.cr0_written(old);
    cpu.mode_changed();
    return true;
}

bool write_cr3(Cpu& cpu, u64 value) {
    auto& c = cpu.control;
    bool keep = (c.cr4 & cr4::pcide) && (value & bit(63));
    if (!cr3_allowed(cpu, value)) return refuse(cpu);
    if (keep) value &= ~bit(63);
    if (pae_paging(c, c.cr0, c.cr4) && !cpu.load_pdptes(value)) return false;
    c.cr3 = value;
    cpu.cr3_written(keep);
    return true;
}

u64 cr4_bits(const Cpu& cpu) {
    using enum Feature;
    static constexpr struct { Feature feature; u64 bits; } rows[] = {
        {vme, cr4::vme | cr4::pvi}, {tsc, cr4::tsd},  {de, cr4::de},          {pse, cr4::pse},         {pae, cr4::pae},   {mce, cr4::mce},
        {pge, cr4::pge},            {none, cr4::pce}, {fxsr, cr4::osfxsr},    {sse, cr4::osxmmexcpt},  {umip, cr4::umip}, {la57, cr4::la57},
        {fsgsbase, cr4::fsgsbase},  {pcid, cr4::pcide}, {xsave, cr4::osxsave}, {smep, cr4::smep},      {smap, cr4::smap}, {pku, cr4::pke},
        {vmx, cr4::vmxe},
    };
    u64 exist = 0;
    for (auto& row : rows)
        if (cpu.features.has(row.feature)) exist |= row.bits;
    return exist;
}

u64 efer_bits(const FeatureSet& features) {
    using enum Feature;
    static constexpr struct { Feature feature; u64 bits; } rows[] = {
        {syscall, efer::sce}, {lm, efer::lme | efer::lma}, {nx, efer::nxe}, {svm, efer::svme}, {ffxsr, efer::ffxsr}, {auto_ibrs, bit(21)}};
    u64 exist = 0;
    for (auto& row : rows)
        if (features.has(row.feature)) exist |= row.bits;
    return exist;
}

static bool cr4_allowed(const Cpu& cpu, u64 value) {
    auto& c = cpu.control;
    u64 changed = value ^ c.cr4;
    if (value & ~cr4_bits(cpu)) return false;
    if (cpu.long_mode() && (changed & (cr4::pae | cr4::la57))) return false;
    if (changed & value & cr4::pcide) return cpu.long_mode() && !(c.cr3 & 0xfff);       // SDM vol. 3, 4.10.1
    return true;
}

bool write_cr4(Cpu& cpu, u64 value) {
    auto& c = cpu.control;
    if (!allowed(cpu, 4, value)) return refuse(cpu);
    u64 old = c.cr4;
    bool reload = (old ^ value) & (cr4::pae | cr4::pge | cr4::pse | cr4::smep);
    if (reload && pae_paging(c, c.cr0, value) && !cpu.load_pdptes(c.cr3)) return false;
    c.cr4 = value;
    cpu.cr4_written(old);
    cpu.mode_changed();
    return true;
}

bool write_cr8(Cpu& cpu, u64 value) {
    if (!allowed(cpu, 8, value)) return refuse(cpu);
    cpu.apic.set_cr8(u8(value));
    return true;
}

// DR6 and DR7 have fixed bits (SDM vol. 3, 18.2.3 and 18.2.4); left out: RTM and bus-lock detection.
bool write_dr(Cpu& cpu, unsigned n, u64 value) {
    auto& dr = cpu.control.dr;
    if (n >= 6 && value >> 32) return refuse(cpu);
    if (n < 4) dr[n] = value;
    else if (n == 6) dr[6] = (value & 0xe00f) | 0xffff0ff0;
    else dr[7] = (value & 0xffff23ff) | 0x400;
    cpu.mode_changed();
    return true;
}

}
