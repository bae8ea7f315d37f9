// SPDX-License-Identifier: MIT
// The text mode that a kernel finds, as the display shows it.
#include "bios/text_mode.h"
#include "iodev/vga/vga.h"
#include <gtest/gtest.h>

TEST(text_mode, is_a_blank_screen_of_80_by_25_with_a_font) {
    Clock clock;
    auto nowhere = [](u64, bool) {};
    Vga vga(clock, {nowhere, nowhere, nowhere});
    Ports ports;
    PhysicalMap memory;
    ports.attach(VgaRegisters::first_port, VgaRegisters::ports, vga.registers);
    memory.map_mmio(Physical(VgaWindow::base), VgaWindow::size, vga.window);
    enter_text_mode(ports, memory);

    auto text = read_text(vga.scanout());
    ASSERT_TRUE(text);
    EXPECT_EQ(text->columns, 80u);
    EXPECT_EQ(text->rows, 25u);
    for (unsigned row = 0; row < 25; row++) EXPECT_EQ(text->row(row), "");

    memory.write(Physical(0xb8000 + 2 * 81), 2, 0x4e00 | 'R');      // yellow on red
    Frame frame = render(vga.scanout());
    for (unsigned y = 0; y < 16; y++)
        for (unsigned x = 0; x < 9; x++) {
            bool set = x < 8 && (text_font[unsigned('R')][y] >> (7 - x) & 1);
            EXPECT_EQ(frame.at(9 + x, 16 + y), set ? 0xffff55u : 0xaa0000u) << x << " " << y;
        }
}

TEST(text_mode, the_font_has_a_glyph_for_each_printable_character) {
    for (unsigned character = 0x21; character < 0x7f; character++) {
        unsigned dots = 0;
        for (u8 line : text_font[character]) dots += unsigned(std::popcount(line));
        EXPECT_GT(dots, 1u) << character;
        for (unsigned other = 0x21; other < character; other++)
            EXPECT_FALSE(std::equal(text_font[character], text_font[character] + 16, text_font[other])) << character << " " << other;
    }
}
