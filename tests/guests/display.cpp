// SPDX-License-Identifier: MIT
// The VGA and Bochs VBE: mode after mode is set, drawn in and shown for 8 milliseconds; display.py looks at pictures of them.
#include "guest.h"
#include "../vga_modes.h"

static constexpr u64 slot = 8'000'000;    // ticks
static unsigned shown;

// Until the slot of the mode just drawn has ended; too late is a failure of the drawing above.
static void show() {
    u64 end = ++shown * slot;
    holds("drawn in time", rdtsc() < end - slot / 4);
    while (rdtsc() < end) asm volatile("pause");
}

static void set(const VgaMode& mode) { set_vga_mode(mode, out8, in8); }
static void index(u16 port, u8 n, u8 value) { out8(port, n), out8(port + 1, value); }
static void sequencer(u8 n, u8 value) { index(0x3c4, n, value); }
static void graphics(u8 n, u8 value) { index(0x3ce, n, value); }
static void dispi(u16 n, u16 value) { out16(0x1ce, n), out16(0x1cf, value); }
static u16 dispi(u16 n) { return out16(0x1ce, n), in16(0x1cf); }
static u32 config(u32 at) { return out32(0xcf8, 0x80001000 | at), in32(0xcfc); }      // slot 2

// Colour n of 64: red rises by 4 in 16, green falls.
static void set_colors() {
    out8(0x3c6, 0xff), out8(0x3c8, 0);
    for (unsigned n = 0; n < 64; n++) out8(0x3c9, n % 16 * 4), out8(0x3c9, 63 - n % 16 * 4), out8(0x3c9, n / 16 * 21);
}

static void write_text(unsigned column, unsigned row, u8 attribute, const char* text) {
    for (word at = 0xb8000 + (row * 80 + column) * 2; *text; text++, at += 2) poke<u16>(at, u16(attribute << 8 | u8(*text)));
}

// The font is as the loader left it.
static void text() {
    set(mode_03h);
    for (word at = 0xb8000; at < 0xb8000 + 80 * 25 * 2; at += 8) poke<u64>(at, 0x0720072007200720);
    write_text(0, 0, 0x07, "Slate shows text: {[(|/\\)]} 0123456789");
    write_text(38, 12, 0x1e, "\xc9\xcd\xbb");
    write_text(38, 13, 0x1e, "\xc8\xcd\xbc");
    write_text(73, 24, 0x4f, "the end");
    index(0x3d4, 0x0a, 0x20);
    is("text reads as it was written", peek<u16>(0xb8000), 0x0753);
    show();
}

// 16 bars of 40 dots, by set/reset, in address order.
static void planes() {
    set(mode_12h);
    set_colors();
    for (unsigned n = 0; n < 16; n++) in8(0x3da), out8(0x3c0, u8(n)), out8(0x3c0, u8(n));
    out8(0x3c0, 0x20);
    graphics(1, 0x0f);
    for (unsigned bar = 0; bar < 16; bar++) {
        graphics(0, u8(bar));
        for (unsigned y = 0; y < 480; y++)
            for (unsigned x = 0; x < 5; x++) poke<u8>(0xa0000 + y * 80 + bar * 5 + x, 0);
    }
    graphics(1, 0), graphics(5, 8), graphics(2, 6);
    is("colour 6 is found by comparing", peek<u8>(0xa0000 + 31), 0xff);
    is("and is not elsewhere", peek<u8>(0xa0000 + 36), 0);
    show();
}

// The upper half: 16 bars of 20 pixels; the lower: colours 16 and on.
static void bytes() {
    set(mode_13h);
    set_colors();
    for (unsigned y = 0; y < 200; y++)
        for (unsigned x = 0; x < 320; x++) poke<u8>(0xa0000 + y * 320 + x, u8(x / 20 + (y < 100 ? 0 : 16)));
    is("chain-4 reads as it was written", peek<u32>(0xa0000 + 18), 0x01010000);
    show();
}

// Columns of four pixels, each plane its own colour: 1, 2, 3, 4; the last line is 5.
static void mode_x_planes() {
    set(mode_x);
    for (unsigned plane = 0; plane < 4; plane++) {
        sequencer(2, u8(1 << plane));
        for (word at = 0xa0000; at < 0xa0000 + 80 * 240; at += 8) poke<u64>(at, (plane + 1) * 0x0101010101010101);
    }
    sequencer(2, 0x0f);
    for (word at = 0xa0000 + 80 * 239; at < 0xa0000 + 80 * 240; at++) poke<u8>(at, 5);
    show();
}

static void enable(u16 width, u16 height, u16 bits, u16 how) {
    dispi(4, 0), dispi(1, width), dispi(2, height), dispi(3, bits), dispi(4, how);
}

// Quarters in red, green, blue and white, in a larger picture that begins at (200, 100).
static void true_color(word frame_buffer) {
    is("DISPI's id", dispi(0), 0xb0c5);
    enable(640, 480, 32, 0x41);
    dispi(6, 1000), dispi(8, 200), dispi(9, 100);
    for (unsigned y = 0; y < 480; y++) {
        u64 left = y < 240 ? 0xff0000 : 0x0000ff, right = y < 240 ? 0x00ff00 : 0xffffff;
        word line = frame_buffer + ((y + 100) * 1000 + 200) * 4;
        for (word at = line; at < line + 320 * 4; at += 8) poke<u64>(at, left | left << 32), poke<u64>(at + 320 * 4, right | right << 32);
    }
    is("the frame buffer reads as it was written", peek<u32>(frame_buffer + (100 * 1000 + 200) * 4), 0xff0000);
    show();
}

// Bars of 40 lines by colour, through the window at A0000h and its banks.
static void banks() {
    enable(640, 480, 8, 0x01);
    set_colors();
    for (unsigned y = 0; y < 480; y++) {
        for (unsigned x = 0; x < 640; x += 8) {
            u32 at = y * 640 + x;
            if (at % 0x10000 == 0) dispi(5, u16(at >> 16));
            poke<u64>(0xa0000 + (at & 0xffff), y / 40 * 0x0101010101010101);
        }
    }
    show();
}

static void high_color(word frame_buffer) {
    enable(1024, 768, 16, 0x41);
    for (word y = 0; y < 768; y++)
        for (word x = 0; x < 1024; x += 4) poke<u64>(frame_buffer + (y * 1024 + x) * 2, (y < 384 ? 0xf800 : 0x07e0) * 0x0001000100010001);
    show();
    dispi(4, 0);
}

void guest() {
    is("the adapter's ids", config(0), 0x11111234);
    word frame_buffer = config(0x10) & ~word{15};
    text();
    planes();
    bytes();
    mode_x_planes();
    true_color(frame_buffer);
    banks();
    high_color(frame_buffer);
}
