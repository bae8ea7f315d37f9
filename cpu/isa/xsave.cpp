// SPDX-License-Identifier: MIT
// FXSAVE, FXRSTOR, XSAVE and its kin, XGETBV, XSETBV (SDM vol. 1, 10.5 and ch. 13; APM vol. 2, 11.4).
// XCR0 has x87, SSE, AVX and PKRU, IA32_XSS nothing yet; left out: the "modified" optimization of XSAVEOPT and XSAVES (it may be), AMD's
// skipping of x87 pointers where XSAVEERPTR is not in CPUID.
//
// Rule of restart: every byte that is written is probed first; XRSTOR and FXRSTOR read everything before they load anything.
#include "cpu/isa/xsave.h"
#include "cpu/exec/slow.h"
#include "cpu/fp/mxcsr.h"
#include "cpu/isa/families.h"
#include "cpu/virt/layer.h"

namespace isa {
namespace {

using namespace xstate;

// The legacy region (SDM vol. 1, table 10-2). Without REX.W the pointers are 32-bit offsets and selectors.
struct LegacyRegion {
    u16 control = 0x37f, status = 0;
    u8 full = 0, zero = 0;        // bit n: R[n] is not empty
    u16 opcode = 0;
    u64 instruction = 0, data = 0;
    u32 mxcsr = 0x1f80, mxcsr_mask = 0;
    struct { u64 significand; u16 sign_exponent, zeros[3]; } st[8]{};
    u8 xmm[16][16]{};
};
static_assert(sizeof(LegacyRegion) == 416 && offsetof(LegacyRegion, mxcsr) == 24 && offsetof(LegacyRegion, xmm) == 160);

struct Header {
    u64 xstate_bv = 0, xcomp_bv = 0, zeros[6]{};
};

unsigned xmm_registers(const Cpu& cpu) { return cpu.bits64() ? 16 : 8; }

// ---- between registers and region

u64 pointer(bool wide, u64 offset, u16 selector) { return wide ? offset : u32(offset) | u64{selector} << 32; }

// AMD saves the pointers and the opcode only beside a pending exception (APM vol. 2, 11.4.4).
bool pointers_count(const Cpu& cpu, u16 status) { return cpu.intel() || (status & 0x80); }

void store_x87(const Cpu& cpu, bool wide, LegacyRegion& to) {
    auto& f = cpu.fpu;
    to.control = f.control, to.status = f.status, to.full = u8(~f.empty);
    if (pointers_count(cpu, f.status)) {
        to.opcode = f.fop & 0x7ff;
        to.instruction = pointer(wide, f.fip, f.fcs);
        to.data = pointer(wide, f.fdp, f.fds);
    }
    for (unsigned i = 0; i < 8; i++) {
        auto& r = f.r[f.physical(i)];
        to.st[i] = {r.significand, r.sign_exponent, {}};
    }
}

void load_pointers(Cpu& cpu, bool wide, const LegacyRegion& from) {
    auto& f = cpu.fpu;
    bool selectors = !wide && !cpu.features.has(Feature::zero_fcs_fds);
    f.fop = from.opcode & 0x7ff;
    f.fip = wide ? from.instruction : u32(from.instruction), f.fcs = selectors ? u16(from.instruction >> 32) : u16(0);
    f.fdp = wide ? from.data : u32(from.data), f.fds = selectors ? u16(from.data >> 32) : u16(0);
}

void load_x87(Cpu& cpu, bool wide, const LegacyRegion& from) {
    auto& f = cpu.fpu;
    bool error = f.error_pending();
    f.control = u16((from.control & 0x1f7f) | 0x40);
    f.status = from.status, f.empty = u8(~from.full);
    f.update_summary();
    if (error && !f.error_pending()) cpu.wires.ferr(false);
    // Older ones of AMD's leave them as they are (APM vol. 3, Fn8000_0008, RstrFpErrPtrs).
    if (cpu.features.has(Feature::xsaveerptr) || pointers_count(cpu, f.status)) load_pointers(cpu, wide, from);
    for (unsigned i = 0; i < 8; i++) f.r[f.physical(i)] = {from.st[i].significand, from.st[i].sign_exponent};
}

void store_sse(const Cpu& cpu, LegacyRegion& to) {
    for (unsigned i = 0; i < xmm_registers(cpu); i++) std::memcpy(to.xmm[i], cpu.vector.v[i].bytes.data(), 16);
}
void load_sse(Cpu& cpu, const LegacyRegion& from) {
    for (unsigned i = 0; i < xmm_registers(cpu); i++) std::memcpy(cpu.vector.v[i].bytes.data(), from.xmm[i], 16);
}

// The AVX component: bits 255:128 of each register (SDM vol. 1, 13.5.2).
using UpperHalves = std::array<Xmm, 16>;
UpperHalves upper_halves(const Cpu& cpu) {
    UpperHalves all{};
    for (unsigned i = 0; i < xmm_registers(cpu); i++) all[i] = cpu.vector.v[i].get<Xmm>(1);
    return all;
}
void load_upper_halves(Cpu& cpu, const UpperHalves& from) {
    for (unsigned i = 0; i < xmm_registers(cpu); i++) cpu.vector.v[i].set(1, from[i]);
}

// Which components differ from their initial configuration (SDM vol. 1, 13.6).
u64 in_use(const Cpu& cpu) {
    auto& f = cpu.fpu;
    bool x87 = f.control != 0x37f || f.status || f.empty != 0xff || f.fop || f.fip || f.fdp || f.fcs || f.fds;
    for (auto& r : f.r) x87 |= r.significand || r.sign_exponent;
    bool sse = false;
    for (unsigned i = 0; i < xmm_registers(cpu); i++) sse |= cpu.vector.v[i].get<u64>(0) || cpu.vector.v[i].get<u64>(1);
    bool avx = upper_halves(cpu) != UpperHalves{};
    return (x87 ? x87_state : 0) | (sse ? sse_state : 0) | (avx ? avx_state : 0) | (cpu.control.pkru ? pkru_state : 0);
}

// ---- FXSAVE, FXRSTOR

// EM: #UD on Intel, #NM on AMD (SDM vol. 2, FXSAVE; APM vol. 3); then TS, then alignment.
bool fx_ready(Slow& x, Kind kind) {
    auto& cpu = x.cpu;
    if (cpu.control.cr0 & cr0::em) return x.raise(cpu.intel() ? ud() : nm()), false;
    if (cpu.control.cr0 & cr0::ts) return x.raise(nm()), false;
    u64 linear;
    Span span;
    bool inside = x.address(1, kind, linear), somewhere = !cpu.bits64() || cpu.canonical(linear);
    if (cpu.alignment_checked() && (linear & 3) && somewhere) return x.raise(ac()), false;     // before the segment's checks (Zen 5)
    if (!inside) return false;
    if ((linear & 15) && somewhere) return x.raise(gp(0)), false;
    if (!x.address(512, kind, linear)) return false;
    // The last byte's faults come first (Zen 5).
    u64 last = cpu.bits64() ? linear + 511 : u32(linear + 511);
    return cpu.probe(last, 1, kind, span, As::current, x.insn.segment) || x.fail();
}

// AMD's fast form leaves the XMM registers out in 64-bit mode at CPL 0 (APM vol. 2, 3.1.7, FFXSR).
bool fx_has_xmm(const Cpu& cpu) {
    bool fast = (cpu.control.efer & efer::ffxsr) && cpu.bits64() && cpu.cpl == 0;
    return (cpu.control.cr4 & cr4::osfxsr) && !fast;
}

// Bytes 416 to 511 are software's; without 64-bit mode XMM8 to XMM15's bytes too, without OSFXSR all XMM registers'.
template <bool Wide> Outcome fxsave(Slow& x) {
    if (!fx_ready(x, Kind::write)) return x.why();
    auto& cpu = x.cpu;
    unsigned width = fx_has_xmm(cpu) ? 160 + xmm_registers(cpu) * 16 : 160;
    x.probe_write(512);
    auto span = x.probe_write(width);
    if (x.stopped()) return x.why();
    LegacyRegion region;
    store_x87(cpu, Wide, region);
    region.mxcsr = cpu.vector.mxcsr, region.mxcsr_mask = mxcsr::writable;
    store_sse(cpu, region);
    cpu.write_span(span, &region);
    return Outcome::next;
}

template <bool Wide> Outcome fxrstor(Slow& x) {
    if (!fx_ready(x, Kind::read)) return x.why();
    auto& cpu = x.cpu;
    struct Area { LegacyRegion region; u8 rest[96]; };
    auto area = x.load<Area>();
    if (x.stopped()) return x.why();
    bool sse = cpu.control.cr4 & cr4::osfxsr;
    if (sse && (area.region.mxcsr & ~mxcsr::writable)) return x.raise(gp(0));
    load_x87(cpu, Wide, area.region);
    if (sse) cpu.vector.mxcsr = area.region.mxcsr;
    if (fx_has_xmm(cpu)) load_sse(cpu, area.region);
    return Outcome::next;
}

// ---- XSAVE, XSAVEOPT, XSAVEC, XSAVES, XRSTOR, XRSTORS (SDM vol. 1, 13.7 to 13.12)

// XSAVES and XRSTORS: ring 0's, and a guest's only by its hypervisor's leave (SDM vol. 3, 26.3).
bool supervisor_ready(Slow& x) {
    auto& cpu = x.cpu;
    if (cpu.guest && !cpu.guest->exists(x.insn)) return x.raise(ud()), false;
    if (cpu.cpl > 0) return x.raise(gp(0)), false;
    return !cpu.guest || cpu.guest->intercept(x.insn) == Outcome::next || x.fail();
}

bool xsave_ready(Slow& x, bool supervisor) {
    if (!(x.cpu.control.cr4 & cr4::osxsave)) return x.raise(ud()), false;
    if (supervisor && !supervisor_ready(x)) return false;
    if (x.cpu.control.cr0 & cr0::ts) return x.raise(nm()), false;
    x.require_aligned(64);
    return !x.stopped();
}

u64 enabled(const Cpu& cpu, bool supervisor) { return cpu.control.xcr0 | (supervisor ? cpu.msr.xss : 0); }
u64 requested(const Cpu& cpu, bool supervisor) { return enabled(cpu, supervisor) & cpu.gpr.edx_eax(); }

enum class Save : u8 { plain, optimized, compacted, supervisor };

template <Save How, bool Wide> Outcome xsave_area(Slow& x) {
    constexpr bool supervisor = How == Save::supervisor, compacted = supervisor || How == Save::compacted;
    if (!xsave_ready(x, supervisor)) return x.why();
    auto& cpu = x.cpu;
    u64 wanted = requested(cpu, supervisor), used = in_use(cpu);
    if (compacted && cpu.vector.mxcsr != 0x1f80) used |= sse_state;
    u64 written = How == Save::plain ? wanted : wanted & used;
    bool mxcsr = compacted ? written & sse_state : wanted & (sse_state | avx_state);
    auto offset = [&](u64 state) { return compacted ? compacted_offset(state, wanted) : standard_offset(state); };

    auto x87_first = x.probe_write(24), st = x.probe_write(128, 32), mxcsr_pair = x.probe_write(8, 24);
    auto xmm = x.probe_write(xmm_registers(cpu) * 16, 160), header = x.probe_write(compacted ? 16 : 8, 512);
    Span ymm, key_rights;
    if (written & avx_state) ymm = x.probe_write(xmm_registers(cpu) * 16, offset(avx_state));
    if (written & pkru_state) key_rights = x.probe_write(8, offset(pkru_state));
    Header h;
    if (!compacted) h.xstate_bv = x.load<u64>(512);
    if (x.stopped()) return x.why();

    LegacyRegion region;
    store_x87(cpu, Wide, region);
    store_sse(cpu, region);
    region.mxcsr = cpu.vector.mxcsr, region.mxcsr_mask = mxcsr::writable;
    if (written & x87_state) cpu.write_span(x87_first, &region), cpu.write_span(st, region.st);
    if (mxcsr) cpu.write_span(mxcsr_pair, &region.mxcsr);
    if (written & sse_state) cpu.write_span(xmm, region.xmm);
    auto upper = upper_halves(cpu);
    if (written & avx_state) cpu.write_span(ymm, &upper);
    u64 pkru = cpu.control.pkru;
    if (written & pkru_state) cpu.write_span(key_rights, &pkru);
    h.xstate_bv = (h.xstate_bv & ~wanted) | (wanted & used);
    h.xcomp_bv = wanted | bit(63);
    cpu.write_span(header, &h);
    return Outcome::next;
}

// SDM vol. 1, 13.8 and 13.12: what of the header makes XRSTOR and XRSTORS refuse. XRSTORS takes the compacted format alone.
bool header_allowed(const Cpu& cpu, const Header& h, bool supervisor) {
    u64 may = enabled(cpu, supervisor), others = 0;
    for (u64 z : h.zeros) others |= z;
    if (!(h.xcomp_bv & bit(63))) return !supervisor && !h.xcomp_bv && !h.zeros[0] && !(h.xstate_bv & ~may);
    u64 format = h.xcomp_bv & ~bit(63);
    return (supervisor || cpu.features.has(Feature::xsavec)) && !others && !(format & ~may) && !(h.xstate_bv & ~format);
}

// The AVX component's bytes in memory, as many as there are registers.
UpperHalves load_upper_part(Slow& x, u64 at) {
    if (x.cpu.bits64()) return x.load<UpperHalves>(at);
    UpperHalves all{};
    auto half = x.load<std::array<Xmm, 8>>(at);
    std::ranges::copy(half, all.begin());
    return all;
}

template <bool Wide, bool Supervisor> Outcome xrstor(Slow& x) {
    if (!xsave_ready(x, Supervisor)) return x.why();
    auto& cpu = x.cpu;
    auto h = x.load<Header>(512);
    auto region = x.load<LegacyRegion>();
    bool compacted = h.xcomp_bv & bit(63);
    u64 wanted = requested(cpu, Supervisor), stored = h.xstate_bv, pkru = 0;
    auto offset = [&](u64 state) { return compacted ? compacted_offset(state, h.xcomp_bv) : standard_offset(state); };
    UpperHalves upper{};
    if (wanted & stored & avx_state) upper = load_upper_part(x, offset(avx_state));
    if (wanted & stored & pkru_state) pkru = x.load<u64>(offset(pkru_state));
    if (x.stopped()) return x.why();
    bool mxcsr_stored = compacted ? wanted & stored & sse_state : wanted & (sse_state | avx_state);
    if (!header_allowed(cpu, h, Supervisor) || (mxcsr_stored && (region.mxcsr & ~mxcsr::writable))) return x.raise(gp(0));

    LegacyRegion initial;
    if (wanted & x87_state) load_x87(cpu, Wide, stored & x87_state ? region : initial);
    if (wanted & sse_state) {
        load_sse(cpu, stored & sse_state ? region : initial);
        cpu.vector.mxcsr = initial.mxcsr;
    }
    if (mxcsr_stored) cpu.vector.mxcsr = region.mxcsr;
    if (wanted & avx_state) load_upper_halves(cpu, upper);
    if (!(wanted & pkru_state)) return Outcome::next;
    cpu.control.pkru = u32(pkru);
    cpu.translation_mode_changed();
    return Outcome::changed;
}

// ---- XCR0

Outcome xgetbv(Slow& x) {
    auto& cpu = x.cpu;
    if (!(cpu.control.cr4 & cr4::osxsave)) return x.raise(ud());
    u32 n = u32(cpu.gpr[rcx]);
    if (n > 1 || (n == 1 && !cpu.features.has(Feature::xgetbv1))) return x.raise(gp(0));
    u64 value = n == 0 ? cpu.control.xcr0 : cpu.control.xcr0 & in_use(cpu);
    cpu.gpr.set_edx_eax(value);
    return Outcome::next;
}

Outcome xsetbv(Slow& x) {
    auto& cpu = x.cpu;
    if (!(cpu.control.cr4 & cr4::osxsave)) return x.raise(ud());
    if (cpu.guest)
        if (auto exits = cpu.guest->intercept(x.insn); exits != Outcome::next) return exits;
    u64 value = cpu.gpr.edx_eax();
    if (u32(cpu.gpr[rcx]) || !allowed(value, components(cpu.features))) return x.raise(gp(0));
    cpu.control.xcr0 = value;
    return Outcome::changed;
}

using F = Feature;
using enum Save;

constexpr Row rows[] = {
    // name          encoding               operands  gate                            event           run
    {"fxsave",      "NP 0F AE /0",         "M",      {.needs = F::fxsr},             Event::none,    isa::plain<fxsave<false>>},
    {"fxsave64",    "NP REX.W 0F AE /0",   "M",      {.needs = F::fxsr},             Event::none,    isa::plain<fxsave<true>>},
    {"fxrstor",     "NP 0F AE /1",         "M",      {.needs = F::fxsr},             Event::none,    isa::plain<fxrstor<false>>},
    {"fxrstor64",   "NP REX.W 0F AE /1",   "M",      {.needs = F::fxsr},             Event::none,    isa::plain<fxrstor<true>>},
    {"xsave",       "NP 0F AE /4",         "M",      {.needs = F::xsave},            Event::none,    isa::plain<xsave_area<Save::plain, false>>},
    {"xsave64",     "NP REX.W 0F AE /4",   "M",      {.needs = F::xsave},            Event::none,    isa::plain<xsave_area<Save::plain, true>>},
    {"xrstor",      "NP 0F AE /5",         "M",      {.needs = F::xsave},            Event::none,    isa::plain<xrstor<false, false>>},
    {"xrstor64",    "NP REX.W 0F AE /5",   "M",      {.needs = F::xsave},            Event::none,    isa::plain<xrstor<true, false>>},
    {"xsaveopt",    "NP 0F AE /6",         "M",      {.needs = F::xsaveopt},         Event::none,    isa::plain<xsave_area<optimized, false>>},
    {"xsaveopt64",  "NP REX.W 0F AE /6",   "M",      {.needs = F::xsaveopt},         Event::none,    isa::plain<xsave_area<optimized, true>>},
    {"xsavec",      "NP 0F C7 /4",         "M",      {.needs = F::xsavec},           Event::none,    isa::plain<xsave_area<compacted, false>>},
    {"xsavec64",    "NP REX.W 0F C7 /4",   "M",      {.needs = F::xsavec},           Event::none,    isa::plain<xsave_area<compacted, true>>},
    {"xsaves",      "NP 0F C7 /5",         "M",      {.needs = F::xsaves, .asks_itself = true}, Event::xsaves,  isa::plain<xsave_area<supervisor, false>>},
    {"xsaves64",    "NP REX.W 0F C7 /5",   "M",      {.needs = F::xsaves, .asks_itself = true}, Event::xsaves,  isa::plain<xsave_area<supervisor, true>>},
    {"xrstors",     "NP 0F C7 /3",         "M",      {.needs = F::xsaves, .asks_itself = true}, Event::xrstors, isa::plain<xrstor<false, true>>},
    {"xrstors64",   "NP REX.W 0F C7 /3",   "M",      {.needs = F::xsaves, .asks_itself = true}, Event::xrstors, isa::plain<xrstor<true, true>>},
    {"xgetbv",      "NP 0F 01 D0",         "",       {.needs = F::xsave},            Event::none,    isa::plain<xgetbv>},
    {"xsetbv",      "NP 0F 01 D1",         "",       {.needs = F::xsave, .cpl = 0, .asks_itself = true}, Event::xsetbv,  isa::plain<xsetbv>},
};
static_assert(no_overlap(rows), "two rows claim the same bytes");

}
std::span<const Row> xsave() { return rows; }
}
