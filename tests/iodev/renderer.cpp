// SPDX-License-Identifier: MIT
// Pictures of the VGA's modes. Where a dot of what colour is expected follows from IBM's VGA XGA technical reference.
#include "tests/iodev/vga_adapter.h"
#include <algorithm>

namespace {
struct RendererTest : testing::Test {
    Adapter a;

    // Text mode 03h, every cell blank, and a font in which each line of `shaped` is `shape`.
    void text(u8 shaped = 'A', u8 shape = 0x81) {
        a.set(mode_03h);
        for (u32 at = 0; at < 0x10000; at++) a.set_planes(at, 0x0720);
        for (unsigned line = 0; line < 16; line++) put_plane2(shaped * 32u + line, shape);
        a.crtc(0x0a, 0x20);                               // no cursor
    }
    void put_plane2(u32 at, u8 value) { a.set_planes(at, (a.planes(at) & 0xff00ffff) | value << 16); }
    void cell(unsigned column, unsigned row, u8 character, u8 attribute) {
        u32 at = (row * 80 + column) * 2;
        a.set_planes(at, (a.planes(at) & 0xffff0000) | attribute << 8 | character);
    }
    // The dots of a line as text: '#' where the colour is `ink`.
    static std::string dots(const Frame& frame, unsigned x, unsigned y, unsigned count, u32 ink) {
        std::string line;
        for (unsigned n = 0; n < count; n++) line += frame.at(x + n, y) == ink ? '#' : '.';
        return line;
    }
    // In mode 03h attribute colour n goes through the palette: 6 is 14h, 8 to 15 are 38h to 3Fh.
    static u32 ink(unsigned n) { return Adapter::shown(n >= 8 ? n + 0x30 : n == 6 ? 0x14 : n); }
    void pass_frames(unsigned n) { a.clock.ticks += a.clock.tick_of(u64{n} * 900 * 449, 28'322'000); }
};
}  // namespace

// ---- text

TEST_F(RendererTest, text_is_720_by_400_in_cells_of_9_by_16) {
    text();
    cell(79, 24, 'A', 0x1e);
    Frame f = a.frame();
    ASSERT_EQ(f.width, 720u);
    ASSERT_EQ(f.height, 400u);
    EXPECT_FALSE(f.square_dots);
    EXPECT_EQ(dots(f, 711, 384, 9, ink(14)), "#......#.");
    EXPECT_EQ(dots(f, 711, 399, 9, ink(14)), "#......#.");
    EXPECT_EQ(f.at(712, 384), ink(1));
    EXPECT_EQ(f.at(719, 384), ink(1));
    EXPECT_EQ(f.at(710, 384), ink(0));
    EXPECT_EQ(f.at(711, 383), ink(0));
}

TEST_F(RendererTest, eight_dots_per_character_make_640) {
    text();
    a.sequencer(1, 1);
    EXPECT_EQ(a.frame().width, 640u);
}

TEST_F(RendererTest, line_graphics_reach_into_the_ninth_dot) {
    text(0xc4, 0xff);
    cell(0, 0, 0xc4, 0x07);
    EXPECT_EQ(dots(a.frame(), 0, 0, 9, ink(7)), "#########");
    a.attribute(0x10, 0x08);                              // not enabled
    EXPECT_EQ(dots(a.frame(), 0, 0, 9, ink(7)), "########.");
    text(0xb0, 0xff);                                     // no line graphics
    cell(0, 0, 0xb0, 0x07);
    EXPECT_EQ(dots(a.frame(), 0, 0, 9, ink(7)), "########.");
}

TEST_F(RendererTest, attribute_bit_7_blinks_or_is_a_bright_background) {
    text();
    cell(0, 0, 'A', 0x97);
    EXPECT_EQ(a.frame().at(0, 0), ink(7));
    EXPECT_EQ(a.frame().at(1, 0), ink(1));
    pass_frames(16);
    EXPECT_EQ(a.frame().at(0, 0), ink(1));                // half of 32 frames it is not seen
    pass_frames(16);
    EXPECT_EQ(a.frame().at(0, 0), ink(7));
    a.attribute(0x10, 0x04);
    EXPECT_EQ(a.frame().at(1, 0), ink(9));
}

