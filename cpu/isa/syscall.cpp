// SPDX-License-Identifier: MIT
// SYSCALL, SYSRET, SYSENTER, SYSEXIT, as Intel and as AMD have them (SDM vol. 2; APM vol. 3 and vol. 2, 6.1).
#include "cpu/isa/syscall.h"

namespace isa {
namespace {

// Flat segments: rights as Rights has them, less the DPL.
constexpr u32 code64 = 0xa09b, code32 = 0xc09b, stack = 0xc093;

void load_flat(Cpu& cpu, Seg s, u16 selector, u32 rights, unsigned dpl) { cpu.seg[s] = {selector, 0, 0xffffffff, {rights | dpl << 5}}; }

// CS as given, SS behind it, and the ring.
void load_both(Cpu& cpu, u16 cs, u32 rights, unsigned cpl) {
    u16 ring = u16(cpl);
    load_flat(cpu, Seg::cs, u16((cs & ~3) | ring), rights, cpl);
    load_flat(cpu, Seg::ss, u16(((cs + 8) & ~3) | ring), stack, cpl);
    cpu.cpl = u8(cpl);
}

Outcome arrive(Cpu& cpu, u64 rip) {
    cpu.rip() = rip;
    cpu.mode_changed();
    return Outcome::taken;
}

constexpr u64 restorable = 0x3c7fd7;                       // what SYSRET takes from R11: all but RF and VM

}

// Intel has SYSCALL in 64-bit mode only; AMD in all of protected mode.
Outcome syscall(Slow& x) {
    auto& cpu = x.cpu;
    auto& m = cpu.msr;
    bool allowed = (cpu.control.efer & efer::sce) && (cpu.intel() ? cpu.bits64() : cpu.protected_mode());
    if (!allowed) return x.raise(ud());
    u16 cs = u16(bits(m.star, 47, 32));
    bool from64 = cpu.bits64();
    if (cpu.long_mode()) {
        cpu.gpr[rcx] = from64 ? x.next_rip() : u32(x.next_rip());
        cpu.gpr[r11] = cpu.rflags & ~rflags::rf;
        load_both(cpu, cs, code64, 0);
        cpu.set_rflags(0, m.fmask | rflags::rf);
        return arrive(cpu, from64 ? m.lstar : m.cstar);
    }
    cpu.gpr[rcx] = u32(x.next_rip());
    load_both(cpu, cs, code32, 0);
    cpu.set_rflags(0, rflags::vm | rflags::if_ | rflags::rf);
    return arrive(cpu, u32(m.star));
}

// SS: Intel loads all of it; AMD keeps what is hidden (APM vol. 3, SYSRET).
Outcome sysret(Slow& x) {
    auto& cpu = x.cpu;
    bool to64 = x.insn.rex_w(), intel = cpu.intel();
    bool exists = (cpu.control.efer & efer::sce) && (intel ? cpu.bits64() : cpu.protected_mode());
    if (!intel && cpu.cpl) return x.raise(gp(0));              // AMD asks for the ring first (Zen 5), Intel last (Sapphire Rapids)
    if (!exists) return x.raise(ud());
    if (cpu.cpl) return x.raise(gp(0));
    u64 target = to64 ? cpu.gpr[rcx] : u32(cpu.gpr[rcx]);
    if (intel && to64 && !cpu.canonical(target)) return x.raise(gp(0));
    u16 selector = u16(cpu.msr.star >> 48);
    Segment ss = cpu.seg[Seg::ss];
    if (cpu.long_mode()) cpu.set_rflags(cpu.gpr[r11] & restorable);
    else cpu.set_rflags(rflags::if_, rflags::if_);
    load_both(cpu, u16(selector + (to64 ? 16 : 0)), to64 ? code64 : code32, 3);
    ss.selector = u16((selector + 8) | 3);
    if (intel) load_flat(cpu, Seg::ss, ss.selector, stack, 3);
    else cpu.seg[Seg::ss] = ss;
    return arrive(cpu, target);
}

// AMD has SYSENTER and SYSEXIT outside long mode only.
Outcome sysenter(Slow& x) {
    auto& cpu = x.cpu;
    auto& m = cpu.msr;
    bool wide = cpu.long_mode();
    if (wide && !cpu.intel()) return x.raise(ud());
    if (!cpu.protected_mode() || !(m.sysenter_cs & 0xfffc)) return x.raise(gp(0));
    cpu.set_rflags(0, rflags::vm | rflags::if_ | rflags::rf);
    load_both(cpu, u16(m.sysenter_cs), wide ? code64 : code32, 0);
    cpu.gpr[rsp] = wide ? m.sysenter_esp : u32(m.sysenter_esp);
    return arrive(cpu, wide ? m.sysenter_eip : u32(m.sysenter_eip));
}

Outcome sysexit(Slow& x) {
    auto& cpu = x.cpu;
    u16 cs = u16(cpu.msr.sysenter_cs);
    bool to64 = x.insn.rex_w();
    if (cpu.long_mode() && !cpu.intel()) return x.raise(ud());
    if (!cpu.protected_mode() || !(cs & 0xfffc)) return x.raise(gp(0));
    u64 sp = cpu.gpr[rcx], ip = cpu.gpr[rdx];
    if (to64 && (!cpu.canonical(sp) || !cpu.canonical(ip))) return x.raise(gp(0));
    load_both(cpu, u16(cs + (to64 ? 32 : 16)), to64 ? code64 : code32, 3);
    cpu.gpr[rsp] = to64 ? sp : u32(sp);
    return arrive(cpu, to64 ? ip : u32(ip));
}

}
