// SPDX-License-Identifier: MIT
// Tests of the flash chip through the addresses at which it answers, by the 28F128J3A's data sheet and CFI.
#include "iodev/flash.h"
#include "base/log.h"
#include "iodev/media/raw.h"
#include "tests/archive_roundtrip.h"
#include "tests/iodev/media/memory_file.h"

namespace {
using Bytes = std::vector<u8>;
constexpr u8 ready = 0x80, erase_error = 0x20, program_error = 0x10;

struct FlashTest : testing::Test {
    static constexpr u64 base = 0x10000, size = 4 * Flash::block_size;
    PhysicalMap memory;
    Disk disk{Bytes(size, 0xff)};
    Flash flash{{[this](bool array) {
                     if (array) memory.map_rom(Physical(base), flash.array(), flash);
                     else memory.map_mmio(Physical(base), size, flash);
                 },
                 [this](std::span<const u8> bytes) { memory.changed(bytes); }},
                Bytes(size, 0xff)};

    FlashTest() {
        set_logging(false);
        memory.map_rom(Physical(base), flash.array(), flash);
    }
    ~FlashTest() override { set_logging(true); }
    void insert() {
        EXPECT_TRUE(flash.insert(Medium(std::make_unique<RawImage>(std::make_unique<MemoryFile>(disk), RawImage::Because::named))));
    }
    void put(u64 at, u8 value) { memory.write(Physical(base + at), 1, value); }
    u8 get(u64 at) { return u8(memory.read(Physical(base + at), 1)); }
    void program(u64 at, u8 value) { put(at, 0x10), put(at, value); }
    void erase(u64 at) { put(at, 0x20), put(at, 0xd0); }
    u8 array(u64 at) { return put(at, 0xff), get(at); }
};

TEST_F(FlashTest, programming_clears_bits_and_erasing_sets_those_of_a_block) {
    program(5, 0xf0);
    EXPECT_EQ(get(5), ready);                                // the status, at any address
    EXPECT_EQ(get(0x2000), ready);
    EXPECT_EQ(array(5), 0xf0);
    program(5, 0x3c);
    EXPECT_EQ(array(5), 0x30);
    put(0x1000, 0x40), put(0x1000, 0x12);                    // the other code of the same command
    EXPECT_EQ(array(0x1000), 0x12);
    erase(0x0abc);
    EXPECT_EQ(get(5), ready);
    EXPECT_EQ(array(5), 0xff);
    EXPECT_EQ(array(0x1000), 0x12);
}

TEST_F(FlashTest, the_array_is_read_without_asking_the_chip) {
    EXPECT_TRUE(memory.page_for_read(Physical(base)));
    EXPECT_FALSE(memory.page_for_write(Physical(base)));
    put(0, 0x70);
    EXPECT_FALSE(memory.page_for_read(Physical(base)));
    put(0, 0xff);
    EXPECT_EQ(memory.page_for_read(Physical(base)), flash.array().data());
}

TEST_F(FlashTest, who_keeps_decoded_code_is_told_of_what_changes) {
    const u8* told = nullptr;
    u64 bytes = 0;
    memory.observe(this, [&](const u8* at, u64 width) { told = at, bytes = width; });
    program(7, 0);
    EXPECT_EQ(told, &flash.array()[7]);
    EXPECT_EQ(bytes, 1u);
    erase(0x1234);
    EXPECT_EQ(told, &flash.array()[0x1000]);
    EXPECT_EQ(bytes, 0x1000u);
    memory.leave(this);
}

TEST_F(FlashTest, an_erase_that_is_not_confirmed_is_a_sequence_error_until_it_is_cleared) {
    program(0, 0x55);
    put(0, 0x20), put(0, 0x10);
    EXPECT_EQ(get(0), ready | erase_error | program_error);
    EXPECT_EQ(array(0), 0x55);
    put(0, 0x70);
    EXPECT_EQ(get(0), ready | erase_error | program_error);
    put(0, 0x50), put(0, 0x70);
    EXPECT_EQ(get(0), 0);                                    // as on QEMU's board: the ready bit comes with the next operation
    program(1, 0);
    EXPECT_EQ(get(0), ready);
}

TEST_F(FlashTest, a_buffer_is_written_after_its_count_and_its_confirmation) {
    put(0x1010, 0xe8);
    EXPECT_EQ(get(0x1010), ready);                           // it is free
    put(0x1010, 3);                                          // four bytes
    for (u8 n = 0; n < 4; n++) put(0x1010 + n, u8(0xa0 + n));
    put(0x1010, 0xd0);
    EXPECT_EQ(get(0x1010), ready);
    for (u8 n = 0; n < 4; n++) EXPECT_EQ(array(0x1010 + n), 0xa0 + n);
    EXPECT_EQ(array(0x1014), 0xff);
    put(0x1010, 0xe8), put(0x1010, 0), put(0x1010, 0), put(0x1010, 0x70);
    EXPECT_EQ(get(0), ready | erase_error | program_error);
    EXPECT_EQ(array(0x1010), 0xa0);
}

TEST_F(FlashTest, a_buffer_ends_with_its_block) {
    put(0x0fff, 0xe8), put(0x0fff, 1), put(0x0fff, 0x11), put(0x1000, 0x22);
    EXPECT_EQ(get(0), ready | program_error);
    EXPECT_EQ(array(0x0fff), 0xff);
    EXPECT_EQ(array(0x1000), 0xff);
}

// CFI 1.4, 4.3: the string at 10h, sizes as powers of two, the regions of blocks.
TEST_F(FlashTest, tells_what_it_is) {
    put(0, 0x90);
    EXPECT_EQ(get(0), 0x89);
    put(0x55, 0x98);
    EXPECT_EQ(memory.read(Physical(base + 0x10), 1), u64{'Q'});
    EXPECT_EQ(memory.read(Physical(base + 0x11), 2), u64{'R' | 'Y' << 8});
    EXPECT_EQ(memory.read(Physical(base + 0x13), 2), 1u);
    EXPECT_EQ(get(0x27), 14);                                // 16 KiB
    EXPECT_EQ(1u << get(0x2a), Flash::buffer_size);
    EXPECT_EQ(get(0x2c), 1);
    EXPECT_EQ(get(0x2d) | get(0x2e) << 8, 3);                // four blocks
    EXPECT_EQ((get(0x2f) | get(0x30) << 8) * 256, 4096);
    EXPECT_EQ(get(0x31), 'P');
    EXPECT_EQ(array(0x10), 0xff);
}

TEST_F(FlashTest, what_the_status_says_is_done_is_in_the_file) {
    insert();
    program(5, 0x42);
    EXPECT_EQ(disk.contents[5], 0x42);
    put(9, 0xe8), put(9, 0), put(9, 0x24), put(9, 0xd0);
    EXPECT_EQ(disk.contents[9], 0x24);
    erase(0);
    EXPECT_EQ(disk.contents[5], 0xff);
}

TEST_F(FlashTest, what_the_host_does_not_keep_has_not_happened) {
    disk.contents[0] = 0x77;
    insert();
    EXPECT_EQ(get(0), 0x77);
    disk.dead = true;
    program(0, 0);
    EXPECT_EQ(get(0), ready | program_error);
    EXPECT_EQ(array(0), 0x77);
    put(0, 0x50), erase(0);
    EXPECT_EQ(get(0), ready | erase_error);
    EXPECT_EQ(array(0), 0x77);
    disk.dead = false;
    put(0, 0x50), erase(0);
    EXPECT_EQ(get(0), ready);
    EXPECT_EQ(array(0), 0xff);
}

TEST_F(FlashTest, a_file_of_another_size_is_not_taken) {
    disk.contents.resize(size / 2);
    EXPECT_FALSE(flash.insert(Medium(std::make_unique<RawImage>(std::make_unique<MemoryFile>(disk), RawImage::Because::named))));
    program(0, 0x42);
    EXPECT_EQ(array(0), 0x42);
    EXPECT_EQ(disk.contents[0], 0xff);
}

TEST_F(FlashTest, a_reset_ends_a_command_and_keeps_the_contents) {
    program(0, 0x42), put(0, 0x20);
    flash.reset(Reset::power);
    EXPECT_EQ(get(0), 0x42);
    put(0, 0xd0);                                            // no confirmation any more
    EXPECT_EQ(array(0), 0x42);
}

TEST_F(FlashTest, state_survives_saving_in_the_middle_of_a_command) {
    program(1, 0x12), put(0, 0xe8), put(0, 2), put(0, 0x34);
    Flash other{{[](bool) {}, [](std::span<const u8>) {}}, Bytes(size, 0xff)};
    expect_roundtrip(flash, other);
    EXPECT_EQ(other.array()[1], 0x12);
    other.write(1, 1, 0x56), other.write(2, 1, 0x78), other.write(0, 1, 0xd0);
    EXPECT_EQ(other.array()[0], 0x34);
    EXPECT_EQ(other.array()[2], 0x78);
}

TEST_F(FlashTest, hostile_state_is_made_harmless) {
    for (u64 seed = 1; seed < 50; seed++) {
        HostileArchive hostile(seed);
        flash.visit(hostile);
        for (u64 at : {u64{0}, size - 1, u64{0x0ffe}})
            for (u8 value : {0x01, 0xd0, 0xe8, 0xff, 0x20, 0xd0}) flash.write(at, 8, value), flash.read(at, 8);
        flash.reset(Reset::power);
        EXPECT_EQ(flash.read(3, 1), flash.array()[3]);
    }
}

}  // namespace
