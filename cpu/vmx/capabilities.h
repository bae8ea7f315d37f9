// SPDX-License-Identifier: MIT
// What a CPU's VMX is capable of: a set by name, and all that follows from it: capability MSRs, fields, allowed settings.
#pragma once
#include "cpu/cpuid/features.h"
#include "cpu/vmx/fields.h"
#include <span>

namespace vmx {

enum class Capability : u8 {
#define CAPABILITY(name, text, feature, capability) name,
#include "cpu/vmx/capabilities.def"
};

struct CapabilityRow {
    Capability capability;
    std::string_view name, text;
    Feature feature;              // it makes no sense without this feature of CPUID
    Capability needs;             // and without this capability
};

constexpr CapabilityRow capability_rows[] = {
#define CAPABILITY(name, text, feature, capability) {Capability::name, #name, text, Feature::feature, Capability::capability},
#include "cpu/vmx/capabilities.def"
};

class Capabilities {
public:
    constexpr Capabilities() = default;
    // Names with spaces between them; one that is no row of capabilities.def does not compile.
    consteval Capabilities(const char* names) {
        std::string_view rest = names;
        while (!rest.empty()) {
            auto word = rest.substr(0, rest.find(' '));
            rest.remove_prefix(word.size() == rest.size() ? word.size() : word.size() + 1);
            if (!word.empty()) add(named(word));
        }
    }
    constexpr bool has(Capability c) const { return set & bit(unsigned(c)); }
    constexpr void add(Capability c) { set |= bit(unsigned(c)); }
    constexpr void remove(Capability c) { set &= ~bit(unsigned(c)); }
    constexpr bool empty() const { return !set; }
    constexpr Capabilities operator|(Capabilities other) const {
        other.set |= set;
        return other;
    }
    constexpr bool operator==(const Capabilities&) const = default;

    // What is left of it on a CPU with these features.
    constexpr Capabilities on(const FeatureSet& features) const {
        Capabilities left = *this;
        for (auto& r : capability_rows)             // what a row needs stands above it
            if (!features.has(r.feature) || !left.has(r.needs)) left.remove(r.capability);
        return left;
    }

private:
    static constexpr Capability named(std::string_view word) {
        for (auto& r : capability_rows)
            if (r.name == word) return r.capability;
        throw "not a row of capabilities.def";
    }
    u64 set = 0;
};
static_assert(std::size(capability_rows) <= 64);

// What silicon had.
constexpr Capabilities nehalem_capabilities{
    "vmx tpr_shadow virtual_nmis monitor_trap_flag preemption_timer load_pat load_perf_global load_efer secondary_controls "
    "virtualize_apic virtualize_x2apic descriptor_table_exiting rdtscp wbinvd_exiting vpid ept ept_execute_only ept_2m_pages"};
constexpr Capabilities haswell_capabilities = nehalem_capabilities | Capabilities{
    "pause_loop_exiting rdrand_exiting invpcid ept_1g_pages ept_accessed_dirty unrestricted_guest vm_functions eptp_switching "
    "vmcs_shadowing"};
constexpr Capabilities icelake_capabilities = haswell_capabilities | Capabilities{
    "apic_registers interrupt_delivery posted_interrupts rdseed_exiting xsaves tsc_scaling page_log violation_ve ept_violation_information mode_based_execute sub_pages"};
constexpr Capabilities all_capabilities = icelake_capabilities | Capabilities{"user_wait"};

// ---- controls

struct ControlRow {
    Control control;
    std::string_view word, name, text;
    Capability capability;
};

constexpr ControlRow control_rows[] = {
#define CONTROL(group, name, bit, text, capability) {group::name, #group, #name, text, Capability::capability},
#include "cpu/vmx/controls.def"
};

constexpr std::optional<Capability> capability_of(Control control) {
    for (auto& r : control_rows)
        if (r.control == control) return r.capability;
    return {};
}
// Whether VMREAD and VMWRITE find the field on a CPU of these capabilities.
constexpr bool exists(Field f, Capabilities has) {
    Control with = fields[row(f)].exists;
    return with == always ? has.has(Capability::vmx) : has.has(*capability_of(with));
}

// What a word of controls may be set to: a bit of `ones` must be 1, a bit outside `allowed` must be 0 (SDM vol. 3, A.2).
struct Settings {
    u64 ones = 0, allowed = 0;
    constexpr bool permit(u64 value) const { return (value & ones) == ones && !(value & ~allowed); }
    constexpr bool operator==(const Settings&) const = default;
};

// What the capabilities come to. VM entry's checks, VMXON, and the capability MSRs see nothing else of the CPU's make.
struct Limits {
    Capabilities has;
    Settings pin, primary, secondary, exit, entry, function;
    Settings cr0, cr4;            // in VMX operation (A.7, A.8)
    u64 efer = 0;                 // the bits of IA32_EFER that exist
    u64 debugctl = 0;             // and of IA32_DEBUGCTL
    u64 perf_global = 0;          // and of IA32_PERF_GLOBAL_CTRL
    u8 physical_bits = 40;
    u8 linear_bits = 48;          // the widest there are; CR4.LA57 chooses for RIP
    u8 cr3_targets = 4;
    std::array<bool, 4> activity_states{true, true, true, true};      // active, HLT, shutdown, wait-for-SIPI
    bool all_writable = false;    // VMWRITE may change exit information too
    u64 ept_vpid = 0;             // IA32_VMX_EPT_VPID_CAP
    FieldSet fields;              // that exist

    const Settings& of(Field word) const;
    bool writable(Field f) const { return all_writable || !read_only(f); }
    bool allows(Control c) const { return of(c.word).allowed & bit(c.bit); }
    bool operator==(const Limits&) const = default;
};

// `cr4_bits`: those that exist without VMX; CR4.VMXE is added.
Limits limits(Capabilities, const FeatureSet&, u64 cr4_bits, unsigned physical_bits, unsigned perf_counters = 8);

// ---- capability MSRs, 480h to 491h (SDM vol. 3, appendix A)

struct CapabilityMsr {
    u32 index;
    std::string_view name;
    u64 (*value)(const Limits&);
    bool (*exists)(const Limits&);
};
std::span<const CapabilityMsr> capability_msrs();
// None: the CPU has no such MSR.
std::optional<u64> capability_msr(u32 index, const Limits&);

// Bits of IA32_VMX_EPT_VPID_CAP (A.10).
namespace ept_vpid {
constexpr u64 execute_only = bit(0), four_levels = bit(6), uncacheable = bit(8), write_back = bit(14), pages_2m = bit(16),
              pages_1g = bit(17), invept = bit(20), accessed_dirty = bit(21), violation_information = bit(22), invept_single = bit(25), invept_all = bit(26),
              invvpid = bit(32), invvpid_address = bit(40), invvpid_single = bit(41), invvpid_all = bit(42),
              invvpid_single_retaining_globals = bit(43);
}

// Whether an EPT pointer is one that VM entry, VMFUNC and INVEPT accept (SDM vol. 3, 25.6.11), in parts.
bool eptp_memory_type(u64 eptp, const Limits&);
bool eptp_levels(u64 eptp, const Limits&);
bool eptp_accessed_dirty(u64 eptp, const Limits&);
bool eptp_reserved(u64 eptp, const Limits&);
bool valid_eptp(u64 eptp, const Limits&);

}
