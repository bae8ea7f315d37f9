// SPDX-License-Identifier: MIT
// The VGA by its ports and its memory. Expected values: IBM's VGA XGA technical reference; Bochs's VBE Display API.
#include "tests/archive_roundtrip.h"
#include "tests/iodev/run_clock.h"
#include "tests/iodev/vga_adapter.h"

namespace {
struct VgaTest : testing::Test {
    Adapter a;
    // Mode 12h, memory at A0000h; latches from address 0, which holds `planes`.
    void latch(u32 planes) {
        a.set(mode_12h);
        a.set_planes(0, planes);
        a.read(0xa0000);
    }
};
}  // namespace

// ---- ports

TEST_F(VgaTest, registers_keep_the_bits_that_they_have) {
    struct { u16 port; u8 index, reads; } rows[] = {
        {0x3c4, 0, 0x03}, {0x3c4, 1, 0x3d}, {0x3c4, 2, 0x0f}, {0x3c4, 3, 0x3f}, {0x3c4, 4, 0x0e}, {0x3c4, 5, 0x00},
        {0x3ce, 0, 0x0f}, {0x3ce, 3, 0x1f}, {0x3ce, 4, 0x03}, {0x3ce, 6, 0x0f}, {0x3ce, 8, 0xff}, {0x3ce, 9, 0x00},
        {0x3d4, 0x0a, 0xff}, {0x3d4, 0x18, 0xff}, {0x3d4, 0x30, 0x00},
    };
    a.out(0x3c2, 1);
    for (auto& row : rows) {
        a.index(row.port, row.index, 0xff);
        EXPECT_EQ(a.in(u16(row.port + 1)), row.reads) << std::hex << row.port << " " << int(row.index);
        EXPECT_EQ(a.in(row.port), row.index);
    }
}

TEST_F(VgaTest, the_crtc_is_at_3b4h_or_3d4h_as_the_miscellaneous_output_says) {
    a.out(0x3c2, 1);
    a.crtc(0x0c, 0x12);
    EXPECT_EQ(a.in(0x3cc), 1);
    EXPECT_EQ(a.in(0x3b5), 0xff);
    a.out(0x3c2, 0);
    EXPECT_EQ(a.in(0x3d5), 0xff);
    EXPECT_EQ(a.in(0x3b5), 0x12);
}

TEST_F(VgaTest, crtc_11h_protects_registers_0_to_7_but_for_the_line_compare) {
    a.set(mode_03h);                                      // its 11h is 8Eh
    a.crtc(0x00, 0x00), a.crtc(0x07, 0x00);
    EXPECT_EQ(a.vga.registers.crtc[0x00], 0x5f);
    EXPECT_EQ(a.vga.registers.crtc[0x07], 0x0f);          // 1Fh without bit 4
    a.crtc(0x11, 0x0e), a.crtc(0x00, 0x12);
    EXPECT_EQ(a.vga.registers.crtc[0x00], 0x12);
}

TEST_F(VgaTest, port_3c0h_takes_index_and_data_in_turn_and_status_starts_it_anew) {
    a.out(0x3c2, 1);
    a.in(0x3da);
    a.out(0x3c0, 0x03), a.out(0x3c0, 0x2a);
    a.out(0x3c0, 0x05), a.in(0x3da);
    a.out(0x3c0, 0x03);
    EXPECT_EQ(a.in(0x3c1), 0x2a);
    EXPECT_EQ(a.in(0x3c0), 0x03);
    a.out(0x3c0, 0x15);                                   // data of 03h
    EXPECT_EQ(a.in(0x3c1), 0x15);
    a.out(0x3c0, 0x23), a.out(0x3c0, 0x00);               // the palette is the display's
    EXPECT_EQ(a.vga.registers.attribute[3], 0x15);
    a.out(0x3c0, 0x32), a.out(0x3c0, 0x0f);               // 12h is no part of it
    EXPECT_EQ(a.vga.registers.attribute[0x12], 0x0f);
}

