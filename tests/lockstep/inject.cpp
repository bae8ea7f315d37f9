// SPDX-License-Identifier: MIT
// What can happen to a machine between two instructions.
#include "tests/lockstep/inject.h"
#include "cpu/isa/control.h"
#include "cpu/mmu.h"
#include <cstdio>

namespace lockstep {
namespace {

// Something to do to each of the two; `look` is one of them, for finding out what.
using Deed = std::function<void(Side&)>;
struct Choice {
    std::string text;
    Deed deed = [](Side&) {};
};

std::string hex(u64 value) {
    char text[20];
    std::snprintf(text, sizeof text, "%llx", static_cast<unsigned long long>(value));
    return text;
}

// ---- addresses that matter now

u64 base_of(Cpu& cpu, Seg s) { return !cpu.bits64() || s == Seg::fs || s == Seg::gs ? cpu.seg[s].base : 0; }
u64 code_address(Cpu& cpu) { return cpu.bits64() ? cpu.rip() : u32(cpu.rip() + cpu.seg[Seg::cs].base); }

// The memory operands of the next instructions, as far as the registers of now give them.
void operands_ahead(Cpu& cpu, std::vector<u64>& out) {
    u64 address = code_address(cpu);
    for (unsigned n = 0; n < 12; n++) {
        std::array<u8, 15> bytes{};
        unsigned have = 0;
        for (u64 at; have < bytes.size() && cpu.peek(address + have, at); have++) bytes[have] = u8(cpu.memory.read(Physical(at), 1));
        Insn insn;
        if (decode::decode({bytes.data(), have}, cpu.code, insn) != decode::Result::ok) return;
        u64 displacement = insn.displacement + (insn.base == rip_reg ? address - cpu.rip() : 0);
        u64 offset = (cpu.gpr[insn.base] + (cpu.gpr[insn.index] << insn.scale) + displacement) & ones(insn.address_size);
        for (unsigned i = 0; i < 4; i++)
            if (insn.is_memory(i)) out.push_back(offset + base_of(cpu, insn.segment));
        address += insn.length;
    }
}

u64 some_address(Random& random, Cpu& cpu) {
    std::vector<u64> ahead;
    operands_ahead(cpu, ahead);
    u64 nudge = random.chance(30) ? random.below(8192) - 4096 : 0;
    switch (random.below(ahead.empty() ? 5 : 10)) {
    case 0: return cpu.gpr[random.below(16)] + nudge;
    case 1: return cpu.gpr[rsp] + base_of(cpu, Seg::ss) - random.below(64);
    case 2: return code_address(cpu) + random.below(2) * 4096;
    case 3: return cpu.seg[random.flip() ? Seg::gs : Seg::fs].base + random.below(4096);
    case 4: return random.flip() ? cpu.seg.idtr.base + random.below(256) * 8 : cpu.seg[Seg::tr].base;
    default: return ahead[random.below(ahead.size())] + nudge;
    }
}

struct LeafEntry {
    Physical at;
    unsigned width = 0;           // 0: no walk gets to an entry in memory
    u64 value = 0;
};

// The last entry that a walk looks at, or one above it.
LeafEntry entry_of(Random& random, Side& side, u64 address) {
    std::vector<LeafEntry> seen;
    auto& mmu = *side.cpu.mmu;
    paging::Access look{.purpose = paging::Purpose::probe};
    look.privilege = paging::Privilege::implicit;
    auto see = [&](const paging::Step& s) {
        if (!s.in_register) seen.push_back({s.at, s.format.find("32") != s.format.npos ? 4u : 8u, s.entry});
    };
    paging::translate(mmu.regime, mmu.tlb, mmu.context, mmu.vendor(), side.memory, LinearAddress(address), look, see);
    if (seen.empty()) return {};
    return seen[seen.size() - 1 - (random.chance(15) ? random.below(seen.size()) : 0)];
}

// ---- choices

Choice nmi(Random&, Side&) { return {"NMI", [](Side& s) { s.cpu.request_nmi(); }}; }

Choice interrupt(Random& random, Side&) {
    u8 vector = u8(random.chance(50) ? 0xec + random.below(4) : 32 + random.below(224));
    return {"APIC interrupt " + hex(vector), [vector](Side& s) { s.cpu.apic.accept({.vector = vector}); }};
}

Choice from_outside(Random& random, Side&) {
    u64 seed = random.next();
    return {"something from outside", [seed](Side& s) {
        Random same{seed};
        s.disturb(same);
    }};
}

// Present, writable, user, accessed, dirty, page size, global, a reserved bit, protection key, execute-disable.
Choice page_entry(Random& random, Side& look) {
    u64 address = some_address(random, look.cpu);
    LeafEntry e = entry_of(random, look, address);
    if (!e.width) return {"a page entry of " + hex(address) + ", but there is none"};
    static constexpr unsigned flags[] = {0, 0, 0, 1, 1, 2, 5, 6, 7, 8, 51, 59, 62, 63, 63};
    u64 flag = bit(random.pick(flags)), now = random.chance(4) ? random.next() : e.value ^ flag;
    bool forget = random.chance(80);
    return {"entry of " + hex(address) + " at " + hex(e.at.value) + ": " + hex(e.value) + " to " + hex(now) + (forget ? ", invalidated" : ""),
            [=](Side& s) {
                s.memory.write(e.at, e.width, now);
                if (forget) s.cpu.invalidate_page(address);
            }};
}

Choice invalidation(Random& random, Side& look) {
    u64 address = some_address(random, look.cpu), kind = random.below(4);
    return {"invalidation " + hex(kind) + " of " + hex(address), [=](Side& s) {
        if (kind == 0) s.cpu.invalidate_page(address);
        else if (kind == 1) s.cpu.memory_map_changed();
        else if (kind == 2) s.cpu.invalidate_pcid(unsigned(address & 3), s.cpu.mmu->context.pcid, address);
        else s.cpu.cr3_written(false);
    }};
}

Choice trap_flag(Random& random, Side&) {
    bool twice = random.flip();
    return {"TF", [twice](Side& s) { s.cpu.set_rflags(rflags::tf | (twice ? rflags::rf : 0), rflags::tf | rflags::rf); }};
}

Choice breakpoints(Random& random, Side& look) {
    u64 seven = random.next() & 0xffff03ff;
    std::array<u64, 4> address;
    for (auto& a : address) a = random.chance(40) ? code_address(look.cpu) + random.below(24) : some_address(random, look.cpu);
    return {"DR7 " + hex(seven) + ", DR0 " + hex(address[0]) + " ...", [=](Side& s) {
        for (unsigned n = 0; n < 4; n++) s.cpu.control.dr[n] = s.cpu.bits64() ? address[n] : u32(address[n]);
        control::write_dr(s.cpu, 7, seven);
    }};
}

void poke_linear(Side& s, u64 address, std::span<const u8> bytes) {
    for (u64 i = 0, at; i < bytes.size(); i++)
        if (s.cpu.peek(address + i, at)) s.memory.write_bytes(Physical(at), bytes.subspan(i, 1));
}

// As DMA would: without a store of the CPU's.
Choice changed_code(Random& random, Side& look) {
    u64 address = code_address(look.cpu) + random.below(random.flip() ? 16 : 200);
    static constexpr u8 instructions[] = {0xcc, 0xf4, 0x90, 0xf1, 0xc3, 0x48, 0x66, 0xf0, 0xeb, 0x0f, 0x74, 0x9d, 0x50, 0x58};
    std::vector<u8> bytes(1 + random.below(random.flip() ? 2 : 12));
    for (auto& byte : bytes) byte = random.flip() ? random.pick(instructions) : u8(random.next());
    return {"code at " + hex(address) + " overwritten, " + std::to_string(bytes.size()) + " bytes from " + hex(bytes[0]),
            [=](Side& s) { poke_linear(s, address, bytes); }};
}

Choice changed_data(Random& random, Side& look) {
    u64 address = some_address(random, look.cpu), value = random.magnitude(64);
    return {"data at " + hex(address) + " overwritten by " + hex(value), [=](Side& s) {
        std::array<u8, 8> bytes;
        for (unsigned i = 0; i < 8; i++) bytes[i] = u8(value >> i * 8);
        poke_linear(s, address, bytes);
    }};
}

Choice changed_register(Random& random, Side& look) {
    static constexpr u64 edges[] = {0, 0xfff, 0x1000, 0x7fffffffffff, 0x800000000000, 0xffff800000000000, 0xffffffff, 0x80000000};
    unsigned n = unsigned(random.below(16));
    u64 value = random.flip() ? random.pick(edges) - random.below(16) : random.flip() ? random.next() : look.cpu.gpr[n] ^ bit(random.below(64));
    if (!look.cpu.bits64()) value = u32(value);
    return {"register " + std::to_string(n) + " to " + hex(value), [=](Side& s) { s.cpu.gpr[n] = value; }};
}

Choice changed_flags(Random& random, Side&) {
    u64 which = random.next() & (rflags::status | rflags::df | rflags::ac | rflags::if_ | rflags::id | rflags::nt), value = random.next();
    return {"RFLAGS bits " + hex(which) + " to " + hex(value & which), [=](Side& s) { s.cpu.set_rflags(value, which); }};
}

Choice changed_control(Random& random, Side& look) {
    Cpu& cpu = look.cpu;
    static constexpr u64 zero[] = {cr0::wp, cr0::wp, cr0::ts, cr0::em, cr0::mp, cr0::am, cr0::ne, cr0::cd, cr0::pg, cr0::pe};
    static constexpr u64 four[] = {cr4::tsd, cr4::pge, cr4::osfxsr, cr4::umip, cr4::fsgsbase, cr4::smep, cr4::smap, cr4::pke, cr4::pse, cr4::de, cr4::pcide, cr4::vme};
    u64 zero_bit = random.pick(zero), four_bit = random.pick(four), value = random.next();
    if (random.chance(20)) return {"MOV CR3 of the same", [](Side& s) { control::write_cr3(s.cpu, s.cpu.control.cr3); }};
    if (random.chance(20) && cpu.features.has(Feature::pku))
        return {"PKRU " + hex(u32(value)), [=](Side& s) { s.cpu.control.pkru = u32(value), s.cpu.translation_mode_changed(); }};
    if (random.chance(15))
        return {"EFER.NXE and SCE", [](Side& s) {
            u64 old = s.cpu.control.efer;
            s.cpu.control.efer ^= efer::nxe, s.cpu.efer_written(old);
        }};
    if (random.flip()) return {"CR0 bit " + hex(zero_bit), [=](Side& s) { control::write_cr0(s.cpu, s.cpu.control.cr0 ^ zero_bit); }};
    return {"CR4 bit " + hex(four_bit), [=](Side& s) { control::write_cr4(s.cpu, (s.cpu.control.cr4 ^ four_bit) & control::cr4_bits(s.cpu)); }};
}

Choice changed_fpu(Random& random, Side&) {
    u64 value = random.next();
    return {"floating-point control and state", [value](Side& s) {
        s.cpu.fpu.control = u16((value & 0x0f3f) | 0x40);
        s.cpu.vector.mxcsr = u32(value >> 16 & 0xffbf);
        if (value >> 40 & 1) s.cpu.fpu.empty = u8(value >> 48);
        if (value >> 41 & 1) s.cpu.fpu.status = u16(s.cpu.fpu.status ^ (value >> 50 & 0x3800));
    }};
}

// A segment's hidden part, as a descriptor would have set it.
Choice changed_segment(Random& random, Side& look) {
    Seg n = Seg(random.below(6));
    if (n == Seg::cs) n = Seg::ds;
    auto s = look.cpu.seg[n];
    switch (random.below(4)) {
    case 0: s.limit = u32(random.magnitude(32)); break;
    case 1: s.base = look.cpu.long_mode() ? s.base ^ bit(random.below(40)) : u32(s.base + random.magnitude(20)); break;
    case 2: s.rights.value ^= bit(random.below(2) ? 1 : 2); break;
    default: s.rights.value |= Rights::unusable_bit; break;
    }
    if (n == Seg::ss && s.rights.unusable()) s = look.cpu.seg[n];
    return {"segment " + std::to_string(unsigned(n)) + ": base " + hex(s.base) + ", limit " + hex(s.limit) + ", rights " + hex(s.rights.value),
            [=](Side& side) { side.cpu.seg[n] = s, side.cpu.mode_changed(); }};
}

Choice address_line_20(Random&, Side& look) {
    bool open = !look.memory.a20();
    return {open ? "A20 opened" : "A20 closed", [open](Side& s) { s.memory.set_a20(open); }};
}

// The page behind an address turns into ROM, or another page shows there, or nothing.
Choice changed_map(Random& random, Side& look) {
    u64 address = some_address(random, look.cpu), physical;
    if (!look.cpu.peek(address, physical) || look.memory.backing(Physical(physical)) != Backing::ram) return {"a page of memory, but there is none"};
    Physical page(physical & ~u64{0xfff});
    const u8* host = look.memory.page_for_read(page);
    if (!host || host < look.ram.data() || host >= look.ram.data() + look.ram.size()) return {"a page of memory, but it is no RAM"};
    u64 offset = u64(host - look.ram.data()), kind = random.below(3), other = random.below(look.ram.size() / 4096) * 4096;
    static constexpr const char* names[] = {"read-only", "another", "gone"};
    return {"physical page " + hex(page.value) + " is " + names[kind], [=](Side& s) {
        if (kind == 0) s.memory.map_rom(page, s.ram.subspan(offset, 4096));
        else if (kind == 1) s.memory.map_ram(page, s.ram.subspan(other, 4096));
        else s.memory.unmap(page, 4096);
    }};
}

constexpr struct {
    unsigned weight;
    Choice (*choose)(Random&, Side&);
} choices[] = {
    {5, nmi}, {8, interrupt}, {8, from_outside}, {24, page_entry}, {4, invalidation}, {6, trap_flag}, {8, breakpoints},
    {10, changed_code}, {6, changed_data}, {10, changed_register}, {6, changed_flags}, {8, changed_control}, {4, changed_fpu},
    {6, changed_segment}, {2, address_line_20}, {4, changed_map},
};

Choice choose(Random& random, Side& look) {
    unsigned sum = 0;
    for (auto& c : choices) sum += c.weight;
    u64 at = random.below(sum);
    for (auto& c : choices) {
        if (at < c.weight) return c.choose(random, look);
        at -= c.weight;
    }
    return {};
}

}

std::string inject(Random& random, Side& a, Side& b) {
    std::string text;
    for (u64 n = random.chance(75) ? 1 : 2 + random.below(2); n; n--) {
        Choice c = choose(random, b);
        c.deed(a), c.deed(b);
        text += (text.empty() ? "" : "; ") + c.text;
    }
    return text;
}

}
