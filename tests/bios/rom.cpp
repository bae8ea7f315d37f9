// SPDX-License-Identifier: MIT
// The ROM's layout, what the loader fills in, and the data areas it works on.
#include "bios/board.h"
#include "bios/rom/image.h"
#include "tests/bios/support.h"
#include <algorithm>
#include <gtest/gtest.h>
#include <set>

using test::mib;

TEST(rom, is_laid_out_as_layout_h_says) {
    auto image = rom_image();
    ASSERT_EQ(image.size(), 0x10000u);
    EXPECT_EQ(std::string(image.begin() + rom::header, image.begin() + rom::header + 8), "SLATEROM");
    EXPECT_EQ(image[rom::reset], 0xea);                           // a far jump
    EXPECT_EQ(number_at<u16>(image, rom::reset + 3), rom::segment);
    EXPECT_EQ(image[0xfffe], 0xfc);                               // an AT
    EXPECT_EQ(image[0xff53], 0xcf);                               // IRET
    EXPECT_EQ(number_at<u64>(image, rom::gdt), 0u);
    EXPECT_EQ(number_at<u64>(image, rom::gdt + 0x10), rom::code32);
    EXPECT_EQ(number_at<u64>(image, rom::gdt + 0x18), 0x00cf93000000ffffu);
    auto empty = image.subspan(rom::tables, rom::tables_end - rom::tables);
    EXPECT_TRUE(std::all_of(empty.begin(), empty.end(), [](u8 b) { return b == 0; }));
}

TEST(rom, every_vector_points_at_code) {
    u16 reset = number_at<u16>(rom_image(), rom::reset + 1);
    for (unsigned n = 0; n < 256; n++) {
        u16 at = number_at<u16>(rom_image(), rom::vectors + 2 * n);
        EXPECT_GE(at, 0x600u) << n;
        EXPECT_LT(at, rom::tables) << n;
    }
    EXPECT_GE(reset, 0x600u);
}

TEST(rom, is_given_the_memory_map) {
    Rom r(memory_map(64 * mib));
    EXPECT_EQ(number_at<u16>(r.bytes, rom::e820_count), 7u);
    EXPECT_EQ(number_at<u64>(r.bytes, rom::e820 + 8), 0x9fc00u);
    EXPECT_EQ(number_at<u32>(r.bytes, rom::e820 + 16), 1u);
    EXPECT_EQ(number_at<u16>(r.bytes, rom::kib_above_1m), 0x3c00u);          // 15 MiB
    EXPECT_EQ(number_at<u16>(r.bytes, rom::blocks_above_16m), 0x2feu);       // 48 MiB less 128 KiB, by 64 KiB
    EXPECT_EQ(number_at<u16>(r.bytes, rom::kib_extended), 0xfb80u);          // 63 MiB less 128 KiB
    Rom small(memory_map(8 * mib));
    EXPECT_EQ(number_at<u16>(small.bytes, rom::kib_above_1m), 7u * 1024 - 128);
    EXPECT_EQ(number_at<u16>(small.bytes, rom::blocks_above_16m), 0u);
}

TEST(rom, tables_go_to_steps_of_16_bytes) {
    Rom r(memory_map(64 * mib));
    EXPECT_EQ(r.add(Bytes(5, 1)), 0xf4000u);
    EXPECT_EQ(r.add(Bytes(16, 2)), 0xf4010u);
    EXPECT_EQ(r.next(), 0xf4020u);
    EXPECT_EQ(r.bytes[0x4004], 1);
    EXPECT_EQ(r.bytes[0x401f], 2);
    EXPECT_THROW(r.add(Bytes(0xb000)), Error);
}

TEST(firmware_data, has_vectors_into_the_rom_and_the_bios_data_area) {
    auto placements = firmware_data({});
    const Bytes& ivt = placements[0].bytes;
    EXPECT_EQ(ivt.size(), 1024u);
    EXPECT_EQ(number_at<u16>(ivt, 0x15 * 4), number_at<u16>(rom_image(), rom::vectors + 0x2a));
    EXPECT_EQ(number_at<u16>(ivt, 0x15 * 4 + 2), 0xf000u);
    EXPECT_EQ(placements[1].address, 0x400u);
    const Bytes& bda = placements[1].bytes;
    EXPECT_EQ(number_at<u16>(bda, 0x00), 0x3f8u);
    EXPECT_EQ(number_at<u16>(bda, 0x02), 0x2f8u);
    EXPECT_EQ(number_at<u16>(bda, 0x04), 0u);
    EXPECT_EQ(number_at<u16>(bda, 0x0e), 0x9fc0u);
    EXPECT_EQ(number_at<u16>(bda, 0x10), 0x406u);                 // two serial ports, mouse, coprocessor
    EXPECT_EQ(number_at<u16>(bda, 0x13), 639u);
    EXPECT_EQ(placements[2].address, 0x9fc00u);
    EXPECT_EQ(placements[2].bytes[0], 1);
}

TEST(board, mtrrs_make_ram_write_back_and_the_hole_uncached) {
    auto find = [](u32 index) {
        for (auto& w : board::msr_writes(40))
            if (w.index == index) return w.value;
        return u64(0xbad);
    };
    EXPECT_EQ(find(0x2ff), 0xc06u);
    EXPECT_EQ(find(0x200), 0xc0000000u);
    EXPECT_EQ(find(0x201), 0xffc0000800u);
    EXPECT_EQ(find(0x250), 0x0606060606060606u);
    EXPECT_EQ(find(0x259), 0u);
    EXPECT_EQ(find(0x26f), 0x0505050505050505u);
    EXPECT_EQ(find(0x3a), 5u);
}
