// SPDX-License-Identifier: MIT
// The table of registers, and the names of their bits.
#include "debugger/registers.h"
#include "cpu/cpuid/model.h"
#include "debugger/expression.h"
#include <algorithm>
#include <bit>

namespace debugger {

namespace {

// ---- what can be written: never a mode that no guest can reach, or of which derived state would know nothing

constexpr u64 mode_bits_cr0 = cr0::pe | cr0::pg, writable_cr0 = cr0::mp | cr0::em | cr0::ts | cr0::ne | cr0::wp | cr0::am | cr0::nw | cr0::cd;
constexpr u64 writable_cr4 = cr4::tsd | cr4::de | cr4::mce | cr4::pge | cr4::pce | cr4::osfxsr | cr4::osxmmexcpt | cr4::umip | cr4::fsgsbase |
                             cr4::smep | cr4::smap | cr4::pke;
static_assert(!(writable_cr0 & mode_bits_cr0));

bool only(u64 now, u64 value, u64 writable) { return !((now ^ value) & ~writable); }

u64 gpr(const Cpu& c, unsigned n) { return c.gpr[n]; }
bool set_gpr(Cpu& c, unsigned n, u64 v) { return c.gpr[n] = v, true; }
u64 flags(const Cpu& c, unsigned) { return c.rflags; }
bool set_flags(Cpu& c, unsigned, u64 v) {
    if (!only(c.rflags & rflags::vm, v & rflags::vm, 0) || v >> 22) return false;
    return c.set_rflags(v), true;
}
u64 cpl(const Cpu& c, unsigned) { return c.cpl; }

u64 selector(const Cpu& c, unsigned n) { return c.seg.s[n].selector; }
u64 base(const Cpu& c, unsigned n) { return c.seg.s[n].base; }
bool set_base(Cpu& c, unsigned n, u64 v) {
    bool fits = c.long_mode() ? c.canonical(v) : !(v >> 32);
    if (fits) c.seg.s[n].base = v, c.mode_changed();
    return fits;
}
u64 limit(const Cpu& c, unsigned n) { return c.seg.s[n].limit; }
u64 rights(const Cpu& c, unsigned n) { return c.seg.s[n].rights.value; }
u64 table_base(const Cpu& c, unsigned n) { return n ? c.seg.idtr.base : c.seg.gdtr.base; }
u64 table_limit(const Cpu& c, unsigned n) { return n ? c.seg.idtr.limit : c.seg.gdtr.limit; }

u64 read_cr0(const Cpu& c, unsigned) { return c.control.cr0; }
bool set_cr0(Cpu& c, unsigned, u64 v) {
    u64 old = c.control.cr0;
    if (!only(old, v, writable_cr0) || ((v & cr0::nw) && !(v & cr0::cd))) return false;
    return c.control.cr0 = v, c.cr0_written(old), c.mode_changed(), true;
}
u64 read_cr2(const Cpu& c, unsigned) { return c.control.cr2; }
bool set_cr2(Cpu& c, unsigned, u64 v) { return c.control.cr2 = v, true; }
u64 read_cr3(const Cpu& c, unsigned) { return c.control.cr3; }
bool set_cr3(Cpu& c, unsigned, u64 v) {
    if (v >> c.model.physical_bits || (c.control.cr4 & cr4::pae && !c.long_mode())) return false;      // PAE: the PDPTEs would be others
    return c.control.cr3 = v, c.cr3_written(false), true;
}
u64 read_cr4(const Cpu& c, unsigned) { return c.control.cr4; }
bool set_cr4(Cpu& c, unsigned, u64 v) {
    u64 old = c.control.cr4;
    if (!only(old, v, writable_cr4)) return false;
    return c.control.cr4 = v, c.cr4_written(old), c.mode_changed(), true;
}
u64 read_cr8(const Cpu& c, unsigned) { return c.apic.cr8(); }
bool set_cr8(Cpu& c, unsigned, u64 v) { return v < 16 && (c.apic.set_cr8(u8(v)), true); }
u64 read_efer(const Cpu& c, unsigned) { return c.control.efer; }
bool set_efer(Cpu& c, unsigned, u64 v) {
    u64 old = c.control.efer;
    if (!only(old, v, efer::sce)) return false;
    return c.control.efer = v, c.efer_written(old), true;
}
u64 read_xcr0(const Cpu& c, unsigned) { return c.control.xcr0; }
u64 read_pkru(const Cpu& c, unsigned) { return c.control.pkru; }
bool set_pkru(Cpu& c, unsigned, u64 v) {
    if (v >> 32) return false;
    return c.control.pkru = u32(v), c.translation_mode_changed(), true;
}
u64 pdpte(const Cpu& c, unsigned n) { return c.control.pdpte[n]; }

u64 dr(const Cpu& c, unsigned n) { return c.control.dr[n]; }
bool set_dr(Cpu& c, unsigned n, u64 v) {
    if (n >= 6 && v >> 32) return false;
    static constexpr u64 fixed_ones[] = {0xffff0ff0, 0x400};
    c.control.dr[n] = n < 6 ? v : v | fixed_ones[n - 6];
    return c.mode_changed(), true;
}

u64 x87_word(const Cpu& c, unsigned n) {
    u64 words[] = {c.fpu.control, c.fpu.status, c.fpu.empty, c.fpu.fop, c.fpu.fip, c.fpu.fdp, c.fpu.fcs, c.fpu.fds, c.vector.mxcsr};
    return words[n];
}

using enum Group;
constexpr Register table[] = {
    // name         group     bits number   get             set
    {"rax",         general,  64,  rax,     gpr,            set_gpr},
    {"rbx",         general,  64,  rbx,     gpr,            set_gpr},
    {"rcx",         general,  64,  rcx,     gpr,            set_gpr},
    {"rdx",         general,  64,  rdx,     gpr,            set_gpr},
    {"rsi",         general,  64,  rsi,     gpr,            set_gpr},
    {"rdi",         general,  64,  rdi,     gpr,            set_gpr},
    {"rbp",         general,  64,  rbp,     gpr,            set_gpr},
    {"rsp",         general,  64,  rsp,     gpr,            set_gpr},
    {"r8",          general,  64,  r8,      gpr,            set_gpr},
    {"r9",          general,  64,  r9,      gpr,            set_gpr},
    {"r10",         general,  64,  r10,     gpr,            set_gpr},
    {"r11",         general,  64,  r11,     gpr,            set_gpr},
    {"r12",         general,  64,  r12,     gpr,            set_gpr},
    {"r13",         general,  64,  r13,     gpr,            set_gpr},
    {"r14",         general,  64,  r14,     gpr,            set_gpr},
    {"r15",         general,  64,  r15,     gpr,            set_gpr},
    {"rip",         general,  64,  rip_reg, gpr,            set_gpr},
    {"rflags",      general,  32,  0,       flags,          set_flags},
    {"cpl",         general,  8,   0,       cpl,            nullptr},
#define SEGMENT(NAME, NUMBER) \
    {NAME,          segments, 16, NUMBER,   selector,       nullptr}, \
    {NAME ".base",  segments, 64, NUMBER,   base,           set_base}, \
    {NAME ".limit", segments, 32, NUMBER,   limit,          nullptr}, \
    {NAME ".rights", segments, 32, NUMBER,  rights,         nullptr}
    SEGMENT("es", 0), SEGMENT("cs", 1), SEGMENT("ss", 2), SEGMENT("ds", 3), SEGMENT("fs", 4), SEGMENT("gs", 5), SEGMENT("ldtr", 6), SEGMENT("tr", 7),
#undef SEGMENT
    {"gdtr.base",   segments, 64,  0,       table_base,     nullptr},
    {"gdtr.limit",  segments, 16,  0,       table_limit,    nullptr},
    {"idtr.base",   segments, 64,  1,       table_base,     nullptr},
    {"idtr.limit",  segments, 16,  1,       table_limit,    nullptr},
    {"cr0",         control,  64,  0,       read_cr0,       set_cr0},
    {"cr2",         control,  64,  0,       read_cr2,       set_cr2},
    {"cr3",         control,  64,  0,       read_cr3,       set_cr3},
    {"cr4",         control,  64,  0,       read_cr4,       set_cr4},
    {"cr8",         control,  64,  0,       read_cr8,       set_cr8},
    {"efer",        control,  64,  0,       read_efer,      set_efer},
    {"xcr0",        control,  64,  0,       read_xcr0,      nullptr},
    {"pkru",        control,  32,  0,       read_pkru,      set_pkru},
    {"pdpte0",      control,  64,  0,       pdpte,          nullptr},
    {"pdpte1",      control,  64,  1,       pdpte,          nullptr},
    {"pdpte2",      control,  64,  2,       pdpte,          nullptr},
    {"pdpte3",      control,  64,  3,       pdpte,          nullptr},
    {"dr0",         debug,    64,  0,       dr,             set_dr},
    {"dr1",         debug,    64,  1,       dr,             set_dr},
    {"dr2",         debug,    64,  2,       dr,             set_dr},
    {"dr3",         debug,    64,  3,       dr,             set_dr},
    {"dr6",         debug,    64,  6,       dr,             set_dr},
    {"dr7",         debug,    64,  7,       dr,             set_dr},
    {"fctrl",       x87,      16,  0,       x87_word,       nullptr},
    {"fstat",       x87,      16,  1,       x87_word,       nullptr},
    {"fempty",      x87,      8,   2,       x87_word,       nullptr},
    {"fop",         x87,      16,  3,       x87_word,       nullptr},
    {"fip",         x87,      64,  4,       x87_word,       nullptr},
    {"fdp",         x87,      64,  5,       x87_word,       nullptr},
    {"fcs",         x87,      16,  6,       x87_word,       nullptr},
    {"fds",         x87,      16,  7,       x87_word,       nullptr},
    {"mxcsr",       x87,      32,  8,       x87_word,       nullptr},
};

struct BitName {
    u64 bit;
    std::string_view name, meaning;
};
constexpr BitName cr0_bits[] = {
    {cr0::pg, "PG", "paging is on"},
    {cr0::cd, "CD", "caches are off"},
    {cr0::nw, "NW", "not write-through"},
    {cr0::am, "AM", "alignment is checked where RFLAGS.AC is set"},
    {cr0::wp, "WP", "read-only pages refuse the supervisor's writes too"},
    {cr0::ne, "NE", "x87 errors raise #MF"},
    {cr0::et, "ET", "always set"},
    {cr0::ts, "TS", "the next x87 or vector instruction raises #NM"},
    {cr0::em, "EM", "x87 instructions raise #NM"},
    {cr0::mp, "MP", "WAIT obeys TS"},
    {cr0::pe, "PE", "protected mode"},
};
constexpr BitName cr4_bits[] = {
    {cr4::pks, "PKS", "protection keys of supervisor pages"},
    {cr4::cet, "CET", "control-flow enforcement"},
    {cr4::pke, "PKE", "protection keys of user pages"},
    {cr4::smap, "SMAP", "the supervisor may not read or write user pages"},
    {cr4::smep, "SMEP", "the supervisor may not execute user pages"},
    {cr4::osxsave, "OSXSAVE", "XSAVE and XCR0"},
    {cr4::pcide, "PCIDE", "CR3 names a process context"},
    {cr4::fsgsbase, "FSGSBASE", "RDFSBASE and its like"},
    {cr4::smxe, "SMXE", "GETSEC"},
    {cr4::vmxe, "VMXE", "VMXON"},
    {cr4::la57, "LA57", "five levels of paging"},
    {cr4::umip, "UMIP", "users may not ask for descriptor tables"},
    {cr4::osxmmexcpt, "OSXMMEXCPT", "SIMD errors raise #XM"},
    {cr4::osfxsr, "OSFXSR", "SSE instructions"},
    {cr4::pce, "PCE", "users may RDPMC"},
    {cr4::pge, "PGE", "global pages"},
    {cr4::mce, "MCE", "machine checks"},
    {cr4::pae, "PAE", "entries of 64 bits"},
    {cr4::pse, "PSE", "pages of 4 MiB"},
    {cr4::de, "DE", "breakpoints on I/O"},
    {cr4::tsd, "TSD", "users may not RDTSC"},
    {cr4::pvi, "PVI", "virtual interrupts of protected mode"},
    {cr4::vme, "VME", "virtual interrupts of virtual-8086 mode"},
};
constexpr BitName efer_bits[] = {
    {efer::ffxsr, "FFXSR", "a fast FXSAVE"},
    {efer::lmsle, "LMSLE", "segment limits in long mode"},
    {efer::svme, "SVME", "SVM is on"},
    {efer::nxe, "NXE", "entries may forbid fetches"},
    {efer::lma, "LMA", "long mode is active"},
    {efer::lme, "LME", "long mode is wanted"},
    {efer::sce, "SCE", "SYSCALL"},
};
constexpr BitName rflags_bits[] = {
    {rflags::id, "ID", "CPUID can be told by it"},
    {rflags::vip, "VIP", "a virtual interrupt is pending"},
    {rflags::vif, "VIF", "virtual interrupts are enabled"},
    {rflags::ac, "AC", "alignment checks; or SMAP is lifted"},
    {rflags::vm, "VM", "virtual-8086 mode"},
    {rflags::rf, "RF", "no instruction breakpoint at the next instruction"},
    {rflags::nt, "NT", "a nested task"},
    {rflags::of, "OF", "overflow"},
    {rflags::df, "DF", "strings go downwards"},
    {rflags::if_, "IF", "interrupts are enabled"},
    {rflags::tf, "TF", "#DB behind each instruction"},
    {rflags::sf, "SF", "negative"},
    {rflags::zf, "ZF", "zero"},
    {rflags::af, "AF", "carry out of bit 3"},
    {rflags::pf, "PF", "even parity of the low byte"},
    {rflags::cf, "CF", "carry"},
};
constexpr BitName dr6_bits[] = {
    {bit(15), "BT", "a task switch"},
    {bit(14), "BS", "a single step"},
    {bit(13), "BD", "an access to debug registers"},
    {bit(3), "B3", "breakpoint 3"},
    {bit(2), "B2", "breakpoint 2"},
    {bit(1), "B1", "breakpoint 1"},
    {bit(0), "B0", "breakpoint 0"},
};
constexpr struct {
    std::string_view name;
    std::span<const BitName> bits;
} decoded[] = {{"cr0", cr0_bits}, {"cr4", cr4_bits}, {"efer", efer_bits}, {"rflags", rflags_bits}, {"dr6", dr6_bits}};

}

std::span<const Register> registers() { return table; }

const Register* find_register(std::string_view name) {
    auto* found = std::find_if(std::begin(table), std::end(table), [&](auto& r) { return r.name == name; });
    return found == std::end(table) ? nullptr : found;
}

std::string_view name_of(Group group) {
    static constexpr std::string_view names[] = {"general", "segments", "control", "debug", "x87"};
    return names[unsigned(group)];
}

bool msr_index(Cpu& cpu, std::string_view name, u32& index) {
    u64 number;
    if (parse_number(name, number)) return index = u32(number), number <= 0xffffffff;
    for (auto& range : msr_ranges)
        for (index = range.first; index <= range.last; index++)
            if (msr_name(cpu, index) == name) return true;
    return false;
}

std::string bit_names(std::string_view register_name, u64 value) {
    std::string out;
    for (auto& row : decoded)
        for (auto& b : row.bits)
            if (row.name == register_name && value & b.bit) out += (out.empty() ? "" : " ") + std::string(b.name);
    return out;
}

void add_register_bits(Result& result, std::string_view register_name, u64 value) {
    for (auto& row : decoded)
        for (auto& b : row.bits)
            if (row.name == register_name && value & b.bit)
                result.add(format("    bit %-6d %-26s %s", std::countr_zero(b.bit), std::string(b.name).c_str(), std::string(b.meaning).c_str()))
                    .with("kind", "bit").with("of", register_name).count("bit", u64(std::countr_zero(b.bit))).with("name", b.name).with("meaning", b.meaning);
}

}
