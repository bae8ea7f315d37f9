// SPDX-License-Identifier: MIT
// The emulator's side of a case: a bare CPU at CPL 3, the sandbox mapped 1:1, tables in supervisor pages elsewhere.
#include "tests/silicon/emulator.h"
#include "cpu/exec/fast/host_has.h"

namespace silicon {
namespace {

constexpr u64 supervisor = 0xffff800000000000, ldt_at = 0x10000, gdt_at = 0x11000, tss_at = 0x12000;

u32 rights_of(const LdtEntry& e) {
    return u32(e.contents << 2) | (e.writable_or_readable ? 2 : 0) | 1 | 0x60 | 0x10 | (e.present ? 0x80 : 0) | (e.wide ? 0x4000 : 0) |
           (e.pages ? 0x8000 : 0);
}
u64 descriptor_of(const LdtEntry& e) {
    return (e.limit & 0xffff) | u64(e.base & 0xffffff) << 16 | u64(rights_of(e)) << 40 | u64(e.limit >> 16) << 48 | u64(e.base >> 24) << 56;
}

}

// Which addresses are canonical is by LA57 (WRFSBASE, WRGSBASE): as on the host.
static FeatureSet as_the_host(FeatureSet features) {
    if (!fast::host_has(Feature::la57)) features.remove(Feature::la57);
    return features;
}

Emulator::Emulator(const char* name) : model(*find_model(name)), cpu(0, model, as_the_host(model.features), memory, clock, {}) {
    memory.map_ram(Physical(0), tables.bytes);
    memory.map_ram(Physical(sandbox::code), sandbox_code.bytes);
    memory.map_ram(Physical(sandbox::data), sandbox_data.bytes);
    sandbox_code.bytes.fill(0xcc);
    sandbox_data.bytes.fill(0xcc);
    build_tables();
}

void Emulator::build_tables() {
    auto put = [&](u64 at, u64 value) { std::memcpy(tables.bytes.data() + at, &value, 8); };
    constexpr u64 user = 7, present = 1, no_execute = bit(63), used = 0x60;
    put(0x1000, 0x2000 | user), put(0x2000, 0x3000 | user);
    put(0x3000 + (sandbox::start >> 21) * 8, 0x4000 | user);
    auto page = [&](u64 at, u64 flags) { put(0x4000 + (at >> 12 & 511) * 8, at | flags | used); };
    for (u64 at = sandbox::code; at < sandbox::code + sandbox::code_size; at += 0x1000) page(at, 5);
    for (u64 at = sandbox::data; at < sandbox::end; at += 0x1000) page(at, no_execute | (at < sandbox::read_only ? 7 : 5));
    put(0x1000 + 256 * 8, 0x5000 | 3), put(0x5000, 0x6000 | 3), put(0x6000, present | 2 | 0x80 | used | no_execute);
    for (unsigned i = 0; i < std::size(ldt); i++) put(ldt_at + i * 8, descriptor_of(ldt[i]));
    put(tss_at + 96, ~u64{0});                    // the I/O map lies beyond the limit
    put(gdt_at + 0x20, 0x00cffb000000ffff), put(gdt_at + 0x28, 0x00cff3000000ffff), put(gdt_at + 0x30, 0x00affb000000ffff);
}

void Emulator::enter(Mode m) {
    mode = m;
    cpu.reset(false);
    auto& c = cpu.control;
    c.cr0 = cr0::pe | cr0::mp | cr0::et | cr0::ne | cr0::wp | cr0::am | cr0::pg;
    c.cr3 = 0x1000;
    c.cr4 = cr4::pae | cr4::osfxsr | cr4::osxmmexcpt | cr4::fsgsbase | cr4::umip | cr4::osxsave;
    c.xcr0 = xcr0::x87 | xcr0::sse | xcr0::avx;
    c.efer = efer::lme | efer::lma | efer::sce | efer::nxe;
    cpu.seg.gdtr = {supervisor + gdt_at, 0x7f};
    cpu.seg[Seg::ldtr] = {0x40, supervisor + ldt_at, sizeof(u64) * std::size(ldt) - 1, {0x82}};
    cpu.seg[Seg::tr] = {0x48, supervisor + tss_at, 0x67, {0x8b}};
    cpu.cpl = 3;
    cpu.seg[Seg::cs] = segment(code_selector(m));
    cpu.translation_mode_changed();
    cpu.mode_changed();
}

Segment Emulator::segment(u16 selector) {
    if (selector == code64) return {selector, 0, 0xffffffff, {0xa0fb}};
    if (selector == stack64) return {selector, 0, 0xffffffff, {0xc0f3}};
    if (!(selector & 4)) return {selector, 0, 0, {Rights::unusable_bit}};
    auto& e = ldt[selector >> 3];
    return {selector, e.base, e.pages ? e.limit << 12 | 0xfff : e.limit, {rights_of(e)}};
}

void Emulator::take(const State& start) {
    for (unsigned i = 0; i < 16; i++) cpu.gpr[i] = start.gpr[i];
    cpu.rip() = start.rip;
    for (unsigned i = 0; i < 6; i++) cpu.seg.s[i] = segment(start.selector[i]);
    if (mode == Mode::bits64) cpu.seg[Seg::fs].base = start.fs_base, cpu.seg[Seg::gs].base = start.gs_base;
    cpu.rflags = 2;
    cpu.set_rflags(start.rflags | rflags::tf);
    auto& f = cpu.fpu;
    auto& fx = start.fx;
    f.control = fx.get<u16>(Fx::control), f.status = fx.get<u16>(Fx::status), f.empty = u8(~fx.get<u8>(Fx::tags));
    for (unsigned i = 0; i < 8; i++) f.r[f.physical(i)] = {fx.get<u64>(Fx::st + i * 16), fx.get<u16>(Fx::st + i * 16 + 8)};
    f.fop = 0, f.fip = f.fdp = 0, f.fcs = f.fds = 0;
    for (unsigned i = 0; i < 16; i++) std::memcpy(cpu.vector.v[i].bytes.data(), fx.bytes.data() + Fx::xmm + i * 16, 16);
    for (unsigned i = 0; i < 16; i++) cpu.vector.v[i].set(1, start.upper[i]);
    cpu.vector.mxcsr = fx.get<u32>(Fx::mxcsr);
    cpu.fault_ = {}, cpu.pending = 0, cpu.pending_dr6 = 0, cpu.stepping = true;
    cpu.sti_shadow = cpu.mov_ss_shadow = false;
    cpu.mode_changed();
}

void Emulator::give(State& end) const {
    for (unsigned i = 0; i < 16; i++) end.gpr[i] = cpu.gpr[i];
    end.rip = cpu.gpr[rip_reg], end.rflags = cpu.rflags;
    for (unsigned i = 0; i < 6; i++) end.selector[i] = cpu.seg.s[i].selector;
    end.fs_base = cpu.seg[Seg::fs].base, end.gs_base = cpu.seg[Seg::gs].base;
    auto& f = cpu.fpu;
    end.fx = {};
    end.fx.put(Fx::control, f.control), end.fx.put(Fx::status, f.status), end.fx.put(Fx::tags, u8(~f.empty));
    for (unsigned i = 0; i < 8; i++) {
        auto& r = f.r[f.physical(i)];
        end.fx.put(Fx::st + i * 16, r.significand), end.fx.put(Fx::st + i * 16 + 8, r.sign_exponent);
    }
    for (unsigned i = 0; i < 16; i++) std::memcpy(end.fx.bytes.data() + Fx::xmm + i * 16, cpu.vector.v[i].bytes.data(), 16);
    for (unsigned i = 0; i < 16; i++) end.upper[i] = cpu.vector.v[i].get<std::array<u8, 16>>(1);
    end.fx.put(Fx::mxcsr, cpu.vector.mxcsr);
}

void Emulator::run(const State& start, End& end) {
    take(start);
    clock.ticks++;
    const Insn* insn = cpu.fetch();
    Outcome outcome = insn ? cpu.execute(*insn) : Outcome::fault;
    end.vector = stepped, end.error = 0, end.cr2 = 0;
    if (outcome == Outcome::fault) {
        end.vector = cpu.fault_.vector, end.error = cpu.fault_.code;
        if (end.vector == pf_vector) end.cr2 = cpu.fault_.address;
    }
    give(end.state);
}

}
