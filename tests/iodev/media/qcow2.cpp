// SPDX-License-Identifier: MIT
// Tests of qcow2 against a shadow of what was written: every geometry, every failure of the host, damaged files.
#include "base/error.h"
#include "base/log.h"
#include "iodev/media/qcow2/image.h"
#include "tests/archive_roundtrip.h"
#include "tests/iodev/media/shadow.h"

using qcow2::Qcow2Image;

namespace {
std::unique_ptr<Image> open(Disk& disk, Disk* backing = nullptr) {
    auto file = std::make_unique<MemoryFile>(disk);
    auto header = qcow2::read_header(*file);
    std::unique_ptr<Image> behind;
    if (backing) {
        auto backing_file = std::make_unique<MemoryFile>(*backing);
        auto backing_header = qcow2::read_header(*backing_file);
        behind = std::make_unique<Qcow2Image>(std::move(backing_file), nullptr, backing_header);
    }
    return std::make_unique<Qcow2Image>(std::move(file), std::move(behind), header);
}

struct Quiet {
    Quiet() { set_logging(false); }
    ~Quiet() { set_logging(true); }
};
}

TEST(Qcow2, an_empty_image_reads_as_zeros) {
    Disk disk{make_qcow2({})};
    auto image = open(disk);
    EXPECT_EQ(image->size(), 1u << 20);
    std::vector<u8> all(1 << 20, 0xaa);
    image->read(0, all);
    EXPECT_EQ(std::ranges::count(all, 0), 1 << 20);
    EXPECT_EQ(open(disk)->size(), 1u << 20) << "reading changed it";
}

TEST(Qcow2, what_is_written_is_read_again_in_every_geometry) {
    for (unsigned cluster_bits : {9, 10, 12, 16, 17})
        for (unsigned order = 0; order <= 6; order++)
            for (unsigned version : {2, 3}) {
                if (version == 2 && order != 4) continue;
                u64 size = cluster_bits > 12 ? 1 << 20 : 256 << 10;
                Disk disk{make_qcow2({size, cluster_bits, version, order})};
                Shadow shadow(size);
                TestRandom random{cluster_bits * 10 + order};
                for (int session = 0; session < 3; session++) {
                    auto image = open(disk);
                    for (int i = 0; i < 20; i++) shadow.write(*image, random);
                    EXPECT_EQ(shadow.wrong(*image), 0u);
                }
                EXPECT_EQ(shadow.wrong(*open(disk)), 0u) << cluster_bits << " " << order << " v" << version;
            }
}

TEST(Qcow2, the_refcount_table_grows) {
    // 512-byte clusters with refcounts of 64 bits: a block counts 64 clusters, the table's one cluster 4096.
    Disk disk{make_qcow2({u64{16} << 20, 9, 3, 6})};
    {
        auto image = open(disk);
        std::vector<u8> bytes(1 << 20, 0x5a);
        for (u64 at = 0; at < image->size(); at += bytes.size()) image->write(at, bytes);
    }
    EXPECT_GT(qcow2::big_endian(&disk.contents[56], 4), 1u) << "clusters of the refcount table";
    auto image = open(disk);
    std::vector<u8> all(image->size());
    image->read(0, all);
    EXPECT_EQ(std::size_t(std::ranges::count(all, 0x5a)), all.size());
}

TEST(Qcow2, a_backing_image_shows_through_and_stays_as_it_is) {
    Disk base{make_qcow2({1 << 20, 12})}, disk{make_qcow2({2 << 20, 16})};
    Shadow shadow(2 << 20);
    TestRandom random{5};
    {
        auto image = open(base);
        Shadow below(1 << 20);
        for (int i = 0; i < 20; i++) below.write(*image, random);
        for (auto* stamps : {&shadow.oldest, &shadow.written}) std::ranges::copy(below.written, stamps->begin());
        shadow.now = below.now;
    }
    auto before = base.contents;
    {
        auto image = open(disk, &base);
        EXPECT_EQ(shadow.wrong(*image), 0u);
        for (int i = 0; i < 40; i++) shadow.write(*image, random);
    }
    EXPECT_EQ(shadow.wrong(*open(disk, &base)), 0u);
    EXPECT_EQ(base.contents, before);
}

