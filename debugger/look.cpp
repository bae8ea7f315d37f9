// SPDX-License-Identifier: MIT
// Looking at memory through walks that change nothing.
#include "debugger/look.h"
#include "cpu/mmu.h"
#include <algorithm>

namespace debugger {

u64 linear_in_mode(const Cpu& cpu, u64 address) { return cpu.long_mode() ? address : u32(address); }

u64 code_address(Cpu& cpu) { return cpu.bits64() ? cpu.rip() : u32(cpu.rip() + cpu.seg[Seg::cs].base); }

// A debugger may see what the guest's rights would refuse to it.
static paging::Regime without_protection(paging::Regime regime) {
    regime.stage1.smap = regime.stage1.smep = regime.stage1.pke = regime.stage1.pks = false;
    return regime;
}

template <class Walk> static std::optional<Physical> first_granted(Walk&& walk) {
    for (auto kind : {paging::Kind::read, paging::Kind::execute}) {            // EPT has pages that can only be executed
        auto purpose = kind == paging::Kind::read ? paging::Purpose::data : paging::Purpose::code;
        auto done = walk(paging::Access{kind, paging::Privilege::implicit, false, purpose});
        if (auto* t = done.translation()) return t->physical;
    }
    return {};
}

std::optional<Physical> physical_of(const Viewpoint& view, Place place) {
    if (place.space == Space::physical) return Physical(place.address);
    auto regime = without_protection(view.regime);
    QuietTables tables{view.cpu};
    if (place.space == Space::guest_physical)
        return first_granted([&](paging::Access a) { return paging::walk_guest_physical(regime, GuestPhysical(place.address), a, tables); });
    u64 address = view.linear(place.address);
    if (view.long_mode() && !view.canonical(address)) return {};
    return first_granted([&](paging::Access a) { return paging::walk(regime, LinearAddress(address), a, tables); });
}

std::optional<Physical> physical_of(const Cpu& cpu, Place place) { return physical_of(Viewpoint(cpu), place); }

// Calls see(physical, offset, size) for each page's part until it returns false; the number of bytes gone through.
template <class See> static u64 each_piece(const Viewpoint& view, Place place, u64 size, See&& see) {
    u64 done = 0;
    while (done < size) {
        Place at{place.space, place.address + done};
        u64 piece = std::min(size - done, 4096 - (at.address & 0xfff));
        auto physical = physical_of(view, at);
        if (!physical || !see(*physical, done, piece)) break;
        done += piece;
    }
    return done;
}

u64 read_memory(const Viewpoint& view, Place place, std::span<u8> to) {
    QuietTables tables{view.cpu};
    auto& cpu = view.cpu;
    return each_piece(view, place, to.size(), [&](Physical at, u64 offset, u64 size) {
        if (!tables.plain(at)) return false;
        std::memcpy(to.data() + offset, cpu.memory.page_for_read(at) + at.offset(), size);
        return true;
    });
}

u64 read_memory(const Cpu& cpu, Place place, std::span<u8> to) { return read_memory(Viewpoint(cpu), place, to); }

bool write_memory(Cpu& cpu, Place place, std::span<const u8> from) {
    auto ram = [&](Physical at, u64, u64) { return !cpu.apic.claims(at) && cpu.memory.backing(at) == Backing::ram; };
    Viewpoint view(cpu);
    if (each_piece(view, place, from.size(), ram) != from.size()) return false;
    each_piece(view, place, from.size(), [&](Physical at, u64 offset, u64 size) { return cpu.memory.write_bytes(at, from.subspan(offset, size)), true; });
    return true;
}

}
