// SPDX-License-Identifier: MIT
// Tests of ATA disks at their registers, by ATA/ATAPI-6, and of bus mastering.
#include "base/log.h"
#include "iodev/media/qcow2/image.h"
#include "tests/iodev/ide/bench.h"
#include "tests/iodev/media/qcow2_maker.h"

namespace ide {
namespace {
struct DiskTest : testing::Test, Bench {
    DiskTest() { insert(0, Channel::Kind::disk, 40000), set_logging(false); }
    ~DiskTest() override { set_logging(true); }
    Bytes sectors(u64 first, u64 count) const {
        auto at = disks[0].contents.begin() + std::ptrdiff_t(first * 512);
        return {at, at + std::ptrdiff_t(count * 512)};
    }
    u16 word(const Bytes& data, unsigned n) const { return u16(data[n * 2] | data[n * 2 + 1] << 8); }
    Bytes identify() { return run(0xec), take(512); }
};
constexpr u8 ready = drdy | dsc;
}

TEST_F(DiskTest, a_reset_shows_the_signature_of_a_disk) {
    put_control(srst);
    EXPECT_EQ(alternate(), bsy);
    put_control(0);
    wait();
    EXPECT_EQ(get(1), 1);
    EXPECT_EQ(get(2), 1);
    EXPECT_EQ(get(3), 1);
    EXPECT_EQ(get(4), 0);
    EXPECT_EQ(get(5), 0);
    EXPECT_EQ(get(7), ready);
    EXPECT_FALSE(irq[0]);
}

TEST_F(DiskTest, a_drive_that_is_not_there_reads_a_status_of_zero_and_an_empty_channel_floats) {
    put(6, 0xb0);
    EXPECT_EQ(alternate(), 0);
    put(7, 0xec);
    EXPECT_EQ(alternate(), 0);
    use(1);
    EXPECT_EQ(get(7), 0x7f);
    EXPECT_EQ(get(3), 0x7f);
}

TEST_F(DiskTest, identify_tells_size_and_features) {
    put(6, 0xa0), put(7, 0xec);
    EXPECT_EQ(alternate(), bsy);
    wait();
    EXPECT_TRUE(irq[0]);
    EXPECT_EQ(get(7), ready | drq);
    EXPECT_FALSE(irq[0]) << "reading the status acknowledges";
    auto data = take(512);
    EXPECT_EQ(get(7), ready);
    EXPECT_FALSE(irq[0]) << "none after the last block";
    EXPECT_EQ(word(data, 1), 39);                      // 40000 / (16 * 63)
    EXPECT_EQ(word(data, 60) | word(data, 61) << 16, 40000);
    EXPECT_EQ(word(data, 100), 40000);
    EXPECT_EQ(word(data, 83) & 0xc400, 0x4400) << "LBA48";
    EXPECT_EQ(word(data, 10), 'T' << 8 | 'E');
    u8 sum = 0;
    for (u8 byte : data) sum = u8(sum + byte);
    EXPECT_EQ(sum, 0);
    EXPECT_EQ(word(data, 255) & 0xff, 0xa5);
}

TEST_F(DiskTest, sectors_are_read_by_each_way_of_addressing) {
    address28(0x1234, 2);
    EXPECT_EQ(run(0x20), ready | drq);
    EXPECT_EQ(take(512), sectors(0x1234, 1));
    wait();
    EXPECT_TRUE(irq[0]) << "one for each block";
    EXPECT_EQ(take(512), sectors(0x1235, 1));
    EXPECT_EQ(alternate(), ready);
    address48(39999, 1);
    run(0x24);
    EXPECT_EQ(take(512), sectors(39999, 1));
    put(6, 0xa3), put(2, 1), put(3, 7), put(4, 2), put(5, 0);          // cylinder 2, head 3, sector 7
    run(0x20);
    EXPECT_EQ(take(512), sectors((2 * 16 + 3) * 63 + 6, 1));
}

TEST_F(DiskTest, data_come_in_words_or_dwords) {
    address28(77, 1);
    run(0x20);
    u8 byte = u8(77);
    EXPECT_EQ(ports.in(base, 4), byte * 0x01010101u);
    EXPECT_EQ(ports.in(base, 2), byte * 0x0101u);
}

TEST_F(DiskTest, a_count_of_zero_is_256_or_65536) {
    address28(0, 0);
    run(0x20);
    for (u64 i = 0; i < 256; i++, wait()) EXPECT_EQ(take(512), sectors(i, 1));
    EXPECT_EQ(alternate(), ready);
    address48(0, 0);
    EXPECT_EQ(run(0x24), ready | err);                 // 65536 sectors are more than there are
    EXPECT_EQ(get(1), idnf);
}

TEST_F(DiskTest, multiple_moves_blocks_and_a_short_last_one) {
    address28(10, 20);
    EXPECT_EQ(run(0xc4), ready | err) << "before SET MULTIPLE MODE";
    put(2, 3);
    EXPECT_EQ(run(0xc6), ready | err) << "no power of two";
    put(2, 16);
    EXPECT_EQ(run(0xc6), ready);
    EXPECT_EQ(word(identify(), 59), 0x110);
    address28(10, 20);
    EXPECT_EQ(run(0xc4), ready | drq);
    EXPECT_EQ(take(16 * 512), sectors(10, 16));
    wait();
    EXPECT_EQ(take(4 * 512), sectors(26, 4));
    EXPECT_EQ(alternate(), ready);
    Bytes data(20 * 512, 0xcc);
    address28(100, 20);
    EXPECT_EQ(run(0xc5), ready | drq);
    give(std::span(data).first(16 * 512)), wait();
    EXPECT_EQ(get(7), ready | drq);
    give(std::span(data).subspan(16 * 512)), wait();
    EXPECT_EQ(get(7), ready);
    EXPECT_EQ(sectors(100, 20), data);
}

TEST_F(DiskTest, writing_asks_for_the_first_block_without_an_interrupt) {
    Bytes data(1024, 0x77);
    address28(5, 2), put(7, 0x30);
    EXPECT_EQ(alternate(), ready | drq);
    EXPECT_FALSE(irq[0]);
    give(std::span(data).first(512));
    EXPECT_EQ(alternate(), bsy);
    wait();
    EXPECT_TRUE(irq[0]);
    EXPECT_EQ(get(7), ready | drq);
    give(std::span(data).subspan(512)), wait();
    EXPECT_TRUE(irq[0]);
    EXPECT_EQ(get(7), ready);
    EXPECT_EQ(sectors(5, 2), data);
    EXPECT_EQ(sectors(7, 1), Bytes(512, 7));
}

TEST_F(DiskTest, what_lies_outside_the_disk_is_not_found) {
    address28(40000, 1);
    EXPECT_EQ(run(0x20), ready | err);
    EXPECT_EQ(get(1), idnf);
    address28(39999, 2);
    EXPECT_EQ(run(0xca), ready | err);
    address48(u64{1} << 47, 1);
    EXPECT_EQ(run(0x25), ready | err);
    put(6, 0xa0), put(2, 1), put(3, 0), put(4, 0), put(5, 0);          // sector 0
    EXPECT_EQ(run(0x20), ready | err);
    put(6, 0xaf), put(2, 1), put(3, 64);                                // beyond the track
    EXPECT_EQ(run(0x20), ready | err);
    put(6, 0xa0), put(2, 1), put(3, 1), put(4, 39);                     // beyond the last whole cylinder
    EXPECT_EQ(run(0x20), ready | err);
    EXPECT_EQ(get(1), idnf);
}

TEST_F(DiskTest, unknown_commands_are_aborted) {
    for (u8 code : {0x00, 0x08, 0x22, 0x60, 0xa0, 0xa1, 0xb0, 0xf1, 0xff}) {
        EXPECT_EQ(run(code), ready | err) << unsigned(code);
        EXPECT_EQ(get(1), abrt) << unsigned(code);
    }
}

TEST_F(DiskTest, a_geometry_can_be_set) {
    put(2, 32), put(6, 0xa7);
    EXPECT_EQ(run(0x91), ready);
    put(6, 0xa7), put(2, 1), put(3, 32), put(4, 1);
    run(0x20);
    EXPECT_EQ(take(512), sectors((1 * 8 + 7) * 32 + 31, 1));
    auto data = identify();
    EXPECT_EQ(word(data, 55), 8);
    EXPECT_EQ(word(data, 56), 32);
}

TEST_F(DiskTest, features_power_verify_and_native_maximum) {
    put(1, 3), put(2, 0x22);
    EXPECT_EQ(run(0xef), ready);
    EXPECT_EQ(word(identify(), 63), 0x0407);
    put(1, 3), put(2, 0x45);
    EXPECT_EQ(run(0xef), ready);
    EXPECT_EQ(word(identify(), 88), 0x203f);
    put(1, 3), put(2, 0x46);
    EXPECT_EQ(run(0xef), ready | err);
    put(1, 0x82);
    EXPECT_EQ(run(0xef), ready);
    EXPECT_EQ(word(identify(), 85) & 0x20, 0);
    EXPECT_EQ(run(0xe5), ready);
    EXPECT_EQ(get(2), 0xff);
    for (u8 code : {0xe0, 0xe1, 0xe2, 0xe3, 0xe6, 0xe7, 0xea, 0x10}) EXPECT_EQ(run(code), ready) << unsigned(code);
    address28(0, 0);
    EXPECT_EQ(run(0x40), ready);
    put(6, 0xe0);
    EXPECT_EQ(run(0xf8), ready);
    EXPECT_EQ(get(3) | get(4) << 8 | get(5) << 16, 39999);
}

TEST_F(DiskTest, the_high_order_bytes_are_read_with_hob) {
    address48(0x123456789abc, 0xdef0);
    EXPECT_EQ(get(2), 0xf0);
    EXPECT_EQ(get(3), 0xbc);
    put_control(hob);
    EXPECT_EQ(get(2), 0xde);
    EXPECT_EQ(get(3), 0x56);
    EXPECT_EQ(get(4), 0x34);
    EXPECT_EQ(get(5), 0x12);
    put(2, 0);
    EXPECT_EQ(get(3), 0xbc) << "a write to the command block clears it";
}

TEST_F(DiskTest, nien_keeps_the_interrupt_off_the_cable) {
    put_control(nien), put(6, 0xa0), put(7, 0xec), wait();
    EXPECT_FALSE(irq[0]);
    put_control(0);
    EXPECT_TRUE(irq[0]) << "it is still pending";
}

TEST_F(DiskTest, diagnostics_pass_and_select_drive_0) {
    put(6, 0xb0), put(7, 0x90), wait();
    EXPECT_EQ(get(1), 1);
    EXPECT_EQ(get(6) & 0x10, 0);
    EXPECT_TRUE(irq[0]);
}

TEST_F(DiskTest, a_busy_drive_takes_no_commands) {
    address28(1, 1), put(7, 0x20), put(7, 0xec), put(3, 99);
    wait();
    EXPECT_EQ(take(512), sectors(1, 1));
}

// ---- the host's errors

TEST_F(DiskTest, an_error_of_the_host_names_the_sector) {
    address28(0x123, 1);
    disks[0].dead = true;
    EXPECT_EQ(run(0x20), ready | err);
    EXPECT_EQ(get(1), unc);
    EXPECT_EQ(get(3), 0x23);
    EXPECT_EQ(get(4), 0x01);
    address28(0x124, 1), put(7, 0x30), give(Bytes(512)), wait();
    EXPECT_EQ(get(7), ready | err | df);
    EXPECT_EQ(run(0xe7), ready | err | df);
    disks[0].dead = false;
    EXPECT_EQ(run(0xe7), ready);
    address28(0x123, 1);
    EXPECT_EQ(run(0x20), ready | drq);
}

// By each way of moving data: the error is told, the disk holds what it held, and afterwards all goes on.
TEST_F(DiskTest, a_host_that_refuses_a_transfer_is_an_error_by_every_way) {
    struct { u8 code; bool writes, dma; } rows[] = {{0x20, false, false}, {0xc4, false, false}, {0xc8, false, true}, {0x40, false, false},
                                                    {0x30, true, false}, {0xc5, true, false}, {0xca, true, true}};
    put(2, 4), run(0xc6);
    auto before = disks[0].contents;
    for (auto& row : rows) {
        for (bool fails : {true, false}) {
            disks[0].dead = fails;
            descriptors({{0x20000, 1024, true}});
            ports.out(u16(master + 2), 1, 6);
            address28(7, 2), put(7, row.code);
            if (row.dma) start_dma(!row.writes);
            for (int n = 0; n < 2 && row.writes && !row.dma; n++) give(Bytes(512)), wait();
            wait();
            u8 status = get(7);
            EXPECT_EQ(bool(status & err), fails) << int(row.code);
            if (fails) {
                EXPECT_EQ(get(1), row.writes ? abrt : unc) << int(row.code);
                EXPECT_EQ(bool(status & df), row.writes) << int(row.code);
                EXPECT_EQ(get(3), 7) << int(row.code);
                EXPECT_EQ(disks[0].contents, before) << int(row.code);
            }
            ports.out(master, 1, 0);
            for (; status & drq; wait(), status = get(7)) take(512);
        }
        disks[0].contents = before;
    }
}

// The host's disk is full: what needs a new cluster fails, all else goes on, and nothing is lost.
TEST_F(DiskTest, a_full_host_disk_under_a_qcow2_image_is_an_error_where_it_must_be) {
    ::Disk file{make_qcow2({1 << 20, 12})};
    auto open = [&] {
        auto bytes = std::make_unique<MemoryFile>(file);
        auto header = qcow2::read_header(*bytes);
        return std::make_unique<qcow2::Qcow2Image>(std::move(bytes), nullptr, header);
    };
    ide.channel(0).attach(0, Channel::Kind::disk, Medium(open()), "FULL");
    auto write = [&](u64 sector, u8 value) {
        address28(sector, 1), put(7, 0x30), give(Bytes(512, value)), wait();
        return get(7);
    };
    EXPECT_EQ(write(8, 1), ready);
    EXPECT_EQ(run(0xe7), ready);
    file.full = true;
    EXPECT_EQ(write(800, 2), ready | err | df);
    EXPECT_EQ(get(1), abrt);
    EXPECT_EQ(write(9, 3), ready) << "in the cluster that is there";
    EXPECT_EQ(run(0xe7), ready);
    address28(8, 1);
    EXPECT_EQ(run(0x20), ready | drq);
    EXPECT_EQ(take(512), Bytes(512, 1));
    file.full = false;
    EXPECT_EQ(write(800, 4), ready);
    EXPECT_EQ(run(0xe7), ready);
    Bytes got(1 << 20);
    open()->read(0, got);
    EXPECT_EQ(got[8 * 512], 1);
    EXPECT_EQ(got[9 * 512], 3);
    EXPECT_EQ(got[800 * 512], 4);
}

TEST_F(DiskTest, a_write_protected_disk_refuses_writes_and_reads_on) {
    disks[0].contents.resize(512 * 100);
    ide.channel(0).attach(0, Channel::Kind::disk, Medium(std::make_unique<RawImage>(std::make_unique<MemoryFile>(disks[0]), RawImage::Because::named), true), "RO");
    auto before = disks[0].contents;
    address28(3, 1), put(7, 0x30), give(Bytes(512, 9)), wait();
    EXPECT_EQ(get(7), ready | err | df);
    EXPECT_EQ(disks[0].contents, before);
    address28(3, 1);
    EXPECT_EQ(run(0x20), ready | drq);
}

TEST_F(DiskTest, without_a_write_cache_each_write_is_flushed) {
    put(1, 0x82), run(0xef);
    disks[0].recording = true;
    address28(1, 1), put(7, 0x30), give(Bytes(512)), wait();
    ASSERT_EQ(disks[0].journal.size(), 2u);
    EXPECT_TRUE(disks[0].journal[1].flush);
}

// ---- bus mastering

TEST_F(DiskTest, dma_fills_the_regions) {
    descriptors({{0x20000, 512, false}, {0x30000, 1024, false}, {0x40002, 2560, true}});
    address28(100, 8), put(7, 0xc8), start_dma(true);
    EXPECT_EQ(dma_status() & 1, 1);
    wait();
    EXPECT_TRUE(irq[0]);
    EXPECT_EQ(dma_status() & 7, 4) << "interrupt, not active, no error";
    auto want = sectors(100, 8);
    EXPECT_TRUE(std::equal(want.begin(), want.begin() + 512, ram.begin() + 0x20000));
    EXPECT_TRUE(std::equal(want.begin() + 512, want.begin() + 1536, ram.begin() + 0x30000));
    EXPECT_TRUE(std::equal(want.begin() + 1536, want.end(), ram.begin() + 0x40002));
    EXPECT_EQ(get(7), ready);
    ports.out(u16(master + 2), 1, 4);
    EXPECT_EQ(dma_status() & 4, 0);
}

TEST_F(DiskTest, dma_starts_in_either_order) {
    descriptors({{0x20000, 512, true}});
    start_dma(true);
    address28(9, 1), put(7, 0xc8), wait();
    EXPECT_EQ(ram[0x20000], 9);
    address28(10, 1), put(7, 0xc8);
    run_for(clock, 1'000'000);
    EXPECT_EQ(alternate(), bsy) << "it waits for the host";
    ports.out(master, 1, 0), start_dma(true), wait();
    EXPECT_EQ(ram[0x20000], 10);
}

TEST_F(DiskTest, dma_writes_a_long_range) {
    for (u32 i = 0; i < 0x40000; i++) ram[0x40000 + i] = u8(i * 7);
    descriptors({{0x40000, 0, false}, {0x50000, 0, false}, {0x60000, 0, false}, {0x70000, 0, true}});       // 0: 64 KiB
    address48(1000, 512), put(7, 0x35), start_dma(false), wait();
    EXPECT_EQ(dma_status() & 7, 4);
    EXPECT_EQ(sectors(1000, 512), Bytes(ram.begin() + 0x40000, ram.begin() + 0x80000));
}

TEST_F(DiskTest, regions_too_short_stop_without_an_interrupt_and_regions_too_long_stay_active) {
    descriptors({{0x20000, 512, true}});
    address28(0, 2), put(7, 0xc8), start_dma(true);
    run_for(clock, 10'000'000);
    EXPECT_EQ(dma_status() & 7, 0);
    EXPECT_FALSE(irq[0]);
    put_control(srst), put_control(0), wait();
    EXPECT_EQ(alternate(), ready);
    ports.out(master, 1, 0);
    descriptors({{0x20000, 2048, true}});
    address28(0, 2), put(7, 0xc8), start_dma(true), wait();
    EXPECT_EQ(dma_status() & 7, 5);
}

// Bit 0 of an address and of a count is none: regions are words.
TEST_F(DiskTest, odd_addresses_and_counts_are_rounded_down) {
    descriptors({{0x20001, 513, false}, {0x30001, 513, true}});
    address28(100, 2), put(7, 0xc8), start_dma(true), wait();
    auto want = sectors(100, 2);
    EXPECT_EQ(dma_status() & 7, 4);
    EXPECT_TRUE(std::equal(want.begin(), want.begin() + 512, ram.begin() + 0x20000));
    EXPECT_TRUE(std::equal(want.begin() + 512, want.end(), ram.begin() + 0x30000));
}

// The first region is the table itself: what it then says is what counts.
TEST_F(DiskTest, a_transfer_onto_its_own_table_follows_what_it_wrote) {
    u32 words[4] = {0x1000, 512, 0x50000, 0x80000200};
    std::memcpy(&disks[0].contents[5 * 512], words, 16);
    descriptors({{0x1000, 512, false}, {0x40000, 512, true}});
    address28(5, 2), put(7, 0xc8), start_dma(true), wait();
    EXPECT_EQ(dma_status() & 7, 4);
    EXPECT_TRUE(std::equal(ram.begin() + 0x50000, ram.begin() + 0x50200, disks[0].contents.begin() + 6 * 512));
    EXPECT_EQ(ram[0x40000], 0);
}

TEST_F(DiskTest, a_table_without_an_end_comes_to_one) {
    for (u32 at = 0x10000; at < 0x20000; at += 8) {
        u32 words[2] = {0x20000, 2};
        std::memcpy(&ram[at], words, 8);
    }
    ports.out(u16(master + 4), 4, 0x10000);
    address48(0, 4096), put(7, 0x25), start_dma(true);
    run_for(clock, 100'000'000);
    EXPECT_EQ(dma_status() & 7, 0) << "8192 descriptors are a whole table";
}

TEST_F(DiskTest, without_bus_mastering_nothing_moves) {
    ide.config_write(4, 2, 1);
    descriptors({{0x20000, 512, true}});
    address28(9, 1), put(7, 0xc8), start_dma(true);
    run_for(clock, 10'000'000);
    EXPECT_EQ(ram[0x20000], 0);
}

TEST_F(DiskTest, a_table_or_a_region_in_no_memory_does_no_harm) {
    for (u32 address : {0xfffffff0u, 0x80000000u, 0x0ffffffeu}) {
        descriptors({{address, 0, true}});
        address28(0, 128), put(7, 0xca), start_dma(false);
        run_for(clock, 10'000'000);
        put_control(srst), put_control(0), ports.out(master, 1, 0);
        ports.out(u16(master + 4), 4, address);
        address28(0, 1), put(7, 0xc8), start_dma(true);
        run_for(clock, 10'000'000);
        put_control(srst), put_control(0), ports.out(master, 1, 0);
    }
}

TEST_F(DiskTest, the_ports_follow_the_configuration) {
    ide.config_write(0x40, 4, 0x80000000);
    EXPECT_EQ(ports.in(0x1f7, 1), 0xffu);
    ide.config_write(0x40, 4, 0x80008000);
    EXPECT_EQ(ports.in(0x1f7, 1), unsigned(ready));
    ide.config_write(4, 2, 0);
    EXPECT_EQ(ports.in(0x1f7, 1), 0xffu);
}

TEST_F(DiskTest, state_survives_saving_in_the_middle_of_a_command) {
    address28(50, 4);
    run(0x20), take(100);
    Bench other;
    other.insert(0, Channel::Kind::disk, 40000);
    expect_roundtrip(static_cast<Bench&>(*this), other);
    EXPECT_EQ(take(412), other.take(412));
    wait(), other.wait();
    EXPECT_EQ(take(512), other.take(512));
    EXPECT_EQ(save(static_cast<Bench&>(*this)), save(other));
}
}  // namespace ide