TEST_F(VgaTest, the_dac_counts_components_and_colors) {
    a.color(0x10, 0x3f, 0x01, 0xff);                      // six bits of each
    a.out(0x3c9, 0x22);                                   // 11h: red
    EXPECT_EQ(a.in(0x3c8), 0x11);
    EXPECT_EQ(a.in(0x3c7), 0);
    a.out(0x3c7, 0x10);
    EXPECT_EQ(a.in(0x3c7), 3);
    u8 expected[] = {0x3f, 0x01, 0x3f, 0x22};
    for (u8 value : expected) EXPECT_EQ(a.in(0x3c9), value);
}

// Mode 03h: 28.322 MHz, lines of 900 dots, frames of 449 lines; 400 shown, retrace in lines 412 and 413.
TEST_F(VgaTest, status_follows_the_beam) {
    a.set(mode_03h);
    auto status_at = [&](u64 line, u64 dot) {
        run_to(a.clock, a.clock.tick_of((3 * 449 + line) * 900 + dot, 28'322'000));
        return a.in(0x3da) & 9;
    };
    EXPECT_EQ(status_at(0, 0), 0);
    EXPECT_EQ(status_at(0, 719), 0);
    EXPECT_EQ(status_at(0, 720), 1);
    EXPECT_EQ(status_at(1, 5), 0);
    EXPECT_EQ(status_at(399, 719), 0);
    EXPECT_EQ(status_at(400, 0), 1);
    EXPECT_EQ(status_at(411, 899), 1);
    EXPECT_EQ(status_at(412, 0), 9);
    EXPECT_EQ(status_at(413, 899), 9);
    EXPECT_EQ(status_at(414, 0), 1);
    EXPECT_EQ(a.vga.registers.frame(), 3u);
    EXPECT_EQ(status_at(449, 0), 0);
    EXPECT_EQ(a.vga.registers.frame(), 4u);
}

// ---- legacy memory

TEST_F(VgaTest, the_memory_map_chooses_the_window) {
    struct { u8 map; u64 first, last; } rows[] = {{0x00, 0xa0000, 0xbffff}, {0x04, 0xa0000, 0xaffff}, {0x08, 0xb0000, 0xb7fff}, {0x0c, 0xb8000, 0xbffff}};
    a.set(mode_12h);
    for (auto& row : rows) {
        a.graphics(6, u8(row.map | 1));
        a.set_planes(0, 0x11111111), a.set_planes(0x7fff, 0x22222222), a.set_planes(0xffff, 0x33333333);
        EXPECT_EQ(a.read(row.first), 0x11) << int(row.map);
        EXPECT_EQ(a.read(row.last), row.last - row.first == 0x7fff ? 0x22 : 0x33) << int(row.map);
        EXPECT_TRUE(row.first == 0xa0000 || a.read(row.first - 1) == 0xff);
        EXPECT_TRUE(row.last == 0xbffff || a.read(row.last + 1) == 0xff);
    }
    a.graphics(6, 5);
    a.out(0x3c2, 0xe1);                                   // memory off
    EXPECT_EQ(a.read(0xa0000), 0xff);
    a.write(0xa0000, 0x77);
    EXPECT_EQ(a.planes(0), 0x11111111u);
}

TEST_F(VgaTest, text_memory_alternates_between_planes_0_and_1) {
    a.set(mode_03h);
    a.set_planes(0, 0), a.set_planes(2, 0);
    a.write(0xb8000, 'A'), a.write(0xb8001, 0x1f), a.write(0xb8002, 'B'), a.write(0xb8003, 0x2e);
    EXPECT_EQ(a.planes(0), 0x1f41u);
    EXPECT_EQ(a.planes(2), 0x2e42u);
    EXPECT_EQ(a.planes(1), 0u);
    EXPECT_EQ(a.read(0xb8000), 'A');
    EXPECT_EQ(a.read(0xb8003), 0x2e);
}

