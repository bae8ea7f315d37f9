// SPDX-License-Identifier: MIT
// The capability MSRs, each computed from the tables of controls and capabilities (SDM vol. 3, appendix A).
#include "cpu/vmx/capabilities.h"
#include "cpu/isa/control.h"

namespace vmx {

// ---- controls ------------------------------------------------------------------------------------

// Reserved bits that are 1: the default1 class (A.2), without and with the TRUE MSRs' leave to clear some.
struct Default1 {
    Field word;
    u64 always, unless_true;
};
static constexpr u64 each(auto... n) { return (bit(unsigned(n)) | ...); }
static constexpr Default1 default1[] = {
    {pin::word,       each(1, 2, 4),                                    0},
    {primary::word,   each(1, 4, 5, 6, 8, 13, 14, 26),                  each(15, 16)},
    {secondary::word, 0,                                                0},
    {exit::word,      each(0, 1, 3, 4, 5, 6, 7, 8, 10, 11, 13, 14, 16, 17), each(2)},
    {entry::word,     each(0, 1, 3, 4, 5, 6, 7, 8, 12),                 each(2)},
    {function::word,  0,                                                0},
};

static constexpr const Default1& default1_of(Field word) {
    for (auto& d : default1)
        if (d.word == word) return d;
    return default1[5];
}

static Settings settings(Field word, Capabilities has) {
    Settings s{default1_of(word).always, default1_of(word).always};
    for (auto& r : control_rows)
        if (r.control.word == word && has.has(r.capability)) s.allowed |= bit(r.control.bit);
    return s;
}

// ---- the bits of other MSRs that a capability brings ---------------------------------------------

struct CapabilityBit {
    Capability capability;
    u64 bits;
};
static constexpr CapabilityBit ept_vpid_bits[] = {
    {Capability::ept,                ept_vpid::four_levels | ept_vpid::uncacheable | ept_vpid::write_back},
    {Capability::ept,                ept_vpid::invept | ept_vpid::invept_single | ept_vpid::invept_all},
    {Capability::ept_execute_only,   ept_vpid::execute_only},
    {Capability::ept_2m_pages,       ept_vpid::pages_2m},
    {Capability::ept_1g_pages,       ept_vpid::pages_1g},
    {Capability::ept_accessed_dirty, ept_vpid::accessed_dirty},
    {Capability::ept_violation_information, ept_vpid::violation_information},
    {Capability::vpid,               ept_vpid::invvpid | ept_vpid::invvpid_address | ept_vpid::invvpid_single | ept_vpid::invvpid_all},
    {Capability::vpid,               ept_vpid::invvpid_single_retaining_globals},
};

static u64 ept_vpid_of(Capabilities has) {
    u64 value = 0;
    for (auto& r : ept_vpid_bits)
        if (has.has(r.capability)) value |= r.bits;
    return value;
}

// ---- limits --------------------------------------------------------------------------------------

static u64 efer_bits(const FeatureSet& f) {
    return (f.has(Feature::syscall) ? efer::sce : 0) | (f.has(Feature::lm) ? efer::lme | efer::lma : 0) | (f.has(Feature::nx) ? efer::nxe : 0);
}

static FieldSet existing(Capabilities has) {
    FieldSet set;
    for (auto& r : fields)
        if (exists(r.field, has)) set.add(r.field);
    return set;
}

Limits limits(Capabilities listed, const FeatureSet& features, u64 cr4_bits, unsigned physical_bits, unsigned perf_counters) {
    Limits l;
    l.has = listed.on(features);
    l.pin = settings(pin::word, l.has);
    l.primary = settings(primary::word, l.has);
    l.secondary = settings(secondary::word, l.has);
    l.exit = settings(exit::word, l.has);
    l.entry = settings(entry::word, l.has);
    l.function = settings(function::word, l.has);
    l.cr0 = {cr0::pe | cr0::ne | cr0::pg, mask(31, 0)};
    l.cr4 = {cr4::vmxe, cr4_bits | cr4::vmxe};
    l.efer = efer_bits(features);
    if (features.has(Feature::perfmon)) l.perf_global = (bit(perf_counters) - 1) | mask(34, 32);
    l.debugctl = control::debugctl_bits(features);
    l.physical_bits = u8(physical_bits);
    l.linear_bits = features.has(Feature::la57) ? 57 : 48;
    l.all_writable = l.has.has(Capability::vmcs_shadowing);
    l.ept_vpid = ept_vpid_of(l.has);
    l.fields = existing(l.has);
    return l;
}

const Settings& Limits::of(Field word) const {
    switch (word) {
    case pin::word: return pin;
    case primary::word: return primary;
    case secondary::word: return secondary;
    case exit::word: return exit;
    case entry::word: return entry;
    default: return function;
    }
}

// ---- MSRs ----------------------------------------------------------------------------------------

static u64 controls_msr(const Settings& s) { return s.allowed << 32 | s.ones; }
template <Field Word> static u64 true_controls(const Limits& l) { return controls_msr(l.of(Word)); }
template <Field Word> static u64 old_controls(const Limits& l) {
    u64 more = default1_of(Word).unless_true;
    return controls_msr({l.of(Word).ones | more, l.of(Word).allowed | more});
}

// A.1: region of 4 KiB, write-back; INS and OUTS say more on exits (bit 54); there are TRUE MSRs (bit 55).
static u64 basic(const Limits&) { return revision | u64{4096} << 32 | u64{6} << 50 | bit(54) | bit(55); }

// A.6: the timer counts once in 2^5 TSC ticks; bit 5 with unrestricted guests; 512 MSRs in a list; bit 29: VMWRITE to any field.
static u64 misc(const Limits& l) {
    u64 value = 5 | (l.has.has(Capability::unrestricted_guest) ? bit(5) : 0) | u64{l.cr3_targets} << 16 | (l.all_writable ? bit(29) : 0);
    for (unsigned state = 1; state <= 3; state++)
        if (l.activity_states[state]) value |= bit(5 + state);
    return value;
}

// A.9: bits 9:1, the highest index of any encoding.
static u64 vmcs_enum(const Limits& l) {
    u64 highest = 0;
    l.fields.each([&](unsigned row) { highest = std::max(highest, bits(u16(fields[row].field), 9, 1)); });
    return highest << 1;
}

static bool any(const Limits& l) { return l.has.has(Capability::vmx); }
template <Capability... C> static bool with(const Limits& l) { return (l.has.has(C) || ...); }

//   index  name                           value                                                       exists
static constexpr CapabilityMsr msrs[] = {
    {0x480, "IA32_VMX_BASIC",              basic,                                                      any},
    {0x481, "IA32_VMX_PINBASED_CTLS",      old_controls<pin::word>,                                    any},
    {0x482, "IA32_VMX_PROCBASED_CTLS",     old_controls<primary::word>,                                any},
    {0x483, "IA32_VMX_EXIT_CTLS",          old_controls<exit::word>,                                   any},
    {0x484, "IA32_VMX_ENTRY_CTLS",         old_controls<entry::word>,                                  any},
    {0x485, "IA32_VMX_MISC",               misc,                                                       any},
    {0x486, "IA32_VMX_CR0_FIXED0",         [](const Limits& l) { return l.cr0.ones; },                 any},
    {0x487, "IA32_VMX_CR0_FIXED1",         [](const Limits& l) { return l.cr0.allowed; },              any},
    {0x488, "IA32_VMX_CR4_FIXED0",         [](const Limits& l) { return l.cr4.ones; },                 any},
    {0x489, "IA32_VMX_CR4_FIXED1",         [](const Limits& l) { return l.cr4.allowed; },              any},
    {0x48a, "IA32_VMX_VMCS_ENUM",          vmcs_enum,                                                  any},
    {0x48b, "IA32_VMX_PROCBASED_CTLS2",    true_controls<secondary::word>,                             with<Capability::secondary_controls>},
    {0x48c, "IA32_VMX_EPT_VPID_CAP",       [](const Limits& l) { return l.ept_vpid; },                 with<Capability::ept, Capability::vpid>},
    {0x48d, "IA32_VMX_TRUE_PINBASED_CTLS", true_controls<pin::word>,                                   any},
    {0x48e, "IA32_VMX_TRUE_PROCBASED_CTLS", true_controls<primary::word>,                             any},
    {0x48f, "IA32_VMX_TRUE_EXIT_CTLS",     true_controls<exit::word>,                                  any},
    {0x490, "IA32_VMX_TRUE_ENTRY_CTLS",    true_controls<entry::word>,                                 any},
    {0x491, "IA32_VMX_VMFUNC",             [](const Limits& l) { return l.function.allowed; },         with<Capability::vm_functions>},
};

std::span<const CapabilityMsr> capability_msrs() { return msrs; }

std::optional<u64> capability_msr(u32 index, const Limits& l) {
    if (index < 0x480 || index > 0x491) return {};
    auto& msr = msrs[index - 0x480];
    if (!msr.exists(l)) return {};
    return msr.value(l);
}

// ---- EPT pointers --------------------------------------------------------------------------------

bool eptp_memory_type(u64 eptp, const Limits& l) {
    u64 type = bits(eptp, 2, 0);
    return (type == 0 && l.ept_vpid & ept_vpid::uncacheable) || (type == 6 && l.ept_vpid & ept_vpid::write_back);
}
bool eptp_levels(u64 eptp, const Limits& l) { return bits(eptp, 5, 3) == 3 && l.ept_vpid & ept_vpid::four_levels; }
bool eptp_accessed_dirty(u64 eptp, const Limits& l) { return !(eptp & bit(6)) || l.ept_vpid & ept_vpid::accessed_dirty; }
bool eptp_reserved(u64 eptp, const Limits& l) { return !(eptp & mask(11, 7)) && !(eptp >> l.physical_bits); }
bool valid_eptp(u64 eptp, const Limits& l) {
    return eptp_memory_type(eptp, l) && eptp_levels(eptp, l) && eptp_accessed_dirty(eptp, l) && eptp_reserved(eptp, l);
}

}
