// SPDX-License-Identifier: MIT
// What a direct kernel boot does to the machine, as a value: bytes in RAM, the ROM, registers of chips and CPUs.
#include "bios/plan.h"
#include "base/error.h"
#include "bios/rom/layout.h"
#include <algorithm>
#include <array>

namespace {

constexpr u64 page = PhysicalMap::page_size;

void require_ram(const Placement& p, const PhysicalMap& map) {
    for (u64 at = p.address & ~(page - 1); at < p.address + p.size(); at += page)
        if (map.backing(Physical(at)) != Backing::ram)
            throw Error("internal error: the loader put the " + p.what + " where the machine has no RAM", 4);
}

// Pages that are zero already stay untouched, so that the host need not provide them.
void write_zeros(PhysicalMap& map, u64 at, u64 end) {
    static constexpr std::array<u8, page> zeros{};
    while (at < end) {
        u64 next = std::min((at & ~(page - 1)) + page, end);
        const u8* bytes = map.page_for_read(Physical(at));
        u64 offset = at % page;
        if (!bytes || !std::equal(bytes + offset, bytes + offset + (next - at), zeros.begin()))
            map.write_bytes(Physical(at), std::span(zeros).first(next - at));
        at = next;
    }
}

}  // namespace

void write_plan(const BootPlan& plan, PhysicalMap& map) {
    for (auto& p : plan.placements) require_ram(p, map);
    for (auto& p : plan.placements) {
        map.write_bytes(Physical(p.address), p.bytes);
        write_zeros(map, p.address + p.bytes.size(), p.address + p.size());
    }
}

// SDM vol. 3, 3.4.5: type, S, P, D/B or L, G; accessed already, since the table lies in ROM.
static EntryState flat(EntryMode mode, u64 rip, u16 code_rights) {
    constexpr u32 limit = 0xffffffff;
    EntryState s;
    s.mode = mode;
    s.rip = rip;
    s.cr0 = 0x11;                                             // PE, ET
    s.gdtr = {rom::base + rom::gdt, u16(rom::gdt_size - 1)};
    s.cs = {0x10, 0, limit, code_rights};
    s.ds = s.es = s.fs = s.gs = s.ss = {0x18, 0, limit, 0xc093};
    s.tr = {0x20, 0, 0x67, 0x008b};                           // a busy 32-bit TSS, as PVH asks for
    return s;
}

EntryState flat_protected(u64 rip) { return flat(EntryMode::protected32, rip, 0xc09b); }

EntryState flat_long(u64 rip, u64 cr3) {
    EntryState s = flat(EntryMode::long64, rip, 0xa09b);
    s.cr0 |= bit(31);                                         // PG
    s.cr3 = cr3;
    s.cr4 = bit(5);                                           // PAE
    s.efer = bit(8) | bit(10);                                // LME, LMA
    return s;
}

// SDM vol. 3, 4.5: entries present, writable, accessed; the last level dirty and 2 MiB large.
Bytes identity_tables(u64 base) {
    Bytes b(6 * page);
    auto entry = [&](u64 table, u64 index, u64 value) { patch(b, table * page + index * 8, value, 8); };
    entry(0, 0, (base + page) | 0x23);
    for (u64 gib = 0; gib < 4; gib++) entry(1, gib, (base + (2 + gib) * page) | 0x23);
    for (u64 i = 0; i < 2048; i++) entry(2 + i / 512, i % 512, i << 21 | 0xe3);
    return b;
}