TEST_F(VgaTest, chain_4_takes_the_plane_from_the_address) {
    a.set(mode_13h);
    for (unsigned n = 0; n < 8; n++) a.write(0xa0000 + n, u8(0x10 + n));
    EXPECT_EQ(a.planes(0), 0x13121110u);
    EXPECT_EQ(a.planes(4), 0x17161514u);
    EXPECT_EQ(a.read(0xa0006), 0x16);
}

TEST_F(VgaTest, the_map_mask_chooses_the_planes_written_and_the_read_map_the_one_read) {
    latch(0x44332211);
    a.sequencer(2, 0x05);
    a.write(0xa0000, 0xa5);
    EXPECT_EQ(a.planes(0), 0x44a522a5u);
    u8 expected[] = {0xa5, 0x22, 0xa5, 0x44};
    for (unsigned plane = 0; plane < 4; plane++) {
        a.graphics(4, u8(plane));
        EXPECT_EQ(a.read(0xa0000), expected[plane]);
    }
}

TEST_F(VgaTest, write_mode_0_rotates_sets_combines_and_masks) {
    struct { const char* what; u8 set_reset, enable, rotate, mask, data; u32 latches, expected; } rows[] = {
        {"plain",                 0x0, 0x0, 0x00, 0xff, 0x5a, 0x44332211, 0x5a5a5a5a},
        {"rotated right by 3",    0x0, 0x0, 0x03, 0xff, 0x81, 0x00000000, 0x30303030},
        {"set and reset",         0x5, 0xf, 0x00, 0xff, 0x12, 0x00000000, 0x00ff00ff},
        {"plane 1 set",           0x2, 0x2, 0x00, 0xff, 0x0f, 0x00000000, 0x0f0fff0f},
        {"AND",                   0x0, 0x0, 0x08, 0xff, 0x3c, 0xf0f0f0f0, 0x30303030},
        {"OR",                    0x0, 0x0, 0x10, 0xff, 0x3c, 0xf0f0f0f0, 0xfcfcfcfc},
        {"XOR",                   0x0, 0x0, 0x18, 0xff, 0x3c, 0xf0f0f0f0, 0xcccccccc},
        {"bits 3:0 only",         0x0, 0x0, 0x00, 0x0f, 0xaa, 0xf0f0f0f0, 0xfafafafa},
        {"set, bit 7 only",       0x4, 0xf, 0x00, 0x80, 0x00, 0x0000ff7f, 0x00807f7f},
    };
    for (auto& row : rows) {
        latch(row.latches);
        a.graphics(0, row.set_reset), a.graphics(1, row.enable), a.graphics(3, row.rotate), a.graphics(8, row.mask);
        a.write(0xa0001, row.data);
        EXPECT_EQ(a.planes(1), row.expected) << row.what;
    }
}

TEST_F(VgaTest, write_mode_1_copies_the_latches) {
    latch(0x44332211);
    a.graphics(5, 1), a.graphics(8, 0);
    a.write(0xa0123, 0x99);
    EXPECT_EQ(a.planes(0x123), 0x44332211u);
}

TEST_F(VgaTest, write_mode_2_spreads_a_color_over_the_planes) {
    latch(0);
    a.graphics(5, 2), a.graphics(8, 0x81);
    a.write(0xa0001, 0x05);
    EXPECT_EQ(a.planes(1), 0x00810081u);
}

TEST_F(VgaTest, write_mode_3_masks_set_reset_by_the_data) {
    latch(0xffffffff);
    a.graphics(5, 3), a.graphics(0, 0x6), a.graphics(8, 0x3f), a.graphics(3, 0x04);
    a.write(0xa0001, 0xc3);                               // rotated: 3Ch
    EXPECT_EQ(a.planes(1), 0xc3ffffc3u);
}

TEST_F(VgaTest, read_mode_1_compares_colors) {
    latch(0x0000ccf0);
    a.graphics(5, 8), a.graphics(2, 0x3), a.graphics(7, 0xf);
    EXPECT_EQ(a.read(0xa0000), 0xc0);                     // both planes set, the other two clear
    a.graphics(7, 0x1);
    EXPECT_EQ(a.read(0xa0000), 0xf0);
    a.graphics(7, 0x0);
    EXPECT_EQ(a.read(0xa0000), 0xff);
}

