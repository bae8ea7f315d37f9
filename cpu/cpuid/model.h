// SPDX-License-Identifier: MIT
// A CPU model: one table of what its silicon is (cpu/cpuid/models/), and the --cpu option that chooses and changes it.
#pragma once
#include "cpu/cpuid/features.h"
#include "cpu/vmx/capabilities.h"
#include <span>
#include <string>
#include <vector>

enum class Vendor : u8 { intel, amd };

struct Cache {                    // SDM vol. 2, CPUID leaf 4; APM vol. 3, E.4.15
    u8 level;
    char type;                    // 'd'ata, 'i'nstruction, 'u'nified
    u32 kib;
    u8 ways, line;
    bool shared;                  // by all CPUs of the package; else each has its own
    u8 flags = 0;                 // EDX: bit 0 WBINVD reaches not all sharers, 1 inclusive, 2 complex indexing
    constexpr u32 sets() const { return kib * 1024 / ways / line; }
};

struct CpuModel {
    std::string_view name;        // as --cpu takes it
    std::string_view text;        // as --list cpus shows it
    Vendor vendor = Vendor::intel;
    std::string_view brand;       // at most 47 characters
    u8 family = 6, model = 0, stepping = 0;
    u32 microcode = 0;
    u32 max_leaf = 0, max_extended = 0;
    u8 physical_bits = 40;
    FeatureSet features;
    std::span<const Cache> caches;
    std::array<u32, 4> descriptors{};      // leaf 2 (Intel)
    std::array<u32, 4> l1{}, l2{};         // leaves 8000_0005h and 8000_0006h
    u64 arch_capabilities = 0;
    vmx::Capabilities vmx{};               // what Feature::vmx brings
    u8 mca_banks = 0;
    u8 perf_counters = 8;                  // general ones, of Feature::perfmon
    u32 apic_version = 0x14;
    u32 asids = 0;                         // 8000_000Ah EBX (AMD)
    u32 bus_mhz = 100;                     // PLATFORM_INFO counts in it
    std::string_view lacks;                // what its silicon has and the emulator has not
    unsigned processors = 1;               // of the package (--smp); the machine sets it

    constexpr bool intel() const { return vendor == Vendor::intel; }
    constexpr u32 signature() const {      // leaf 1, EAX
        u32 base = family < 15 ? family : 15, extended = u32(family - base);
        return extended << 20 | u32(model >> 4) << 16 | base << 8 | (model & 15u) << 4 | stepping;
    }
    constexpr unsigned linear_bits() const { return features.has(Feature::la57) ? 57 : 48; }
};

const CpuModel* find_model(std::string_view name);     // null: none of that name
std::vector<std::string_view> model_names();

// What --cpu chose: the model, and its features with the changes asked for (model.features has them too).
struct CpuSelection {
    CpuModel model;
    FeatureSet features;
};
// "MODEL[,+feature,-feature...]". Throws Error with one line.
CpuSelection parse_cpu(std::string_view text);

// `--list cpus`: one line per model and one of what it lacks.
std::string list_cpus();