// ---- the host refuses

TEST(Qcow2, a_write_that_fails_is_reported_and_harms_nothing_else) {
    Quiet quiet;
    for (u64 fails = 1; fails < 60; fails++) {
        Disk disk{make_qcow2({256 << 10, 9, 3, 6})};
        Shadow shadow(256 << 10);
        TestRandom random{3};
        bool reported = false;
        {
            auto image = open(disk);
            disk.fail_in = fails;
            for (int i = 0; i < 25; i++) {
                u64 first = random.below(500), count = 1 + random.below(12);
                try {
                    shadow.write(*image, first, count);
                    if (i % 5 == 0) image->flush();
                } catch (const IoError&) {
                    reported = true;      // a part may have been written: the guest writes it again
                    shadow.write(*image, first, count);
                }
            }
            EXPECT_EQ(shadow.wrong(*image), 0u) << fails;
            disk.fail_in = 0;
        }
        EXPECT_TRUE(reported || fails > 40) << fails;
        EXPECT_EQ(shadow.wrong(*open(disk)), 0u) << fails;
    }
}

TEST(Qcow2, on_a_full_host_disk_what_was_there_stays_readable_and_writable) {
    Quiet quiet;
    Disk disk{make_qcow2({1 << 20, 12})};
    auto image = open(disk);
    std::vector<u8> bytes(64 << 10, 1);
    image->write(0, bytes), image->flush();
    disk.full = true;
    std::vector<u8> more(64 << 10, 2);
    EXPECT_THROW(image->write(512 << 10, more), IoError);
    image->write(0, more), image->flush();          // in place
    image->read(0, bytes);
    EXPECT_EQ(bytes, more);
    disk.full = false;
    image->write(512 << 10, more), image->flush();
    image.reset();
    open(disk)->read(512 << 10, bytes);
    EXPECT_EQ(bytes, more);
}

TEST(Qcow2, a_dead_disk_ends_in_errors_not_in_harm) {
    Quiet quiet;
    Disk disk{make_qcow2({})};
    auto image = open(disk);
    std::vector<u8> bytes(4096, 1);
    image->write(0, bytes);
    disk.dead = true;
    EXPECT_THROW(image->write(1 << 18, bytes), IoError);
    EXPECT_THROW(image->flush(), IoError);
    EXPECT_THROW(image->read(0, bytes), IoError);
}

// ---- damaged and foreign files

namespace {
std::string refusal(Disk disk) {
    try {
        open(disk);
        return "opened";
    } catch (const Error& e) {
        EXPECT_EQ(e.status, 2);
        return e.what();
    }
}
std::string refusal_with(u64 at, unsigned width, u64 value) {
    Disk disk{make_qcow2({})};
    qcow2::put_big_endian(&disk.contents[108], 4, 0x10000);            // the length of a header extension
    qcow2::put_big_endian(&disk.contents[at], width, value);
    return refusal(disk);
}
}

