// SPDX-License-Identifier: MIT
// The state-save area by its table, and what RSM asks of it.
#include "cpu/smm/image.h"
#include "cpu/cpuid/model.h"
#include "cpu/isa/control.h"

namespace smm {

namespace {

struct SaveRow {
    u8 bytes;
    u16 at[3];                    // by layout
    u64 (*get)(Image& m);
    void (*set)(Image& m, u64 value);
};
template <class T> void assign(T& place, u64 value) { place = T(value); }
inline void assign(Image::Half place, u64 value) { place = value; }

constexpr SaveRow rows[] = {
#define SAVE(bytes, intel64, intel32, amd64, what) \
    {bytes, {intel64, intel32, amd64}, [](Image& m) { return u64(what); }, [](Image& m, u64 value) { assign(what, value); }},
#include "cpu/smm/save_map.def"
};

constexpr bool disjoint() {
    for (auto& a : rows)
        for (auto& b : rows)
            for (unsigned l = 0; l < 3; l++)
                if (&a != &b && a.at[l] && b.at[l] && a.at[l] < b.at[l] + b.bytes && b.at[l] < a.at[l] + a.bytes) return false;
    return true;
}
static_assert(disjoint(), "two rows share bytes");

Physical place(const Cpu& cpu, const SaveRow& row, Layout l) {
    u32 from = cpu.smm.base + (l == Layout::amd64 ? 0 : 0x8000);
    return Physical(from + row.at[unsigned(l)]);
}

// ---- what a processor may not be in (SDM vol. 3, "Exiting From SMM"; APM vol. 2, 10.3.6 and RSM)

struct Rule {
    std::string_view text;
    bool (*broken)(const Cpu& cpu, Image& m);
};
constexpr Rule rules[] = {
    {"a reserved bit of CR0", [](const Cpu&, Image& m) { return m.cr0 >> 32 != 0; }},
    {"CR0.PG without PE", [](const Cpu&, Image& m) { return (m.cr0 & cr0::pg) && !(m.cr0 & cr0::pe); }},
    {"CR0.NW without CD", [](const Cpu&, Image& m) { return (m.cr0 & cr0::nw) && !(m.cr0 & cr0::cd); }},
    {"a reserved bit of CR4", [](const Cpu& cpu, Image& m) { return (m.cr4 & ~control::cr4_bits(cpu)) != 0; }},
    {"a reserved bit of EFER", [](const Cpu& cpu, Image& m) { return (m.efer & ~control::efer_bits(cpu)) != 0; }},
    {"EFER.LMA is not PG with LME", [](const Cpu&, Image& m) {
         return bool(m.efer & efer::lma) != ((m.efer & efer::lme) && (m.cr0 & cr0::pg));
     }},
    {"IA-32e mode without CR4.PAE", [](const Cpu&, Image& m) { return (m.efer & efer::lma) && !(m.cr4 & cr4::pae); }},
    {"CR4.PCIDE outside IA-32e mode", [](const Cpu&, Image& m) { return (m.cr4 & cr4::pcide) && !(m.efer & efer::lma); }},
    {"a reserved bit of CR3", [](const Cpu& cpu, Image& m) {
         return (m.efer & efer::lma) && m.cr3 >> cpu.model.physical_bits != 0;
     }},
    {"the upper half of DR6 or DR7", [](const Cpu&, Image& m) { return (m.dr6 | m.dr7) >> 32 != 0; }},
    {"virtual-8086 mode in IA-32e mode", [](const Cpu&, Image& m) { return (m.efer & efer::lma) && (m.rflags & rflags::vm); }},
    {"64-bit code of 32 bits", [](const Cpu&, Image& m) {
         constexpr u16 both = 0x600;              // L and D
         return (m.efer & efer::lma) && (m.of(Seg::cs).attributes & both) == both;
     }},
};

}

Layout layout(const Cpu& cpu) {
    if (!cpu.intel()) return Layout::amd64;
    return cpu.features.has(Feature::lm) ? Layout::intel64 : Layout::intel32;
}

void store(Cpu& cpu, Image& image) {
    auto l = layout(cpu);
    for (auto& row : rows)
        if (row.at[unsigned(l)]) cpu.memory.write(place(cpu, row, l), row.bytes, row.get(image));
}

void load(Cpu& cpu, Image& image) {
    auto l = layout(cpu);
    for (auto& row : rows)
        if (row.at[unsigned(l)]) row.set(image, cpu.memory.read(place(cpu, row, l), row.bytes));
}

std::string_view broken(const Cpu& cpu, Image& image) {
    for (auto& rule : rules)
        if (rule.broken(cpu, image)) return rule.text;
    return {};
}

}
