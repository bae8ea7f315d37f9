// SPDX-License-Identifier: MIT
// Tests of fw_cfg, from QEMU's specification of the interface.
#include "iodev/fw_cfg.h"
#include "base/error.h"
#include "tests/archive_roundtrip.h"

namespace {
struct FwCfgTest : testing::Test {
    std::vector<u8> ram = std::vector<u8>(1 << 20);
    PhysicalMap memory;
    BusMaster bus{memory};
    FwCfg fw{bus};
    FwCfgTest() { memory.map_ram(Physical(0), ram); }
    std::string text(u16 key, unsigned n) {
        fw.out(0, 2, key);
        std::string bytes;
        for (unsigned i = 0; i < n; i++) bytes += char(fw.in(1, 1));
        return bytes;
    }
    u64 number(u16 key, unsigned n) {
        u64 value = 0;
        auto bytes = text(key, n);
        for (unsigned i = n; i-- > 0;) value = value << 8 | u8(bytes[i]);
        return value;
    }
    static void big(u8* at, u64 value, unsigned n) {
        for (unsigned i = 0; i < n; i++) at[i] = u8(value >> (n - 1 - i) * 8);
    }
    // A descriptor at 1000h; its control word afterwards.
    u32 dma(u32 control, u32 length, u64 address) {
        big(&ram[0x1000], control, 4), big(&ram[0x1004], length, 4), big(&ram[0x1008], address, 8);
        fw.out(4, 4, 0);
        fw.out(8, 4, 0x00100000);           // 1000h, big-endian
        return u32(ram[0x1000] << 24 | ram[0x1001] << 16 | ram[0x1002] << 8 | ram[0x1003]);
    }
};
}

TEST_F(FwCfgTest, signature_and_id) {
    EXPECT_EQ(text(0, 5), std::string("QEMU\0", 5));
    EXPECT_EQ(number(1, 4), 3u);
    EXPECT_EQ(fw.in(4, 4), 0x554d4551u) << "the bytes QEMU";
    EXPECT_EQ(fw.in(8, 4), 0x47464320u) << "and ' CFG'";
}

TEST_F(FwCfgTest, items_are_read_byte_by_byte_and_end_in_zeros) {
    fw.add16(FwCfg::cpu_count, 4);
    fw.add64(FwCfg::ram_size, 0x123456789a);
    EXPECT_EQ(number(FwCfg::cpu_count, 2), 4u);
    EXPECT_EQ(number(FwCfg::ram_size, 8), 0x123456789au);
    EXPECT_EQ(number(FwCfg::ram_size, 8), 0x123456789au) << "selecting starts over";
    EXPECT_EQ(fw.in(1, 1), 0u);
    EXPECT_EQ(number(0x7777, 4), 0u) << "no such item";
}

TEST_F(FwCfgTest, the_directory_lists_files_by_name) {
    fw.add("etc/zzz", {1, 2, 3});
    fw.add("bootorder", FwCfg::Bytes(300));
    auto list = text(FwCfg::directory, 4 + 2 * 64);
    EXPECT_EQ(list.substr(0, 4), std::string("\0\0\0\2", 4));
    EXPECT_EQ(list.substr(4, 8), std::string("\0\0\x01\x2c\0\x21\0\0", 8));
    EXPECT_EQ(list.substr(12, 10), std::string("bootorder\0", 10));
    EXPECT_EQ(list.substr(68, 8), std::string("\0\0\0\3\0\x20\0\0", 8));
    EXPECT_EQ(list.substr(76, 8), std::string("etc/zzz\0", 8));
    EXPECT_EQ(text(0x20, 3), "\1\2\3");
    EXPECT_EQ(fw.file("etc/zzz")->size(), 3u);
    EXPECT_EQ(fw.file("nothing"), nullptr);
}

TEST_F(FwCfgTest, adding_again_replaces) {
    fw.add("a", {1}), fw.add("a", {7, 8});
    EXPECT_EQ(text(0x20, 2), "\7\10");
    EXPECT_EQ(text(FwCfg::directory, 4), std::string("\0\0\0\1", 4));
}

