// SPDX-License-Identifier: MIT
// Port dispatch: a table from port to claim, laid out anew when claims come and go.
#include "iodev/ports.h"
#include <algorithm>

Ports::Ports() { owner.fill(nobody); }

void Ports::attach(u16 base, unsigned size, Device& device) {
    size = std::min<unsigned>(size, 0x10000 - base);
    if (size == 0 || claims.size() >= nobody) return;
    claims.push_back({base, size, &device});
    std::fill_n(owner.begin() + base, size, u16(claims.size() - 1));
}

void Ports::detach(u16 base, unsigned size, Device& device) {
    auto same = [&](const Range& r) {
        return r.base == base && r.size == size && r.device == &device;
    };
    auto last = std::find_if(claims.rbegin(), claims.rend(), same);
    if (last == claims.rend()) return;
    claims.erase(std::next(last).base());
    lay_out();
}

void Ports::lay_out() {
    owner.fill(nobody);
    for (unsigned i = 0; i < claims.size(); i++)
        std::fill_n(owner.begin() + claims[i].base, claims[i].size, u16(i));
}

const Ports::Range* Ports::claim(u16 port, unsigned width) const {
    if (owner[port] == nobody) return nullptr;
    auto& range = claims[owner[port]];
    return port - range.base + width <= range.size ? &range : nullptr;
}

u32 Ports::in(u16 port, unsigned width) {
    if (auto* range = claim(port, width)) return range->device->in(u16(port - range->base), width);
    if (width == 1) return 0xff;
    u32 value = 0;
    for (unsigned i = 0; i < width; i++) {
        u32 byte = u32(port) + i < 0x10000 ? in(u16(port + i), 1) : 0xff;
        value |= (byte & 0xff) << (i * 8);
    }
    return value;
}

void Ports::out(u16 port, unsigned width, u32 value) {
    if (auto* range = claim(port, width))
        return range->device->out(u16(port - range->base), width, value);
    if (width == 1) return;
    for (unsigned i = 0; i < width && u32(port) + i < 0x10000; i++)
        out(u16(port + i), 1, value >> (i * 8) & 0xff);
}
