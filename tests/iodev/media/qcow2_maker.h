// SPDX-License-Identifier: MIT
// An empty qcow2 image as bytes: header, refcount table, one block, L1 table; each in its own clusters.
#pragma once
#include "iodev/media/qcow2/header.h"
#include <algorithm>
#include <vector>
#include <zlib.h>

struct Qcow2Shape {
    u64 size = 1 << 20;
    unsigned cluster_bits = 16, version = 3, refcount_order = 4;
};

inline std::vector<u8> make_qcow2(const Qcow2Shape& shape) {
    using qcow2::put_big_endian;
    u64 cluster = bit(shape.cluster_bits), reach = cluster * cluster / 8;
    u64 l1_entries = (shape.size + reach - 1) / reach, l1_clusters = (l1_entries * 8 + cluster - 1) / cluster;
    std::vector<u8> image((3 + l1_clusters) * cluster);
    auto put = [&](u64 at, unsigned width, u64 value) { put_big_endian(&image[at], width, value); };
    put(0, 4, 0x514649fb), put(4, 4, shape.version), put(20, 4, shape.cluster_bits), put(24, 8, shape.size);
    put(36, 4, l1_entries), put(40, 8, 3 * cluster), put(48, 8, cluster), put(56, 4, 1);
    if (shape.version >= 3) put(96, 4, shape.refcount_order), put(100, 4, 104);
    put(cluster, 8, 2 * cluster);
    unsigned width = 1u << shape.refcount_order;
    for (u64 n = 0; n < image.size() / cluster; n++) {
        if (width >= 8) put(2 * cluster + n * width / 8, width / 8, 1);
        else image[2 * cluster + n * width / 8] |= u8(1 << n * width % 8);
    }
    return image;
}

inline void count_cluster(std::vector<u8>& image, const Qcow2Shape& shape, u64 n, u64 uses) {
    unsigned width = 1u << shape.refcount_order;
    u64 block = 2 * bit(shape.cluster_bits);
    if (width >= 8) qcow2::put_big_endian(&image[block + n * width / 8], width / 8, uses);
    else image[block + n * width / 8] |= u8(uses << n * width % 8);
}

// The first clusters of such an image, up to `most`, as compressed zeros that share a cluster of the file.
inline void add_compressed_zeros(std::vector<u8>& image, const Qcow2Shape& shape, u64 most) {
    u64 cluster = bit(shape.cluster_bits), table = image.size(), data = table + cluster;
    std::vector<u8> zeros(cluster), packed(cluster);
    z_stream stream{};
    stream.next_in = zeros.data(), stream.avail_in = uInt(cluster), stream.next_out = packed.data(), stream.avail_out = uInt(cluster);
    deflateInit2(&stream, 9, Z_DEFLATED, -12, 8, Z_DEFAULT_STRATEGY), deflate(&stream, Z_FINISH), deflateEnd(&stream);
    u64 length = stream.total_out, most_uses = shape.refcount_order > 3 ? 1000 : (1u << (1u << shape.refcount_order)) - 1;
    u64 count = std::min({most, most_uses, cluster / length, cluster / 8, shape.size / cluster});
    image.resize(data + cluster);
    for (u64 i = 0; i < count; i++) {
        u64 at = data + i * length, sectors = (at + length - 1) / 512 - at / 512;
        std::copy_n(packed.begin(), length, image.begin() + std::ptrdiff_t(at));
        qcow2::put_big_endian(&image[table + i * 8], 8, bit(62) | sectors << (62 - (shape.cluster_bits - 8)) | at);
    }
    qcow2::put_big_endian(&image[3 * cluster], 8, bit(63) | table);
    count_cluster(image, shape, table / cluster, 1), count_cluster(image, shape, data / cluster, count);
}
