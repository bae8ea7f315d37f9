// SPDX-License-Identifier: MIT
// The bare machine: its wiring and the state it begins with.
#include "tests/lockstep/bare.h"
#include "tests/lockstep/engines.h"

namespace lockstep {

Wires Bare::wires() {
    Wires w;
    w.port_in = [this](u16 port, unsigned width) { return u32(device.read(port, width)); };
    w.port_out = [this](u16 port, unsigned width, u32 value) { device.write(port, width, value); };
    w.send = [this](const ApicMessage& m) { cpu.apic.accept(m); };
    w.acknowledge = [this] {
        cpu.set_intr(false);
        return u8(32 + random() % 224);
    };
    w.random = [this] { return random(); };
    return w;
}

Bare::Bare(const CpuModel& model, u64 engine)
    : cpu(0, model, model.features, memory, clock, wires()),
      timer(clock, [this] {
          cpu.set_intr(true);
          if (period) timer.at(clock.ticks + 1 + random() % period);
      }),
      side{cpu, memory, clock, ram, [this](Archive& a) { visit(a); }, [this](Random& r) { r.flip() ? cpu.set_intr(r.flip()) : cpu.request_nmi(); },
           [this] { return cpu.activity != Activity::active; }, ""} {
    choose_engine(cpu, engine);
    map();
    memory.map_changed = [this] { cpu.memory_map_changed(); };
}

void Bare::map() {
    memory.map_ram(Physical(0), ram);
    memory.map_mmio(Physical(AT_DEVICE), 0x1000, device);
}

void Bare::visit(Archive& a) {
    a("clock", clock), a("cpu", cpu), a("timer", timer);
    a("device", device.value), a("chance", chance), a("period", period);
}

void Bare::begin(const Setup& s) {
    if (memory.page_for_read(Physical(0)) != ram.data() || !memory.a20()) memory.set_a20(true);
    map();
    memory.write_bytes(Physical(0), std::span(s.image).first(AT_DEVICE));
    memory.write_bytes(Physical(AT_DEVICE + 0x1000), std::span(s.image).subspan(AT_DEVICE + 0x1000));
    device.value = 0, chance = s.chance, period = s.period;
    cpu.reset(false);
    cpu.pending = 0;
    cpu.apic.write(0xf0, 4, 0x1ff), cpu.apic.write(0x350, 4, 0x700);       // on; LINT0 is the 8259s' (SDM vol. 3, 11.5.1)
    cpu.set_intr(false);
    period ? timer.at(clock.ticks + 1 + random() % period) : timer.off();
    enter(s);
}

void Bare::enter(const Setup& s) {
    bool real = s.mode == Mode::real16, longs = s.mode <= Mode::compatibility32;
    cpu.gpr[no_reg] = 0;
    for (unsigned n = 0; n < 16; n++) cpu.gpr[n] = s.gpr[n];
    cpu.rip() = s.rip;
    auto& c = cpu.control;
    c.cr0 = (c.cr0 | cr0::ne | s.cr0 | (real ? 0 : cr0::pe)) & ~(cr0::cd | cr0::nw);
    c.cr4 |= cr4::osfxsr | cr4::osxmmexcpt | s.cr4;
    if (cpu.features.has(Feature::avx)) c.cr4 |= cr4::osxsave, c.xcr0 |= xcr0::sse | xcr0::avx;
    c.efer |= (s.nxe ? efer::nxe : 0) | (longs ? efer::lme | efer::lma | efer::sce : 0);
    c.pkru = s.pkru;
    c.cr3 = AT_TABLES;
    if (longs || s.mode == Mode::pae32) c.cr4 |= cr4::pae;
    if (s.mode == Mode::paged32) c.cr4 |= cr4::pse;
    if (s.mode == Mode::pae32) std::memcpy(c.pdpte.data(), s.image.data() + AT_TABLES, 32);
    if (s.mode <= Mode::pae32) c.cr0 |= cr0::pg;
    u8 dpl = s.user ? 3 : 0;
    static constexpr u32 code_rights[modes] = {0xa09b, 0xc09b, 0xc09b, 0xc09b, 0xc09b, 0x009b, 0x9b};
    static constexpr u16 code_selector[modes] = {0x08, 0x18, 0x18, 0x18, 0x18, 0x20, AT_CODE >> 4};
    for (unsigned n : {0, 2, 3, 4, 5}) cpu.seg.s[n] = s.data[n];
    auto& cs = cpu.seg[Seg::cs];
    cs = {u16(code_selector[unsigned(s.mode)] + (s.user ? 0x80 + 3 : 0)), 0, 0xffffffff, {code_rights[unsigned(s.mode)] | u32(dpl) << 5}};
    if (real) cs.base = AT_CODE;
    if (real || s.mode == Mode::protected16) cs.limit = 0xffff;
    cpu.cpl = dpl;
    cpu.seg.gdtr = {AT_GDT, 0x1ff};
    cpu.seg.idtr = {real ? 0u : u64{AT_IDT}, 0xfff};
    cpu.seg[Seg::tr] = {0x48, AT_TSS, 0x67, {0x8b}};
    cpu.vector.mxcsr = s.mxcsr, cpu.fpu.control = s.fpu_control, cpu.fpu.empty = 0xff;
    if (longs) cpu.msr.lstar = cpu.msr.cstar = s.lstar, cpu.msr.star = u64{0xb3} << 48 | u64{0x08} << 32, cpu.msr.fmask = s.lstar & (rflags::df | rflags::tf | rflags::ac);
    cpu.rflags = rflags::one;
    cpu.set_rflags(s.rflags);
    cpu.translation_mode_changed();
    cpu.mode_changed();
}

}