TEST_F(VgaTest, wide_accesses_are_bytes_in_order) {
    a.set(mode_13h);
    a.vga.window.write(0, 8, 0x8877665544332211);
    EXPECT_EQ(a.planes(0), 0x44332211u);
    EXPECT_EQ(a.planes(4), 0x88776655u);
    EXPECT_EQ(a.vga.window.read(2, 4), 0x66554433u);
}

// ---- DISPI

TEST_F(VgaTest, dispi_says_what_it_is_and_what_it_can) {
    EXPECT_EQ(a.dispi(0), 0xb0c5);
    a.dispi(0, 0xb0c2);
    EXPECT_EQ(a.dispi(0), 0xb0c2);
    a.dispi(0, 0xb0c6);
    EXPECT_EQ(a.dispi(0), 0xb0c2);
    a.dispi(4, 2);
    EXPECT_EQ(a.dispi(1), 2560);
    EXPECT_EQ(a.dispi(2), 1600);
    EXPECT_EQ(a.dispi(3), 32);
    EXPECT_EQ(a.dispi(10), 256);                          // 64 KiB each
    a.dispi(4, 0);
    EXPECT_EQ(a.dispi(1), 0);
}

TEST_F(VgaTest, dispi_clears_memory_unless_told_not_to) {
    auto enable = [&](u16 how) { a.dispi(4, 0), a.dispi(1, 640), a.dispi(2, 480), a.dispi(3, 8), a.dispi(4, how); };
    a.set_planes(0, 0x12345678);
    enable(0x81);
    EXPECT_EQ(a.planes(0), 0x12345678u);
    enable(0x01);
    EXPECT_EQ(a.planes(0), 0u);
}

TEST_F(VgaTest, dispi_banks_show_memory_at_a0000h) {
    a.set(mode_13h);
    a.dispi(1, 1024), a.dispi(2, 768), a.dispi(3, 8), a.dispi(4, 1);
    a.dispi(5, 3);
    a.write(0xa1234, 0x5a);
    EXPECT_EQ(a.vga.memory()[0x31234], 0x5a);
    a.dispi(5, 0);
    EXPECT_EQ(a.read(0xa1234), 0);
}

TEST_F(VgaTest, dispi_keeps_virtual_width_and_offsets_within_memory) {
    a.dispi(1, 1024), a.dispi(2, 768), a.dispi(3, 32), a.dispi(4, 1);
    EXPECT_EQ(a.dispi(6), 1024);
    EXPECT_EQ(a.dispi(7), 4096);                          // 16 MiB in lines of 4 KiB
    a.dispi(6, 2048);
    EXPECT_EQ(a.dispi(7), 2048);
    a.dispi(8, 5000), a.dispi(9, 5000);
    EXPECT_EQ(a.dispi(8), 1024);
    EXPECT_EQ(a.dispi(9), 2048 - 768);
    a.dispi(6, 8);                                        // less than the picture
    EXPECT_EQ(a.dispi(6), 1024);
}

// Every extreme of size, depth, virtual width, offset and bank: the picture and both windows stay within video memory.
TEST_F(VgaTest, dispi_stands_every_extreme_of_its_registers) {
    static constexpr u16 edges[] = {0, 1, 7, 8, 640, 2560, 2561, 0x7fff, 0x8000, 0xffff};
    for (u32 memory_size : {1u << 18, 1u << 24})
        for (u16 bits : {4, 8, 15, 24, 32})
            for (u16 width : edges)
                for (u16 pitch : edges) {
                    Adapter small(memory_size);
                    small.dispi(1, width), small.dispi(2, u16(pitch ^ width)), small.dispi(3, bits), small.dispi(4, 0x81);
                    small.dispi(6, pitch), small.dispi(8, pitch), small.dispi(9, width), small.dispi(5, pitch);
                    for (u64 at : {0xa0000u, 0xaffffu, 0xb0000u, 0xbffffu}) small.write(at, 1), small.read(at);
                    Frame frame = small.frame();
                    ASSERT_EQ(frame.dots.size(), std::size_t{frame.width} * frame.height) << width << " " << pitch << " " << bits;
                    ASSERT_LE(frame.width, 2560u);
                    ASSERT_LE(frame.height, 1600u);
                }
}

