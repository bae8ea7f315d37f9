// SPDX-License-Identifier: MIT
// PNG by its specification (ISO/IEC 15948), decoded again.
#include "base/png.h"
#include <gtest/gtest.h>
#include <string>
#include <zlib.h>

namespace {
u32 big(const std::vector<u8>& bytes, std::size_t at) {
    return u32(bytes.at(at)) << 24 | u32(bytes.at(at + 1)) << 16 | u32(bytes.at(at + 2)) << 8 | bytes.at(at + 3);
}

// The data of chunk `type`, its checksum verified.
std::vector<u8> chunk(const std::vector<u8>& file, const std::string& type) {
    for (std::size_t at = 8; at < file.size();) {
        u32 size = big(file, at);
        EXPECT_EQ(big(file, at + 8 + size), u32(crc32(0, &file[at + 4], size + 4)));
        if (std::string(file.begin() + long(at + 4), file.begin() + long(at + 8)) == type)
            return {file.begin() + long(at + 8), file.begin() + long(at + 8 + size)};
        at += 12 + size;
    }
    ADD_FAILURE() << "no " << type;
    return {};
}
}  // namespace

TEST(Png, a_picture_comes_back) {
    std::vector<u32> pixels;
    for (u32 n = 0; n < 37 * 11; n++) pixels.push_back(n * 0x010305 & 0xffffff);
    auto file = png(37, 11, pixels);
    const u8 signature[] = {0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a};
    ASSERT_TRUE(std::equal(std::begin(signature), std::end(signature), file.begin()));
    auto header = chunk(file, "IHDR");
    EXPECT_EQ(header, (std::vector<u8>{0, 0, 0, 37, 0, 0, 0, 11, 8, 2, 0, 0, 0}));
    EXPECT_TRUE(chunk(file, "IEND").empty());

    auto data = chunk(file, "IDAT");
    std::vector<u8> lines(11 * (1 + 37 * 3));
    uLongf size = lines.size();
    ASSERT_EQ(uncompress(lines.data(), &size, data.data(), uLong(data.size())), Z_OK);
    ASSERT_EQ(size, lines.size());
    for (unsigned y = 0; y < 11; y++) {
        const u8* line = &lines[y * 112];
        EXPECT_EQ(line[0], 0);
        for (unsigned x = 0; x < 37; x++)
            EXPECT_EQ(u32(line[1 + x * 3]) << 16 | u32(line[2 + x * 3]) << 8 | line[3 + x * 3], pixels[y * 37 + x]);
    }
}
