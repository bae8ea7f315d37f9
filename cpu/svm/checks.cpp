// SPDX-License-Identifier: MIT
// VMRUN's consistency checks (APM vol. 2, 15.5.1; events 15.20; nested paging 15.25).
// Where silicon and manual differ or the manual is silent: the low 12 bits of the tables' bases are ignored; a CR3 has
// must-be-zero bits in long mode alone; EFER.LMA is not judged, VMRUN derives it; TLB_CONTROL's undefined values are no
// error; segment attributes are never wrong, since only some of their bits are looked at.
#include "cpu/svm/checks.h"
#include "cpu/state/control.h"
#include <algorithm>
#include <cstdio>

namespace svm {

namespace {

using V = const View&;
using enum Field;

// ---- the words the tables are written in

bool any(V) { return true; }
template <Field F, u64 Bits> bool zero(V v) { return !(v[F] & Bits); }
template <Field F, u64 Bits> bool set(V v) { return (v[F] & Bits) == Bits; }
constexpr u64 high = mask(63, 32);

bool in_reach(V v, u64 base, u64 bytes) {
    u64 end = bit(v.around.physical_bits);
    base &= ~u64{0xfff};
    return base < end && end - base >= bytes;
}
bool iopm_in_reach(V v) { return in_reach(v, v[iopm_base], 0x3000); }
bool msrpm_in_reach(V v) { return in_reach(v, v[msrpm_base], 0x2000); }
template <Field F> bool page_in_reach(V v) { return in_reach(v, v[F], 0x1000); }
bool asid_exists(V v) { return v[asid] < v.around.asids; }

// ---- paging

bool paged(V v) { return v[cr0] & cr0::pg; }
bool long_paging(V v) { return (v[efer] & efer::lme) && paged(v); }
bool nested(V v) { return v[nested_control] & np_enable; }
bool has_avic(V v) { return v.around.avic && (v[interrupt_control] & interrupt::avic_enable); }
bool virtual_nmis(V v) { return v.around.vnmi && (v[interrupt_control] & interrupt::nmi_enable); }
bool host_paged(V v) { return v.around.host_paging; }
bool cr4_exists(V v) { return !(v[cr4] & ~v.around.cr4); }
bool efer_exists(V v) { return !(v[efer] & ~v.around.efer); }
bool no_long_mode(V v) { return !v.around.long_mode; }
template <Field F> bool root(V v) { return v[F] >> v.around.physical_bits == 0; }
bool nested_long(V v) { return nested(v) && v.around.host_long_mode; }
bool not_cached(V v) { return v[cr0] & cr0::cd; }
bool not_write_through(V v) { return !(v[cr0] & cr0::nw); }
bool code64(V v) { return long_paging(v) && (v[cr4] & cr4::pae) && (v[cs_attributes] & bit(9)); }
bool not_code32(V v) { return !(v[cs_attributes] & bit(10)); }

// Each byte is 0, 1 or 4 to 7: all eight at once.
bool pat_exists(V v) {
    constexpr u64 each = 0x0101010101010101;
    u64 pat = v[gpat], bit1_without_bit2 = pat >> 1 & ~(pat >> 2) & each;
    return !(pat & 0xf8 * each) && !bit1_without_bit2;
}

bool pdptes_exist(V v) {
    u64 reserved = mask(2, 1) | mask(8, 5) | mask(63, v.around.physical_bits);
    for (u64 entry : v.around.pdptes)
        if ((entry & 1) && (entry & reserved)) return false;
    return true;
}

// ---- EVENTINJ

EventInformation injected(V v) { return {v[event_injection]}; }
bool injects(V v) { return injected(v).valid(); }
bool injects_exception(V v) { return injects(v) && injected(v).type() == EventInformation::exception; }
bool injects_exception64(V v) { return injects_exception(v) && long_paging(v) && (v[cs_attributes] & bit(9)); }
bool type_exists(V v) {
    u8 type = injected(v).type();
    return type <= EventInformation::software && type != 1;
}
bool is_exception(V v) { return injected(v).vector() < 32 && injected(v).vector() != 2; }
bool is_exception64(V v) { return injected(v).vector() != 4 && injected(v).vector() != 5; }

// ---- the tables

constexpr Check control[] = {
    // id                      manual       rule                                                             applies              holds
    {"vmrun.intercept",        "15.5.1",    "VMRUN is intercepted",                                          any,                 set<intercept_4, bit(0)>},
    {"asid.zero",              "15.5.1",    "the ASID is not the host's, 0",                                 any,                 [](V v) { return v[asid] != 0; }},
    {"asid.range",             "",          "the ASID is below the number that CPUID gives",                 any,                 asid_exists},
    {"iopm.end",               "15.5.1",    "the I/O permissions map, 12 KiB, ends within reach",            any,                 iopm_in_reach},
    {"msrpm.end",              "15.5.1",    "the MSR permissions map, 8 KiB, ends within reach",             any,                 msrpm_in_reach},
    {"nmi.intercept",          "15.21.10",  "virtual NMIs need the intercept of NMI",                        virtual_nmis,        set<intercept_3, bit(1)>},
    {"avic.paging",            "",          "AVIC needs nested paging",                                      has_avic,            nested},
    {"avic.backing-page",      "",          "AVIC's backing page lies within reach",                         has_avic,            page_in_reach<avic_backing_page>},
    {"avic.logical-table",     "",          "AVIC's table of logical ids lies within reach",                 has_avic,            page_in_reach<avic_logical_table>},
    {"avic.physical-table",    "",          "AVIC's table of physical ids lies within reach",                has_avic,            page_in_reach<avic_physical_table>},
    {"np.host-paging",         "15.25.3",   "nested paging needs the host's paging",                         nested,              host_paged},
    {"np.cr3",                 "15.25.3",   "N_CR3 has no bit beyond the physical addresses, in long mode",  nested_long,         root<nested_cr3>},
    {"np.pat",                 "15.25.4",   "G_PAT holds memory types alone",                                nested,              pat_exists},
};
constexpr Check events[] = {
    {"inject.type",            "15.20",     "EVENTINJ's type is INTR, NMI, exception or software interrupt", injects,             type_exists},
    {"inject.vector",          "15.20",     "an injected exception has a vector below 32 and is no NMI",     injects_exception,   is_exception},
    {"inject.64-bit",          "15.20",     "neither #OF nor #BR is injected into 64-bit mode",              injects_exception64, is_exception64},
};
constexpr Check state[] = {
    {"efer.svme",              "15.5.1",    "EFER.SVME is set",                                              any,                 set<Field::efer, efer::svme>},
    {"efer.mbz",               "15.5.1",    "EFER has no bit that doesn't exist",                            any,                 efer_exists},
    {"efer.long-mode",         "15.5.1",    "EFER.LME and LMA are clear where there is no long mode",        no_long_mode,        zero<Field::efer, efer::lme | efer::lma>},
    {"cr0.nw",                 "15.5.1",    "CR0.NW is clear while CR0.CD is",                               [](V v) { return !not_cached(v); }, not_write_through},
    {"cr0.high",               "15.5.1",    "CR0[63:32] are 0",                                              any,                 zero<Field::cr0, high>},
    {"cr3.mbz",                "15.5.1",    "CR3 has no bit beyond the physical addresses, in long mode",    long_paging,         root<cr3>},
    {"cr4.mbz",                "15.5.1",    "CR4 has no bit that doesn't exist",                             any,                 cr4_exists},
    {"long.pae",               "15.5.1",    "long mode's paging needs CR4.PAE",                              long_paging,         set<Field::cr4, cr4::pae>},
    {"long.pe",                "15.5.1",    "long mode's paging needs CR0.PE",                               long_paging,         set<Field::cr0, cr0::pe>},
    {"long.code",              "15.5.1",    "CS.L and CS.D are not both set in long mode",                   code64,              not_code32},
    {"dr6.high",               "15.5.1",    "DR6[63:32] are 0",                                              any,                 zero<dr6, high>},
    {"dr7.high",               "15.5.1",    "DR7[63:32] are 0",                                              any,                 zero<dr7, high>},
    {"pae.pdptes",             "15.5.1",    "no present PDPTE has a reserved bit",                           loads_pdptes,        pdptes_exist},
};

constexpr Group table[] = {
    {"control area", control, Refusal::vmexit_invalid},
    {"event injection", events, Refusal::vmexit_invalid},
    {"guest state", state, Refusal::vmexit_invalid},
};

}

bool loads_pdptes(const View& v) { return !nested(v) && paged(v) && (v[Field::cr4] & cr4::pae) && !(v[Field::efer] & efer::lme); }

std::span<const Group> vmrun_checks() { return table; }

const Check* first_broken(const View& view) {
    const Check* found = nullptr;
    virt::examine(vmrun_checks(), view, [&](auto&, auto& check, auto&, auto verdict) {
        if (verdict == virt::Verdict::broken) found = &check;
        return !found;
    });
    return found;
}

// Whether one of a constant list of fields is another than it was.
template <const auto& which, std::size_t count> static bool differ(const Vmcb& vmcb, const std::array<u64, count>& held) {
    return [&]<std::size_t... n>(std::index_sequence<n...>) {
        return (((vmcb[which[n].field] ^ held[n]) & which[n].bits) | ...);
    }(std::make_index_sequence<count>());
}
template <std::size_t count> static void remember(const Vmcb& vmcb, const Judged (&which)[count], std::array<u64, count>& held) {
    for (unsigned n = 0; n < count; n++) held[n] = vmcb[which[n].field];
}

bool CheckMemory::as_it_was(const Vmcb& vmcb, const Surroundings& now) const {
    // The rest of the surroundings is the processor's, and PDPTEs are looked at without nested paging alone.
    bool same = now.efer == around.efer && now.host_paging == around.host_paging && now.host_long_mode == around.host_long_mode;
    same = same && ((vmcb[Field::nested_control] & np_enable) || now.pdptes == around.pdptes);
    if (!any || !same || differ<judged_fields>(vmcb, held)) return false;
    return !(vmcb[Field::interrupt_control] & interrupt::avic_enable) || !differ<judged_with_avic>(vmcb, held_with_avic);
}

const Check* CheckMemory::judge(const Vmcb& vmcb, const Surroundings& now) {
    auto* broken = svm::first_broken(View(vmcb, now));
    remember(vmcb, judged_fields, held), remember(vmcb, judged_with_avic, held_with_avic);
    around = now, any = !broken;
    return broken;
}

std::string explain(const Check& check, const Vmcb& vmcb, const Surroundings& around) {
    View::Log log;
    virt::judge(check, View(vmcb, around, &log));
    std::string text = std::string(check.id) + (check.manual.empty() ? "" : " (APM vol. 2, " + std::string(check.manual) + ")") + ": " +
                       std::string(check.rule) + "\n";
    for (Field f : log) {
        char value[24];
        std::snprintf(value, sizeof value, "%llx", static_cast<unsigned long long>(vmcb[f]));
        text += "    " + std::string(row(f).text) + " = " + value + "\n";
    }
    return text;
}

}
