// SPDX-License-Identifier: MIT
// Stepping two machines, and comparing what each block stored.
#include "tests/lockstep/twins.h"
#include "tests/lockstep/engines.h"
#include <cstring>

namespace lockstep {

Twins::Twins(Side& a, Side& b) : a(a), b(b) {
    b.memory.written = [this, before = b.memory.written](Physical at, unsigned width) {
        before(at, width);
        if (watching) stored(at, width);
    };
}

// Where an address is read elsewhere than it is written (ROM shadowing), or is no RAM, comparisons of all RAM have to do.
void Twins::stored(Physical at, unsigned width) {
    const u8* page = b.memory.page_for_read(at);
    if (!page || page < b.ram.data() || page >= b.ram.data() + b.ram.size()) return;
    u64 offset = u64(page - b.ram.data()) + at.offset();
    stores.push_back({offset, unsigned(std::min<u64>(width, b.ram.size() - offset))});
}

void Twins::watch_stores(bool on) {
    if (watching == on) return;
    watching = on;
    stores.clear();
    for (u64 at = 0; at < (u64{1} << 32) + b.ram.size(); at += PhysicalMap::page_size) {
        if (at == b.ram.size()) at = u64{1} << 32;
        if (b.memory.backing(Physical(at)) != Backing::mmio) b.memory.watch(Physical(at), on);
    }
    b.cpu.memory_map_changed();
}

bool Twins::same_stores() {
    bool same = true;
    for (auto& s : stores) {
        if (std::memcmp(a.ram.data() + s.offset, b.ram.data() + s.offset, s.width) == 0) continue;
        same = false;
        break;
    }
    stores.clear();
    return same;
}

bool Twins::take(const Step& step) {
    steps++;
    u64 from = a.clock.ticks;
    for (unsigned tries = 0; a.clock.ticks == from && !a.ended() && tries < 16; tries++) {
        if (step.block) run_block(a.cpu, from + step.ticks);
        else a.cpu.run(from + step.ticks);
    }
    b.cpu.run(a.clock.ticks);
    if (a.clock.ticks == from && !a.ended()) return first = "the fast engine does not get on; ", false;
    if (a.ended() != b.ended()) return first = "one of them has ended; ", false;
    return same_cpu(a.cpu, b.cpu) && same_stores();
}

bool Twins::compare_state() { return same_cpu(a.cpu, b.cpu) && same_state(a, b); }
bool Twins::compare_ram() { return same_ram(a, b); }
std::string Twins::complaint() { return first + differences(a, b); }

}
