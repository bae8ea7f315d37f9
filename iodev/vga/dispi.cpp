// SPDX-License-Identifier: MIT
// DISPI: its registers, and a mode that fits video memory whatever they are set to.
#include "iodev/vga/dispi.h"
#include <algorithm>

namespace {
constexpr u16 newest_id = 0xb0c5, oldest_id = 0xb0c0;
// of the enable register
constexpr u16 on = 0x01, get_capabilities = 0x02, dac_8bit = 0x20, no_clear = 0x80, kept = 0xe3;

u16 supported(u16 bits) {
    for (u16 n : {4, 8, 15, 16, 24, 32})
        if (bits == n) return n;
    return 8;
}
}  // namespace

void Dispi::reset(Reset) {
    index = 0;
    values = {};
    values[id] = newest_id;
}

u16 Dispi::get(unsigned n) const {
    bool capabilities = values[enable] & get_capabilities;
    if (capabilities && n == xres) return max_width;
    if (capabilities && n == yres) return max_height;
    if (capabilities && n == bpp) return max_bits;
    if (n == memory_64k) return u16(memory_size >> 16);
    return n < registers ? values[n] : u16(0);
}

void Dispi::set(unsigned n, u16 value) {
    if (n >= memory_64k || n == virt_height) return;
    if (n == id && (value < oldest_id || value > newest_id)) return;
    if (n == enable) return write_enable(value);
    values[n] = value;
    keep_in_bounds();
}

void Dispi::write_enable(u16 value) {
    bool starts = !enabled() && (value & on);
    values[enable] = value & kept;
    wires.dac_width(value & dac_8bit);
    if (!starts) return;
    values[virt_width] = values[xres], values[x_offset] = values[y_offset] = values[bank_register] = 0;
    keep_in_bounds();
    if (!(value & no_clear)) wires.clear(u64{pitch()} * height());
}

// Lines are whole groups of eight pixels, and the picture lies within the virtual one, which lies within video memory.
void Dispi::keep_in_bounds() {
    if (!enabled()) return;
    auto& v = values;
    v[bpp] = supported(v[bpp]);
    v[xres] = u16(std::clamp<unsigned>(v[xres] & ~7u, 8, max_width));
    v[virt_width] = std::max<u16>(v[virt_width] & 0xfff8, v[xres]);
    v[virt_height] = u16(std::min<u64>(memory_size / pitch(), 0xffff));
    v[yres] = u16(std::clamp<unsigned>(v[yres], 1, std::min<unsigned>(max_height, v[virt_height])));
    v[x_offset] = std::min<u16>(v[x_offset], v[virt_width] - v[xres]);
    v[y_offset] = std::min<u16>(v[y_offset], v[virt_height] - v[yres]);
}

u32 Dispi::in(u16 offset, unsigned width) {
    return u32((offset == 0 ? index : get(index)) & ones(width));
}

void Dispi::out(u16 offset, unsigned, u32 value) {
    if (offset == 0) index = u16(value);
    else set(index, u16(value));
}

void Dispi::visit(Archive& a) {
    a("index", index), a("values", values);
    values[enable] &= kept;
    keep_in_bounds();
}