TEST(Qcow2, each_damage_of_the_header_is_refused_with_its_reason) {
    struct { u64 at; unsigned width; u64 value; const char* says; } rows[] = {
        {4, 4, 1, "version 1"},                 {4, 4, 4, "version 4"},
        {20, 4, 8, "cluster of 2^8"},           {20, 4, 22, "cluster of 2^22"},
        {20, 4, 0xffffffff, "cluster of"},      {24, 8, 0, "size of 0"},
        {24, 8, ~u64{0}, "size of"},            {24, 8, bit(40), "L1 table is too short"},
        {24, 8, 511, "size of 511"},            {32, 4, 1, "encrypted"},
        {36, 4, 0, "L1 table"},                 {104, 4, 0xe2792aca, "longer than the header"},
        {40, 8, 1, "table"},                    {40, 8, bit(60), "L1 table"},
        {48, 8, 0, "table"},                    {48, 8, bit(60), "refcount table"},
        {56, 4, 0, "refcount table"},           {56, 4, 0xffffffff, "refcount table"},
        {72, 8, 1, "not closed properly"},      {72, 8, 2, "marked as corrupt"},
        {72, 8, 4, "another file"},             {72, 8, 8, "zlib"},
        {72, 8, 16, "extended L2"},             {72, 8, bit(63), "does not know"},
        {96, 4, 7, "refcounts"},                {100, 4, 72, "header is too short"},
        {100, 4, 0x20000, "header is longer"},  {0x10000, 8, 0x1000000, "refcount block"},
        {0x10000, 8, 0x20200, "refcount block"}, {0x20000, 2, 0, "more often than counted"},
        {0x30000, 8, 0x10000 | bit(63), "used more often"}, {0x30000, 8, bit(50), "refers to"},
        {0x30000, 8, 0x30200, "a cluster at"},
    };
    for (auto& row : rows)
        EXPECT_NE(refusal_with(row.at, row.width, row.value).find(row.says), std::string::npos)
            << row.at << "=" << row.value << ": " << refusal_with(row.at, row.width, row.value);
}

// An L1 table whose entries all lead to one L2 table, which is counted as often: reading it each time would take for ever.
TEST(Qcow2, a_table_referred_to_twice_is_refused_though_it_is_counted_twice) {
    Disk disk{make_qcow2({u64{8} << 30, 16})};
    auto put = [&](u64 at, unsigned width, u64 value) { qcow2::put_big_endian(&disk.contents[at], width, value); };
    disk.contents.resize(0x50000), put(0x20000 + 4 * 2, 2, 60000);
    for (u64 i = 0; i < 16; i++) put(0x30000 + i * 8, 8, 0x40000);
    EXPECT_NE(refusal(disk).find("referred to twice"), std::string::npos) << refusal(disk);
    for (u64 i = 1; i < 16; i++) put(0x30000 + i * 8, 8, 0);
    EXPECT_EQ(refusal(disk), "opened");
    put(0x10008, 8, 0x20000), put(0x20000 + 2 * 2, 2, 2);
    EXPECT_NE(refusal(disk).find("referred to twice"), std::string::npos) << "a refcount block: " << refusal(disk);
}

TEST(Qcow2, a_truncated_image_is_refused) {
    Disk disk{make_qcow2({1 << 20, 12})};
    {
        auto image = open(disk);
        std::vector<u8> bytes(1 << 20, 7);
        image->write(0, bytes);
    }
    EXPECT_EQ(refusal(disk), "opened");
    for (u64 size : {u64{0}, u64{3}, u64{72}, u64{104}, u64{4096}, u64{8192}, u64{16384}, disk.contents.size() / 2, disk.contents.size() - 4096})
        EXPECT_NE(refusal(std::vector(disk.contents.begin(), disk.contents.begin() + std::ptrdiff_t(size))), "opened") << size;
}

TEST(Qcow2, any_flipped_bytes_give_an_image_or_a_refusal) {
    Quiet quiet;
    Disk good{make_qcow2({64 << 10, 9})};
    {
        auto image = open(good);
        std::vector<u8> bytes(30 << 10, 7);
        image->write(0, bytes);
    }
    TestRandom random{1};
    int opened = 0;
    for (int round = 0; round < 500; round++) {
        Disk disk{good.contents};
        for (u64 n = random.below(4) + 1; n--;) {
            u64 at = random.below(2) ? random.below(256) : random.below(disk.contents.size());
            disk.contents[at] = u8(random.next());
        }
        try {
            auto image = open(disk);
            opened++;
            if (image->size() > 1 << 20) continue;
            std::vector<u8> bytes(image->size());
            image->read(0, bytes);
            image->write(0, bytes), image->flush();
        } catch (const Error&) {
        } catch (const IoError&) {
        }
    }
    EXPECT_GT(opened, 20);
}
