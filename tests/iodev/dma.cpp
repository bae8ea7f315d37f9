// SPDX-License-Identifier: MIT
// Tests of the 8237A pair and of the bus master's guard, from Intel's 8237A data sheet.
#include "iodev/dma.h"
#include "tests/archive_roundtrip.h"
#include <numeric>

namespace {
struct DmaTest : testing::Test {
    std::vector<u8> ram = std::vector<u8>(1 << 20);
    PhysicalMap memory;
    BusMaster bus{memory};
    Dma dma{bus};
    DmaTest() { memory.map_ram(Physical(0), ram); }
    // Channel 2 (floppy): page 81h, address 4, count 5.
    void program2(u32 address, u16 count, u8 mode) {
        dma.low.put(12, 0);
        dma.low.put(4, u8(address)), dma.low.put(4, u8(address >> 8));
        dma.low.put(5, u8(count)), dma.low.put(5, u8(count >> 8));
        dma.pages.put(1, u8(address >> 16));
        dma.low.put(11, mode | 2);
        dma.low.put(10, 2);
    }
    std::vector<u8> ramp(std::size_t n) {
        std::vector<u8> bytes(n);
        std::iota(bytes.begin(), bytes.end(), 1);
        return bytes;
    }
};
}

TEST_F(DmaTest, what_a_secure_loader_closes_is_out_of_devices_reach_until_a_reset) {
    u8 bytes[2] = {0x55, 0xaa};
    bus.protect(0x10000);
    for (u64 at : {0xffffull, 0x10000ull, 0x1ffffull}) EXPECT_FALSE(bus.write(Physical(at), bytes)) << at;
    EXPECT_FALSE(bus.read(Physical(0x18000), bytes));
    EXPECT_TRUE(bus.write(Physical(0xfffe), bytes));
    EXPECT_TRUE(bus.write(Physical(0x20000), bytes));
    EXPECT_EQ(ram[0x10000], 0);
    EXPECT_EQ(ram[0x20000], 0x55);
    bus.reset();
    EXPECT_TRUE(bus.write(Physical(0x10000), bytes));
}

TEST_F(DmaTest, a_channel_moves_count_plus_one_bytes_and_masks_itself) {
    program2(0x12345, 9, 0x44);
    auto moved = dma.to_memory(2, ramp(100));
    EXPECT_EQ(moved.bytes, 10u);
    EXPECT_TRUE(moved.terminal_count);
    EXPECT_EQ(ram[0x12345], 1);
    EXPECT_EQ(ram[0x1234e], 10);
    EXPECT_EQ(ram[0x1234f], 0);
    EXPECT_EQ(dma.low.get(8) & 0x0f, 0x04);
    EXPECT_EQ(dma.low.get(8) & 0x0f, 0) << "reading clears terminal counts";
    EXPECT_EQ(dma.to_memory(2, ramp(1)).bytes, 0u);
    EXPECT_EQ(dma.low.get(15) & 0x0f, 0x0f) << "masked again";
}

TEST_F(DmaTest, a_transfer_may_come_in_parts) {
    program2(0x1000, 9, 0x44);
    EXPECT_FALSE(dma.to_memory(2, ramp(4)).terminal_count);
    dma.low.put(12, 0);
    EXPECT_EQ(dma.low.get(4), 0x04);
    EXPECT_EQ(dma.low.get(4), 0x10);
    EXPECT_EQ(dma.low.get(5), 5);
    EXPECT_TRUE(dma.to_memory(2, ramp(6)).terminal_count);
    EXPECT_EQ(ram[0x1004], 1);
}

TEST_F(DmaTest, auto_initialize_starts_over) {
    program2(0x2000, 3, 0x54);
    EXPECT_TRUE(dma.to_memory(2, ramp(8)).terminal_count);
    EXPECT_TRUE(dma.to_memory(2, ramp(4)).terminal_count);
    EXPECT_EQ(ram[0x2003], 4);
    EXPECT_EQ(ram[0x2004], 0);
}

