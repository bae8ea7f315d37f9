// SPDX-License-Identifier: MIT
// The VGA's colour palette: 256 colours of three components, 6 bits each or, with Bochs VBE, 8.
#pragma once
#include "base/archive.h"
#include <array>

struct Dac {
    std::array<u8, 768> components{};      // red, green, blue of each colour
    u8 mask = 0xff;
    u8 read_index = 0, write_index = 0;
    u8 step = 0;                           // which component is next
    bool reading = false;                  // the last index went to the read index register
    bool wide = false;                     // components of 8 bits

    void start_reading(u8 index) { read_index = index, step = 0, reading = true; }
    void start_writing(u8 index) { write_index = index, step = 0, reading = false; }
    u8 state() const { return reading ? 3 : 0; }
    u8 read() { return components[advance(read_index)]; }
    void write(u8 value) { components[advance(write_index)] = wide ? value : value & 0x3f; }

    // 00RRGGBB, as the monitor gets it.
    u32 color(u8 index) const {
        const u8* c = &components[u8(index & mask) * 3u];
        return u32(full(c[0])) << 16 | u32(full(c[1])) << 8 | full(c[2]);
    }

    void visit(Archive& a) {
        a("components", components), a("mask", mask), a("read_index", read_index), a("write_index", write_index);
        a("step", step), a("reading", reading), a("wide", wide);
        step %= 3;
    }

private:
    u8 full(u8 component) const { return wide ? component : u8((component & 0x3f) << 2 | (component & 0x3f) >> 4); }
    unsigned advance(u8& index) {
        unsigned at = index * 3u + step;
        step = u8((step + 1) % 3);
        if (step == 0) index++;
        return at;
    }
};
