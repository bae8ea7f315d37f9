// SPDX-License-Identifier: MIT
// Mode 3 by its register values (IBM's VGA XGA technical reference, "BIOS modes"), through the ports as a BIOS sets them.
#include "bios/text_mode.h"

namespace {

struct Write { u8 index, value; };

constexpr u16 sequencer = 0x3c4, graphics = 0x3ce, crtc = 0x3d4, attribute = 0x3c0, status = 0x3da;
constexpr u8 miscellaneous = 0x67;                        // colour ports, memory on, 28 MHz: 720 by 400

constexpr Write sequencer_mode[] = {{0, 0x03}, {1, 0x00}, {2, 0x03}, {3, 0x00}, {4, 0x02}};
constexpr Write graphics_mode[] = {{0, 0x00}, {1, 0x00}, {2, 0x00}, {3, 0x00}, {4, 0x00}, {5, 0x10}, {6, 0x0e}, {7, 0x0f}, {8, 0xff}};
constexpr u8 crtc_mode[] = {0x5f, 0x4f, 0x50, 0x82, 0x55, 0x81, 0xbf, 0x1f, 0x00, 0x4f, 0x0d, 0x0e, 0x00,
                            0x00, 0x00, 0x00, 0x9c, 0x8e, 0x8f, 0x28, 0x1f, 0x96, 0xb9, 0xa3, 0xff};
constexpr u8 attribute_mode[] = {0x00, 0x01, 0x02, 0x03, 0x04, 0x05, 0x14, 0x07, 0x38, 0x39, 0x3a,
                                 0x3b, 0x3c, 0x3d, 0x3e, 0x3f, 0x0c, 0x00, 0x0f, 0x08, 0x00};

// Plane 2 alone, byte by byte at A0000h; and back.
constexpr Write sequencer_font[] = {{2, 0x04}, {4, 0x06}}, graphics_font[] = {{4, 0x02}, {5, 0x00}, {6, 0x04}};

constexpr u64 font_at = 0xa0000, text_at = 0xb8000, text_size = 0x8000;

void write_indexed(Ports& ports, u16 port, std::span<const Write> writes) {
    for (auto& w : writes) ports.out(port, 1, w.index), ports.out(u16(port + 1), 1, w.value);
}

void write_mode(Ports& ports) {
    ports.out(0x3c2, 1, miscellaneous);
    write_indexed(ports, sequencer, sequencer_mode);
    write_indexed(ports, graphics, graphics_mode);
    ports.out(crtc, 2, 0x0011);                           // registers 00h-07h can be written
    for (unsigned n = 0; n < std::size(crtc_mode); n++) ports.out(crtc, 2, n | crtc_mode[n] << 8);
    ports.in(status, 1);                                  // 3C0h expects an index
    for (unsigned n = 0; n < std::size(attribute_mode); n++) ports.out(attribute, 1, n), ports.out(attribute, 1, attribute_mode[n]);
    ports.out(attribute, 1, 0x20);                        // the palette is the display's
}

// The EGA's 64 colours: index bits 5:3 are a third of red, green and blue, bits 2:0 two thirds.
void write_colors(Ports& ports) {
    ports.out(0x3c6, 1, 0xff);
    ports.out(0x3c8, 1, 0);
    for (unsigned n = 0; n < 64; n++)
        for (unsigned component : {2u, 1u, 0u}) ports.out(0x3c9, 1, (n >> component & 1) * 42 + (n >> component >> 3 & 1) * 21);
}

void write_font(Ports& ports, PhysicalMap& memory) {
    write_indexed(ports, sequencer, sequencer_font);
    write_indexed(ports, graphics, graphics_font);
    for (unsigned character = 0; character < 256; character++) memory.write_bytes(Physical(font_at + character * 32), text_font[character]);
    write_indexed(ports, sequencer, sequencer_mode);
    write_indexed(ports, graphics, graphics_mode);
}

}  // namespace

void enter_text_mode(Ports& ports, PhysicalMap& memory) {
    write_mode(ports);
    write_colors(ports);
    write_font(ports, memory);
    for (u64 at = 0; at < text_size; at += 2) memory.write(Physical(text_at + at), 2, 0x0720);
}
