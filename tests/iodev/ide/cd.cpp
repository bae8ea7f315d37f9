// SPDX-License-Identifier: MIT
// Tests of ATAPI CD drives: PACKET's protocol by ATA/ATAPI-6, its commands by MMC-3.
#include "base/log.h"
#include "tests/iodev/ide/bench.h"

namespace ide {
namespace {
struct CdTest : testing::Test, Bench {
    static constexpr u64 size = 1000;
    CdTest() {
        insert(2, Channel::Kind::cd, size, 2048), use(1), set_logging(false);
        packet({0x03, 0, 0, 0, 18});                   // what a reset has to tell
    }
    ~CdTest() override { set_logging(true); }

    u8 send(std::initializer_list<u8> bytes, u16 limit = 0xfffe, u8 features = 0) {
        Bytes p(bytes);
        p.resize(12);
        put(6, 0xa0), put(1, features), put(4, u8(limit)), put(5, u8(limit >> 8)), put(7, 0xa0);
        EXPECT_EQ(get(7) & (drq | err), drq);
        EXPECT_EQ(get(2) & 3, Reason::cd);
        give(p), wait();
        return get(7);
    }
    // All that comes, block by block.
    Bytes packet(std::initializer_list<u8> bytes, u16 limit = 0xfffe) {
        Bytes data;
        for (u8 status = send(bytes, limit); status & drq; wait(), status = get(7)) {
            EXPECT_EQ(get(2) & 3, io);
            unsigned count = get(4) | get(5) << 8;
            EXPECT_LE(count, limit);
            auto block = take(count);
            data.insert(data.end(), block.begin(), block.begin() + count);
        }
        EXPECT_EQ(get(2) & 3, Reason::cd | Reason::io);
        return data;
    }
    Bytes sense() {
        auto r = packet({0x03, 0, 0, 0, 18});
        return {r[2], r[12], r[13]};
    }
};
}

TEST_F(CdTest, it_shows_that_it_takes_packets) {
    put_control(srst), put_control(0), wait();
    EXPECT_EQ(get(4), 0x14);
    EXPECT_EQ(get(5), 0xeb);
    EXPECT_EQ(run(0xec) & err, err) << "IDENTIFY DEVICE";
    EXPECT_EQ(get(4), 0x14);
    EXPECT_EQ(run(0xa1) & drq, drq);
    auto data = take(512);
    EXPECT_EQ(data[0] | data[1] << 8, 0x8580);
}

TEST_F(CdTest, a_reset_is_told_once) {
    put_control(srst), put_control(0), wait();
    EXPECT_EQ(send({0x00}) & err, err);
    EXPECT_EQ(get(1), 0x64);
    EXPECT_EQ(sense(), (Bytes{6, 0x29, 0}));
    EXPECT_EQ(send({0x00}) & err, 0);
}

TEST_F(CdTest, inquiry_tells_a_removable_cd) {
    auto r = packet({0x12, 0, 0, 0, 36});
    ASSERT_EQ(r.size(), 36u);
    EXPECT_EQ(r[0], 5);
    EXPECT_EQ(r[1], 0x80);
    EXPECT_EQ(packet({0x12, 0, 0, 0, 5}).size(), 5u) << "the allocation length";
}

TEST_F(CdTest, capacity_and_blocks) {
    auto r = packet({0x25});
    EXPECT_EQ(r, (Bytes{0, 0, 0x03, 0xe7, 0, 0, 8, 0}));
    auto data = packet({0x28, 0, 0, 0, 0, 100, 0, 0, 3});
    EXPECT_EQ(data, Bytes(disks[2].contents.begin() + 100 * 2048, disks[2].contents.begin() + 103 * 2048));
    EXPECT_EQ(packet({0xa8, 0, 0, 0, 0, 7, 0, 0, 0, 1}), Bytes(2048, 9));
    EXPECT_EQ(packet({0xbe, 0, 0, 0, 0, 7, 0, 0, 1, 0x10}), Bytes(2048, 9));
    EXPECT_EQ(packet({0x28, 0, 0, 0, 0, 100, 0, 0, 0}).size(), 0u);
}

TEST_F(CdTest, the_byte_count_limit_cuts_blocks) {
    auto want = Bytes(disks[2].contents.begin(), disks[2].contents.begin() + 4 * 2048);
    for (u16 limit : {2, 510, 2048, 3000, 4096, 0xffff, 0xfffe})
        EXPECT_EQ(packet({0x28, 0, 0, 0, 0, 0, 0, 0, 4}, limit), want) << limit;
}

TEST_F(CdTest, blocks_by_dma) {
    descriptors({{0x20000, 0, false}, {0x30000, 0x8000, true}});
    put(1, 1), put(7, 0xa0);
    give(Bytes{0x28, 0, 0, 0, 0, 10, 0, 0, 48, 0, 0, 0});
    start_dma(true), wait();
    EXPECT_TRUE(irq[1]);
    EXPECT_EQ(dma_status() & 7, 4);
    EXPECT_EQ(get(2) & 3, Reason::cd | Reason::io);
    EXPECT_TRUE(std::equal(ram.begin() + 0x20000, ram.begin() + 0x38000, disks[2].contents.begin() + 10 * 2048));
}

TEST_F(CdTest, errors_have_their_sense) {
    struct { std::initializer_list<u8> packet; Bytes sense; } rows[] = {
        {{0xff}, {5, 0x20, 0}},                                        // unknown
        {{0x28, 0, 0, 0, 3, 0xe8, 0, 0, 1}, {5, 0x21, 0}},             // beyond the end
        {{0xa8, 0, 0, 0, 0, 1, 0xff, 0xff, 0xff, 0xff}, {5, 0x21, 0}}, // more than there is
        {{0x43, 0, 2, 0, 0, 0, 0, 0, 20}, {5, 0x24, 0}},               // raw TOC
        {{0x43, 0, 0, 0, 0, 0, 2, 0, 20}, {5, 0x24, 0}},               // track 2
        {{0x4a, 0, 0, 0, 0x10, 0, 0, 0, 8}, {5, 0x24, 0}},             // asynchronous
        {{0x5a, 0, 0x05, 0, 0, 0, 0, 0, 99}, {5, 0x24, 0}},            // no such page
        {{0xbe, 0, 0, 0, 0, 0, 0, 0, 1, 0xf8}, {5, 0x24, 0}},          // raw sectors
    };
    for (auto& row : rows) {
        EXPECT_EQ(send(row.packet) & err, err) << unsigned(*row.packet.begin());
        EXPECT_EQ(get(1) >> 4, row.sense[0]);
        EXPECT_EQ(sense(), row.sense) << unsigned(*row.packet.begin());
    }
    EXPECT_EQ(sense(), (Bytes{0, 0, 0})) << "told once";
    disks[2].dead = true;
    EXPECT_EQ(send({0x28, 0, 0, 0, 0, 1, 0, 0, 1}) & err, err);
    EXPECT_EQ(sense(), (Bytes{3, 0x11, 0})) << "unrecovered read error";
}

TEST_F(CdTest, the_table_of_contents_has_one_track) {
    EXPECT_EQ(packet({0x43, 0, 0, 0, 0, 0, 0, 0, 40}),
              (Bytes{0, 18, 1, 1, 0, 0x14, 1, 0, 0, 0, 0, 0, 0, 0x14, 0xaa, 0, 0, 0, 0x03, 0xe8}));
    auto msf = packet({0x43, 2, 0, 0, 0, 0, 0, 0, 40});
    EXPECT_EQ(Bytes(msf.begin() + 8, msf.begin() + 12), (Bytes{0, 0, 2, 0}));
    EXPECT_EQ(Bytes(msf.begin() + 16, msf.end()), (Bytes{0, 0, 15, 25}));       // 1150 frames
    EXPECT_EQ(packet({0x43, 0, 1, 0, 0, 0, 0, 0, 40}).size(), 12u) << "sessions";
    EXPECT_EQ(packet({0x43, 0, 0, 0, 0, 0, 0xaa, 0, 40}).size(), 12u) << "only the lead-out";
}

TEST_F(CdTest, the_tray_opens_unless_it_is_locked) {
    EXPECT_EQ(send({0x1e, 0, 0, 0, 1}) & err, 0);
    EXPECT_EQ(send({0x1b, 0, 0, 0, 2}) & err, err);
    EXPECT_EQ(sense(), (Bytes{5, 0x53, 2}));
    send({0x1e, 0, 0, 0, 0}), send({0x1b, 0, 0, 0, 2});
    EXPECT_EQ(send({0x00}) & err, err);
    EXPECT_EQ(sense(), (Bytes{2, 0x3a, 0}));
    auto event = packet({0x4a, 1, 0, 0, 0x10, 0, 0, 0, 8});
    EXPECT_EQ(event, (Bytes{0, 6, 4, 0x10, 3, 1, 0, 0}));
    send({0x1b, 0, 0, 0, 3});
    EXPECT_EQ(send({0x00}) & err, 0);
    EXPECT_EQ(packet({0x4a, 1, 0, 0, 0x10, 0, 0, 0, 8}), (Bytes{0, 6, 4, 0x10, 2, 2, 0, 0}));
}

TEST_F(CdTest, profiles_pages_and_information) {
    auto r = packet({0x46, 0, 0, 0, 0, 0, 0, 1, 0});
    EXPECT_EQ(r[7], 8) << "CD-ROM";
    EXPECT_EQ(std::size_t(r[3]) + 4, r.size());
    r = packet({0x46, 2, 0, 3, 0, 0, 0, 1, 0});
    EXPECT_EQ(r.size(), 16u) << "one feature";
    EXPECT_EQ(packet({0x5a, 0, 0x2a, 0, 0, 0, 0, 0, 99}).size(), 28u);
    EXPECT_EQ(packet({0x5a, 0, 0x3f, 0, 0, 0, 0, 0, 99}).size(), 36u);
    EXPECT_EQ(packet({0x51, 0, 0, 0, 0, 0, 0, 0, 99}).size(), 34u);
    EXPECT_EQ(packet({0xbd, 0, 0, 0, 0, 0, 0, 0, 0, 8}).size(), 8u);
}

TEST_F(CdTest, device_reset_ends_a_command) {
    send({0x28, 0, 0, 0, 0, 0, 0, 0, 4});
    put(7, 0x08);
    EXPECT_EQ(get(4), 0x14);
    EXPECT_EQ(get(7), 0);
    EXPECT_EQ(packet({0x25}).size(), 8u);
}

TEST_F(CdTest, it_cannot_be_written) {
    address28(0, 1);
    EXPECT_EQ(run(0x30) & err, err);
    EXPECT_FALSE(Medium(std::make_unique<RawImage>(std::make_unique<MemoryFile>(disks[2]), RawImage::Because::named), true).write(0, Bytes(512)));
}

TEST_F(CdTest, state_survives_saving) {
    send({0x28, 0, 0, 0, 0, 0, 0, 0, 4}, 2048), take(100);
    Bench other;
    other.insert(2, Channel::Kind::cd, size, 2048), other.use(1);
    expect_roundtrip(static_cast<Bench&>(*this), other);
    EXPECT_EQ(take(1948), other.take(1948));
}
}  // namespace ide
