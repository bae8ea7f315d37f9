// SPDX-License-Identifier: MIT
// The VGA's registers, after IBM's VGA XGA technical reference: the ports 3B0h to 3DFh, what bits each
// register keeps, and what the bits mean to memory and display. Left out: the CRT interrupt, the light pen,
// the monitor's sense switches, the test registers.
#pragma once
#include "base/clock.h"
#include "iodev/byte_device.h"
#include "iodev/vga/dac.h"
#include <array>

// An index register and the registers behind it.
template <unsigned count> struct Indexed {
    u8 index = 0;
    std::array<u8, count> values{};
    u8 operator[](unsigned n) const { return n < count ? values[n] : u8(0); }
    u8 selected() const { return (*this)[index]; }
};

class VgaRegisters final : public ByteDevice {
public:
    static constexpr unsigned first_port = 0x3b0, ports = 0x30;

    explicit VgaRegisters(Clock& clock) : clock(clock) {}
    std::string_view name() const override { return "vga"; }
    void reset(Reset) override;
    u8 get(u16 offset) override;                          // from port 3B0h
    void put(u16 offset, u8 value) override;
    void visit(Archive&) override;

    u8 miscellaneous = 0, feature_control = 0;
    Indexed<5> sequencer;
    Indexed<9> graphics;
    Indexed<25> crtc;
    Indexed<21> attribute;                                // index: bit 5 lets the display have the palette
    bool attribute_data = false;                          // the next write to 3C0h is data
    Dac dac;

    // ---- what the display makes of them
    bool color_ports() const { return miscellaneous & 1; }
    bool text_mode() const { return !(graphics[6] & 1); }
    bool blanked() const { return (sequencer[1] & 0x20) || !(attribute.index & 0x20); }
    unsigned dots_per_character() const { return sequencer[1] & 1 ? 8 : 9; }
    bool half_dot_clock() const { return sequencer[1] & 8; }
    unsigned columns() const { return crtc[0x01] + 1u; }
    unsigned lines() const { return overflowing(0x12, 1, 6) + 1; }
    unsigned cell_height() const { return (crtc[0x09] & 0x1fu) + 1; }
    bool double_scan() const { return crtc[0x09] & 0x80; }
    unsigned line_compare() const { return overflowing(0x18, 4) | (crtc[0x09] & 0x40u) << 3; }
    u16 start_address() const { return u16(crtc[0x0c] << 8 | crtc[0x0d]); }
    u16 cursor_address() const { return u16(crtc[0x0e] << 8 | crtc[0x0f]); }
    u16 row_pitch() const { return u16(crtc[0x13] * 2); }  // in units of the address counter

    // ---- where the beam is
    struct Beam { bool displaying, vertical_retrace; };
    Beam beam() const;
    u64 frame() const;                                    // how many have begun since tick 0

private:
    // A vertical register with its bit 8, and bit 9, in the overflow register (07h).
    unsigned overflowing(unsigned n, unsigned bit8, unsigned bit9 = 8) const {
        return crtc[n] | (crtc[0x07] >> bit8 & 1u) << 8 | (crtc[0x07] >> bit9 & 1u) << 9;
    }
    unsigned vertical_total() const { return overflowing(0x06, 0, 5) + 2; }
    unsigned retrace_start() const { return overflowing(0x10, 2, 7); }
    u64 dot_hertz() const;
    u64 line_dots() const { return (crtc[0x00] + u64{5}) * dots_per_character(); }
    u8 status1();
    void write_attribute(u8 value);
    void write_crtc(u8 value);

    Clock& clock;
};