TEST_F(FwCfgTest, a_name_too_long_is_the_boards_error) {
    fw.add(std::string(55, 'x'), {});
    EXPECT_THROW(fw.add(std::string(56, 'x'), {}), Error);
    EXPECT_THROW(fw.add("", {}), Error);
}

TEST_F(FwCfgTest, the_memory_map_and_the_kernel) {
    fw.add_memory_map({{0, 0xa0000, 1}, {0x100000, 0x700000, 1}});
    EXPECT_EQ(fw.file("etc/e820")->size(), 40u);
    EXPECT_EQ(number(FwCfg::e820, 4), 2u);
    fw.add_kernel({1}, {2, 3}, {4, 5, 6}, "quiet");
    EXPECT_EQ(number(FwCfg::kernel_size, 4), 2u);
    EXPECT_EQ(number(FwCfg::initrd_size, 4), 3u);
    EXPECT_EQ(number(FwCfg::cmdline_size, 4), 6u);
    EXPECT_EQ(text(FwCfg::cmdline_data, 6), std::string("quiet\0", 6));
}

TEST_F(FwCfgTest, dma_selects_and_reads) {
    fw.add("f", {10, 11, 12, 13});
    EXPECT_EQ(dma(0x0020'000a, 3, 0x2000), 0u);
    EXPECT_EQ(ram[0x2000], 10);
    EXPECT_EQ(ram[0x2002], 12);
    EXPECT_EQ(ram[0x2003], 0);
    ram[0x2001] = 0xff;
    EXPECT_EQ(dma(0x02, 2, 0x2000), 0u) << "goes on where it was; past the end come zeros";
    EXPECT_EQ(ram[0x2000], 13);
    EXPECT_EQ(ram[0x2001], 0);
}

TEST_F(FwCfgTest, dma_skips) {
    fw.add("f", {10, 11, 12, 13});
    dma(0x0020'000c, 2, 0);
    EXPECT_EQ(fw.in(1, 1), 12u);
}

TEST_F(FwCfgTest, dma_writes_only_what_is_writable) {
    int calls = 0;
    fw.add("fixed", {1, 2});
    fw.add_writable("open", {0, 0, 0}, [&](const FwCfg::Bytes&) { calls++; });
    ram[0x2000] = 7, ram[0x2001] = 8, ram[0x2002] = 9;
    EXPECT_EQ(dma(0x0020'0018, 2, 0x2000), 1u);
    EXPECT_EQ(dma(0x0021'0018, 3, 0x2000), 0u);
    EXPECT_EQ(*fw.file("open"), (FwCfg::Bytes{7, 8, 9}));
    EXPECT_EQ(calls, 1);
    EXPECT_EQ(dma(0x0021'0018, 4, 0x2000), 1u) << "beyond its size";
}

TEST_F(FwCfgTest, hostile_descriptors_are_errors) {
    fw.add("f", {1, 2, 3});
    EXPECT_EQ(dma(0x0020'000a, 0xffffffff, 0x2000), 1u);
    EXPECT_EQ(dma(0x0020'000a, 3, ~u64{0} - 1), 1u);
    EXPECT_EQ(dma(0x0020'000c, 0xffffffff, 0), 0u);
    EXPECT_EQ(dma(0x0000'0004, 0xffffffff, 0), 0u);
    EXPECT_EQ(dma(0x0000'0002, 16, 0x2000), 0u);
    EXPECT_EQ(fw.in(1, 1), 0u);
    // a descriptor at the top of the address space
    fw.out(4, 4, 0xffffffff), fw.out(8, 4, 0xffffffff);
}

TEST_F(FwCfgTest, state_survives_saving) {
    fw.add_writable("open", {1, 2, 3});
    fw.out(0, 2, 0x20), fw.in(1, 1);
    FwCfg other(bus);
    other.add_writable("open", {0, 0, 0});
    expect_roundtrip(fw, other);
    EXPECT_EQ(other.in(1, 1), 2u);
}
