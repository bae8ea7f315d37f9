// SPDX-License-Identifier: MIT
// A bare machine for fuzz targets that run code: any bytes, in each mode and table format, with fuzzed registers, descriptors
// and tables, and with events between slices of instructions.
#pragma once
#include "cpu/isa/control.h"
#include "tests/cpu/machine.h"
#include "tests/fuzz/input.h"

namespace code {

constexpr u64 ram_left = 1 << 20, device_page = 0x80000, tss = 0x8000;

// Reads as what was written last, turned a little.
struct Register final : Mmio {
    u64 value = 0;
    u64 read(u64 offset, unsigned width) override { return (value = value * 5 + offset + 1) & ones(width); }
    void write(u64 offset, unsigned width, u64 v) override { value = (v & ones(width)) ^ offset; }
};

struct Machine : TestMachine {
    Register device;
    u64 chance = 0;
    explicit Machine(const char* model) : TestMachine(TestMode::real16, model) {
        memory.unmap(Physical(ram_left), size - ram_left);
        memory.map_mmio(Physical(device_page), 0x1000, device);
        memory.map_changed = [this] { cpu.memory_map_changed(); };
        cpu.wires.port_in = [this](u16 port, unsigned width) { return u32(device.read(port, width)); };
        cpu.wires.port_out = [this](u16 port, unsigned width, u32 value) { device.write(port, width, value); };
        cpu.wires.send = [this](const ApicMessage& m) { cpu.apic.accept(m); };
        cpu.wires.acknowledge = [this] { return u8(device.value); };
        cpu.wires.random = [this] { return ++chance * 0x9e3779b97f4a7c15; };
    }

