// SPDX-License-Identifier: MIT
// The VGA's ports, and where the beam is.
#include "iodev/vga/registers.h"

namespace {

// The bits that each register keeps; what is not named reads as 0.
constexpr u8 sequencer_bits[] = {0x03, 0x3d, 0x0f, 0x3f, 0x0e};
constexpr u8 graphics_bits[] = {0x0f, 0x0f, 0x0f, 0x1f, 0x03, 0x7b, 0x0f, 0x0f, 0xff};
constexpr u8 attribute_bits[] = {0x3f, 0x3f, 0x3f, 0x3f, 0x3f, 0x3f, 0x3f, 0x3f, 0x3f, 0x3f, 0x3f,
                                 0x3f, 0x3f, 0x3f, 0x3f, 0x3f, 0xef, 0xff, 0x3f, 0x0f, 0x0f};

template <unsigned count> void store(Indexed<count>& group, u8 value, const u8 (&kept)[count]) {
    if (group.index < count) group.values[group.index] = value & kept[group.index];
}
template <unsigned count> void keep(Indexed<count>& group, const u8 (&kept)[count]) {
    for (unsigned n = 0; n < count; n++) group.values[n] &= kept[n];
}

// The mono and the color adapter's places of the same registers; the miscellaneous output's bit 0 chooses.
constexpr u16 mono = 0x3b0, color = 0x3d0;

}  // namespace

void VgaRegisters::reset(Reset) {
    miscellaneous = feature_control = 0;
    sequencer = {}, graphics = {}, crtc = {}, attribute = {};
    attribute_data = false;
    dac = {};
}

void VgaRegisters::visit(Archive& a) {
    a("miscellaneous", miscellaneous), a("feature_control", feature_control);
    a("sequencer_index", sequencer.index), a("sequencer", sequencer.values);
    a("graphics_index", graphics.index), a("graphics", graphics.values);
    a("crtc_index", crtc.index), a("crtc", crtc.values);
    a("attribute_index", attribute.index), a("attribute", attribute.values), a("attribute_data", attribute_data);
    a("dac", dac);
    keep(sequencer, sequencer_bits), keep(graphics, graphics_bits), keep(attribute, attribute_bits);
}

u8 VgaRegisters::get(u16 offset) {
    u16 port = u16(first_port + offset);
    switch (port) {
    case 0x3c0: return attribute.index;
    case 0x3c1: return (attribute.index & 0x1f) < 21 ? attribute[attribute.index & 0x1f] : u8(0);
    case 0x3c2: return 0;                                 // input status 0: no interrupt, no switch
    case 0x3c4: return sequencer.index;
    case 0x3c5: return sequencer.selected();
    case 0x3c6: return dac.mask;
    case 0x3c7: return dac.state();
    case 0x3c8: return dac.write_index;
    case 0x3c9: return dac.read();
    case 0x3ca: return feature_control;
    case 0x3cc: return miscellaneous;
    case 0x3ce: return graphics.index;
    case 0x3cf: return graphics.selected();
    default: break;
    }
    switch (port - (color_ports() ? color : mono)) {
    case 4: return crtc.index;
    case 5: return crtc.selected();
    case 10: return status1();
    default: return 0xff;
    }
}

void VgaRegisters::put(u16 offset, u8 value) {
    u16 port = u16(first_port + offset);
    switch (port) {
    case 0x3c0: return write_attribute(value);
    case 0x3c2: miscellaneous = value; return;
    case 0x3c4: sequencer.index = value & 7; return;
    case 0x3c5: return store(sequencer, value, sequencer_bits);
    case 0x3c6: dac.mask = value; return;
    case 0x3c7: return dac.start_reading(value);
    case 0x3c8: return dac.start_writing(value);
    case 0x3c9: return dac.write(value);
    case 0x3ce: graphics.index = value & 0x0f; return;
    case 0x3cf: return store(graphics, value, graphics_bits);
    default: break;
    }
    switch (port - (color_ports() ? color : mono)) {
    case 4: crtc.index = value & 0x3f; return;
    case 5: return write_crtc(value);
    case 10: feature_control = value & 0x0b; return;
    default: return;
    }
}

// 3C0h takes index and data in turn. The palette (00h-0Fh) is the display's while index bit 5 is set.
void VgaRegisters::write_attribute(u8 value) {
    attribute_data = !attribute_data;
    if (attribute_data) {
        attribute.index = value & 0x3f;
        return;
    }
    unsigned n = attribute.index & 0x1f;
    bool locked = n < 16 && (attribute.index & 0x20);
    if (n < 21 && !locked) attribute.values[n] = value & attribute_bits[n];
}

// 11h bit 7 protects 00h-07h, except the line compare's bit 8 (07h bit 4).
void VgaRegisters::write_crtc(u8 value) {
    if (crtc.index >= 25) return;
    u8 writable = !(crtc[0x11] & 0x80) || crtc.index > 7 ? 0xff : crtc.index == 7 ? 0x10 : 0;
    u8& target = crtc.values[crtc.index];
    target = u8((target & ~writable) | (value & writable));
}

// Input status 1: bit 0 no display now, bit 3 vertical retrace; reading it makes 3C0h expect an index.
u8 VgaRegisters::status1() {
    attribute_data = false;
    Beam now = beam();
    return u8((now.displaying ? 0 : 1) | now.vertical_retrace << 3);
}

u64 VgaRegisters::dot_hertz() const {
    u64 full = (miscellaneous >> 2 & 3) == 1 ? 28'322'000 : 25'175'000;
    return half_dot_clock() ? full / 2 : full;
}

u64 VgaRegisters::frame() const { return clock.count(dot_hertz()) / (line_dots() * vertical_total()); }

VgaRegisters::Beam VgaRegisters::beam() const {
    u64 at = clock.count(dot_hertz()) % (line_dots() * vertical_total());
    u64 line = at / line_dots(), character = at % line_dots() / dots_per_character();
    u64 length = (crtc[0x11] - retrace_start()) & 15;     // the end is given by its low four bits
    u64 since = line - retrace_start();
    return {line < lines() && character < columns(), since < (length ? length : 16)};
}
