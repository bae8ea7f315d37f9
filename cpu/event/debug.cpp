// SPDX-License-Identifier: MIT
// Debug registers: which breakpoint an address meets, and what #DB leaves in DR6 and DR7 (SDM vol.
// 3, 18.2); the record of last branches.
#include "cpu/event/debug.h"

namespace {

enum class On : u8 { execute = 0, write = 1, io = 2, access = 3 };

// DR7's fields of breakpoint n (SDM vol. 3, figure 18-1).
struct Breakpoint {
    bool enabled;
    On on;
    unsigned width;
    u64 address;
};
Breakpoint breakpoint(const Cpu& cpu, unsigned n) {
    static constexpr u8 widths[] = {1, 2, 8, 4};
    u64 dr7 = cpu.control.dr[7];
    unsigned width = widths[bits(dr7, 19 + n * 4, 18 + n * 4)];
    return {bits(dr7, n * 2 + 1, n * 2) != 0, On(bits(dr7, 17 + n * 4, 16 + n * 4)), width, cpu.control.dr[n] & ~u64(width - 1)};
}

bool overlap(u64 a, unsigned a_width, u64 b, unsigned b_width) { return a - b < b_width || b - a < a_width; }

// Bits B0 to B3 of the enabled breakpoints of the kinds wanted that the range meets.
template <class Wanted> u64 met(const Cpu& cpu, u64 address, unsigned width, Wanted wanted) {
    u64 hits = 0;
    for (unsigned n = 0; n < 4; n++) {
        auto b = breakpoint(cpu, n);
        if (b.enabled && wanted(b.on) && overlap(address, width, b.address, b.width)) hits |= bit(n);
    }
    return hits;
}

// Delivered behind the running instruction.
void trap(Cpu& cpu, u64 hits) {
    if (!hits) return;
    cpu.pending_dr6 |= hits;
    cpu.pending |= pending::debug;
}

}

// GD protects the debug registers from all but the handler of #DB; LBR and BTF are cleared too (SDM
// vol. 3, 18.4.1).
void debug::entered(Cpu& cpu, u64 dr6) {
    cpu.control.dr[6] |= dr6;
    cpu.control.dr[7] &= ~gd;
    cpu.msr.debugctl &= ~(lbr | btf);
}

// In 32-bit and 16-bit code the offsets within CS, as the manual's rIP.
void debug::record_branch(Cpu& cpu, u64 from) {
    if (!cpu.records_branches()) return;
    auto& last = cpu.msr.last_branch;
    last[0] = from, last[1] = cpu.rip();
}

// #DB has ended the recording before this.
void debug::record_event(Cpu& cpu, u64 from) {
    if (!cpu.records_branches()) return;
    auto& last = cpu.msr.last_branch;
    last[2] = last[0], last[3] = last[1];
    record_branch(cpu, from);
}

// Only the instruction's first byte counts, and a length other than 1 means nothing here.
// Suppressed by RF (the caller has looked) and behind a load of SS (SDM vol. 3, 6.8.3).
bool Cpu::code_breakpoint() {
    if (mov_ss_shadow) return false;
    u64 address = bits64() ? rip() : u32(rip() + seg[Seg::cs].base);
    u64 hits = 0;
    for (unsigned n = 0; n < 4; n++)
        if (auto b = breakpoint(*this, n); b.enabled && b.on == On::execute && control.dr[n] == address) hits |= bit(n);
    if (hits) deliver(debug::db(hits));
    return hits;
}

void Cpu::data_breakpoint(u64 linear, unsigned width, bool write) {
    auto wanted = [&](On on) { return on == On::access || (write && on == On::write); };
    trap(*this, met(*this, linear, width, wanted));
}

// Breakpoints on ports exist with CR4.DE only (SDM vol. 3, 18.2.4).
void Cpu::io_breakpoint(u16 port, unsigned width) {
    if (!(control.cr4 & cr4::de)) return;
    trap(*this, met(*this, port, width, [](On on) { return on == On::io; }));
}