    void power_on() {
        std::fill_n(ram.begin(), ram_left, u8(0));
        device.value = chance = 0;
        memory.set_a20(true);
        cpu.reset(false);
        cpu.pending = 0;
    }
};

// What instructions tend to go wrong with.
inline u64 interesting(Input& in) {
    static constexpr u64 edges[] = {0, 1, 0x7f, 0x80, 0xff, 0x7fff, 0xffff, 0x10000, 0x20000, 0x20ff9, device_page, 0x7fffffff,
        0x80000000, 0xffffffff, 0x100000000, 0x7fffffffffffffff, 0x8000000000000000, 0x00007ffffffffffc, ~u64{0}, 0xffff800000000000};
    u8 how = in.byte();
    if (how < 128) return 0x10000 + how * 0x801;
    return how < 192 ? edges[how % std::size(edges)] : in.take<u64>();
}

inline void set_up_paging(Machine& m, TestMode mode, bool large_address) {
    auto& c = m.cpu.control;
    if (mode == TestMode::long64 || mode == TestMode::compatibility32) {
        if (!large_address) return;
        m.put(0x5000, u64{0x1007});
        c.cr3 = 0x5000, c.cr4 |= cr4::la57;
    } else if (large_address) {                            // PAE
        m.put(0x1000, u64{0x2001});
        for (u64 i = 0; i < 4; i++) m.put(0x2000 + i * 8, i << 21 | 0xe7);
        c.pdpte = {0x2001, 0, 0, 0};
        c.cr3 = 0x1000, c.cr4 |= cr4::pae, c.cr0 |= cr0::pg;
    } else {
        m.put(0x1000, u32{0x2007});
        for (u32 i = 0; i < 1024; i++) m.put(0x2000 + i * 4, i << 12 | 0x67);
        c.cr3 = 0x1000, c.cr4 |= cr4::pse, c.cr0 |= cr0::pg;
    }
}

// Gates of every type to the code, and a TSS with stacks.
inline void set_up_events(Machine& m, TestMode mode, Input& in) {
    bool wide = mode == TestMode::long64 || mode == TestMode::compatibility32;
    u8 type = in.byte();
    for (u64 v = 0; v < 256; v++) {
        u64 to = Machine::code + v % 32 * 3, kind = type ? 0x80 | ((type + v) & 0x6f) : 0x8e;
        u64 gate = (to & 0xffff) | u64(wide ? Machine::code64 : Machine::code32) << 16 | kind << 40 | to >> 16 << 48;
        if (mode == TestMode::real16) m.put(v * 4, u32((Machine::code >> 4) << 16 | v % 32 * 3));
        else if (wide) m.put(Machine::idt + v * 16, gate | (v & 7) << 32);
        else m.put(Machine::idt + v * 8, gate);
    }
    m.put(tss + 4, u32{0x30000}), m.put(tss + 8, u32{Machine::data_flat});
    for (u64 i = 0; i < 7; i++) m.put(tss + 0x24 + i * 8, u64{0x38000} - i * 0x400);
    m.put(Machine::gdt + 0x50, u64{0x0000890000000067} | tss << 16);
    m.cpu.seg[Seg::tr] = {0x50, tss, 0x67, {0x8b}};
}

inline void set_up_state(Machine& m, Input& in) {
    auto& cpu = m.cpu;
    for (unsigned i = 0; i < 16; i++)
        if (i != rsp) cpu.gpr[i] = interesting(in);
    u64 flags = in.take<u32>();
    if (cpu.protected_mode() && !cpu.long_mode() && (flags & rflags::vm)) cpu.cpl = 3;
    else flags &= ~rflags::vm;
    cpu.set_rflags(flags);
    control::write_cr0(cpu, cpu.control.cr0 ^ (in.byte() & (cr0::mp | cr0::em | cr0::ts | cr0::ne)));
    control::write_cr4(cpu, cpu.control.cr4 | (in.take<u32>() & control::cr4_bits(cpu) & ~(cr4::la57 | cr4::pcide)));
    cpu.vector.mxcsr = in.take<u16>();
    cpu.fpu.control = u16(in.take<u16>() | 0x40);
    if (u8 debug = in.byte(); debug & 1)
        for (unsigned n : {0, 1, 2, 3, 7}) control::write_dr(cpu, n, n == 7 ? in.take<u32>() : Machine::data + in.byte());
    cpu.mode_changed();
}

// Words changed in page tables, descriptors, gates and the TSS.
inline void disturb_tables(Machine& m, Input& in) {
    for (unsigned n = in.byte() % 8; n; n--) {
        u64 at = 0x1000 + in.below(0x7100 / 8) * 8;
        m.put(at, m.get<u64>(at) ^ interesting(in));
    }
}

inline void happen(Machine& m, u8 what) {
    switch (what & 15) {
    case 0: return m.cpu.set_intr(true);
    case 1: return m.cpu.set_intr(false);
    case 2: return m.cpu.request_nmi();
    case 3: return m.cpu.request_init();
    case 4: return m.cpu.request_startup(0x10);
    case 5: return m.memory.set_a20(what & 16);
    case 6: return m.cpu.memory_map_changed();
    case 7: return m.cpu.apic.accept({.vector = what});
    default: return;
    }
}

inline void judge(Cpu& cpu) {
    require((cpu.rflags & rflags::one) && !(cpu.rflags >> 22));
    require(cpu.cpl < 4 && cpu.stack_bytes >= 2);
    require(!cpu.long_mode() || cpu.paging());
    require(!cpu.paging() || cpu.protected_mode());
    require(cpu.bits64() || cpu.rip() >> 32 == 0);
}

// What an input begins with; the rest of it is code. AMD's model by the top bit of the first byte.
inline void set_up(Machine& m, Input& in, TestMode mode, u8 options) {
    m.power_on();
    m.enter(mode);
    if (mode != TestMode::real16 && (options & 1)) set_up_paging(m, mode, options & 2);
    if (options & 4) set_up_events(m, mode, in);
    if (options & 8) disturb_tables(m, in);
    m.cpu.translation_mode_changed();
    m.cpu.mode_changed();
    set_up_state(m, in);
}
inline void put_code(Machine& m, std::span<const u8> bytes) {
    std::copy(bytes.begin(), bytes.end(), m.ram.begin() + Machine::code);
    m.cpu.memory_replaced();
}

}
