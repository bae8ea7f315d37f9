// SPDX-License-Identifier: MIT
// CPUID's leaves: feature bits from features.def, the rest from the model (SDM vol. 2, CPUID; APM vol. 3, appendix E).
#include "cpu/cpuid/leaves.h"
#include "cpu/cpu.h"
#include "cpu/isa/xsave.h"
#include <algorithm>
#include <cstring>
#include <numeric>

namespace {

struct Request {
    const CpuModel& model;
    const FeatureSet& features;
    const CpuidState& state;
    u32 leaf, subleaf;
    bool has(Feature f) const { return features.has(f); }
    unsigned cpus() const { return std::max(model.processors, 1u); }
    unsigned id_bits() const { return unsigned(std::bit_width(cpus() - 1)); }     // of the APIC id, below the package
};

// Of the leaves with feature bits only these look at ECX (SDM vol. 2, CPUID).
bool has_subleaves(u32 leaf) { return leaf == 7 || leaf == 0xd; }

// The bits of every row of features.def that belong here.
CpuidLeaf feature_bits(const Request& r) {
    CpuidLeaf l;
    for (auto& row : feature_rows) {
        if (row.leaf != r.leaf || (has_subleaves(r.leaf) && row.subleaf != r.subleaf) || !r.has(row.feature)) continue;
        u32* registers[] = {&l.eax, &l.ebx, &l.ecx, &l.edx};
        *registers[unsigned(row.reg)] |= u32(bit(row.position));
    }
    return l;
}

CpuidLeaf text(std::string_view s) {
    char bytes[16]{};
    std::memcpy(bytes, s.data(), std::min<std::size_t>(s.size(), 16));
    CpuidLeaf l;
    std::memcpy(&l, bytes, 16);
    return l;
}

CpuidLeaf vendor(const Request& r, u32 highest) {
    CpuidLeaf l = r.model.intel() ? text("GenuntelineI") : text("AuthcAMDenti");
    return {highest, l.eax, l.ebx, l.ecx};                // EBX, ECX, EDX hold it in the order EBX, EDX, ECX
}

CpuidLeaf version(const Request& r) {
    CpuidLeaf l = feature_bits(r);
    l.eax = r.model.signature();
    l.ebx = (r.has(Feature::clfsh) ? 8u << 8 : 0) | u32(bit(r.id_bits())) << 16 | r.state.apic_id << 24;
    if (r.cpus() > 1) l.edx |= u32(bit(28));
    else l.edx &= ~u32(bit(28)), l.ebx = (l.ebx & ~0xff0000u) | 0x10000;
    if (r.state.cr4 & cr4::osxsave) l.ecx |= u32(bit(27));
    if (!r.state.apic_enabled) l.edx &= ~u32(bit(9));
    return l;
}

CpuidLeaf structured_features(const Request& r) {
    CpuidLeaf l = feature_bits(r);
    if (r.subleaf == 0 && (r.state.cr4 & cr4::pke)) l.ecx |= u32(bit(4));
    return l;
}

// Leaves 4 and 8000_001Dh have one layout but for the cores of the package.
CpuidLeaf cache(const Request& r, bool amd) {
    if (r.subleaf >= r.model.caches.size()) return {};
    auto& c = r.model.caches[r.subleaf];
    u32 type = c.type == 'd' ? 1 : c.type == 'i' ? 2 : 3;
    u32 sharing = c.shared ? (amd ? r.cpus() : u32(bit(r.id_bits()))) - 1 : 0;
    u32 cores = amd ? 0 : std::min<u32>(u32(bit(r.id_bits())) - 1, 63);
    return {type | u32(c.level) << 5 | 1u << 8 | (sharing & 0xfff) << 14 | cores << 26, u32(c.line - 1) | u32(c.ways - 1) << 22, c.sets() - 1, c.flags};
}

// Leaves 0Bh and 1Fh: threads (one a core), cores, nothing.
CpuidLeaf topology(const Request& r) {
    u32 level = r.subleaf & 0xff;
    if (level == 0) return {0, 1, 1u << 8, r.state.apic_id};
    if (level == 1) return {r.id_bits(), r.cpus(), 2u << 8 | 1, r.state.apic_id};
    return {0, 0, level, r.state.apic_id};
}

// 0Ah: performance monitoring. The feature's bit makes the version 2; all seven architectural events are there (EBX is 0): there
// are no caches and no wrong predictions, so that three of them count 0.
CpuidLeaf performance_monitoring(const Request& r) {
    CpuidLeaf l = feature_bits(r);
    if (!r.model.intel() || !r.has(Feature::perfmon)) return {};
    constexpr u32 width = 48, architectural_events = 7, fixed_counters = 3;
    l.eax |= u32{r.model.perf_counters} << 8 | width << 16 | architectural_events << 24;
    l.edx = fixed_counters | width << 5;
    return l;
}

// 0Dh: the XSAVE area.
CpuidLeaf extended_state(const Request& r) {
    if (!r.has(Feature::xsave)) return {};
    u64 all = xstate::components(r.features), now = r.state.xcr0;
    CpuidLeaf l = feature_bits(r);
    switch (r.subleaf) {
    case 0: return {u32(all), xstate::standard_size(now), xstate::standard_size(all), 0};
    case 1:
        if (r.has(Feature::xsavec) || r.has(Feature::xsaves)) l.ebx = xstate::compacted_size(now);
        return l;
    default:
        for (auto& c : xstate::extended)
            if (r.subleaf < 64 && c.state == bit(r.subleaf) && (all & c.state)) return {c.size, c.standard, 0, 0};
        return {};
    }
}

// TSC = crystal * EBX / EAX; nothing where the numbers don't fit.
CpuidLeaf tsc_frequency(const Request& r) {
    u64 crystal = crystal_rate(r.state.rate), g = std::gcd(r.state.rate, crystal);
    u64 over = g ? r.state.rate / g : 0, under = g ? crystal / g : 0;
    if (!g || over >> 32 || under >> 32 || crystal >> 32) return {};
    return {u32(under), u32(over), u32(crystal), 0};
}

CpuidLeaf frequencies(const Request& r) {
    u32 mhz = u32(std::min<u64>(r.state.rate / 1'000'000, 0xffff));
    return {mhz, mhz, r.model.bus_mhz, 0};
}

CpuidLeaf extended_features(const Request& r) {
    CpuidLeaf l = feature_bits(r);
    bool amd = !r.model.intel();
    if (amd) {                                            // EDX repeats leaf 1 but for what AMD put elsewhere
        Request one{r.model, r.features, r.state, 1, 0};
        l.eax = r.model.signature();
        l.edx |= version(one).edx & 0x0183f3ff;
    }
    if (r.cpus() == 1) l.ecx &= ~u32(bit(1));
    if (!amd && !r.state.bits64) l.edx &= ~u32(bit(11));
    return l;
}

CpuidLeaf brand(const Request& r) {
    std::size_t at = (r.leaf - 0x80000002) * 16;
    return at < r.model.brand.size() ? text(r.model.brand.substr(at)) : CpuidLeaf{};
}

CpuidLeaf of(const std::array<u32, 4>& words) { return {words[0], words[1], words[2], words[3]}; }

CpuidLeaf sizes(const Request& r) {
    CpuidLeaf l = feature_bits(r);
    l.eax = r.model.physical_bits | (r.has(Feature::la57) ? 57u : 48u) << 8;
    if (!r.has(Feature::lm)) l.eax = r.model.physical_bits | 32u << 8;
    if (!r.model.intel()) l.ecx = r.id_bits() << 12 | (r.cpus() - 1);
    return l;
}

// SVM's revision, ASIDs and capabilities (APM vol. 3, E.4.9).
CpuidLeaf virtualization(const Request& r) {
    if (!r.has(Feature::svm)) return {};
    return {1, r.model.asids, 0, feature_bits(r).edx};
}

CpuidLeaf amd_topology(const Request& r) {
    if (!r.has(Feature::topoext)) return {};
    return {r.state.apic_id, r.state.apic_id & 0xff, 0, 0};
}

CpuidLeaf basic(const Request& r) {
    bool intel = r.model.intel();
    switch (r.leaf) {
    case 0: return vendor(r, r.state.limit_leaves ? std::min(r.model.max_leaf, 2u) : r.model.max_leaf);
    case 1: return version(r);
    case 2: return of(r.model.descriptors);
    case 4: return intel ? cache(r, false) : CpuidLeaf{};
    case 5: return r.has(Feature::monitor) ? CpuidLeaf{64, 64, 3, 0} : CpuidLeaf{};     // bytes; EDX: no C-states but by HLT
    case 7: return structured_features(r);
    case 0x0a: return performance_monitoring(r);
    case 0x0b: return topology(r);
    case 0x0d: return extended_state(r);
    case 0x15: return intel ? tsc_frequency(r) : CpuidLeaf{};
    case 0x16: return intel ? frequencies(r) : CpuidLeaf{};
    case 0x1f: return intel ? topology(r) : CpuidLeaf{};
    default: return feature_bits(r);
    }
}

CpuidLeaf extended(const Request& r) {
    switch (r.leaf) {
    case 0x80000000: return r.model.intel() ? CpuidLeaf{r.model.max_extended, 0, 0, 0} : vendor(r, r.model.max_extended);
    case 0x80000001: return extended_features(r);
    case 0x80000002: case 0x80000003: case 0x80000004: return brand(r);
    case 0x80000005: return of(r.model.l1);
    case 0x80000006: return of(r.model.l2);
    case 0x80000008: return sizes(r);
    case 0x8000000a: return virtualization(r);
    case 0x8000001d: return r.has(Feature::topoext) ? cache(r, true) : CpuidLeaf{};
    case 0x8000001e: return amd_topology(r);
    default: return feature_bits(r);
    }
}

}

// A leaf beyond the last: Intel gives the highest basic one, AMD nothing (SDM vol. 2, CPUID; APM vol. 3, E.2).
CpuidLeaf cpuid(const CpuModel& model, const FeatureSet& features, const CpuidState& state, u32 leaf, u32 subleaf) {
    u32 highest = state.limit_leaves ? std::min(model.max_leaf, 2u) : model.max_leaf;
    if (leaf >= 0x80000000 && leaf <= model.max_extended) return extended({model, features, state, leaf, subleaf});
    if (leaf <= highest) return basic({model, features, state, leaf, subleaf});
    return model.intel() ? basic({model, features, state, highest, subleaf}) : CpuidLeaf{};
}

CpuidLeaf cpuid(const Cpu& cpu, u32 leaf, u32 subleaf) {
    CpuidState state{cpu.control.cr4, cpu.control.xcr0, cpu.apic.initial_id(), cpu.apic.enabled(), cpu.bits64(),
                     bool(cpu.msr.misc_enable & bit(22)), cpu.clock.rate};
    return cpuid(cpu.model, cpu.features, state, leaf, subleaf);
}
