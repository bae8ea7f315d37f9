// SPDX-License-Identifier: MIT
// The memory map by RAM size, and the book of free memory.
#include "bios/memory_map.h"
#include "base/error.h"
#include <gtest/gtest.h>

constexpr u64 mib = 1 << 20;

TEST(memory_map_of_a_pc, has_640_kib_the_rom_and_one_range_above_a_mib) {
    using enum MemoryType;
    EXPECT_EQ(memory_map(64 * mib).ranges, (std::vector<MemoryRange>{
        {0x0,        0x9fc00,   usable},
        {0x9fc00,    0x400,     reserved},
        {0xf0000,    0x10000,   reserved},
        {0x100000,   0x3ee0000, usable},
        {0x3fe0000,  0x1e000,   acpi_tables},
        {0x3ffe000,  0x2000,    acpi_nvs},
        {0xfffc0000, 0x40000,   reserved},
    }));
}

TEST(memory_map_of_a_pc, what_is_beyond_3_gib_lies_above_4_gib) {
    MemoryMap m = memory_map(5 * 1024 * mib);
    EXPECT_EQ(m.low_top, 0xc0000000u);
    EXPECT_EQ(m.ranges.back(), (MemoryRange{0x100000000, 0x80000000, MemoryType::usable}));
    EXPECT_EQ(memory_map(3072 * mib).ranges.back().base, 0xfffc0000u);
}

TEST(memory_map_of_a_pc, sizes_that_cannot_be_are_refused) {
    for (u64 size : {u64(0), mib, 2 * mib + 1, ~u64{0}, bit(40)}) EXPECT_THROW(memory_map(size), Error) << size;
    EXPECT_NO_THROW(memory_map(2 * mib));
}

TEST(space, gives_out_each_byte_once) {
    Space s(memory_map(64 * mib));
    EXPECT_TRUE(s.take(0x200000, 0x1000));
    EXPECT_FALSE(s.take(0x200fff, 1));
    EXPECT_FALSE(s.take(0x1ff000, 0x3000));
    EXPECT_TRUE(s.take(0x201000, 1));
    EXPECT_TRUE(s.take(0x1fffff, 1));
    EXPECT_FALSE(s.take(0x9fc00, 1));
    EXPECT_FALSE(s.take(0x3fdffff, 2));
    EXPECT_FALSE(s.take(~u64{0}, 2));
    EXPECT_FALSE(s.take(0x300000, ~u64{0}));
}

TEST(space, finds_the_lowest_and_the_highest_place) {
    Space s(memory_map(64 * mib));
    EXPECT_EQ(s.lowest(0x1000, 0x1000, 0x9000, 0x9fc00), 0x9000u);
    EXPECT_EQ(s.lowest(0x1000, 0x1000, 0x9000, 0x9fc00), 0xa000u);
    EXPECT_EQ(s.lowest(0x95000, 0x1000, 0x9000, 0x9fc00), std::nullopt);
    EXPECT_EQ(s.highest(0x1001, 0x1000, 0, ~u64{0}), 0x3fde000u);
    EXPECT_EQ(s.highest(0x1000, 0x1000, 0, ~u64{0}), 0x3fdd000u);
    EXPECT_EQ(s.highest(0x1000, 0x1000, 0, 0x200800), 0x1ff000u);
    EXPECT_EQ(s.highest(64 * mib, 0x1000, 0, ~u64{0}), std::nullopt);
}