TEST_F(RendererTest, the_cursor_blinks_between_its_lines) {
    text();
    a.crtc(0x0a, 13), a.crtc(0x0b, 14), a.crtc(0x0e, 0), a.crtc(0x0f, 81);
    auto cursor = [&](unsigned line) { return dots(a.frame(), 9, 16 + line, 9, ink(7)); };
    EXPECT_EQ(cursor(12), ".........");
    EXPECT_EQ(cursor(13), "#########");
    EXPECT_EQ(cursor(14), "#########");
    EXPECT_EQ(cursor(15), ".........");
    pass_frames(8);
    EXPECT_EQ(cursor(13), ".........");
    pass_frames(8);
    EXPECT_EQ(cursor(13), "#########");
    a.crtc(0x0a, 15);                                     // begins after its end
    EXPECT_EQ(cursor(14), ".........");
}

TEST_F(RendererTest, mono_attribute_1_is_underlined) {
    text();
    a.set(mode_07h);
    a.in(0x3ba);
    a.index(0x3b4, 0x0a, 0x20);
    cell(0, 0, ' ', 0x01), cell(1, 0, ' ', 0x07);
    Frame f = a.frame();
    EXPECT_EQ(dots(f, 0, 13, 18, Adapter::shown(8)), "#########.........");
    EXPECT_EQ(dots(f, 0, 12, 9, Adapter::shown(8)), ".........");
}

TEST_F(RendererTest, attribute_bit_3_chooses_between_two_fonts) {
    text();
    for (unsigned line = 0; line < 16; line++) put_plane2(0x4000 + 'A' * 32 + line, 0x18);
    a.sequencer(3, 0x04);                                 // map A at 16 KiB, map B at 0
    cell(0, 0, 'A', 0x07), cell(1, 0, 'A', 0x0f);
    EXPECT_EQ(dots(a.frame(), 0, 0, 9, ink(7)), "#......#.");
    EXPECT_EQ(dots(a.frame(), 9, 0, 9, ink(15)), "...##....");
    for (unsigned line = 0; line < 16; line++) put_plane2(0x2000 + 'A' * 32 + line, 0x3c);
    a.sequencer(3, 0x20);                                 // map A's bit 5: 8 KiB
    EXPECT_EQ(dots(a.frame(), 9, 0, 9, ink(15)), "..####...");
}

TEST_F(RendererTest, text_is_read_from_the_start_address) {
    text();
    const char word[] = "Slate";
    for (unsigned n = 0; n < 5; n++) cell(n + 2, 3, u8(word[n]), 0x07);
    auto read = read_text(a.vga.scanout());
    ASSERT_TRUE(read);
    EXPECT_EQ(read->columns, 80u);
    EXPECT_EQ(read->rows, 25u);
    EXPECT_EQ(read->row(3), "  Slate");
    EXPECT_EQ(read->row(4), "");
    a.crtc(0x0d, 160);                                    // two rows on
    EXPECT_EQ(read_text(a.vga.scanout())->row(1), "  Slate");
    a.set(mode_13h);
    EXPECT_FALSE(read_text(a.vga.scanout()));
}

TEST_F(RendererTest, a_display_that_is_off_is_black) {
    text();
    cell(0, 0, 'A', 0x7f);
    auto black = [&] {
        Frame f = a.frame();
        return std::ranges::all_of(f.dots, [](u32 dot) { return dot == 0; });
    };
    EXPECT_FALSE(black());
    a.sequencer(1, 0x20);
    EXPECT_TRUE(black());
    a.sequencer(1, 0x00);
    a.in(0x3da), a.out(0x3c0, 0x00);                      // the palette is the CPU's
    EXPECT_TRUE(black());
}

// ---- graphics

TEST_F(RendererTest, mode_12h_has_a_dot_for_each_bit_of_four_planes) {
    a.set(mode_12h);
    a.set_planes(80 * 479 + 79, 0x0f00ff01);              // plane 0: 01, 1: FF, 2: 00, 3: 0F
    Frame f = a.frame();
    ASSERT_EQ(f.width, 640u);
    ASSERT_EQ(f.height, 480u);
    unsigned expected[] = {2, 2, 2, 2, 10, 10, 10, 11};
    for (unsigned n = 0; n < 8; n++) EXPECT_EQ(f.at(632 + n, 479), ink(expected[n])) << n;
}

