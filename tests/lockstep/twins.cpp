// SPDX-License-Identifier: MIT
// Stepping two machines, and comparing what each block stored.
#include "tests/lockstep/twins.h"
#include <cstring>

namespace lockstep {

Twins::Twins(Side& a, Side& b) : a(a), b(b) {
    b.memory.observe(this, [this](const u8* bytes, u64 width) {
        u64 offset = u64(bytes - this->b.ram.data()), size = this->b.ram.size();
        if (watching && offset < size) stores.push_back({offset, std::min(width, size - offset)});
    });
}
Twins::~Twins() { b.memory.leave(this); }

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
        if (step.block) a.cpu.run_block(from + step.ticks);
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
