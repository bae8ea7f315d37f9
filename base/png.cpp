// SPDX-License-Identifier: MIT
// PNG: three chunks around what zlib makes of the lines.
#include "base/png.h"
#include "base/error.h"
#include <string_view>
#include <zlib.h>

namespace {

using Bytes = std::vector<u8>;

void put_big(Bytes& to, u32 value) {
    for (int shift = 24; shift >= 0; shift -= 8) to.push_back(u8(value >> shift));
}

void put_chunk(Bytes& to, std::string_view type, const Bytes& data) {
    put_big(to, u32(data.size()));
    std::size_t begin = to.size();
    to.insert(to.end(), type.begin(), type.end());
    to.insert(to.end(), data.begin(), data.end());
    put_big(to, u32(crc32(0, &to[begin], uInt(to.size() - begin))));
}

// Each line after a byte that names its filter: 0, none.
Bytes lines_of(unsigned width, std::span<const u32> pixels) {
    Bytes lines;
    lines.reserve(pixels.size() * 3 + pixels.size() / width);
    for (std::size_t n = 0; n < pixels.size(); n++) {
        if (n % width == 0) lines.push_back(0);
        for (unsigned shift : {16u, 8u, 0u}) lines.push_back(u8(pixels[n] >> shift));
    }
    return lines;
}

Bytes compressed(const Bytes& plain) {
    uLongf size = compressBound(uLong(plain.size()));
    Bytes out(size);
    if (compress2(out.data(), &size, plain.data(), uLong(plain.size()), 6) != Z_OK) throw Error("zlib has no memory for a picture", 4);
    out.resize(size);
    return out;
}

}  // namespace

Bytes png(unsigned width, unsigned height, std::span<const u32> pixels) {
    Bytes out{0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n'}, header;
    put_big(header, width), put_big(header, height);
    for (u8 byte : {8, 2, 0, 0, 0}) header.push_back(byte);   // depth, true colour, deflate, filters by line, not interlaced
    put_chunk(out, "IHDR", header);
    put_chunk(out, "IDAT", compressed(lines_of(width, pixels)));
    put_chunk(out, "IEND", {});
    return out;
}