TEST_F(RendererTest, mode_13h_shows_bytes_as_two_by_two_dots) {
    a.set(mode_13h);
    a.write(0xa0000 + 320 * 199 + 318, 5), a.write(0xa0000 + 320 * 199 + 319, 6), a.write(0xa0000 + 1, 7);
    Frame f = a.frame();
    ASSERT_EQ(f.width, 640u);
    ASSERT_EQ(f.height, 400u);
    for (unsigned y : {398u, 399u})
        for (unsigned x = 636; x < 640; x++) EXPECT_EQ(f.at(x, y), Adapter::shown(x < 638 ? 5 : 6));
    EXPECT_EQ(f.at(2, 0), Adapter::shown(7));
    EXPECT_EQ(f.at(3, 1), Adapter::shown(7));
    EXPECT_EQ(f.at(4, 0), Adapter::shown(0));
    EXPECT_EQ(f.at(2, 2), Adapter::shown(0));
}

TEST_F(RendererTest, mode_x_has_240_lines_of_unchained_planes) {
    a.set(mode_x);
    a.sequencer(2, 0x4);
    a.write(0xa0000 + 80 * 239 + 10, 9);                  // x = 10 * 4 + 2
    Frame f = a.frame();
    ASSERT_EQ(f.width, 640u);
    ASSERT_EQ(f.height, 480u);
    EXPECT_EQ(f.at(84, 478), Adapter::shown(9));
    EXPECT_EQ(f.at(85, 479), Adapter::shown(9));
    EXPECT_EQ(f.at(83, 478), Adapter::shown(0));
    EXPECT_EQ(f.at(86, 478), Adapter::shown(0));
}

TEST_F(RendererTest, mode_04h_interleaves_two_bits_and_two_banks_of_lines) {
    a.set(mode_04h);
    a.write(0xb8000, 0x1b), a.write(0xb8001, 0xe4), a.write(0xba000, 0xff);      // 0 1 2 3, 3 2 1 0; the second line
    Frame f = a.frame();
    ASSERT_EQ(f.width, 640u);
    ASSERT_EQ(f.height, 400u);
    unsigned palette[] = {0x00, 0x13, 0x15, 0x17}, expected[] = {0, 1, 2, 3, 3, 2, 1, 0};
    for (unsigned n = 0; n < 8; n++) EXPECT_EQ(f.at(n * 2, 1), Adapter::shown(palette[expected[n]])) << n;
    EXPECT_EQ(f.at(0, 2), Adapter::shown(0x17));
    EXPECT_EQ(f.at(8, 2), Adapter::shown(0x00));
    EXPECT_EQ(f.at(0, 4), Adapter::shown(0x00));
}

TEST_F(RendererTest, mode_06h_has_one_plane) {
    a.set(mode_06h);
    a.write(0xb8000 + 79, 0x01), a.write(0xba000, 0x80);
    Frame f = a.frame();
    ASSERT_EQ(f.width, 640u);
    EXPECT_EQ(f.at(639, 0), Adapter::shown(0x17));
    EXPECT_EQ(f.at(638, 0), Adapter::shown(0));
    EXPECT_EQ(f.at(0, 2), Adapter::shown(0x17));
}

TEST_F(RendererTest, mode_0dh_is_twice_as_wide_and_high_as_its_dots) {
    a.set(mode_0dh);
    a.set_planes(40 * 199 + 39, 0x00010001);              // planes 0 and 2: colour 5
    Frame f = a.frame();
    ASSERT_EQ(f.width, 640u);
    ASSERT_EQ(f.height, 400u);
    for (unsigned x : {638u, 639u})
        for (unsigned y : {398u, 399u}) EXPECT_EQ(f.at(x, y), Adapter::shown(5));
    EXPECT_EQ(f.at(637, 399), Adapter::shown(0));
}

TEST_F(RendererTest, the_picture_pans_by_dots_and_splits_at_the_line_compare) {
    a.set(mode_12h);
    a.set_planes(0, 0x000000ff), a.set_planes(1, 0x0000ff00), a.set_planes(1000, 0xff000000);
    a.attribute(0x13, 3);
    EXPECT_EQ(a.frame().at(4, 0), ink(1));
    EXPECT_EQ(a.frame().at(5, 0), ink(2));
    a.crtc(0x0c, 1000 >> 8), a.crtc(0x0d, 1000 & 255);
    EXPECT_EQ(a.frame().at(0, 0), ink(8));
    a.crtc(0x18, 99), a.crtc(0x07, 0x2e), a.crtc(0x09, 0x00);       // 9 and 8 of the line compare: 0
    EXPECT_EQ(a.frame().at(0, 99), ink(0));
    EXPECT_EQ(a.frame().at(4, 100), ink(1));
    a.attribute(0x10, 0x21);                              // panning is for the upper part
    EXPECT_EQ(a.frame().at(7, 100), ink(1));
    EXPECT_EQ(a.frame().at(8, 100), ink(2));
}

