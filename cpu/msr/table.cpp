// SPDX-License-Identifier: MIT
// The model-specific registers, one row each (SDM vol. 4; APM vol. 2, appendix A).
// Left out: Intel's stack of last branches, machine checks.
#include "base/log.h"
#include "cpu/cpu.h"
#include "cpu/cpuid/leaves.h"
#include "cpu/isa/control.h"
#include "cpu/isa/xsave.h"
#include "cpu/msr/access.h"
#include "cpu/vmx/vmx.h"
#include <algorithm>
#include <cstdio>
#include <cstring>

namespace {

using Get = bool (*)(Cpu&, u32 n, u64& value);
using Put = bool (*)(Cpu&, u32 n, u64 value);
using Rule = bool (*)(const Cpu&, u64 value);

// Where a register lives: how register n of a row is read and written. No Get: write-only; no Put: read-only.
struct Place {
    Get get = nullptr;
    Put put = nullptr;
};

template <u64 Msrs::* Field> constexpr Place at{
    [](Cpu& c, u32, u64& v) { return v = c.msr.*Field, true; },
    [](Cpu& c, u32, u64 v) { return c.msr.*Field = v, true; }};
// The same; bits 63:32 of what is written are dropped.
template <u64 Msrs::* Field> constexpr Place at32{at<Field>.get, [](Cpu& c, u32, u64 v) { return c.msr.*Field = u32(v), true; }};
template <auto Array, u32 First = 0> constexpr Place in{
    [](Cpu& c, u32 n, u64& v) { return v = (c.msr.*Array)[First + n], true; },
    [](Cpu& c, u32 n, u64 v) { return (c.msr.*Array)[First + n] = v, true; }};
template <u64 (*F)(const Cpu&)> constexpr Place reads{[](Cpu& c, u32, u64& v) { return v = F(c), true; }};
constexpr Put drop = [](Cpu&, u32, u64) { return true; };
template <u64 (*F)(const Cpu&)> constexpr Place reads_drops{reads<F>.get, drop};
template <Seg S> constexpr Place base{
    [](Cpu& c, u32, u64& v) { return v = c.seg[S].base, true; },
    [](Cpu& c, u32, u64 v) { return c.seg[S].base = v, true; }};
constexpr Place command{nullptr, drop};
constexpr Place nothing{[](Cpu&, u32, u64& v) { return v = 0, true; }, drop};

constexpr u64 all = ~u64{0};

// ---- rules

bool canonical(const Cpu& c, u64 v) { return c.canonical_at_widest(v); }
// Locked until the next reset; VMX outside SMX only where there is VMX.
bool feature_control_bits(const Cpu& c, u64 v) {
    return !(c.msr.feature_control & 1) && (!(v & bit(2)) || c.features.has(Feature::vmx));
}

constexpr bool memory_type(u8 t) { return t <= 6 && t != 2 && t != 3; }
bool pat_types(const Cpu&, u64 v) {
    for (unsigned i = 0; i < 64; i += 8)
        if (u8 t = u8(v >> i); t != 7 && !memory_type(t)) return false;
    return true;
}
bool mtrr_types(const Cpu&, u64 v) {
    for (unsigned i = 0; i < 64; i += 8)
        if (!memory_type(u8(v >> i))) return false;
    return true;
}
bool mtrr_default(const Cpu&, u64 v) { return memory_type(u8(v)); }

// SPEC_CTRL: IBRS, STIBP, SSBD, each by its CPUID bit.
bool spec_ctrl_bits(const Cpu& c, u64 v) {
    using enum Feature;
    auto has = [&](Feature intel, Feature amd) { return c.features.has(intel) || c.features.has(amd); };
    u64 exist = (has(spec_ctrl, ibrs) ? bit(0) : 0) | (has(stibp, amd_stibp) ? bit(1) : 0) | (has(ssbd, amd_ssbd) ? bit(2) : 0);
    return !(v & ~exist);
}

// ---- time

bool get_tsc(Cpu& c, u32, u64& v) { return v = read_guest_tsc(c), true; }

// SDM vol. 3, 18.17.3: a write to either moves both.
void move_tsc(Cpu& c, u64 by) {
    c.msr.tsc_offset += by;
    c.msr.tsc_adjust += by;
    c.apic.tsc_changed();
}
// APM vol. 2, 15.30.5: AMD's ratio is the TSC's and MPERF's, for guests alone.
bool get_mperf(Cpu& c, u32, u64& v) {
    u64 count = c.retired + c.msr.mperf_offset;
    return v = c.intel() ? count : guest_scaled(c, count), true;
}
void tsc_ratio_changed(Cpu& c) {
    if (c.guest) c.guest_tsc_ratio = c.msr.tsc_ratio << 16;
}
bool put_tsc(Cpu& c, u32, u64 v) { return move_tsc(c, v - read_tsc(c)), true; }
bool put_tsc_adjust(Cpu& c, u32, u64 v) { return move_tsc(c, v - c.msr.tsc_adjust), true; }

bool get_deadline(Cpu& c, u32, u64& v) { return v = c.apic.tsc_deadline(), true; }
bool put_deadline(Cpu& c, u32, u64 v) { return c.apic.write_tsc_deadline(v), true; }

// Both count while the CPU runs, at the TSC's rate.
template <u64 Msrs::* Offset> constexpr Place counter{
    [](Cpu& c, u32, u64& v) { return v = c.retired + c.msr.*Offset, true; },
    [](Cpu& c, u32, u64 v) { return c.msr.*Offset = v - c.retired, true; }};

// ---- EFER

bool get_efer(Cpu& c, u32, u64& v) { return v = c.control.efer, true; }

// SDM vol. 3, 2.2.1: LMA can't be written; LME can't change under paging.
bool put_efer(Cpu& c, u32, u64 v) {
    u64 old = c.control.efer;
    if (v & ~control::efer_bits(c)) return false;
    if (c.paging() && ((v ^ old) & efer::lme)) return false;
    c.control.efer = (v & ~efer::lma) | (old & efer::lma);
    c.efer_written(old);
    return true;
}

// ---- SVM (APM vol. 2, 15.30 and 15.31)

namespace vm_cr {
constexpr u64 r_init = bit(1), lock = bit(3), svmdis = bit(4);
}

// Locked, LOCK and SVMDIS keep their values; SVM can't be disabled while it is enabled.
bool put_vm_cr(Cpu& c, u32, u64 v) {
    if ((v & vm_cr::svmdis) && (c.control.efer & efer::svme)) return false;
    constexpr u64 locked = vm_cr::lock | vm_cr::svmdis;
    u64 old = c.msr.vm_cr;
    c.msr.vm_cr = old & vm_cr::lock ? (v & ~locked) | (old & locked) : v;
    return true;
}
bool frame(const Cpu& c, u64 v) { return !(v & 0xfff) && v >> c.model.physical_bits == 0; }

// Sets the key while VM_CR is not locked, and unlocks it with the same key; 0 is no key.
bool put_svm_key(Cpu& c, u32, u64 v) {
    if (!(c.msr.vm_cr & vm_cr::lock)) c.msr.svm_key = v;
    else if (v && v == c.msr.svm_key) c.msr.vm_cr &= ~vm_cr::lock;
    return true;
}

bool put_doorbell(Cpu& c, u32, u64 v) { return c.wires.doorbell(u32(v)), true; }

// ---- APIC

bool get_apic_base(Cpu& c, u32, u64& v) { return v = c.apic.base(), true; }
bool put_apic_base(Cpu& c, u32, u64 v) { return c.apic.write_base(v); }
bool get_x2apic(Cpu& c, u32 n, u64& v) { return c.apic.read_msr(0x800 + n, v); }
bool put_x2apic(Cpu& c, u32 n, u64 v) { return c.apic.write_msr(0x800 + n, v); }

// ---- VMX (SDM vol. 3, appendix A)

bool get_vmx(Cpu& c, u32 n, u64& v) {
    auto value = vmx::capability_msr(0x480 + n, static_cast<vmx::Vmx&>(*c.virt).limits);
    return v = value.value_or(0), value.has_value();
}

// ---- MTRRs (SDM vol. 3, 12.11)

constexpr u64 variable_mtrrs = 8;
u64 mtrr_capabilities(const Cpu&) { return variable_mtrrs | bit(8) | bit(10); }

bool put_mtrr_variable(Cpu& c, u32 n, u64 v) {
    u64 address = mask(c.model.physical_bits - 1u, 12);
    if (n & 1 ? v & ~(address | bit(11)) : (v & ~(address | 0xff)) || !memory_type(u8(v))) return false;
    c.msr.mtrr_variable[n] = v;
    return true;
}
constexpr Place mtrr_variable{in<&Msrs::mtrr_variable>.get, put_mtrr_variable};

void types_changed(Cpu& c) { c.memory_map_changed(); }

// ---- what the model says

// IBRS_ALL says how IBRS works; a CPU without IBRS doesn't say it.
u64 arch_capabilities(const Cpu& c) {
    return c.model.arch_capabilities & ~(c.features.has(Feature::spec_ctrl) ? 0 : bit(1));
}
u64 microcode_intel(const Cpu& c) { return u64{c.model.microcode} << 32; }
u64 microcode_amd(const Cpu& c) { return c.model.microcode; }
u64 zero(const Cpu&) { return 0; }
u64 mcg_capabilities(const Cpu& c) { return c.model.mca_banks; }
u64 platform_info(const Cpu& c) {                  // ratios to the bus clock: highest without turbo, lowest
    u64 ratio = std::clamp<u64>(c.clock.rate / (u64{c.model.bus_mhz} * 1'000'000), 1, 255);
    return ratio << 8 | ratio << 40;
}

// MISC_ENABLE: fast strings and "limit CPUID" can be written; no BTS, no PEBS; performance monitoring by its feature (SDM vol. 4, table
// 2-2).
u64 misc_fixed(const Cpu& c) { return bit(11) | bit(12) | (c.features.has(Feature::perfmon) ? bit(7) : 0); }
constexpr u64 misc_known = bit(0) | bit(3) | bit(7) | bit(11) | bit(12) | bit(16) | bit(18) | bit(22) | bit(23) | bit(34);
bool put_misc_enable(Cpu& c, u32, u64 v) { return c.msr.misc_enable = (v & (bit(0) | bit(22))) | misc_fixed(c), true; }
constexpr Place misc_enable{at<&Msrs::misc_enable>.get, put_misc_enable};

// Machine-check banks: CTL, STATUS, ADDR, MISC of each. No error is ever logged; software may only clear.
bool get_bank(Cpu& c, u32 n, u64& v) {
    if (n / 4 >= c.model.mca_banks) return false;
    return v = n % 4 == 0 ? c.msr.mc_ctl[n / 4] : 0, true;
}
bool put_bank(Cpu& c, u32 n, u64 v) {
    if (n / 4 >= c.model.mca_banks) return false;
    if (n % 4) return v == 0 || (!c.intel() && (c.msr.hwcr & bit(18)));      // HWCR.McStatusWrEn
    return c.msr.mc_ctl[n / 4] = v, true;
}

// ---- performance counters

bool get_counter(Cpu& c, u32 n, u64& v) { return c.counters.exists(n) && (v = c.counters.read(n), true); }
// Intel's take 32 bits, sign-extended (SDM vol. 3, "Full-Width Writes to Performance Counter Registers").
bool put_counter(Cpu& c, u32 n, u64 v) {
    return c.counters.exists(n) && (c.counters.write(n, c.intel() ? sign_extend(v, 32) : v), true);
}
bool get_select(Cpu& c, u32 n, u64& v) { return c.counters.exists(n) && (v = c.counters.select(n), true); }
bool put_select(Cpu& c, u32 n, u64 v) { return c.counters.exists(n) && (c.counters.set_select(n, v), true); }
bool get_fixed(Cpu& c, u32 n, u64& v) { return v = c.counters.read(perf::Counters::most_general + n), true; }
bool put_fixed(Cpu& c, u32 n, u64 v) { return c.counters.write(perf::Counters::most_general + n, v), true; }
constexpr Place fixed_control{[](Cpu& c, u32, u64& v) { return v = c.counters.fixed_control(), true; },
                              [](Cpu& c, u32, u64 v) { return c.counters.set_fixed_control(v), true; }};
constexpr Place global_control{[](Cpu& c, u32, u64& v) { return v = c.counters.global_control(), true; },
                               [](Cpu& c, u32, u64 v) { return c.counters.set_global_control(v), true; }};
bool counters_there(const Cpu& c, u64 v) { return !(v & ~c.counters.global_bits()); }
u64 global_status(const Cpu& c) { return c.counters.global_status(); }
bool clear_status(Cpu& c, u32, u64 v) { return c.counters.clear_status(v), true; }
// What IA32_PERF_CAPABILITIES has here: the counters' full-width aliases, and that they can stop in SMM.
constexpr u64 freeze_while_smm_there = bit(12), full_width_writes = bit(13);
u64 perf_capabilities(const Cpu&) { return freeze_while_smm_there | full_width_writes; }
bool put_counter_wide(Cpu& c, u32 n, u64 v) { return c.counters.exists(n) && (c.counters.write(n, v), true); }
bool debugctl_bits(const Cpu& c, u64 v) { return !(v & ~control::debugctl_bits(c.features)); }
// AMD's core counters: the event of each, and its count. The first four are the legacy ones.
bool get_core(Cpu& c, u32 n, u64& v) { return n % 2 ? get_counter(c, n / 2, v) : get_select(c, n / 2, v); }
bool put_core(Cpu& c, u32 n, u64 v) {
    if (n % 2) return v <= mask(47, 0) && put_counter(c, n / 2, v);
    return put_select(c, n / 2, v);
}

// ---- system management mode

u64 smi_count(const Cpu& c) { return c.smm.count; }
u64 smm_base(const Cpu& c) { return c.smm.base; }
constexpr u64 smm_lock = bit(0);                   // HWCR's: until the next reset (APM vol. 2, 10.2.5)
bool put_smm_base(Cpu& c, u32, u64 v) {
    if (c.msr.hwcr & smm_lock) return false;
    return c.smm.base = u32(v), true;
}
template <u64 Msrs::* Field> bool put_smm_segment(Cpu& c, u32, u64 v) {
    if (c.msr.hwcr & smm_lock) return false;
    c.msr.*Field = v;
    return smm::show(c), true;
}
bool put_hwcr(Cpu& c, u32, u64 v) { return c.msr.hwcr = v | (c.msr.hwcr & smm_lock), true; }

// The brand string's six words, which AMD lets firmware write.
bool get_brand(Cpu& c, u32 n, u64& v) {
    char bytes[48]{};
    std::memcpy(bytes, c.model.brand.data(), std::min<std::size_t>(c.model.brand.size(), 47));
    std::memcpy(&v, bytes + (n % 6) * 8, 8);
    return true;
}

// C001_1002h to C001_1005h show leaves 7 (EBX, EAX), 6?, 1 and 8000_0001h (ECX, EDX).
bool get_feature_override(Cpu& c, u32 n, u64& v) {
    static constexpr u32 leaves[] = {7, 6, 1, 0x80000001};
    auto l = cpuid(c, leaves[n & 3], 0);
    v = n == 0 ? u64{l.eax} << 32 | l.ebx : n == 1 ? u64{l.ecx} : u64{l.ecx} << 32 | l.edx;
    return true;
}

enum class Who : u8 { any, intel, amd };

struct MsrRow {
    u32 index, count;
    std::string_view name;
    Who who;
    Feature needs;
    Place place;
    u64 writable;                       // a set bit outside this mask is #GP(0)
    Rule accepts = nullptr;             // a rule that a mask can't say
    void (*changed)(Cpu&) = nullptr;
};

using enum Who;
using F = Feature;

constexpr MsrRow rows[] = {
    // index   count  name                        who     needs                 where                             writable                    accepts         changed
    {0x00000010, 1,   "IA32_TIME_STAMP_COUNTER",  any,    F::tsc,               {get_tsc, put_tsc},               all},
    {0x00000017, 1,   "IA32_PLATFORM_ID",         intel,  F::none,              reads<zero>,                      0},
    {0x0000001b, 1,   "IA32_APIC_BASE",           any,    F::apic,              {get_apic_base, put_apic_base},   all},
    {0x00000034, 1,   "MSR_SMI_COUNT",            intel,  F::none,              reads<smi_count>,                 0},
    {0x0000003a, 1,   "IA32_FEATURE_CONTROL",     intel,  F::none,              at<&Msrs::feature_control>,       bit(0) | bit(2),            feature_control_bits},
    {0x0000003b, 1,   "IA32_TSC_ADJUST",          any,    F::tsc_adjust,        {at<&Msrs::tsc_adjust>.get, put_tsc_adjust}, all},
    {0x00000048, 1,   "IA32_SPEC_CTRL",           intel,  F::spec_ctrl,         at<&Msrs::spec_ctrl>,             bit(0) | bit(1) | bit(2),   spec_ctrl_bits},
    {0x00000048, 1,   "SPEC_CTRL",                amd,    F::ibrs,              at<&Msrs::spec_ctrl>,             bit(0) | bit(1) | bit(2),   spec_ctrl_bits},
    {0x00000049, 1,   "IA32_PRED_CMD",            intel,  F::spec_ctrl,         command,                          bit(0)},
    {0x00000049, 1,   "PRED_CMD",                 amd,    F::ibpb,              command,                          bit(0)},
    {0x00000079, 1,   "IA32_BIOS_UPDT_TRIG",      intel,  F::none,              command,                          all},
    {0x0000008b, 1,   "IA32_BIOS_SIGN_ID",        intel,  F::none,              reads_drops<microcode_intel>,     all},
    {0x0000008b, 1,   "PATCH_LEVEL",              amd,    F::none,              reads_drops<microcode_amd>,       all},
    {0x000000c1, 8,   "IA32_PMC",                 intel,  F::perfmon,           {get_counter, put_counter},       all},
    {0x000000ce, 1,   "MSR_PLATFORM_INFO",        intel,  F::none,              reads<platform_info>,             0},
    {0x000000e1, 1,   "IA32_UMWAIT_CONTROL",      intel,  F::waitpkg,           at<&Msrs::umwait_control>,        mask(31, 2) | bit(0)},
    {0x000000e7, 1,   "IA32_MPERF",               any,    F::aperfmperf,        {get_mperf, counter<&Msrs::mperf_offset>.put}, all},
    {0x000000e8, 1,   "IA32_APERF",               any,    F::aperfmperf,        counter<&Msrs::aperf_offset>,     all},
    {0x000000fe, 1,   "IA32_MTRRCAP",             any,    F::mtrr,              reads<mtrr_capabilities>,         0},
    {0x0000010a, 1,   "IA32_ARCH_CAPABILITIES",   intel,  F::arch_capabilities, reads<arch_capabilities>,         0},
    {0x0000010b, 1,   "IA32_FLUSH_CMD",           intel,  F::l1d_flush,         command,                          bit(0)},
    {0x00000174, 1,   "IA32_SYSENTER_CS",         any,    F::sep,               at32<&Msrs::sysenter_cs>,         all},
    {0x00000175, 1,   "IA32_SYSENTER_ESP",        any,    F::sep,               at<&Msrs::sysenter_esp>,          all,                        canonical},
    {0x00000176, 1,   "IA32_SYSENTER_EIP",        any,    F::sep,               at<&Msrs::sysenter_eip>,          all,                        canonical},
    {0x00000179, 1,   "IA32_MCG_CAP",             any,    F::mca,               reads<mcg_capabilities>,          0},
    {0x0000017a, 1,   "IA32_MCG_STATUS",          any,    F::mca,               at<&Msrs::mcg_status>,            mask(2, 0)},
    {0x00000186, 8,   "IA32_PERFEVTSEL",          intel,  F::perfmon,           {get_select, put_select},         mask(31, 22) | mask(20, 0)},
    {0x000001a0, 1,   "IA32_MISC_ENABLE",         intel,  F::none,              misc_enable,                      misc_known},
    {0x000001d9, 1,   "IA32_DEBUGCTL",            any,    F::none,              at<&Msrs::debugctl>,              all,                        debugctl_bits},
    {0x000001db, 4,   "LAST_BRANCH",              amd,    F::none,              {in<&Msrs::last_branch>.get, nullptr}, 0},
    {0x00000200, 16,  "IA32_MTRR_PHYS",           any,    F::mtrr,              mtrr_variable,                    all,                        nullptr,        types_changed},
    {0x00000250, 1,   "IA32_MTRR_FIX64K",         any,    F::mtrr,              in<&Msrs::mtrr_fixed>,            all,                        mtrr_types,     types_changed},
    {0x00000258, 2,   "IA32_MTRR_FIX16K",         any,    F::mtrr,              in<&Msrs::mtrr_fixed, 1>,         all,                        mtrr_types,     types_changed},
    {0x00000268, 8,   "IA32_MTRR_FIX4K",          any,    F::mtrr,              in<&Msrs::mtrr_fixed, 3>,         all,                        mtrr_types,     types_changed},
    {0x00000277, 1,   "IA32_PAT",                 any,    F::pat,               at<&Msrs::pat>,                   all,                        pat_types,      types_changed},
    {0x000002ff, 1,   "IA32_MTRR_DEF_TYPE",       any,    F::mtrr,              at<&Msrs::mtrr_def_type>,         0xff | bit(10) | bit(11),   mtrr_default,   types_changed},
    {0x00000309, 3,   "IA32_FIXED_CTR",           intel,  F::perfmon,           {get_fixed, put_fixed},           mask(47, 0)},
    {0x00000345, 1,   "IA32_PERF_CAPABILITIES",   intel,  F::pdcm,              reads<perf_capabilities>,         0},
    {0x0000038d, 1,   "IA32_FIXED_CTR_CTRL",      intel,  F::perfmon,           fixed_control,                    0xbbb},
    {0x0000038e, 1,   "IA32_PERF_GLOBAL_STATUS",  intel,  F::perfmon,           reads<global_status>,             0},
    {0x0000038f, 1,   "IA32_PERF_GLOBAL_CTRL",    intel,  F::perfmon,           global_control,                   all,                        counters_there},
    {0x00000390, 1,   "IA32_PERF_GLOBAL_OVF_CTRL", intel, F::perfmon,           {reads<zero>.get, clear_status},  mask(34, 32) | mask(7, 0) | bit(62) | bit(63)},
    {0x00000400, 128, "IA32_MC",                  any,    F::mca,               {get_bank, put_bank},             all},
    {0x00000480, 18,  "IA32_VMX_capabilities",    intel,  F::vmx,               {get_vmx, nullptr},               0},
    {0x000004c1, 8,   "IA32_A_PMC",               intel,  F::pdcm,              {get_counter, put_counter_wide},  mask(47, 0)},
    {0x000006e0, 1,   "IA32_TSC_DEADLINE",        any,    F::tsc_deadline,      {get_deadline, put_deadline},     all},
    {0x00000800, 256, "IA32_X2APIC",              any,    F::x2apic,            {get_x2apic, put_x2apic},         all},
    {0x00000da0, 1,   "IA32_XSS",                 any,    F::xsaves,            at<&Msrs::xss>,                   xstate::supervisor_components},
    {0xc0000080, 1,   "IA32_EFER",                any,    F::none,              {get_efer, put_efer},             all},
    {0xc0000081, 1,   "IA32_STAR",                any,    F::syscall,           at<&Msrs::star>,                  all},
    {0xc0000082, 1,   "IA32_LSTAR",               any,    F::lm,                at<&Msrs::lstar>,                 all,                        canonical},
    {0xc0000083, 1,   "IA32_CSTAR",               any,    F::lm,                at<&Msrs::cstar>,                 all,                        canonical},
    {0xc0000084, 1,   "IA32_FMASK",               any,    F::lm,                at32<&Msrs::fmask>,               all},
    {0xc0000100, 1,   "IA32_FS_BASE",             any,    F::lm,                base<Seg::fs>,                    all,                        canonical},
    {0xc0000101, 1,   "IA32_GS_BASE",             any,    F::lm,                base<Seg::gs>,                    all,                        canonical},
    {0xc0000102, 1,   "IA32_KERNEL_GS_BASE",      any,    F::lm,                at<&Msrs::kernel_gs_base>,        all,                        canonical},
    {0xc0000103, 1,   "IA32_TSC_AUX",             any,    F::rdtscp,            at<&Msrs::tsc_aux>,               mask(31, 0)},
    {0xc0000104, 1,   "TSC_RATIO",                amd,    F::tsc_scale,         at<&Msrs::tsc_ratio>,             mask(39, 0),                nullptr,        tsc_ratio_changed},
    {0xc0010000, 4,   "PERF_LEGACY_CTL",          amd,    F::none,              {get_select, put_select},         all},
    {0xc0010004, 4,   "PERF_LEGACY_CTR",          amd,    F::none,              {get_counter, put_counter},       mask(47, 0)},
    {0xc0010010, 1,   "SYSCFG",                   amd,    F::none,              at<&Msrs::syscfg>,                mask(22, 18)},
    {0xc0010015, 1,   "HWCR",                     amd,    F::none,              {at<&Msrs::hwcr>.get, put_hwcr},  mask(34, 0)},
    {0xc001001a, 1,   "TOP_MEM",                  amd,    F::none,              at<&Msrs::top_mem>,               mask(51, 23)},
    {0xc001001d, 1,   "TOP_MEM2",                 amd,    F::none,              at<&Msrs::top_mem2>,              mask(51, 23)},
    {0xc001001f, 1,   "NB_CFG",                   amd,    F::none,              at<&Msrs::nb_cfg>,                all},
    {0xc0010020, 1,   "PATCH_LOADER",             amd,    F::none,              command,                          all},
    {0xc0010030, 6,   "PROC_NAME_STRING",         amd,    F::none,              {get_brand, drop},                all},
    {0xc0010044, 16,  "MC_CTL_MASK",              amd,    F::none,              nothing,                          all},
    {0xc0010055, 1,   "INT_PENDING",              amd,    F::none,              at<&Msrs::int_pending>,           all},
    {0xc0010058, 1,   "MMIO_CONF_BASE",           amd,    F::none,              nothing,                          all},
    {0xc0010111, 1,   "SMM_BASE",                 amd,    F::none,              {reads<smm_base>.get, put_smm_base}, mask(31, 0)},
    {0xc0010112, 1,   "SMM_ADDR",                 amd,    F::none,              {at<&Msrs::smm_addr>.get, put_smm_segment<&Msrs::smm_addr>}, mask(39, 17)},
    {0xc0010113, 1,   "SMM_MASK",                 amd,    F::none,              {at<&Msrs::smm_mask>.get, put_smm_segment<&Msrs::smm_mask>}, mask(39, 17) | mask(14, 12) | mask(10, 8) | mask(5, 0)},
    {0xc0010114, 1,   "VM_CR",                    amd,    F::svm,               {at<&Msrs::vm_cr>.get, put_vm_cr}, mask(4, 0)},
    {0xc0010117, 1,   "VM_HSAVE_PA",              amd,    F::svm,               at<&Msrs::vm_hsave_pa>,           all,                        frame},
    {0xc0010118, 1,   "SVM_KEY",                  amd,    F::svm_lock,          {reads<zero>.get, put_svm_key},   all},
    {0xc001011b, 1,   "DOORBELL",                 amd,    F::avic,              {nullptr, put_doorbell},          mask(31, 0)},
    {0xc0010140, 1,   "OSVW_ID_LENGTH",           amd,    F::osvw,              at<&Msrs::osvw_length>,           mask(15, 0)},
    {0xc0010141, 1,   "OSVW_STATUS",              amd,    F::osvw,              at<&Msrs::osvw_status>,           all},
    {0xc0010200, 12,  "PERF_CTL_CTR",             amd,    F::perfctr_core,      {get_core, put_core},             all},
    {0xc0011002, 4,   "CPUID_FEATURES",           amd,    F::none,              {get_feature_override, drop},     all},
    {0xc0011020, 16,  "CONFIG",                   amd,    F::none,              in<&Msrs::chicken>,               all},
};
static_assert(std::ranges::is_sorted(rows, {}, &MsrRow::index), "the table ascends by index");

bool is_for(const MsrRow& row, const Cpu& cpu) {
    return (row.who == any || (row.who == intel) == cpu.intel()) && cpu.features.has(row.needs);
}

// The last row that starts at or before the index, or the one before it with the other vendor's version.
const MsrRow* find(const Cpu& cpu, u32 index) {
    auto* row = std::ranges::upper_bound(rows, index, {}, &MsrRow::index);
    while (row != rows) {
        row--;
        if (index - row->index >= row->count) return nullptr;
        if (is_for(*row, cpu)) return row;
    }
    return nullptr;
}

bool unknown(const Cpu& cpu, u32 index, const char* what) {
    char line[80];
    std::snprintf(line, sizeof line, "%s of unknown MSR %08x gives #GP(0)", what, index);
    (void)cpu;
    log_once(line);
    return false;
}

}