// ---- the PCI function

TEST_F(VgaTest, it_is_qemus_standard_vga) {
    EXPECT_EQ(a.vga.config_read(0, 4), 0x11111234u);
    EXPECT_EQ(a.vga.config_read(8, 4), 0x03000002u);
    EXPECT_EQ(a.vga.config_read(0x2c, 4), 0x11001af4u);
    a.vga.config_write(0x10, 4, 0xffffffff), a.vga.config_write(0x18, 4, 0xffffffff), a.vga.config_write(0x30, 4, 0xfffffffe);
    EXPECT_EQ(a.vga.config_read(0x10, 4), 0xff000008u);   // 16 MiB, prefetchable
    EXPECT_EQ(a.vga.config_read(0x18, 4), 0xfffff000u);
    EXPECT_EQ(a.vga.config_read(0x30, 4), 0xffff0000u);   // 36 KiB in 64
}

TEST_F(VgaTest, its_bars_appear_where_they_are_put) {
    a.vga.config_write(0x10, 4, 0xfd000000), a.vga.config_write(0x30, 4, 0xfebe0000);
    EXPECT_TRUE(a.maps.empty());
    a.vga.config_write(4, 2, 2);
    EXPECT_EQ(a.maps, std::vector<std::string>{"frame buffer on"});
    a.vga.config_write(0x30, 4, 0xfebe0001);              // the ROM has its own enable bit
    EXPECT_EQ(a.maps.back(), "rom on");
    a.vga.config_write(4, 2, 0);
    EXPECT_EQ(a.maps.size(), 4u);
}

TEST_F(VgaTest, the_page_of_bar_2_holds_ports_and_dispi) {
    a.vga.write(0x40e, 2, 0x0908);                        // 3CEh: index 8, bit mask 9
    EXPECT_EQ(a.vga.registers.graphics[8], 9);
    EXPECT_EQ(a.vga.read(0x40f, 1), 9u);
    a.vga.write(0x502, 2, 640), a.vga.write(0x504, 4, 16u << 16 | 480);
    EXPECT_EQ(a.dispi(1), 640);
    EXPECT_EQ(a.dispi(2), 480);
    EXPECT_EQ(a.dispi(3), 16);
    EXPECT_EQ(a.vga.read(0x500, 2), 0xb0c5u);
    EXPECT_EQ(a.vga.read(0x600, 4), 8u);
    EXPECT_EQ(a.vga.read(0x604, 4), 0x1e1e1e1eu);
    EXPECT_EQ(a.vga.read(0x000, 8), 0u);                  // no EDID
}

// ---- state

TEST_F(VgaTest, state_is_saved_loaded_and_saved) {
    Adapter small(1 << 18), other(1 << 18);
    small.set(mode_12h);
    small.set_planes(17, 0x12345678), small.read(0xa0000 + 17);
    small.dispi(1, 320), small.dispi(2, 200), small.dispi(3, 8), small.dispi(4, 0x21);
    expect_roundtrip(small.vga, other.vga);
    EXPECT_EQ(small.frame(), other.frame());
}

TEST_F(VgaTest, hostile_state_and_registers_give_a_bounded_frame) {
    for (u64 seed = 0; seed < 40; seed++) {
        Adapter hostile(1 << 18);
        HostileArchive archive(seed);
        hostile.vga.visit(archive);
        Frame frame = hostile.frame();
        EXPECT_LE(frame.width, 4608u);
        EXPECT_LE(frame.height, 1600u);
        EXPECT_EQ(frame.dots.size(), std::size_t{frame.width} * frame.height);
        Adapter again(1 << 18);
        expect_roundtrip(hostile.vga, again.vga);
    }
}