TEST_F(RendererTest, addresses_wrap_within_a_plane) {
    a.set(mode_12h);
    a.crtc(0x0c, 0xff), a.crtc(0x0d, 0xff);
    a.set_planes(0xffff, 0x000000ff), a.set_planes(0, 0x0000ff00);
    EXPECT_EQ(a.frame().at(7, 0), ink(1));
    EXPECT_EQ(a.frame().at(8, 0), ink(2));
}

TEST_F(RendererTest, color_select_and_the_pel_mask_change_what_is_looked_up) {
    a.set(mode_12h);
    a.color(0x41, 63, 63, 63), a.color(0x11, 0, 63, 0);
    a.set_planes(0, 0x000000ff);
    a.attribute(0x14, 0x04);                              // bits 7:6 of the index are 01
    EXPECT_EQ(a.frame().at(0, 0), 0xffffffu);
    a.attribute(0x10, 0x81), a.attribute(0x14, 0x01);     // and bits 5:4, in place of the palette's
    EXPECT_EQ(a.frame().at(0, 0), 0x00ff00u);
    a.out(0x3c6, 0x0f);
    EXPECT_EQ(a.frame().at(0, 0), Adapter::shown(1));
}

// ---- DISPI

TEST_F(RendererTest, dispi_shows_pixels_of_each_depth) {
    struct { u16 bits; u64 memory; u32 expected; } rows[] = {
        {8, 0x2a, Adapter::shown(0x2a)}, {15, 0x7c00, 0xff0000}, {15, 0x03e1, 0x00ff08}, {16, 0xf800, 0xff0000}, {16, 0x07e0, 0x00ff00},
        {16, 0x0010, 0x000084}, {24, 0x123456, 0x123456}, {32, 0xff123456, 0x123456}};
    for (auto& row : rows) {
        a.set(mode_13h);
        a.dispi(4, 0), a.dispi(1, 800), a.dispi(2, 600), a.dispi(3, row.bits), a.dispi(4, 0x41);
        unsigned bytes = (row.bits + 7u) / 8;
        u64 at = (u64{599} * 800 + 799) * bytes;
        for (unsigned i = 0; i < bytes; i++) a.vga.memory()[at + i] = u8(row.memory >> i * 8);
        Frame f = a.frame();
        ASSERT_EQ(f.width, 800u);
        ASSERT_EQ(f.height, 600u);
        EXPECT_TRUE(f.square_dots);
        EXPECT_EQ(f.at(799, 599), row.expected) << row.bits;
        EXPECT_EQ(f.at(798, 599), row.bits == 8 ? Adapter::shown(0) : 0) << row.bits;
    }
}

TEST_F(RendererTest, dispi_of_4_bits_has_planes) {
    a.set(mode_12h);
    a.dispi(1, 800), a.dispi(2, 600), a.dispi(3, 4), a.dispi(4, 1);
    a.write(0xa0000 + 100 * 3 + 1, 0x80);                 // x = 8, y = 3
    Frame f = a.frame();
    ASSERT_EQ(f.width, 800u);
    EXPECT_EQ(f.at(8, 3), ink(15));
    EXPECT_EQ(f.at(9, 3), ink(0));
}

TEST_F(RendererTest, dispi_moves_the_picture_over_a_larger_one) {
    a.dispi(1, 640), a.dispi(2, 480), a.dispi(3, 32), a.dispi(4, 1);
    a.dispi(6, 1024), a.dispi(8, 100), a.dispi(9, 50);
    a.vga.memory()[(u64{53} * 1024 + 107) * 4] = 0xcd;
    EXPECT_EQ(a.frame().at(7, 3), 0xcdu);
}

TEST_F(RendererTest, dispi_gives_the_dac_eight_bits) {
    a.dispi(1, 640), a.dispi(2, 480), a.dispi(3, 8), a.dispi(4, 0x21);
    a.out(0x3c6, 0xff);
    a.color(0, 0x12, 0xfe, 0x80);
    EXPECT_EQ(a.frame().at(0, 0), 0x12fe80u);
}