u64 read_tsc(const Cpu& cpu) { return cpu.clock.ticks + cpu.msr.tsc_offset; }
u64 guest_scaled(const Cpu& cpu, u64 count) {
    if (cpu.guest_tsc_ratio == Cpu::tsc_unscaled) return count;
    return u64(u128(count) * cpu.guest_tsc_ratio >> 48);
}
u64 read_guest_tsc(const Cpu& cpu) { return guest_scaled(cpu, read_tsc(cpu)) + cpu.guest_tsc_offset; }

bool read_msr(Cpu& cpu, u32 index, u64& value) {
    auto* row = find(cpu, index);
    if (!row) return unknown(cpu, index, "RDMSR");
    return row->place.get && row->place.get(cpu, index - row->index, value);
}

bool write_msr(Cpu& cpu, u32 index, u64 value) {
    auto* row = find(cpu, index);
    if (!row) return unknown(cpu, index, "WRMSR");
    if (!row->place.put || value & ~row->writable || (row->accepts && !row->accepts(cpu, value))) return false;
    if (!row->place.put(cpu, index - row->index, value)) return false;
    if (row->changed) row->changed(cpu);
    return true;
}

void reset_msrs(Cpu& cpu) {
    cpu.msr = {};
    cpu.msr.misc_enable = bit(0) | misc_fixed(cpu);
    cpu.msr.hwcr = bit(24);                        // TscFreqSel: the TSC counts at P0's rate
    cpu.msr.tsc_offset = 0 - cpu.clock.ticks;
    cpu.msr.mperf_offset = cpu.msr.aperf_offset = 0 - cpu.retired;
}

std::string_view msr_name(const Cpu& cpu, u32 index) {
    auto* row = find(cpu, index);
    return row ? row->name : std::string_view{};
}