TEST_F(DmaTest, addresses_wrap_within_64_kib_of_the_page) {
    program2(0x1fffe, 3, 0x44);
    dma.to_memory(2, ramp(4));
    EXPECT_EQ(ram[0x1ffff], 2);
    EXPECT_EQ(ram[0x10000], 3);
    EXPECT_EQ(ram[0x20000], 0);
}

TEST_F(DmaTest, a_decrementing_channel_goes_down) {
    program2(0x3000, 2, 0x64);
    dma.to_memory(2, ramp(3));
    EXPECT_EQ(ram[0x3000], 1);
    EXPECT_EQ(ram[0x2ffe], 3);
}

TEST_F(DmaTest, memory_is_read_for_the_other_direction_only) {
    ram[0x4000] = 0xaa;
    program2(0x4000, 0, 0x48);
    std::vector<u8> byte(1);
    EXPECT_EQ(dma.to_memory(2, byte).bytes, 0u);
    EXPECT_EQ(dma.from_memory(2, byte).bytes, 1u);
    EXPECT_EQ(byte[0], 0xaa);
}

TEST_F(DmaTest, a_disabled_controller_moves_nothing) {
    program2(0x4000, 9, 0x44);
    dma.low.put(8, 0x04);
    EXPECT_EQ(dma.to_memory(2, ramp(1)).bytes, 0u);
}

TEST_F(DmaTest, channel_5_counts_words_at_even_pages) {
    dma.high.put(24, 0);                    // clear the flip-flop: register 12, spaced by two
    dma.high.put(4, 0x00), dma.high.put(4, 0x80);     // word 8000h: byte 10000h of the 128-KiB page
    dma.high.put(6, 1), dma.high.put(6, 0);
    dma.pages.put(0x0b, 0x03);
    dma.high.put(22, 0x45);
    dma.high.put(20, 1);
    auto moved = dma.to_memory(5, ramp(5));
    EXPECT_EQ(moved.bytes, 4u);
    EXPECT_EQ(ram[0x30000], 1);
    EXPECT_EQ(ram[0x30003], 4);
}

TEST_F(DmaTest, the_cascade_is_no_channel) {
    dma.high.put(20, 0);
    EXPECT_EQ(dma.to_memory(4, ramp(2)).bytes, 0u);
    EXPECT_EQ(dma.to_memory(99, ramp(2)).bytes, 0u);
}

TEST_F(DmaTest, master_clear_masks_everything) {
    dma.low.put(14, 0);
    EXPECT_EQ(dma.low.get(15) & 15, 0);
    dma.low.put(13, 0);
    EXPECT_EQ(dma.low.get(15) & 15, 15);
}

TEST_F(DmaTest, state_survives_saving) {
    program2(0x12345, 99, 0x54);
    dma.to_memory(2, ramp(7));
    Dma other{bus};
    expect_roundtrip(dma, other);
}

// A device whose registers are hit by DMA, and which then wants DMA itself.
TEST_F(DmaTest, dma_from_within_dma_is_refused) {
    struct Hungry : Mmio {
        BusMaster& bus;
        int calls = 0, granted = 0;
        explicit Hungry(BusMaster& bus) : bus(bus) {}
        u64 read(u64, unsigned) override { return 0; }
        void write(u64, unsigned, u64) override {
            calls++;
            u8 byte = 1;
            granted += bus.write(Physical(0xd0000), {&byte, 1});
        }
    } hungry(bus);
    memory.map_mmio(Physical(0xd0000), 0x1000, hungry);
    u8 bytes[4] = {};
    EXPECT_TRUE(bus.write(Physical(0xd0000), bytes));
    EXPECT_GE(hungry.calls, 1);
    EXPECT_EQ(hungry.granted, 0);
    EXPECT_FALSE(bus.busy());
    EXPECT_FALSE(bus.write(Physical(~u64{0} - 1), bytes)) << "wraps around";
}
