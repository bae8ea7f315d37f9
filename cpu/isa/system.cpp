// SPDX-License-Identifier: MIT
// System instructions: control and debug registers, descriptor-table registers, MSRs, time, CPUID, HLT, invalidations, FS and
// GS bases, protection keys (SDM vol. 2). SYSCALL and SYSENTER are in syscall.cpp.
#include "cpu/cpuid/leaves.h"
#include "cpu/exec/slow.h"
#include "cpu/isa/control.h"
#include "cpu/isa/families.h"
#include "cpu/isa/misc.h"
#include "cpu/isa/monitor.h"
#include "cpu/isa/syscall.h"
#include "cpu/msr/access.h"
#include "cpu/virt/layer.h"

namespace isa {
namespace {

Outcome changed(bool ok) { return ok ? Outcome::changed : Outcome::fault; }

// For rows that ask themselves: the hypervisor's word, where there is one.
Outcome intercepted(Slow& x) { return x.cpu.guest ? x.cpu.guest->intercept(x.insn) : Outcome::next; }

bool exists(Slow& x) { return !x.cpu.guest || x.cpu.guest->exists(x.insn); }

// ---- control registers

bool shown(Slow& x, unsigned n, u64& value) { return !x.cpu.guest || x.cpu.guest->read_cr(x.insn, n, value) == Outcome::next; }

Outcome mov_from_cr(Slow& x) {
    auto& c = x.cpu.control;
    u64 value = 0;
    unsigned n = x.insn.operand[1].number;
    switch (n) {
    case 0: value = c.cr0; break;
    case 2: value = c.cr2; break;
    case 3: value = c.cr3; break;
    case 4: value = c.cr4; break;
    case 8: value = x.cpu.apic.cr8(); break;
    }
    if (!shown(x, n, value)) return Outcome::fault;
    x.write_any_register(0, value);
    return Outcome::next;
}

// Outcome::next: the value, as the hypervisor may have changed it, is to be written.
Outcome answered(Slow& x, unsigned n, u64& value) { return x.cpu.guest ? x.cpu.guest->write_cr(x.insn, n, value) : Outcome::next; }

Outcome mov_to_cr(Slow& x) {
    u64 value = x.read_any(1);
    unsigned n = x.insn.operand[0].number;
    if (auto done = answered(x, n, value); done != Outcome::next) return done;
    switch (n) {
    case 0: return changed(control::write_cr0(x.cpu, value));
    case 2: return x.cpu.control.cr2 = value, Outcome::next;
    case 3: return changed(control::write_cr3(x.cpu, value));
    case 4: return changed(control::write_cr4(x.cpu, value));
    default: return changed(control::write_cr8(x.cpu, value));
    }
}

Outcome clts(Slow& x) {
    u64 old = x.cpu.control.cr0, value = old & ~cr0::ts;
    if (auto done = answered(x, 0, value); done != Outcome::next) return done;
    x.cpu.control.cr0 = value;
    x.cpu.cr0_written(old);
    return Outcome::changed;
}

// PE, MP, EM, TS; PE can be set and not cleared.
Outcome lmsw(Slow& x) {
    u64 source = x.read_any(0) & 15;
    if (x.stopped()) return x.why();
    u64 value = (x.cpu.control.cr0 & ~u64{15}) | source;
    if (auto done = answered(x, 0, value); done != Outcome::next) return done;
    return changed(control::write_cr0(x.cpu, value | (x.cpu.control.cr0 & cr0::pe)));
}

Outcome smsw_register(Slow& x) {
    u64 value = x.cpu.control.cr0;
    if (!shown(x, 0, value)) return Outcome::fault;
    x.write_any_register(0, value);
    return Outcome::next;
}
Outcome smsw_memory(Slow& x) {
    u64 cr0 = x.cpu.control.cr0;
    if (!shown(x, 0, cr0)) return Outcome::fault;
    auto span = x.probe_write(2);
    if (x.stopped()) return x.why();
    u16 value = u16(cr0);
    x.cpu.write_span(span, &value);
    return Outcome::next;
}

// ---- debug registers (SDM vol. 3, 18.2.2 and 18.2.4: DR4 and DR5 are DR6 and DR7 unless CR4.DE; GD gives #DB with BD)

// VMX's exit comes before the checks of CPL and CR4.DE (SDM vol. 3, 26.1.3), SVM's intercept behind them.
bool debug_register(Slow& x, unsigned& n) {
    bool exit_first = x.cpu.intel();
    if (exit_first && intercepted(x) != Outcome::next) return x.fail(), false;
    if (x.cpu.cpl) return x.raise(gp(0)), false;
    if (n == 4 || n == 5) {
        if (x.cpu.control.cr4 & cr4::de) return x.raise(ud()), false;
        n += 2;
    }
    if (!exit_first && intercepted(x) != Outcome::next) return x.fail(), false;
    if (!(x.cpu.control.dr[7] & bit(13))) return true;
    Fault general_detect{db_vector};
    general_detect.address = bit(13);
    return x.raise(general_detect), false;
}

Outcome mov_from_dr(Slow& x) {
    unsigned n = x.insn.operand[1].number;
    if (!debug_register(x, n)) return x.why();
    x.write_any_register(0, x.cpu.control.dr[n]);
    return Outcome::next;
}
Outcome mov_to_dr(Slow& x) {
    unsigned n = x.insn.operand[0].number;
    if (!debug_register(x, n)) return x.why();
    return changed(control::write_dr(x.cpu, n, x.read_any(1)));
}

// ---- GDTR and IDTR: limit, then base of 8, 4 or (16-bit operand size, when loading) 3 bytes

unsigned base_width(const Slow& x) { return x.cpu.bits64() ? 8 : 4; }

Outcome store_table(Slow& x, const TableRegister& table) {
    auto limit = x.probe_write(2), base = x.probe_write(base_width(x), 2);
    if (x.stopped()) return x.why();
    x.cpu.write_span(limit, &table.limit);
    x.cpu.write_span(base, &table.base);
    return Outcome::next;
}
Outcome sgdt(Slow& x) { return store_table(x, x.cpu.seg.gdtr); }
Outcome sidt(Slow& x) { return store_table(x, x.cpu.seg.idtr); }

Outcome load_table(Slow& x, TableRegister& table) {
    u16 limit = x.load<u16>();
    u64 base = x.cpu.bits64() ? x.load<u64>(2) : x.load<u32>(2);
    if (x.stopped()) return x.why();
    if (x.cpu.bits64() && !x.cpu.canonical_at_widest(base)) return x.raise(gp(0));
    if (x.insn.operand_size == 2 && !x.cpu.bits64()) base &= 0xffffff;
    table = {base, limit};
    return Outcome::next;
}
Outcome lgdt(Slow& x) { return load_table(x, x.cpu.seg.gdtr); }
Outcome lidt(Slow& x) { return load_table(x, x.cpu.seg.idtr); }

// ---- translations

// No limit, type or canonicality fault: a non-canonical address names no page (SDM vol. 2, INVLPG).
Outcome invlpg(Slow& x) {
    Seg s = x.insn.segment;
    u64 address = x.offset();
    if (!x.cpu.bits64()) address = u32(address + x.cpu.seg[s].base);
    else if (s == Seg::fs || s == Seg::gs) address += x.cpu.seg[s].base;
    if (!x.cpu.bits64() || x.cpu.canonical_at_widest(address)) x.cpu.invalidate_page(address);
    return Outcome::changed;
}

struct InvpcidDescriptor { u64 pcid, address; };

Outcome invpcid(Slow& x) {
    if (!exists(x)) return x.raise(ud());
    if (x.cpu.cpl > 0) return x.raise(gp(0));
    if (auto exits = intercepted(x); exits != Outcome::next) return exits;
    u64 type = x.read_any(0);
    auto d = x.load<InvpcidDescriptor>();
    if (x.stopped()) return x.why();
    bool pcide = x.cpu.control.cr4 & cr4::pcide;
    bool bad = type > 3 || d.pcid >> 12 || (type < 2 && d.pcid && !pcide) || (type == 0 && !x.cpu.canonical_at_widest(d.address));
    if (bad) return x.raise(gp(0));
    x.cpu.invalidate_pcid(unsigned(type), d.pcid, d.address);
    return Outcome::changed;
}

Outcome no_caches(Slow&) { return Outcome::next; }          // INVD, WBINVD: there are none

Outcome hlt(Slow& x) {
    x.cpu.activity = Activity::halted;
    return Outcome::changed;
}

// ---- MSRs, time, identification

Outcome rdmsr(Slow& x) {
    u64 value;
    if (!read_msr(x.cpu, u32(x.cpu.gpr[rcx]), value)) return x.raise(gp(0));
    x.cpu.gpr.set_edx_eax(value);
    return Outcome::next;
}
Outcome wrmsr(Slow& x) {
    if (!write_msr(x.cpu, u32(x.cpu.gpr[rcx]), x.cpu.gpr.edx_eax())) return x.raise(gp(0));
    return Outcome::changed;
}

bool time_denied(const Cpu& cpu) { return (cpu.control.cr4 & cr4::tsd) && cpu.cpl > 0; }

Outcome rdtsc(Slow& x) {
    if (time_denied(x.cpu)) return x.raise(gp(0));
    if (auto exits = intercepted(x); exits != Outcome::next) return exits;
    x.cpu.gpr.set_edx_eax(read_guest_tsc(x.cpu));
    return Outcome::next;
}
Outcome rdtscp(Slow& x) {
    if (!exists(x)) return x.raise(ud());
    if (time_denied(x.cpu)) return x.raise(gp(0));
    if (auto exits = intercepted(x); exits != Outcome::next) return exits;
    x.cpu.gpr.set_edx_eax(read_guest_tsc(x.cpu));
    x.cpu.gpr[rcx] = u32(x.cpu.msr.tsc_aux);
    return Outcome::next;
}
Outcome rdpid(Slow& x) {
    if (!exists(x)) return x.raise(ud());
    x.write_any_register(0, u32(x.cpu.msr.tsc_aux));
    return Outcome::next;
}
Outcome rdpmc(Slow& x) {
    u64 value;
    if (!(x.cpu.control.cr4 & cr4::pce) && x.cpu.cpl > 0) return x.raise(gp(0));
    if (auto exits = intercepted(x); exits != Outcome::next) return exits;
    if (!x.cpu.counters.rdpmc(u32(x.cpu.gpr[rcx]), value)) return x.raise(gp(0));
    x.cpu.gpr.set_edx_eax(value);
    return Outcome::next;
}

// At any CPL, but in SMM only.
Outcome rsm(Slow& x) {
    if (!x.cpu.smm.active) return x.raise(ud());
    smm::resume(x.cpu);
    return Outcome::taken;
}

// ---- MONITOR and MWAIT (SDM vol. 2; APM vol. 3)

Outcome monitor(Slow& x) {
    auto& cpu = x.cpu;
    if (cpu.cpl > 0) return x.raise(ud());
    if (auto exits = intercepted(x); exits != Outcome::next) return exits;
    if (u32(cpu.gpr[rcx])) return x.raise(gp(0));
    return arm_monitor(x, x.insn.segment, cpu.gpr[rax] & ones(x.insn.address_size));
}

Outcome mwait(Slow& x) {
    auto& cpu = x.cpu;
    if (cpu.cpl > 0) return x.raise(ud());
    if (auto exits = intercepted(x); exits != Outcome::next) return exits;
    if (u32(cpu.gpr[rcx]) > 1) return x.raise(gp(0));
    cpu.monitor.armed &= !cpu.monitor.by_user;
    cpu.wait_for(true, Clock::never, false);
    return Outcome::changed;
}

Outcome cpuid(Slow& x) {
    auto& r = x.cpu.gpr;
    auto leaf = ::cpuid(x.cpu, u32(r[rax]), u32(r[rcx]));
    r[rax] = leaf.eax, r[rbx] = leaf.ebx, r[rcx] = leaf.ecx, r[rdx] = leaf.edx;
    return Outcome::next;
}

// ---- FS and GS bases

Outcome swapgs(Slow& x) {
    std::swap(x.cpu.seg[Seg::gs].base, x.cpu.msr.kernel_gs_base);
    return Outcome::next;
}

template <Seg S> Outcome read_base(Slow& x) {
    if (!(x.cpu.control.cr4 & cr4::fsgsbase)) return x.raise(ud());
    x.write_any_register(0, x.cpu.seg[S].base);
    return Outcome::next;
}
template <Seg S> Outcome write_base(Slow& x) {
    if (!(x.cpu.control.cr4 & cr4::fsgsbase)) return x.raise(ud());
    u64 base = x.read_any(0);
    bool canonical = x.cpu.intel() ? x.cpu.canonical(base) : x.cpu.canonical_at_widest(base);        // Sapphire Rapids, Zen 5
    if (!canonical) return x.raise(gp(0));
    x.cpu.seg[S].base = base;
    return Outcome::next;
}

// ---- SMAP and protection keys

// Outside ring 0 these are #UD, not #GP.
template <bool On> Outcome set_ac(Slow& x) {
    if (x.cpu.cpl > 0) return x.raise(ud());
    x.cpu.set_rflags(On ? rflags::ac : 0, rflags::ac);
    return Outcome::changed;
}

Outcome rdpkru(Slow& x) {
    if (!(x.cpu.control.cr4 & cr4::pke)) return x.raise(ud());
    if (u32(x.cpu.gpr[rcx])) return x.raise(gp(0));
    x.cpu.gpr.set_edx_eax(x.cpu.control.pkru);
    return Outcome::next;
}
Outcome wrpkru(Slow& x) {
    if (!(x.cpu.control.cr4 & cr4::pke)) return x.raise(ud());
    if (u32(x.cpu.gpr[rcx]) || u32(x.cpu.gpr[rdx])) return x.raise(gp(0));
    x.cpu.control.pkru = u32(x.cpu.gpr[rax]);
    x.cpu.translation_mode_changed();
    return Outcome::changed;
}

using F = Feature;

constexpr Row rows[] = {
    // name       encoding            operands   gate                                                          event                    run
    {"mov",      "0F 20 /r",         "Ry, Cy",  {.cpl = 0, .force64 = true, .mod_ignored = true, .asks_itself = true}, Event::mov_cr,           plain<mov_from_cr>},
    {"mov",      "0F 21 /r",         "Ry, Dy",  {.force64 = true, .mod_ignored = true, .asks_itself = true},           Event::mov_dr,           plain<mov_from_dr>},
    {"mov",      "0F 22 /r",         "Cy, Ry",  {.cpl = 0, .force64 = true, .mod_ignored = true, .asks_itself = true}, Event::mov_cr,           plain<mov_to_cr>},
    {"mov",      "0F 23 /r",         "Dy, Ry",  {.force64 = true, .mod_ignored = true, .asks_itself = true},           Event::mov_dr,           plain<mov_to_dr>},
    {"clts",     "0F 06",            "",        {.cpl = 0, .asks_itself = true},                              Event::clts,             plain<clts>},
    {"smsw",     "0F 01 /4",         "Rv",      {.umip = true, .asks_itself = true},                                               Event::smsw,             plain<smsw_register>},
    {"smsw",     "0F 01 /4",         "Mw",      {.umip = true, .asks_itself = true},                                               Event::smsw,             plain<smsw_memory>},
    {"lmsw",     "0F 01 /6",         "Ew",      {.cpl = 0, .asks_itself = true},                              Event::lmsw,             plain<lmsw>},
    {"sgdt",     "0F 01 /0",         "Ms",      {.umip = true},                                               Event::descriptor_table, plain<sgdt>},
    {"sidt",     "0F 01 /1",         "Ms",      {.umip = true},                                               Event::descriptor_table, plain<sidt>},
    {"lgdt",     "0F 01 /2",         "Ms",      {.cpl = 0},                                                   Event::descriptor_table, plain<lgdt>},
    {"lidt",     "0F 01 /3",         "Ms",      {.cpl = 0},                                                   Event::descriptor_table, plain<lidt>},
    {"invlpg",   "0F 01 /7",         "Mb",      {.cpl = 0},                                                   Event::invlpg,           plain<invlpg>},
    {"invpcid",  "66 0F 38 82 /r",   "Gy, Mdq", {.needs = F::invpcid, .force64 = true, .asks_itself = true},  Event::invpcid,          plain<invpcid>},
    {"invd",     "0F 08",            "",        {.cpl = 0},                                                   Event::invd,             plain<no_caches>},
    {"wbinvd",   "0F 09",            "",        {.cpl = 0},                                                   Event::wbinvd,           plain<no_caches>},
    {"hlt",      "F4",               "",        {.cpl = 0},                                                   Event::hlt,              plain<hlt>},
    {"rdmsr",    "0F 32",            "",        {.needs = F::msr, .cpl = 0},                                  Event::rdmsr,            plain<rdmsr>},
    {"wrmsr",    "0F 30",            "",        {.needs = F::msr, .cpl = 0},                                  Event::wrmsr,            plain<wrmsr>},
    {"rdtsc",    "0F 31",            "",        {.needs = F::tsc, .asks_itself = true},                       Event::rdtsc,            plain_or<rdtsc, ReadTime>},
    {"rdtscp",   "0F 01 F9",         "",        {.needs = F::rdtscp, .asks_itself = true},                    Event::rdtscp,           plain<rdtscp>},
    {"rdpid",    "F3 0F C7 /7",      "Ry",      {.needs = F::rdpid, .force64 = true},                         Event::none,             plain<rdpid>},
    {"rdpmc",    "0F 33",            "",        {.asks_itself = true},                                        Event::rdpmc,            plain<rdpmc>},
    {"rsm",      "0F AA",            "",        {.asks_itself = true},                                        Event::rsm,              plain<rsm>},
    {"monitor",  "NP 0F 01 C8",      "Xb",      {.needs = F::monitor, .asks_itself = true},                   Event::monitor,          plain<monitor>},
    {"mwait",    "NP 0F 01 C9",      "",        {.needs = F::monitor, .asks_itself = true},                   Event::mwait,            plain<mwait>},
    {"cpuid",    "0F A2",            "",        {},                                                           Event::cpuid,            plain<cpuid>},
    {"swapgs",   "0F 01 F8",         "",        {.cpl = 0, .only64 = true},                                   Event::none,             plain<swapgs>},
    {"rdfsbase", "F3 0F AE /0",      "Ry",      {.needs = F::fsgsbase, .only64 = true},                       Event::none,             plain<read_base<Seg::fs>>},
    {"rdgsbase", "F3 0F AE /1",      "Ry",      {.needs = F::fsgsbase, .only64 = true},                       Event::none,             plain<read_base<Seg::gs>>},
    {"wrfsbase", "F3 0F AE /2",      "Ry",      {.needs = F::fsgsbase, .only64 = true},                       Event::none,             plain<write_base<Seg::fs>>},
    {"wrgsbase", "F3 0F AE /3",      "Ry",      {.needs = F::fsgsbase, .only64 = true},                       Event::none,             plain<write_base<Seg::gs>>},
    {"clac",     "NP 0F 01 CA",      "",        {.needs = F::smap},                                           Event::none,             plain<set_ac<false>>},
    {"stac",     "NP 0F 01 CB",      "",        {.needs = F::smap},                                           Event::none,             plain<set_ac<true>>},
    {"rdpkru",   "NP 0F 01 EE",      "",        {.needs = F::pku},                                            Event::none,             plain<rdpkru>},
    {"wrpkru",   "NP 0F 01 EF",      "",        {.needs = F::pku},                                            Event::none,             plain<wrpkru>},
    {"syscall",  "0F 05",            "",        {.needs = F::syscall},                                        Event::none,             plain<syscall>},
    {"sysret",   "0F 07",            "",        {.needs = F::syscall},                                        Event::none,             plain<sysret>},
    {"sysenter", "0F 34",            "",        {.needs = F::sep},                                            Event::none,             plain<sysenter>},
    {"sysexit",  "0F 35",            "",        {.needs = F::sep, .cpl = 0},                                  Event::none,             plain<sysexit>},
};
static_assert(no_overlap(rows), "two rows claim the same bytes");

}
std::span<const Row> system() { return rows; }
}
